//! The verdict of all steps: the highest rate with acceptable loss, and the first bottleneck beyond it.

use std::fmt;

use allears::net;
use serde::Serialize;

use super::measured::{Class, Measured};
use super::words::{percent, whole};

/// The share of one core above which the CPU is the bottleneck.
const BUSY: f64 = 0.85;
/// The share of deferred queries above which the send path is the bottleneck.
const OFTEN: f64 = 0.01;

/// A bottleneck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The loop uses one core, which is busy.
    Cpu,
    /// The system accepted packets late or not at all.
    SendPath,
    /// Replies were dropped in the receive buffer.
    ReceiveBuffer,
    /// The receive buffer cannot hold the replies to more queries in flight, although none was lost.
    ReplyCredit,
    /// `--window` does not allow more queries in flight.
    Window,
    /// Without a token, each target has one query in flight.
    NoToken,
    /// The system did not run this process often enough.
    Starved,
    /// The hosts or the network are the bottleneck.
    OtherSide,
}

/// The settings that matter for the verdict.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The acceptable loss, from 0 to 1.
    pub tolerance: f64,
    pub has_token: bool,
    /// True if `--window` was given.
    pub own_window: bool,
    /// `--rcvbuf`, if given.
    pub own_rcvbuf: Option<usize>,
}

/// The first bottleneck.
#[derive(Clone, Debug, Serialize)]
pub struct Limit {
    pub at_pps: f64,
    pub what: Cause,
    /// The explanation.
    pub why: String,
    /// The advice for widening it.
    pub remedy: Option<String>,
}

/// The verdict on the steps of one way.
#[derive(Clone, Debug)]
pub struct Verdict<'a> {
    /// The acceptable loss, from 0 to 1.
    pub tolerance: f64,
    /// The fastest step that achieved its rate with acceptable loss.
    pub highest: Option<&'a Measured>,
    /// The bottleneck of the slowest step that did not achieve that.
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

/// Finds the bottleneck of a step.
fn limit(step: &Measured, terms: &Terms) -> Limit {
    let (what, why) = if loss(step) > terms.tolerance { lossy(step) } else { slow(step, terms) };
    let remedy = match what {
        Cause::ReceiveBuffer if terms.own_window => Some("--window auto".to_owned()),
        Cause::ReplyCredit | Cause::ReceiveBuffer => more_room(step, terms),
        _ => None,
    };
    Limit { at_pps: step.around.offered, what, why, remedy }
}

/// Finds the class with the largest loss.
fn lossy(step: &Measured) -> (Cause, String) {
    let count = |class| step.share(class).map_or(0, |share| share.count);
    let worst = Class::LOST.into_iter().max_by_key(|&class| count(class)).unwrap_or(Class::Silent);
    let lost = percent(step.share(worst).map_or(0.0, |share| share.percent));
    match worst {
        Class::LocalDrops => (
            Cause::ReceiveBuffer,
            format!("the local receive buffer: {lost} of the replies were dropped there"),
        ),
        Class::SendFailed => {
            (Cause::SendPath, format!("the local send path: {lost} of the queries could not be sent"))
        }
        Class::Late => (
            Cause::OtherSide,
            format!("the network or the hosts: {lost} of the replies arrived after the timeout"),
        ),
        Class::Unreachable => {
            (Cause::OtherSide, format!("the network: {lost} of the queries could not be delivered"))
        }
        Class::Malformed => (Cause::OtherSide, format!("the hosts: {lost} of the replies were malformed")),
        Class::Silent | Class::Answered if step.share(Class::LocalDrops).is_none() => (
            Cause::OtherSide,
            format!("{lost} of the queries were not answered; this system does not count local drops"),
        ),
        Class::Silent | Class::Answered => {
            let mut what = format!("the network or the hosts: {lost} of the queries were not answered");
            if step.unmatched > 0 {
                let unmatched = whole(step.unmatched as f64);
                what += &format!("; {unmatched} datagrams were unmatched");
            }
            (Cause::OtherSide, what)
        }
    }
}

