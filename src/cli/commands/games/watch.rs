//! The job of `games --every` and `find --every`: queries each server repeatedly, and writes what changes.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use allears::engine::{Completion, Engine, Outcome, Time};
use allears::net;
use allears::protocol::games::{Game, GameAnswer, GameConversation, Games, PlayerInfo, ServerInfo};
use anyhow::Error;

use super::candidates::{Asked, Candidate, Candidates};
use super::events::{Event, EventWriter};
use super::filter::Condition;
use super::influx;
use super::server::Server;
use super::wanted::Wanted;
use crate::cli::console::Console;
use crate::cli::inputs::{Inputs, Unresolved};
use crate::cli::output::record::Record;
use crate::cli::reasons::HostTally;
use crate::cli::schedule::Schedule;
use crate::cli::stats::seconds;
use crate::cli::sweep::{Flow, Job, More};

/// The maximum number of servers added in one turn.
const AT_ONCE: usize = 1024;
/// The number of polls without an answer after which a server that only masters listed is forgotten.
const FORGOTTEN_AFTER: u32 = 10;

/// The servers that are watched.
pub struct Watch {
    candidates: Candidates,
    with_rules: bool,
    conditions: Vec<Condition>,
    wanted: Option<Wanted>,
    writer: EventWriter,
    schedule: Schedule,
    /// The time to query the masters again.
    masters_due: Time,
    servers: Vec<Watched>,
    numbers: HashMap<Asked, u32>,
    /// Servers that have not been queried yet.
    fresh: VecDeque<u32>,
    ring_is_full: bool,
    tally: HostTally,
}

/// A server, and what it said last.
struct Watched {
    asked: Asked,
    is_named: bool,
    /// The target as typed, if that was a host name.
    name: Option<Arc<str>>,
    is_busy: bool,
    /// The number of polls without an answer since the last answer.
    unanswered: u32,
    last: Option<Box<Seen>>,
}

/// The values that are compared from one answer to the next.
struct Seen {
    map: Option<String>,
    name: Option<String>,
    /// The names of the players, sorted.
    players: Vec<String>,
    /// True if the list was not whole: whoever is on the next one may have been there before.
    is_truncated: bool,
}

/// The settings of a watch.
pub struct WatchSettings {
    pub interval: Duration,
    pub with_rules: bool,
    pub conditions: Vec<Condition>,
    pub wanted: Option<Wanted>,
}

impl Watch {
    pub fn new(candidates: Candidates, settings: WatchSettings, writer: EventWriter) -> Watch {
        let WatchSettings { interval, with_rules, conditions, wanted } = settings;
        Watch {
            candidates,
            with_rules,
            conditions,
            wanted,
            writer,
            schedule: Schedule::new(interval),
            masters_due: Time::ZERO + interval,
            servers: vec![],
            numbers: HashMap::new(),
            fresh: VecDeque::new(),
            ring_is_full: false,
            tally: HostTally::default(),
        }
    }

    /// Adds servers that are not watched yet. Returns whether more may follow.
    fn add_servers(
        &mut self,
        engine: &mut Engine<Games, Asked>,
        now: Time,
        console: &Console,
    ) -> io::Result<More> {
        for _ in 0..AT_ONCE {
            match self.candidates.next(engine, console) {
                Candidate::Server { asked, is_named, name } => self.add(asked, is_named, name, now),
                Candidate::Unresolved(unresolved, game) => self.unresolved(unresolved, game)?,
                Candidate::Waiting => return Ok(More::Yes),
                Candidate::End => return Ok(More::No),
            }
        }
        Ok(More::Yes)
    }

    fn add(&mut self, asked: Asked, is_named: bool, name: Option<Arc<str>>, now: Time) {
        if let Some(&number) = self.numbers.get(&asked) {
            self.servers[number as usize].is_named |= is_named;
            return;
        }
        let number = self.servers.len() as u32;
        self.servers.push(Watched { asked, is_named, name, is_busy: false, unanswered: 0, last: None });
        self.numbers.insert(asked, number);
        self.schedule.add(number, asked.address, now);
        self.fresh.push_back(number);
        self.tally.targets += 1;
    }

    /// Counts a target whose name does not resolve. It has no events, as any server that has never answered.
    fn unresolved(&mut self, unresolved: Unresolved, game: &Game) -> io::Result<()> {
        let record = Record::unresolved(unresolved);
        self.tally.targets += 1;
        self.tally.count_unanswered(&record);
        self.write_point_of_unanswered(game, &record.host())
    }

    /// Writes the point of a server that did not answer, unless servers are selected by what they answer.
    fn write_point_of_unanswered(&mut self, game: &Game, server: &str) -> io::Result<()> {
        let selects = self.wanted.is_some() || !self.conditions.is_empty();
        if !self.writer.writes_points() || selects {
            return Ok(());
        }
        self.writer.write_point(&influx::unanswered(game, server, net::wall_clock()))
    }

