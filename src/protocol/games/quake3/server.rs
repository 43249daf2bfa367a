//! A conversation with a server: `getstatus`, and `getinfo` where it adds something.

use super::counts::{Listed, Reported};
use super::reply::{self, InfoReply};
use super::{GETINFO, GETSTATUS, GetInfo, Status, challenge_of, write_challenge};
use crate::protocol::games::servers::ServerSet;
use crate::protocol::games::wire::Dialogue;
use crate::protocol::games::{Game, GameAnswer, ServerInfo};
use crate::protocol::{Attempt, Proof, Quiet, Reply, ReplySize, Step};

/// A conversation with a server.
#[derive(Debug)]
pub(super) struct ServerQuery {
    game: &'static Game,
    request: Request,
    /// An answer that a later reply may complete or replace.
    kept: Option<Box<FirstReply>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    Status,
    Info,
}

/// An answer from one reply, and the counts in it.
#[derive(Debug)]
struct FirstReply {
    info: ServerInfo,
    datagram: Box<[u8]>,
    reported: Reported,
    listed: Listed,
    /// True if the reply has no challenge.
    is_provisional: bool,
}

impl ServerQuery {
    pub(super) fn new(game: &'static Game) -> ServerQuery {
        let request = if game.getinfo == GetInfo::Instead { Request::Info } else { Request::Status };
        ServerQuery { game, request, kept: None }
    }

    /// Returns the bits of the challenge.
    fn bits(&self) -> u32 {
        if self.game.getinfo == GetInfo::Instead { 32 } else { 64 }
    }

    /// Reads a reply of the kind that was requested.
    fn read(&self, datagram: &[u8]) -> Result<FirstReply, &'static str> {
        let mut kept = FirstReply {
            info: ServerInfo::new(self.game),
            datagram: datagram.into(),
            reported: Reported::default(),
            listed: Listed::default(),
            is_provisional: false,
        };
        match self.request {
            Request::Status => {
                let status = Status::parse(datagram)?.with_bots_at_ping_zero(self.game.bots_have_ping_zero);
                (kept.reported, kept.listed) = (status.reported(), status.listed());
                kept.info = status.to_info(self.game);
            }
            Request::Info => kept.info = InfoReply::parse(datagram)?.to_info(self.game, false),
        }
        Ok(kept)
    }

    /// Returns whether `getinfo` would add something to a status.
    fn lacks_info(&self, status: &FirstReply) -> bool {
        match self.game.getinfo {
            GetInfo::IfCut => status.info.truncated && status.reported.clients.is_none(),
            GetInfo::Also => true,
            GetInfo::Instead => false,
        }
    }

    fn status_arrived(&mut self, datagram: &[u8]) -> Step<GameAnswer> {
        if reply::claims(datagram) {
            // DarkPlaces, with more players than fit.
            let read = InfoReply::parse(datagram).map(|reply| reply.to_info(self.game, true));
            return GameAnswer::step(read, datagram);
        }
        match self.read(datagram) {
            Ok(status) if self.lacks_info(&status) => {
                (self.kept, self.request) = (Some(Box::new(status)), Request::Info);
                Step::AskNext
            }
            Ok(status) => Step::Done(status.answer()),
            Err(reason) => Step::Malformed(reason),
        }
    }

    fn info_arrived(&mut self, status: Option<Box<FirstReply>>, datagram: &[u8]) -> Step<GameAnswer> {
        let reply = match InfoReply::parse(datagram) {
            Ok(reply) => reply,
            Err(reason) => {
                self.kept = status;
                return Step::Malformed(reason);
            }
        };
        let Some(mut status) = status else {
            return Step::Done(GameAnswer::server(reply.to_info(self.game, false), datagram));
        };
        reply.add_to(&mut status.info, status.reported, status.listed);
        Step::Done(status.answer())
    }

    /// Returns the kept answer, with a remark if the second reply is missing.
    fn answer(&mut self) -> Option<GameAnswer> {
        let mut kept = self.kept.take()?;
        if !kept.is_provisional {
            kept.info.remarks.push("the reply to getinfo is missing".into());
        }
        Some(kept.answer())
    }
}

impl FirstReply {
    fn answer(self) -> GameAnswer {
        GameAnswer::server(self.info, &self.datagram)
    }
}

