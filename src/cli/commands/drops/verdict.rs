//! What all steps together say: how fast is safe, and what gives way first beyond.

use std::fmt;

use allears::net;
use serde::Serialize;

use super::measured::{Class, Measured};
use super::words::{percent, whole};

/// Part of one core from which on it is the core that limits us.
const BUSY: f64 = 0.85;
/// Part of the queries from which on being sent later counts.
const OFTEN: f64 = 0.01;

/// What gives way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// One core is all that the loop uses.
    Cpu,
    /// The system took packets later than we gave them, or not at all.
    SendPath,
    /// Answers were dropped there.
    ReceiveBuffer,
    /// The receive buffer can take the answers of no more queries in flight; nothing was lost.
    ReplyCredit,
    /// `--window` does not let more in flight.
    Window,
    /// Without a token, each target is asked one question at a time.
    NoToken,
    /// The system did not let this process run often enough.
    Starved,
    /// The other side, or the way there and back.
    OtherSide,
}

/// What the user said that bears on the verdict.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The fraction of queries that may go without an answer.
    pub tolerance: f64,
    pub has_token: bool,
    /// `--window` was given.
    pub own_window: bool,
    /// `--rcvbuf`, if given.
    pub own_rcvbuf: Option<usize>,
}

/// What gave way, and where.
#[derive(Clone, Debug, Serialize)]
pub struct Limit {
    pub at_pps: f64,
    pub what: Cause,
    /// In words.
    pub why: String,
    /// What can be done about it.
    pub remedy: Option<String>,
}

/// The verdict over one way's steps.
#[derive(Clone, Debug)]
pub struct Verdict<'a> {
    /// The fraction of queries that may go without an answer.
    pub tolerance: f64,
    /// The fastest step that kept its rate and lost no more than is tolerated.
    pub highest: Option<&'a Measured>,
    /// The slowest step that did not.
    pub limit: Option<Limit>,
}