    /// Forgets the servers that only masters listed, and that have not answered for a long time.
    fn forget_the_silent(&mut self, games: &mut Games) {
        let is_gone =
            |server: &Watched| !server.is_named && !server.is_busy && server.unanswered >= FORGOTTEN_AFTER;
        if !self.servers.iter().any(is_gone) {
            return;
        }
        for server in &mut self.servers {
            if is_gone(server) && self.numbers.remove(&server.asked).is_some() {
                games.forget(server.asked.address);
                server.last = None;
            }
        }
        let (numbers, servers) = (&self.numbers, &self.servers);
        self.schedule.retain(|number| numbers.get(&servers[number as usize].asked) == Some(&number));
    }

    /// Writes what is different from the last answer of this server.
    fn compare(
        &mut self,
        number: u32,
        record: &Record,
        address: SocketAddr,
        ping: Option<Duration>,
        info: &ServerInfo,
    ) -> io::Result<()> {
        let row = Server::new(address, ping, info, &[]);
        let holds = self.conditions.iter().all(|condition| condition.holds(&row, info));
        let Watch { servers, writer, wanted, .. } = self;
        let watched = &mut servers[number as usize];
        let was_gone = watched.last.is_some() && std::mem::take(&mut watched.unanswered) > 0;
        watched.unanswered = 0;
        let before = watched.last.replace(Box::new(Seen::of(info, watched.last.as_deref())));
        if writer.writes_points() {
            return if holds {
                writer.write_point(&influx::answered(&row, net::wall_clock()))
            } else {
                Ok(())
            };
        }
        let events = match wanted {
            Some(wanted) => players_events(before.as_deref(), info, wanted),
            None => events(before.as_deref(), was_gone, info),
        };
        events.iter().filter(|_| holds).try_for_each(|event| writer.write(record, event, info))
    }

    /// Writes that a server which has answered before does not answer any more.
    fn miss(&mut self, number: u32, record: &Record) -> io::Result<()> {
        let watched = &mut self.servers[number as usize];
        watched.unanswered += 1;
        if self.writer.writes_points() {
            let Asked { game, address } = watched.asked;
            return self.write_point_of_unanswered(game, &address.to_string());
        }
        match &watched.last {
            Some(last)
                if watched.unanswered == 1 && self.wanted.is_none() && record.outcome != "interrupted" =>
            {
                self.writer.write_gone(record, watched.asked.game.id, last.name.as_deref())
            }
            _ => Ok(()),
        }
    }
}

/// Returns the events of a server that answers, given what it said before.
fn events<'a>(before: Option<&'a Seen>, was_gone: bool, info: &'a ServerInfo) -> Vec<Event<'a>> {
    let Some(before) = before else { return vec![Event::Listed] };
    let mut events = vec![];
    if was_gone {
        events.push(Event::Back);
    }
    if before.map != info.map {
        events.push(Event::Map { before: before.map.as_deref() });
    }
    // A player on the first whole list may have been on the missing part of the last one.
    if !before.is_truncated || info.truncated {
        events.extend(joined(Some(before), info).map(Event::Joined));
    }
    events.extend(left(before, info).map(|name| Event::Left { name }));
    events
}

/// Returns the events of the players who are searched for.
fn players_events<'a>(before: Option<&'a Seen>, info: &'a ServerInfo, wanted: &Wanted) -> Vec<Event<'a>> {
    let joined = joined(before, info).filter(|player| wanted.finds(player, info.text)).map(Event::Joined);
    let left = before.into_iter().flat_map(|before| left(before, info)).filter(|name| wanted.fits(name));
    joined.chain(left.map(|name| Event::Left { name })).collect()
}

/// Returns the players who were not on the list before.
fn joined<'a>(before: Option<&Seen>, info: &'a ServerInfo) -> impl Iterator<Item = &'a PlayerInfo> {
    let names = names(info);
    let known = before.map_or(&[][..], |before| &before.players);
    let new: Vec<String> = missing(&names, known).into_iter().cloned().collect();
    new.into_iter().filter_map(|name| info.player_list.iter().find(|player| player.name == name))
}

/// Returns the names of the players who are no longer on the list; of nobody, if it may not be whole.
fn left<'a>(before: &'a Seen, info: &ServerInfo) -> impl Iterator<Item = &'a str> {
    let names = if info.truncated { before.players.clone() } else { names(info) };
    missing(&before.players, &names).into_iter().map(String::as_str)
}

