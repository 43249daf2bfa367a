//! The part of a result that all protocols share, in `-o json` and `-o csv`.

use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use allears::engine::{Completion, Outcome, Proof};
use serde::Serialize;

use super::untrusted::write_json_line;
use crate::cli::inputs::Unresolved;
use crate::cli::stats::millis;

/// The outcome of one conversation, without its answer.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// The address; `None` if the name did not resolve.
    pub target: Option<SocketAddr>,
    /// The target as typed, if that was a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Arc<str>>,
    pub outcome: &'static str,
    pub attempts: u32,
    pub rtt_ms: Option<f64>,
    /// The proof of an answer that has no token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<&'static str>,
    /// The foreign source of a reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<SocketAddr>,
    /// The time when it ended, in seconds since 1970, if hosts are polled repeatedly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<f64>,
    /// The number of polls skipped since the last one, because the host was still busy.
    #[serde(skip_serializing_if = "is_zero")]
    pub left_out: u32,
    #[serde(skip)]
    pub reason: Option<String>,
    /// The reason without details that differ from host to host, for the summary; empty if the outcome alone suffices.
    #[serde(skip)]
    pub cause: String,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// One line of `-o json`.
#[derive(Serialize)]
struct JsonLine<'a, A> {
    #[serde(flatten)]
    record: &'a Record,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<A>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    found: &'a [String],
}

impl Record {
    /// The first columns of `-o csv`. Those of the answer follow, and `reason` comes last.
    pub const COLUMNS: [&'static str; 4] = ["target", "outcome", "attempts", "rtt_ms"];

    pub fn new<C, A, T>(completion: &Completion<C, A, T>) -> Record {
        let (outcome, reason) = class(&completion.outcome, completion.attempts);
        Record {
            target: Some(completion.target),
            input: None,
            outcome,
            attempts: completion.attempts,
            rtt_ms: completion.rtt.map(millis),
            proof: weak_proof(completion),
            from: completion.foreign_source,
            at: None,
            left_out: 0,
            reason,
            cause: cause(&completion.outcome),
        }
    }

    /// Returns the record of a target whose name does not resolve.
    pub fn unresolved(unresolved: Unresolved) -> Record {
        Record {
            target: None,
            outcome: "unresolved",
            attempts: 0,
            rtt_ms: None,
            proof: None,
            from: None,
            at: None,
            left_out: 0,
            reason: Some(unresolved.reason()),
            cause: uncapitalized(&unresolved.cause),
            input: Some(unresolved.input),
        }
    }

    /// Returns the host for people: its address, or its name if that did not resolve.
    pub fn host(&self) -> String {
        match self.target {
            Some(target) => target.to_string(),
            None => self.input.as_deref().unwrap_or_default().to_owned(),
        }
    }

    /// Returns the fields of [`Record::COLUMNS`].
    pub fn fields(&self) -> [String; 4] {
        let rtt = self.rtt_ms.map(|rtt| rtt.to_string()).unwrap_or_default();
        let target = self.target.map(|target| target.to_string()).unwrap_or_default();
        [target, self.outcome.into(), self.attempts.to_string(), rtt]
    }

    /// Writes one line of `-o json`. `found` are the names of the players found, if players were searched for.
    pub fn write_json<A: Serialize>(
        &self,
        answer: Option<A>,
        found: &[String],
        out: impl Write,
    ) -> io::Result<()> {
        let line = JsonLine { record: self, answer, reason: self.reason.as_deref(), found };
        write_json_line(out, &line)
    }
}

/// Formats a host that did not answer, for people.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.host(), self.outcome, self.reason.as_deref().unwrap_or_default())
    }
}

/// Returns the name of the class and, unless answered, the reason.
fn class<A>(outcome: &Outcome<A>, attempts: u32) -> (&'static str, Option<String>) {
    match outcome {
        Outcome::Answered(_) => ("answered", None),
        Outcome::Silent if attempts == 1 => ("silent", Some("no answer to 1 attempt".into())),
        Outcome::Silent => ("silent", Some(format!("no answer to {attempts} attempts"))),
        Outcome::Unreachable(report) => {
            let words = system_says(&io::Error::from_raw_os_error(report.errno));
            ("unreachable", Some(format!("{words} ({report})")))
        }
        Outcome::SendFailed(errno) => {
            ("send_failed", Some(system_says(&io::Error::from_raw_os_error(*errno))))
        }
        Outcome::Malformed(reason) => ("malformed", Some((*reason).into())),
        Outcome::Interrupted if attempts == 0 => {
            ("interrupted", Some("interrupted before it was queried".into()))
        }
        Outcome::Interrupted => ("interrupted", Some("interrupted before it answered".into())),
    }
}