impl<'a> Verdict<'a> {
    pub fn new(steps: impl Iterator<Item = &'a Measured>, terms: &Terms) -> Verdict<'a> {
        let mut steps: Vec<_> = steps.collect();
        steps.sort_by(|a, b| a.around.offered.total_cmp(&b.around.offered));
        let is_good = |step: &Measured| step.is_kept() && loss(step) <= terms.tolerance;
        Verdict {
            tolerance: terms.tolerance,
            highest: steps.iter().rev().find(|step| is_good(step)).copied(),
            limit: steps.iter().find(|step| !is_good(step)).map(|step| limit(step, terms)),
        }
    }
}

fn loss(step: &Measured) -> f64 {
    step.loss().percent / 100.0
}

/// Why this step is not good.
fn limit(step: &Measured, terms: &Terms) -> Limit {
    let (what, why) = if loss(step) > terms.tolerance { lossy(step) } else { slow(step, terms) };
    let remedy = match what {
        Cause::ReceiveBuffer if terms.own_window => Some("--window auto".to_owned()),
        Cause::ReplyCredit | Cause::ReceiveBuffer => more_room(step, terms),
        _ => None,
    };
    Limit { at_pps: step.around.offered, what, why, remedy }
}

/// What lost most of the queries.
fn lossy(step: &Measured) -> (Cause, String) {
    let count = |class| step.share(class).map_or(0, |share| share.count);
    let worst = Class::LOST.into_iter().max_by_key(|&class| count(class)).unwrap_or(Class::Silent);
    let lost = percent(step.share(worst).map_or(0.0, |share| share.percent));
    match worst {
        Class::OwnDrops => {
            (Cause::ReceiveBuffer, format!("our receive buffer: {lost} of the answers were dropped there"))
        }
        Class::SendFailed => {
            (Cause::SendPath, format!("our send path: {lost} of the queries could not be sent"))
        }
        Class::Late => {
            (Cause::OtherSide, format!("the other side or the way there: {lost} came after the timeout"))
        }
        Class::Unreachable => {
            (Cause::OtherSide, format!("the way there: {lost} of the queries could not be delivered"))
        }
        Class::Malformed => {
            (Cause::OtherSide, format!("the other side: {lost} of the answers made no sense"))
        }
        Class::Silent | Class::Answered if step.share(Class::OwnDrops).is_none() => (
            Cause::OtherSide,
            format!(
                "{lost} went without an answer; whether our own buffer lost some, this system does not say"
            ),
        ),
        Class::Silent | Class::Answered => {
            let mut what = format!("the other side or the way there: {lost} were not heard");
            if step.unmatched > 0 {
                let unmatched = whole(step.unmatched as f64);
                what += &format!("; {unmatched} datagrams fit no query, or none any more");
            }
            (Cause::OtherSide, what)
        }
    }
}

/// What kept the rate from being achieved.
fn slow(step: &Measured, terms: &Terms) -> (Cause, String) {
    let around = &step.around;
    let went_out = format!("{}/s of {}/s went out", whole(around.achieved), whole(around.offered));
    if let Some(window) = around.window.filter(|&window| step.max_in_flight * 20 >= window * 19) {
        let window = whole(window as f64);
        return if terms.own_window {
            (Cause::Window, format!("--window {window}: {went_out}"))
        } else {
            let why = format!(
                "the receive buffer, which holds the answers of {window} queries in flight: {went_out}, \
                 so that none is lost"
            );
            (Cause::ReplyCredit, why)
        };
    }
    if step.deferred as f64 > OFTEN * step.queries as f64 {
        let deferred = whole(step.deferred as f64);
        return (
            Cause::SendPath,
            format!("our send path: {went_out}, {deferred} packets found the system's queue full"),
        );
    }
    let cpu = around.cpu.map_or("unknown".into(), |cpu| percent(100.0 * cpu));
    if around.cpu.is_some_and(|cpu| cpu >= BUSY) {
        return (Cause::Cpu, format!("our CPU: {went_out} at {cpu} of one core"));
    }
    if !terms.has_token {
        return (
            Cause::NoToken,
            format!("too few targets: {went_out}; without --token-at each is asked one question at a time"),
        );
    }
    let why =
        format!("this machine: {went_out}, at {cpu} of one core; others kept this process from running");
    (Cause::Starved, why)
}

/// How to get a receive buffer that suffices.
fn more_room(step: &Measured, terms: &Terms) -> Option<String> {
    let granted = step.around.rcvbuf?;
    let factor = (step.around.offered / step.around.achieved.max(1.0)).clamp(1.0, 1000.0);
    // Half as much again as it would take if answers kept coming as they did.
    let wanted = (granted as f64 * factor * 1.5).min(1e9) as u64;
    let wanted = wanted.next_power_of_two();
    let asked = terms.own_rcvbuf.unwrap_or(net::LARGEST_BUFFER);
    Some(if granted >= asked {
        format!("--rcvbuf {}M", wanted.div_ceil(1 << 20))
    } else {
        // The kernel grants twice what rmem_max says (socket(7)).
        format!("sysctl -w net.core.rmem_max={}", wanted / 2)
    })
}

impl fmt::Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tolerated = percent(100.0 * self.tolerance);
        match self.highest {
            Some(step) => {
                let loss = step.loss();
                write!(
                    f,
                    "{}/s is the highest rate with a loss of at most {tolerated}: {} of {} lost, {} to {} with 95 % confidence",
                    whole(step.around.offered),
                    whole(loss.count as f64),
                    whole(step.queries as f64),
                    percent(loss.low),
                    percent(loss.high),
                )?;
            }
            None => write!(f, "no rate was kept with a loss of at most {tolerated}")?,
        }
        match &self.limit {
            Some(Limit { at_pps, why, remedy, .. }) => {
                write!(f, "\nat {}/s gave way first: {why}", whole(*at_pps))?;
                remedy.as_ref().map_or(Ok(()), |remedy| write!(f, "\nwhat helps: {remedy}"))
            }
            None => write!(f, "\nnothing gave way up to there"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::commands::drops::measured::Circumstances;
    use crate::cli::commands::drops::measured::tests::{around, measured};

    const TERMS: Terms = Terms { tolerance: 0.001, has_token: true, own_window: false, own_rcvbuf: None };

    fn verdict(step: &Measured, terms: &Terms) -> (Cause, String) {
        let limit = Verdict::new([step].into_iter(), terms).limit.expect("it gave way");
        (limit.what, limit.remedy.unwrap_or_default())
    }

    #[test]
    fn the_highest_good_rate_and_the_first_bad_one_in_whatever_order_they_were_measured() {
        let steps = [
            measured(around(5000.0, 5000.0), 900, 100),
            measured(around(1000.0, 1000.0), 1000, 0),
            measured(around(2000.0, 1990.0), 10_000, 10),
            measured(around(9000.0, 4000.0), 9000, 0),
        ];
        let verdict = Verdict::new(steps.iter(), &TERMS);
        assert_eq!(verdict.highest.map(|step| step.around.offered), Some(2000.0));
        let limit = verdict.limit.as_ref().expect("5,000/s lost too much");
        assert_eq!((limit.at_pps, limit.what), (5000.0, Cause::OtherSide));
        assert!(verdict.to_string().contains("2,000/s is the highest rate"), "{verdict}");

        let verdict = Verdict::new(steps[1..2].iter(), &TERMS);
        assert!(verdict.limit.is_none() && verdict.to_string().contains("nothing gave way"), "{verdict}");
    }

    #[test]
    fn what_kept_the_rate_down_is_named() {
        let slow = around(20_000.0, 5000.0);
        let idle = measured(slow, 5000, 0);
        assert_eq!(verdict(&idle, &TERMS).0, Cause::Starved);
        assert_eq!(verdict(&idle, &Terms { has_token: false, ..TERMS }).0, Cause::NoToken);
        let busy = measured(Circumstances { cpu: Some(0.97), ..slow }, 5000, 0);
        assert_eq!(verdict(&busy, &TERMS).0, Cause::Cpu);
        let mut deferred = busy.clone();
        deferred.deferred = 400;
        assert_eq!(verdict(&deferred, &TERMS).0, Cause::SendPath);
        let mut full = deferred;
        full.max_in_flight = 192;
        let credit = (Cause::ReplyCredit, "sysctl -w net.core.rmem_max=1048576".to_owned());
        assert_eq!(verdict(&full, &TERMS), credit);
        assert_eq!(verdict(&full, &Terms { own_window: true, ..TERMS }).0, Cause::Window);
        let own = verdict(&full, &Terms { own_rcvbuf: Some(212_992), ..TERMS });
        assert_eq!(own.1, "--rcvbuf 2M");
    }

    #[test]
    fn what_lost_most_is_named() {
        let at = around(100.0, 100.0);
        assert_eq!(verdict(&measured(at, 90, 10), &TERMS).0, Cause::OtherSide);
        let dropped = Circumstances { kernel_drops: Some(8), ..at };
        assert_eq!(verdict(&measured(dropped, 90, 10), &TERMS).0, Cause::ReceiveBuffer);
        let remedy = verdict(&measured(dropped, 90, 10), &Terms { own_window: true, ..TERMS }).1;
        assert_eq!(remedy, "--window auto");
        let unknown = Circumstances { kernel_drops: None, ..at };
        let step = measured(unknown, 90, 10);
        let limit = Verdict::new([&step].into_iter(), &TERMS).limit.expect("it gave way");
        assert!(limit.why.contains("does not say"), "{limit:?}");
    }
}
