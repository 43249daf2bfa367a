//! The summary: `1000 names in 1.2 s (812 names/s): 990 NOERROR, 8 NXDOMAIN, 2 no answer`.

use std::cmp::Reverse;
use std::time::Duration;

use super::verdict::DnsVerdict;
use super::wildcards::WildcardTally;
use crate::cli::console::Console;
use crate::cli::output::record::Record;
use crate::cli::reasons::Reasons;

/// Counts questions by what was answered.
#[derive(Clone, Debug, Default)]
pub struct NameTally {
    pub names: u64,
    /// Several for a name that is asked for several types.
    pub questions: u64,
    /// Few verdicts occur.
    verdicts: Vec<(DnsVerdict, u64)>,
    /// Questions that were not sent before the sweep was stopped.
    unsent: u64,
    unanswered: Reasons,
    /// The judged answers, with `--wildcards`.
    pub wildcards: Option<WildcardTally>,
}

impl NameTally {
    /// Counts a question that was answered.
    pub fn count(&mut self, verdict: DnsVerdict) {
        match self.verdicts.iter_mut().find(|(other, _)| *other == verdict) {
            Some((_, count)) => *count += 1,
            None => self.verdicts.push((verdict, 1)),
        }
    }

    /// Counts a question that was not answered.
    pub fn count_unanswered(&mut self, record: &Record) {
        match record.outcome {
            "interrupted" if record.attempts == 0 => self.unsent += 1,
            "silent" => self.unanswered.count("no answer", &record.cause),
            outcome => self.unanswered.count(outcome, &record.cause),
        }
    }

    /// Returns the number of questions to which servers have said what there is.
    pub fn answered(&self) -> u64 {
        self.verdicts.iter().filter(|(verdict, _)| verdict.is_answer()).map(|(_, count)| count).sum()
    }

    fn summary(&self, elapsed: Duration) -> String {
        let (names, questions) = (self.names, self.questions);
        let (what, unit) = match names == questions {
            true => (format!("{names} names"), "names"),
            false => (format!("{names} names, {questions} questions"), "questions"),
        };
        let seconds = elapsed.as_secs_f64();
        let rate = questions.saturating_sub(self.unsent) as f64 / seconds.max(1e-3);
        let mut verdicts = self.verdicts.clone();
        verdicts.sort_by_key(|(verdict, count)| (*verdict != DnsVerdict::Found, Reverse(*count)));
        let mut counts: Vec<_> =
            verdicts.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
        if !self.unanswered.is_empty() {
            counts.push(self.unanswered.to_string());
        }
        let mut text = format!("{what} in {seconds:.1} s ({rate:.0} {unit}/s): {}", counts.join(", "));
        if self.unsent > 0 {
            text += &format!("; {} not sent", self.unsent);
        }
        if let Some(wildcards) = self.wildcards {
            text += &format!("; {}", wildcard_words(wildcards));
        }
        text
    }

    /// Prints the summary.
    pub fn print(&self, elapsed: Duration, console: &Console) {
        if self.questions == 0 {
            console.error("no names: nothing was sent");
        } else {
            console.say(self.summary(elapsed));
        }
    }
}

/// Formats the counts of answers from wildcards.
fn wildcard_words(tally: WildcardTally) -> String {
    let WildcardTally { wildcard, unknown, probes, drops } = tally;
    let left_out = if drops { " left out" } else { "" };
    let unknown = if unknown > 0 { format!(", {unknown} unknown") } else { String::new() };
    format!("from wildcards: {wildcard}{left_out}{unknown} (random names queried: {probes})")
}

#[cfg(test)]
mod tests {
    use allears::protocol::dns::Rcode;

    use super::*;

    #[test]
    fn a_summary_has_each_verdict() {
        let mut tally = NameTally { names: 10, questions: 10, ..NameTally::default() };
        (0..5).for_each(|_| tally.count(DnsVerdict::Failed(Rcode::NXDOMAIN)));
        (0..2).for_each(|_| tally.count(DnsVerdict::Found));
        tally.count(DnsVerdict::NoData);
        tally.count(DnsVerdict::Failed(Rcode::SERVFAIL));
        tally.unanswered.count("no answer", "");
        let text = tally.summary(Duration::from_secs(2));
        assert_eq!(
            text,
            "10 names in 2.0 s (5 names/s): 2 NOERROR, 5 NXDOMAIN, 1 NODATA, 1 SERVFAIL, 1 no answer"
        );
        assert_eq!(tally.answered(), 8);
        let wildcards = WildcardTally { wildcard: 3, unknown: 1, probes: 9, drops: true };
        tally.wildcards = Some(wildcards);
        let text = tally.summary(Duration::from_secs(2));
        let words = "1 no answer; from wildcards: 3 left out, 1 unknown (random names queried: 9)";
        assert!(text.ends_with(words), "{text}");
        let few = WildcardTally { unknown: 0, drops: false, ..wildcards };
        assert_eq!(wildcard_words(few), "from wildcards: 3 (random names queried: 9)");
        tally.questions = 20;
        assert!(
            tally.summary(Duration::from_secs(2)).starts_with("10 names, 20 questions in 2.0 s (10 quest")
        );
    }
}