/// Finds the reason why the rate was not achieved.
fn slow(step: &Measured, terms: &Terms) -> (Cause, String) {
    let around = &step.around;
    let sent = format!("{}/s of {}/s sent", whole(around.achieved), whole(around.offered));
    if let Some(window) = around.window.filter(|&window| step.max_in_flight * 20 >= window * 19) {
        let window = whole(window as f64);
        return if terms.own_window {
            (Cause::Window, format!("--window {window}: {sent}"))
        } else {
            let why = format!(
                "the receive buffer, which can hold replies for {window} queries in flight: {sent}, \
                 none lost"
            );
            (Cause::ReplyCredit, why)
        };
    }
    if step.deferred as f64 > OFTEN * step.queries as f64 {
        let deferred = whole(step.deferred as f64);
        return (
            Cause::SendPath,
            format!("the local send path: {sent}, {deferred} packets found the system's queue full"),
        );
    }
    let cpu = around.cpu.map_or("unknown".into(), |cpu| percent(100.0 * cpu));
    if around.cpu.is_some_and(|cpu| cpu >= BUSY) {
        return (Cause::Cpu, format!("the CPU: {sent} at {cpu} of one core"));
    }
    if !terms.has_token {
        return (
            Cause::NoToken,
            format!("too few targets: {sent}; without --token-at, each has one query in flight"),
        );
    }
    let why =
        format!("this machine: {sent}, at {cpu} of one core; other processes kept this one from running");
    (Cause::Starved, why)
}

/// Returns advice on how to get a sufficient receive buffer.
fn more_room(step: &Measured, terms: &Terms) -> Option<String> {
    let granted = step.around.rcvbuf?;
    let factor = (step.around.offered / step.around.achieved.max(1.0)).clamp(1.0, 1000.0);
    // The size is 1.5 times what replies at this rate need.
    let wanted = (granted as f64 * factor * 1.5).min(1e9) as u64;
    let wanted = wanted.next_power_of_two();
    let asked = terms.own_rcvbuf.unwrap_or(net::LARGEST_BUFFER);
    Some(if granted >= asked {
        format!("--rcvbuf {}M", wanted.div_ceil(1 << 20))
    } else {
        // The kernel grants twice rmem_max (socket(7)).
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
            None => write!(f, "no rate was achieved with a loss of at most {tolerated}")?,
        }
        match &self.limit {
            Some(Limit { at_pps, why, remedy, .. }) => {
                write!(f, "\nfirst bottleneck, at {}/s: {why}", whole(*at_pps))?;
                remedy.as_ref().map_or(Ok(()), |remedy| write!(f, "\nto widen it: {remedy}"))
            }
            None => write!(f, "\nno bottleneck up to there"),
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
        let limit = Verdict::new([step].into_iter(), terms).limit.expect("a bottleneck");
        (limit.what, limit.remedy.unwrap_or_default())
    }

    #[test]
    fn the_highest_good_and_the_first_bad_rate_do_not_depend_on_the_order() {
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
        assert!(verdict.limit.is_none() && verdict.to_string().contains("no bottleneck"), "{verdict}");
    }

    #[test]
    fn the_reason_for_a_low_rate_is_reported() {
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
    fn the_class_with_the_largest_loss_is_reported() {
        let at = around(100.0, 100.0);
        assert_eq!(verdict(&measured(at, 90, 10), &TERMS).0, Cause::OtherSide);
        let dropped = Circumstances { kernel_drops: Some(8), ..at };
        assert_eq!(verdict(&measured(dropped, 90, 10), &TERMS).0, Cause::ReceiveBuffer);
        let remedy = verdict(&measured(dropped, 90, 10), &Terms { own_window: true, ..TERMS }).1;
        assert_eq!(remedy, "--window auto");
        let unknown = Circumstances { kernel_drops: None, ..at };
        let step = measured(unknown, 90, 10);
        let limit = Verdict::new([&step].into_iter(), &TERMS).limit.expect("a bottleneck");
        assert!(limit.why.contains("does not count"), "{limit:?}");
    }
}
