//! Counts the reasons why hosts did not answer, for the summary: `100 silent, 36 unreachable (connection refused)`.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::console::Console;
use super::output::record::Record;

/// The maximum number of causes that are counted separately. Hosts choose some of them.
const MAX_CAUSES: usize = 64;

/// Counts by outcome and cause.
#[derive(Clone, Debug, Default)]
pub struct Reasons {
    outcomes: BTreeMap<&'static str, BTreeMap<String, u64>>,
}

impl Reasons {
    /// Counts one host. An empty `cause` means that none is known.
    pub fn count(&mut self, outcome: &'static str, cause: &str) {
        let causes = self.outcomes.entry(outcome).or_default();
        let cause = if causes.len() < MAX_CAUSES || causes.contains_key(cause) { cause } else { "" };
        match causes.get_mut(cause) {
            Some(count) => *count += 1,
            None => drop(causes.insert(cause.to_owned(), 1)),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.outcomes.is_empty()
    }
}

/// Formats the outcomes, the most frequent first, each with its most frequent cause.
impl fmt::Display for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = |causes: &BTreeMap<String, u64>| causes.values().sum::<u64>();
        let mut outcomes: Vec<_> = self.outcomes.iter().collect();
        outcomes.sort_by_key(|(_, causes)| Reverse(total(causes)));
        for (place, (outcome, causes)) in outcomes.into_iter().enumerate() {
            let comma = if place > 0 { ", " } else { "" };
            write!(f, "{comma}{} {outcome}", total(causes))?;
            let known = causes.iter().filter(|(cause, _)| !cause.is_empty());
            if let Some((cause, _)) = known.max_by_key(|(_, count)| **count) {
                write!(f, " ({}{cause})", if causes.len() > 1 { "mostly " } else { "" })?;
            }
        }
        Ok(())
    }
}

/// The number of hosts of a sweep, by outcome.
#[derive(Clone, Debug, Default)]
pub struct HostTally {
    /// All hosts that the sweep accepted.
    pub targets: u64,
    pub answered: u64,
    /// Hosts that were not queried before the sweep was stopped.
    unqueried: u64,
    /// The reasons why the others did not answer.
    pub reasons: Reasons,
}

impl HostTally {
    /// Counts a host that did not answer.
    pub fn count_unanswered(&mut self, record: &Record) {
        if record.outcome == "interrupted" && record.attempts == 0 {
            self.unqueried += 1;
        } else {
            self.reasons.count(record.outcome, &record.cause);
        }
    }

    /// Returns the summary of a sweep, with a `remark` after the number of those that answered and `more` at the end:
    /// `120 of 256 hosts answered in 1.2 s: 136 silent`. If no host answered, the time is left out.
    pub fn summary(&self, hosts: &str, remark: &str, elapsed: Duration, more: &str) -> String {
        let HostTally { targets, answered, unqueried, reasons } = self;
        let mut text = format!("{answered} of {} {hosts} answered{remark}", targets - unqueried);
        if *answered > 0 || reasons.is_empty() {
            text += &format!(" in {:.1} s", elapsed.as_secs_f64());
        }
        if !reasons.is_empty() {
            text += &format!(": {reasons}");
        }
        if *unqueried > 0 {
            text += &format!("; {unqueried} not queried");
        }
        text + more
    }

    /// Prints the summary of repeated queries: `1200 answers from 100 agents in 60.1 s: 12 silent; 3 polls skipped`.
    pub fn print_polls(&self, hosts: &str, remark: &str, elapsed: Duration, more: &str, console: &Console) {
        let HostTally { targets, answered, unqueried, reasons } = self;
        if *targets == 0 {
            return console.error("no targets: nothing was sent");
        }
        let seconds = elapsed.as_secs_f64();
        let mut text = format!("{answered} answers{remark} from {targets} {hosts} in {seconds:.1} s");
        if !reasons.is_empty() {
            text += &format!(": {reasons}");
        }
        if *unqueried > 0 {
            text += &format!("; {unqueried} polls not sent");
        }
        console.say(format_args!("{text}{more}"));
    }

    /// Prints the summary.
    pub fn print(&self, hosts: &str, remark: &str, elapsed: Duration, more: &str, console: &Console) {
        if self.targets == 0 {
            console.error("no targets: nothing was sent");
        } else {
            console.say(self.summary(hosts, remark, elapsed, more));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(targets: u64, answered: u64, unanswered: &[(u64, &'static str, &str)]) -> HostTally {
        let mut tally = HostTally { targets, answered, ..HostTally::default() };
        for &(count, outcome, cause) in unanswered {
            (0..count).for_each(|_| tally.reasons.count(outcome, cause));
        }
        tally
    }

    #[test]
    fn a_summary_has_the_reasons_of_those_that_did_not_answer() {
        let summary = |tally: HostTally| tally.summary("hosts", "", Duration::from_millis(1234), "");
        assert_eq!(summary(tally(2, 2, &[])), "2 of 2 hosts answered in 1.2 s");
        assert_eq!(
            summary(tally(256, 0, &[(256, "send_failed", "network is unreachable")])),
            "0 of 256 hosts answered: 256 send_failed (network is unreachable)"
        );
        assert_eq!(
            summary(tally(
                9,
                1,
                &[(2, "unreachable", "no route to host"), (5, "silent", ""), (1, "unreachable", "x")]
            )),
            "1 of 9 hosts answered in 1.2 s: 5 silent, 3 unreachable (mostly no route to host)"
        );
    }

    #[test]
    fn hosts_that_were_never_queried_are_not_among_those_that_could_answer() {
        let mut tally = tally(10, 2, &[(3, "interrupted", "")]);
        tally.unqueried = 5;
        assert_eq!(
            tally.summary("servers", "", Duration::from_secs(1), "; 1 of them matches"),
            "2 of 5 servers answered in 1.0 s: 3 interrupted; 5 not queried; 1 of them matches"
        );
    }

    #[test]
    fn causes_that_hosts_choose_are_bounded() {
        let mut reasons = Reasons::default();
        (0..1000).for_each(|number| reasons.count("refused", &format!("error {number}")));
        assert!(reasons.outcomes["refused"].len() <= MAX_CAUSES + 1);
        assert!(reasons.to_string().starts_with("1000 refused (mostly error "), "{reasons}");
    }
}