impl Dialogue for ServerQuery {
    /// Returns proof by token: a server returns the challenge.
    fn proof(&self) -> Proof {
        Proof::Token { bits: self.bits() }
    }

    fn write_request(&mut self, attempt: Attempt, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.request == Request::Status { GETSTATUS } else { GETINFO });
        write_challenge(attempt.token, self.bits(), out);
    }

    fn step(&mut self, _: &mut ServerSet, reply: &Reply<'_>) -> Step<GameAnswer> {
        // A kept reply without the challenge was not the server's.
        let proven = self.kept.take().filter(|kept| !kept.is_provisional);
        match self.request {
            Request::Status => self.status_arrived(reply.bytes),
            Request::Info => self.info_arrived(proven, reply.bytes),
        }
    }

    /// Keeps a reply of the right kind that has no challenge: a full info string has no room for it
    /// (`Info_SetValueForKey` in ioquake3's `q_shared.c`). Another challenge shows that the reply is not the server's.
    fn step_without_token(&mut self, reply: &Reply<'_>) -> Step<GameAnswer> {
        let is_second = self.kept.as_ref().is_some_and(|kept| !kept.is_provisional);
        if is_second || challenge_of(reply.bytes).is_some() {
            return Step::NotMine;
        }
        let claims = if self.request == Request::Status { Status::claims } else { reply::claims };
        if !claims(reply.bytes) {
            return Step::NotMine;
        }
        match self.read(reply.bytes) {
            Ok(kept) => {
                self.kept.get_or_insert_with(|| Box::new(FirstReply { is_provisional: true, ..kept }));
                Step::Provisional
            }
            Err(reason) => Step::Unproven(reason),
        }
    }

    /// Completes a conversation that has a reply without the challenge.
    fn quiet(&mut self, _: u32) -> Quiet<GameAnswer> {
        self.answer().map_or(Quiet::Retry, Quiet::Done)
    }

    fn partial_answer(&mut self) -> Option<GameAnswer> {
        self.answer()
    }

    /// Returns an upper bound: the longest real status captured has 1,814 bytes; an info string has at most 1,024.
    fn reply_size(&self) -> ReplySize {
        ReplySize::one(if self.request == Request::Status { 2000 } else { 1100 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Token;
    use crate::protocol::games::talk::{done, server};

    fn query(id: &str) -> ServerQuery {
        ServerQuery::new(Game::find(id).unwrap())
    }

    fn datagram(text: &str) -> Vec<u8> {
        [b"\xff\xff\xff\xff", text.as_bytes()].concat()
    }

    fn request(query: &mut ServerQuery) -> String {
        let mut out = Vec::new();
        query.write_request(Attempt::first(Token(0xabc)), &mut out);
        String::from_utf8(out[4..].to_vec()).unwrap()
    }

    fn step(query: &mut ServerQuery, text: &str, has_token: bool) -> Step<ServerInfo> {
        let datagram = datagram(text);
        let mut reply = Reply::to_first(([127, 0, 0, 1], 27960).into(), &datagram);
        reply.has_token = has_token;
        let step = if has_token {
            query.step(&mut ServerSet::default(), &reply)
        } else {
            query.step_without_token(&reply)
        };
        step.map(server)
    }

    #[test]
    fn an_ordinary_server_gets_one_request() {
        let mut query = query("q3");
        assert_eq!(request(&mut query), "getstatus 0000000000000abc");
        done(step(&mut query, "statusResponse\n\\mapname\\m\n1 5 \"a\"\n", true));
    }

    #[test]
    fn a_cut_list_is_counted_by_a_second_request() {
        let mut query = query("q3");
        let cut = "statusResponse\n\\sv_hostname\\h\\sv_maxclients\\32\n1 5 \"a\"\n2 6 \"b";
        assert!(matches!(step(&mut query, cut, true), Step::AskNext));
        assert_eq!(request(&mut query), "getinfo 0000000000000abc");
        assert!(matches!(step(&mut query, "infoResponse\n\\hostname\\x", false), Step::NotMine));
        let info =
            done(step(&mut query, "infoResponse\n\\hostname\\x\\clients\\20\\sv_maxclients\\30", true));
        assert_eq!((info.players, info.max_players, info.truncated), (20, Some(32), true));
        assert_eq!((info.name.as_deref(), info.player_list.len()), (Some("h"), 1));
        let counted = "statusResponse\n\\sv_hostname\\h\\clients\\20\n1 5 \"a\"\n2 6 \"b";
        done(step(&mut self::query("q3"), counted, true));
    }

    #[test]
    fn without_the_second_reply_the_first_is_the_answer() {
        let mut query = query("q3");
        step(&mut query, "statusResponse\n\\sv_hostname\\h\n1 5 \"a\"\n2 6 \"b", true);
        assert!(matches!(step(&mut query, "infoResponse\n\\challenge\\1", true), Step::Malformed(_)));
        let info = query.partial_answer().map(server).unwrap();
        assert_eq!((info.players, info.truncated), (1, true));
        assert_eq!(info.remarks, ["players are missing from the list", "the reply to getinfo is missing"]);
    }

    #[test]
    fn bots_that_only_getinfo_counts() {
        let mut query = query("iw6x");
        let status = "statusResponse\n\\sv_hostname\\h\\sv_maxclients\\18\n1 5 \"a\"\n2 6 \"b\"\n";
        assert!(matches!(step(&mut query, status, true), Step::AskNext));
        let info = done(step(&mut query, "infoResponse\n\\hostname\\h\\clients\\12\\bots\\10", true));
        assert_eq!((info.players, info.bots, info.truncated), (12, Some(10), false));
    }

    #[test]
    fn darkplaces_may_answer_getstatus_with_an_info_response() {
        let reply = "infoResponse\n\\hostname\\h\\clients\\48\\bots\\0\\sv_maxclients\\64";
        assert!(
            matches!(step(&mut query("xonotic"), reply, false), Step::NotMine),
            "only with the challenge"
        );
        let info = done(step(&mut query("xonotic"), reply, true));
        assert_eq!((info.players, info.bots, info.max_players), (48, Some(0), Some(64)));
        assert_eq!((info.truncated, info.player_list.len(), info.remarks.len()), (true, 0, 1));
    }

    #[test]
    fn fivem_is_asked_with_a_short_challenge() {
        let mut query = query("redm");
        assert_eq!(
            (request(&mut query).as_str(), query.proof()),
            ("getinfo gggggqrs", Proof::Token { bits: 32 })
        );
        let reply = "infoResponse\n\\sv_maxclients\\30\\clients\\4\\challenge\\gggggqrs\\gamename\\CitizenFX\\protocol\\4\\hostname\\State\\gametype\\Freeroam\\mapname\\m\\iv\\1";
        let info = done(step(&mut query, reply, true));
        assert_eq!((info.players, info.max_players, info.truncated), (4, Some(30), false));
        assert_eq!((info.game_type.as_deref(), info.remarks.len()), (Some("Freeroam"), 0));
    }

    #[test]
    fn a_reply_without_the_challenge_is_kept_unless_it_has_another_one() {
        let mut query = query("q3");
        let reply = |challenge: &str| format!("statusResponse\n{challenge}\\sv_hostname\\h\n1 5 \"a\"\n");
        for forged in ["\\challenge\\123", "\\challenge\\", "\\challenge\\00000000000000000abc"] {
            assert!(matches!(step(&mut query, &reply(forged), false), Step::NotMine), "{forged}");
        }
        assert!(matches!(step(&mut query, "statusResponse\n", false), Step::Unproven(_)));
        assert!(matches!(step(&mut query, &reply(""), false), Step::Provisional));
        assert!(matches!(
            step(&mut query, &reply("").replace("\\h\n", "\\other\n"), false),
            Step::Provisional
        ));
        let Quiet::Done(answer) = query.quiet(2) else { panic!("an answer") };
        let info = server(answer);
        assert_eq!((info.name.as_deref(), info.remarks.len()), (Some("h"), 0), "the first is kept");

        step(&mut query, &reply(""), false);
        let own = done(step(&mut query, &reply("\\challenge\\1").replace("\\h\n", "\\own\n"), true));
        assert_eq!((own.name.as_deref(), query.partial_answer().is_none()), (Some("own"), true));
    }
}