/// Returns the names of the players, sorted. Players without a name are still connecting.
fn names(info: &ServerInfo) -> Vec<String> {
    let names = info.player_list.iter().filter(|player| !player.name.is_empty());
    let mut names: Vec<String> = names.map(|player| player.name.clone()).collect();
    names.sort_unstable();
    names
}

/// Returns the names of `all` that are not in `others`, both sorted. A name that occurs twice counts twice.
fn missing<'a>(all: &'a [String], others: &[String]) -> Vec<&'a String> {
    let mut others = others.iter().peekable();
    let is_missing = |name: &&String| {
        while others.next_if(|other| other < name).is_some() {}
        others.next_if(|other| other == name).is_none()
    };
    all.iter().filter(is_missing).collect()
}

impl Seen {
    /// Returns what an answer says. If it lists only some players, those of the answer before may still be there.
    fn of(info: &ServerInfo, before: Option<&Seen>) -> Seen {
        let mut players = names(info);
        if let Some(before) = before.filter(|_| info.truncated) {
            let others: Vec<String> = missing(&before.players, &players).into_iter().cloned().collect();
            players.extend(others);
            players.sort_unstable();
        }
        Seen { map: info.map.clone(), name: info.name.clone(), players, is_truncated: info.truncated }
    }
}

impl Job<Games, Asked> for Watch {
    fn ask(&mut self, engine: &mut Engine<Games, Asked>, now: Time, console: &Console) -> io::Result<More> {
        if self.masters_due <= now {
            self.masters_due = now + self.schedule.interval();
            self.candidates.masters.query_again();
            self.forget_the_silent(engine.protocol_mut());
        }
        let more = self.add_servers(engine, now, console)?;
        if more == More::No && self.servers.is_empty() && self.candidates.masters.is_empty() {
            return Ok(More::No);
        }
        self.ring_is_full = true;
        while engine.room() > 0 {
            let Some(number) =
                self.fresh.pop_front().or_else(|| self.schedule.pop(now).map(|(number, _)| number))
            else {
                self.ring_is_full = false;
                break;
            };
            let watched = &mut self.servers[number as usize];
            if !watched.is_busy {
                watched.is_busy = true;
                watched.asked.ask(engine, self.with_rules);
            }
        }
        Ok(More::Yes)
    }

    fn due(&self) -> Option<Time> {
        if self.ring_is_full {
            None
        } else {
            self.schedule.next().into_iter().chain([self.masters_due]).min()
        }
    }

    fn conclude(
        &mut self,
        completion: Completion<GameConversation, GameAnswer, Asked>,
        _: Time,
        console: &Console,
    ) -> io::Result<Flow> {
        let Some((mut record, ping)) = self.candidates.conclude(&completion, console) else {
            return Ok(Flow::GoOn);
        };
        let Some(&number) = self.numbers.get(&completion.tag) else { return Ok(Flow::GoOn) };
        let watched = &mut self.servers[number as usize];
        watched.is_busy = false;
        record.input = watched.name.clone();
        record.at = Some(seconds(net::wall_clock()));
        match &completion.outcome {
            Outcome::Answered(GameAnswer::Server { info, .. }) => {
                self.tally.answered += 1;
                self.compare(number, &record, completion.target, ping, info)
            }
            _ => {
                self.tally.count_unanswered(&record);
                self.miss(number, &record)
            }
        }?;
        Ok(Flow::GoOn)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }

    fn has_unflushed(&self) -> bool {
        self.writer.has_unflushed()
    }

    fn runs_long(&self) -> bool {
        true
    }

    /// Adds the servers of a new list. Those of the old one stay watched.
    fn reload(&mut self, inputs: Inputs) {
        self.candidates.inputs = inputs;
    }

    fn start_file(&mut self) -> io::Result<()> {
        self.writer.start_file()
    }

    fn input_failure(&mut self) -> Option<Error> {
        self.candidates.inputs.failure.take()
    }

    fn targets(&self) -> u64 {
        self.tally.targets
    }

    fn answered(&self) -> u64 {
        self.tally.answered
    }

    fn print_summary(&self, elapsed: Duration, console: &Console) {
        let events = match self.writer.written() {
            1 => "; 1 event".to_owned(),
            count => format!("; {count} events"),
        };
        self.tally.print_polls("servers", "", elapsed, &events, console);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_that_are_missing_are_counted_as_often_as_they_occur() {
        let names = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        let missing = |all: &str, others: &str| {
            let (all, others) = (names(all), names(others));
            super::missing(&all, &others).into_iter().map(String::as_str).collect::<String>()
        };
        assert_eq!(missing("abcd", "bd"), "ac");
        assert_eq!(missing("aab", "ab"), "a");
        assert_eq!(missing("ab", "aabb"), "");
        assert_eq!(missing("", "ab"), "");
        assert_eq!(missing("ab", ""), "ab");
    }
}