/// Returns the name of the proof of an answer, unless it is a token.
fn weak_proof<C, A, T>(completion: &Completion<C, A, T>) -> Option<&'static str> {
    match (&completion.outcome, completion.proof) {
        (Outcome::Answered(_), Proof::Content) => Some("content"),
        (Outcome::Answered(_), Proof::Address) => Some("address"),
        _ => None,
    }
}

/// Returns the cause of an outcome that has several; see [`Record::cause`].
fn cause<A>(outcome: &Outcome<A>) -> String {
    let errno = match outcome {
        Outcome::Unreachable(report) => report.errno,
        Outcome::SendFailed(errno) => *errno,
        Outcome::Malformed(reason) => return (*reason).into(),
        Outcome::Answered(_) | Outcome::Silent | Outcome::Interrupted => return String::new(),
    };
    uncapitalized(&system_says(&io::Error::from_raw_os_error(errno)))
}

/// Lowercases the first letter, so that a message of the system can be part of a sentence.
pub fn uncapitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// Formats a system error without its number.
pub fn system_says(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// Formats milliseconds for people: `0.8`, `67`.
pub fn shown_millis(rtt: Duration) -> String {
    let millis = rtt.as_secs_f64() * 1e3;
    if millis < 10.0 { format!("{millis:.1}") } else { format!("{millis:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use allears::engine::Unreachable;

    fn line(outcome: Outcome<u32>, attempts: u32, rtt: Option<Duration>) -> String {
        let target = "127.1.0.5:27960".parse().expect("an address");
        let completion = Completion {
            target,
            tag: (),
            conversation: (),
            outcome,
            attempts,
            rtt,
            proof: Proof::Token { bits: 64 },
            foreign_source: None,
        };
        let mut out = vec![];
        let answer = if let Outcome::Answered(number) = completion.outcome { Some(number) } else { None };
        Record::new(&completion).write_json(answer, &[], &mut out).expect("memory");
        String::from_utf8(out).expect("JSON is UTF-8")
    }

    #[test]
    fn an_answered_and_a_silent_host() {
        assert_eq!(
            line(Outcome::Answered(7), 1, Some(Duration::from_micros(66_812))),
            concat!(
                r#"{"target":"127.1.0.5:27960","outcome":"answered","attempts":1,"rtt_ms":66.812,"answer":7}"#,
                "\n"
            )
        );
        assert_eq!(
            line(Outcome::Silent, 3, None),
            concat!(
                r#"{"target":"127.1.0.5:27960","outcome":"silent","attempts":3,"rtt_ms":null,"#,
                r#""reason":"no answer to 3 attempts"}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_name_that_does_not_resolve_has_no_target_and_no_attempts() {
        let unresolved = Unresolved { input: "no.example:7".into(), cause: "No such name".into() };
        let record = Record::unresolved(unresolved);
        let mut out = vec![];
        record.write_json(None::<()>, &[], &mut out).expect("memory");
        assert_eq!(
            String::from_utf8(out).expect("JSON is UTF-8"),
            concat!(
                r#"{"target":null,"input":"no.example:7","outcome":"unresolved","attempts":0,"rtt_ms":null,"#,
                r#""reason":"cannot resolve the name: No such name"}"#,
                "\n"
            )
        );
        assert_eq!(record.fields(), ["", "unresolved", "0", ""]);
        assert_eq!(record.to_string(), "no.example:7: unresolved: cannot resolve the name: No such name");
        assert_eq!(record.cause, "no such name");
    }

    #[test]
    fn every_class_except_answered_has_a_reason() {
        for outcome in [
            Outcome::Silent,
            Outcome::Unreachable(Unreachable { icmp: Some((3, 3)), by: None, errno: 111 }),
            Outcome::SendFailed(1),
            Outcome::Malformed("x"),
            Outcome::Interrupted,
        ] {
            let (name, reason) = class::<()>(&outcome, 0);
            assert!(
                reason.is_some_and(|reason| !reason.is_empty() && !reason.contains("os error")),
                "{name}"
            );
        }
        assert_eq!(class(&Outcome::Answered(()), 1), ("answered", None));
    }
}
