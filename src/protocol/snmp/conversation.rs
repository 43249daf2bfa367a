//! One conversation: everything requested from one agent, and the progress made.

use std::sync::Arc;

use super::answer::{Answer, Incomplete};
use super::ber::Writer;
use super::budget::Budget;
use super::get::{Get, GetRequest, Progress};
use super::message::{Pdu, Version, pdu_tag};
use super::oid::Oid;
use super::request::{Operation, Request};
#[cfg(feature = "usm")]
use super::usm::{EngineRef, Verdict};
use super::walk::Walk;
use super::{CredentialsId, Question};
use crate::protocol::{ReplySize, Step};

/// The expected size of a reply: a fixed part, and a part for each variable binding (a name, and a value that is
/// usually a number).
const MESSAGE_BYTES: u32 = 256;
const VARBIND_BYTES: u32 = 100;

/// The maximum number of times in a row that a v3 agent may make us repeat a request. Discovery and a time correction
/// make two; an agent that restarts in between makes four.
#[cfg(feature = "usm")]
const MAX_REPEATS: u32 = 4;

/// A conversation with one agent.
#[derive(Clone, Debug)]
pub struct Conversation {
    pub(super) credentials: CredentialsId,
    /// The agent's engine, for v3.
    #[cfg(feature = "usm")]
    pub(super) engine: Option<EngineRef>,
    /// The number of times in a row that the agent has made us repeat the request.
    #[cfg(feature = "usm")]
    repeats: u32,
    request: Arc<Request>,
    stage: Stage,
    answer: Answer,
}

#[derive(Clone, Debug)]
enum Stage {
    Get(Get),
    Walk(Box<Walk>),
    /// A GET of the roots under which a walk found nothing. net-snmp does the same.
    EmptyRoots(Box<(Vec<Oid>, Get)>),
}

impl Conversation {
    pub(super) fn new(Question { credentials, request }: Question, budget: &Arc<Budget>) -> Conversation {
        let stage = match request.operation {
            Operation::Walk { max_repetitions, max_rows } => {
                let walk = Walk::new(&request.oids, max_repetitions, max_rows, request.with_uptime);
                Stage::Walk(Box::new(walk))
            }
            _ => Stage::Get(Get::default()),
        };
        Conversation {
            credentials,
            #[cfg(feature = "usm")]
            engine: None,
            #[cfg(feature = "usm")]
            repeats: 0,
            request,
            stage,
            answer: Answer::within(budget),
        }
    }

    /// Returns the part of the answer that was received before the conversation ended.
    pub fn into_answer(mut self) -> Answer {
        self.answer.mark_incomplete(Incomplete::Unfinished);
        self.answer
    }

    /// Returns whether a v3 agent responded to discovery, but to nothing since. Agents send no reply to a request with
    /// the wrong privacy password, cipher or context.
    pub fn was_only_discovered(&self) -> bool {
        #[cfg(feature = "usm")]
        return self.repeats > 0;
        #[cfg(not(feature = "usm"))]
        false
    }

    /// Writes the next request's PDU.
    pub(super) fn write(&self, version: Option<Version>, request_id: u32, writer: &mut Writer) {
        match &self.stage {
            Stage::Get(get) => get.write(&get_request(&self.request), version, request_id, writer),
            Stage::Walk(walk) => walk.write(version, request_id, writer),
            Stage::EmptyRoots(empty) => {
                empty.1.write(&empty_root_request(&empty.0), version, request_id, writer)
            }
        }
    }

    /// Processes a response in a datagram of `len` bytes.
    pub(super) fn handle_response(&mut self, pdu: &Pdu<'_>, len: usize) -> Step<Answer> {
        if pdu.tag != pdu_tag::RESPONSE {
            return Step::Malformed("the reply is not a Response PDU");
        }
        #[cfg(feature = "usm")]
        {
            self.repeats = 0;
        }
        let answer = &mut self.answer;
        let progress = match &mut self.stage {
            Stage::Get(get) => get.handle_response(&get_request(&self.request), pdu, answer),
            Stage::EmptyRoots(empty) => empty.1.handle_response(&empty_root_request(&empty.0), pdu, answer),
            Stage::Walk(walk) => match walk.handle_response(&self.request.oids, pdu, len, answer) {
                Progress::AskNext => Progress::AskNext,
                Progress::Done => {
                    let empty: Vec<Oid> = walk.empty_roots(&self.request.oids).cloned().collect();
                    let next = if empty.is_empty() { Progress::Done } else { Progress::AskNext };
                    self.stage = Stage::EmptyRoots(Box::new((empty, Get::default())));
                    next
                }
            },
        };
        match progress {
            Progress::AskNext => Step::AskNext,
            Progress::Done => Step::Done(std::mem::take(answer)),
        }
    }

    /// Processes the verdict on a v3 message in a datagram of `len` bytes.
    #[cfg(feature = "usm")]
    pub(super) fn handle_verdict(&mut self, verdict: Verdict<'_>, len: usize) -> Step<Answer> {
        let rejected = match verdict {
            Verdict::Reply(pdu) => return self.handle_response(&pdu, len),
            Verdict::Unproven(reason) => return Step::Unproven(reason),
            Verdict::Broken(reason) => return Step::Malformed(reason),
            Verdict::Repeat if self.repeats < MAX_REPEATS => {
                self.repeats += 1;
                return Step::AskNext;
            }
            Verdict::Repeat => "the agent keeps changing its engine ID or time",
            Verdict::Rejected(reason) => reason,
        };
        self.answer.mark_incomplete(Incomplete::Rejected(rejected));
        Step::Done(std::mem::take(&mut self.answer))
    }

    /// Adapts the next request, after `attempts` of them timed out.
    pub(super) fn retry(&mut self, attempts: u32) {
        if let Stage::Walk(walk) = &mut self.stage {
            walk.retry(attempts);
        }
    }

    /// Estimates the size of the next reply.
    pub(super) fn reply_size(&self) -> ReplySize {
        let (varbinds, varbind_bytes) = match &self.stage {
            Stage::Get(get) => (get.expected_varbinds(&get_request(&self.request)), 0),
            Stage::EmptyRoots(empty) => (empty.1.expected_varbinds(&empty_root_request(&empty.0)), 0),
            Stage::Walk(walk) => walk.expected_varbinds(),
        };
        let bytes = varbinds.saturating_mul(VARBIND_BYTES.max(varbind_bytes)).saturating_add(MESSAGE_BYTES);
        ReplySize { datagrams: 1, bytes: bytes.min(u16::MAX.into()) }
    }
}

fn get_request(request: &Request) -> GetRequest<'_> {
    GetRequest { operation: request.operation, oids: &request.oids, with_uptime: request.with_uptime }
}

fn empty_root_request(roots: &[Oid]) -> GetRequest<'_> {
    GetRequest { operation: Operation::Get, oids: roots, with_uptime: false }
}

#[cfg(test)]
mod tests {
    use super::super::answer::ErrorStatus;
    use super::super::ber::Reader;
    use super::super::message::PduHead;
    use super::super::value::{Value, Varbind};
    use super::super::{Credentials, Protocol, Snmp};
    use super::*;

    fn oid(text: &str) -> Oid {
        text.parse().expect("an identifier")
    }

    fn conversation(operation: Operation, oids: &[&str], with_uptime: bool) -> Conversation {
        let mut snmp = Snmp::new(1);
        let credentials = snmp.add_credentials(Credentials::community(Version::V2c, b"public"));
        let request = Request { operation, oids: oids.iter().map(|text| oid(text)).collect(), with_uptime };
        snmp.begin(([127, 0, 0, 1], 161).into(), Question { credentials, request: Arc::new(request) })
    }

    fn walk(roots: &[&str]) -> Conversation {
        conversation(Operation::Walk { max_repetitions: None, max_rows: 1000 }, roots, false)
    }

    /// Returns the next request: its tag, its two numbers and its names.
    fn next_request(conversation: &Conversation, version: Version) -> (u8, i64, i64, Vec<String>) {
        let (mut writer, mut bytes) = (Writer::default(), vec![]);
        conversation.write(Some(version), 7, &mut writer);
        writer.append_to(&mut bytes);
        let pdu = Pdu::read(&mut Reader::new(&bytes)).expect("a request");
        let names = pdu.varbinds().map(|varbind| varbind.oid.to_string()).collect();
        (pdu.tag, pdu.error_status, pdu.error_index, names)
    }

    fn names(conversation: &Conversation) -> Vec<String> {
        next_request(conversation, Version::V2c).3
    }

    /// Passes a response with these numbers to the conversation.
    fn respond(
        conversation: &mut Conversation,
        status: u32,
        index: u32,
        varbinds: &[(&str, Value<'_>)],
    ) -> Step<Answer> {
        let (mut writer, mut bytes) = (Writer::default(), vec![]);
        for (name, value) in varbinds.iter().rev() {
            Varbind::write(oid(name).as_oid(), value, &mut writer);
        }
        PduHead { tag: pdu_tag::RESPONSE, request_id: 7, first: status, second: index }.wrap(0, &mut writer);
        writer.append_to(&mut bytes);
        conversation.handle_response(&Pdu::read(&mut Reader::new(&bytes)).expect("a response"), bytes.len())
    }

    fn done(step: Step<Answer>) -> Answer {
        match step {
            Step::Done(answer) => answer,
            other => panic!("not done: {other:?}"),
        }
    }

    fn received(answer: &Answer) -> Vec<String> {
        answer.varbinds().map(|varbind| varbind.oid.to_string()).collect()
    }

    const ONE: Value<'static> = Value::Integer(1);

    #[test]
    fn a_get_of_many_names_takes_several_requests() {
        let all: Vec<String> = (0..90).map(|n| format!("1.3.6.{n}")).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let mut get = conversation(Operation::Get, &all, true);
        for (at, chunk) in all.chunks(40).enumerate() {
            assert_eq!(names(&get)[0], "1.3.6.1.2.1.1.3.0");
            assert_eq!(names(&get)[1..], *chunk);
            let mut reply = vec![("1.3.6.1.2.1.1.3.0", Value::TimeTicks(100 + at as u32))];
            reply.extend(chunk.iter().map(|name| (*name, ONE)));
            let step = respond(&mut get, 0, 0, &reply);
            if at < 2 {
                assert_eq!(step, Step::AskNext);
            } else {
                let answer = done(step);
                assert_eq!(
                    (received(&answer), answer.uptime, answer.incomplete.clone()),
                    (all.iter().map(ToString::to_string).collect(), Some(102), None)
                );
            }
        }
    }

    #[test]
    fn a_refused_name_is_left_out_and_the_others_are_requested_again() {
        let mut get = conversation(Operation::Get, &["1.3.1", "1.3.2", "1.3.3"], false);
        assert_eq!(respond(&mut get, 2, 2, &[]), Step::AskNext);
        assert_eq!(names(&get), ["1.3.1", "1.3.3"]);
        assert_eq!(respond(&mut get, 5, 2, &[]), Step::AskNext);
        assert_eq!(names(&get), ["1.3.1"]);
        let answer = done(respond(&mut get, 0, 0, &[("1.3.1", ONE)]));
        let refused: Vec<_> =
            answer.refused.iter().map(|r| (r.oid.to_string(), r.status.to_string())).collect();
        assert_eq!(refused, [("1.3.2".into(), "noSuchName".into()), ("1.3.3".into(), "genErr".into())]);
        assert_eq!((received(&answer), answer.incomplete), (vec!["1.3.1".into()], None));
    }

    #[test]
    fn an_error_without_a_valid_index_is_about_all_names() {
        for index in [0, 3, u32::MAX] {
            let mut get = conversation(Operation::Get, &["1.3.1", "1.3.2"], false);
            let answer = done(respond(&mut get, 16, index, &[]));
            assert_eq!((answer.refused.len(), answer.len()), (2, 0));
            assert_eq!(answer.incomplete, Some(Incomplete::Error(ErrorStatus(16))));
        }
    }

    #[test]
    fn too_big_requests_are_halved() {
        let mut get = conversation(Operation::Get, &["1.3.1", "1.3.2", "1.3.3"], false);
        assert_eq!(respond(&mut get, 1, 0, &[]), Step::AskNext);
        assert_eq!(names(&get), ["1.3.1", "1.3.2"]);
        assert_eq!(respond(&mut get, 1, 0, &[]), Step::AskNext);
        assert_eq!(names(&get), ["1.3.1"]);
        assert_eq!(respond(&mut get, 1, 0, &[]), Step::AskNext, "not even one name fits");
        assert_eq!(respond(&mut get, 0, 0, &[("1.3.2", ONE)]), Step::AskNext);
        let answer = done(respond(&mut get, 0, 0, &[("1.3.3", ONE)]));
        assert_eq!(answer.refused[0].status, ErrorStatus::TOO_BIG);
        assert_eq!(received(&answer), ["1.3.2", "1.3.3"]);

        let bulk = Operation::GetBulk { non_repeaters: 0, max_repetitions: 25 };
        let mut bulk = conversation(bulk, &["1.3.1"], false);
        for repetitions in [25, 12, 6, 3, 1] {
            assert_eq!(next_request(&bulk, Version::V2c).2, repetitions);
            let step = respond(&mut bulk, 1, 0, &[]);
            assert_eq!(step == Step::AskNext, repetitions > 1);
        }
    }

    #[test]
    fn a_walk_ends_where_its_subtree_ends() {
        let mut walk = walk(&["1.3.1"]);
        assert_eq!(names(&walk), ["1.3.1"]);
        let reply = [("1.3.1.1", ONE), ("1.3.1.2", ONE)];
        assert_eq!(respond(&mut walk, 0, 0, &reply), Step::AskNext);
        assert_eq!(names(&walk), ["1.3.1.2"]);
        let answer = done(respond(&mut walk, 0, 0, &[("1.3.1.9", ONE), ("1.3.2", ONE), ("1.3.3", ONE)]));
        assert_eq!((received(&answer).len(), answer.incomplete), (3, None));
    }

    #[test]
    fn columns_are_walked_together_and_end_one_by_one() {
        let mut walk = walk(&["1.3.1", "1.3.2"]);
        let reply = [
            ("1.3.1.1", ONE),
            ("1.3.2.1", ONE),
            ("1.3.2.1", ONE),
            ("1.3.2.2", ONE),
            ("1.3.2.2", ONE),
            ("1.3.2.3", ONE),
        ];
        assert_eq!(respond(&mut walk, 0, 0, &reply), Step::AskNext);
        assert_eq!(names(&walk), ["1.3.2.3"]);
        let answer = done(respond(&mut walk, 0, 0, &[("1.3.2.3", Value::EndOfMibView)]));
        assert_eq!(received(&answer), ["1.3.1.1", "1.3.2.1", "1.3.2.2", "1.3.2.3", "1.3.2.3"]);
    }

    #[test]
    fn a_walk_of_an_agent_that_loops_ends_and_keeps_its_values() {
        let mut walk = walk(&["1.3.1"]);
        respond(&mut walk, 0, 0, &[("1.3.1.1", ONE), ("1.3.1.2", ONE)]);
        let answer = done(respond(&mut walk, 0, 0, &[("1.3.1.3", ONE), ("1.3.1.1", ONE)]));
        assert_eq!(received(&answer), ["1.3.1.1", "1.3.1.2", "1.3.1.3"]);
        assert_eq!(answer.incomplete, Some(Incomplete::NotIncreasing(oid("1.3.1.3"))));
    }

    #[test]
    fn a_root_with_an_empty_subtree_is_requested_itself() {
        let mut walk = walk(&["1.3.1.0", "1.3.2"]);
        assert_eq!(respond(&mut walk, 0, 0, &[("1.3.1.1", ONE), ("1.3.2.1", ONE)]), Step::AskNext);
        assert_eq!(respond(&mut walk, 0, 0, &[("1.3.3", ONE)]), Step::AskNext);
        assert_eq!(
            (next_request(&walk, Version::V2c).0, names(&walk)),
            (pdu_tag::GET, vec!["1.3.1.0".into()])
        );
        let answer = done(respond(&mut walk, 0, 0, &[("1.3.1.0", ONE)]));
        assert_eq!(received(&answer), ["1.3.2.1", "1.3.1.0"]);
    }

    #[test]
    fn repetitions_grow_while_replies_are_small_and_shrink_when_they_are_too_big() {
        let mut walk = walk(&["1.3.1"]);
        let repetitions = |walk: &Conversation| next_request(walk, Version::V2c).2;
        assert_eq!(repetitions(&walk), 10);
        let rows: Vec<String> = (1..=10).map(|n| format!("1.3.1.{n}")).collect();
        let rows: Vec<_> = rows.iter().map(|name| (name.as_str(), ONE)).collect();
        respond(&mut walk, 0, 0, &rows);
        assert_eq!(repetitions(&walk), 20);
        respond(&mut walk, 1, 0, &[]);
        assert_eq!(repetitions(&walk), 10);
        walk.retry(1);
        assert_eq!(repetitions(&walk), 5);
        walk.retry(2);
        assert_eq!(repetitions(&walk), 1, "large replies keep getting lost");
        walk.retry(3);
        walk.retry(4);
        for (row, repetitions_then) in [(11, 2), (12, 2)] {
            let name = [format!("1.3.1.{row}"), format!("1.3.1.{row}.1")];
            respond(&mut walk, 0, 0, &[(&name[0], ONE), (&name[1], ONE)]);
            assert_eq!(repetitions(&walk), repetitions_then);
        }
    }

    #[test]
    fn a_walk_too_big_for_one_repetition_falls_back_to_getnext_and_then_to_single_columns() {
        let mut walk = conversation(
            Operation::Walk { max_repetitions: Some(1), max_rows: 9 },
            &["1.3.1", "1.3.2"],
            false,
        );
        respond(&mut walk, 1, 0, &[]);
        assert_eq!(
            next_request(&walk, Version::V2c),
            (pdu_tag::GET_NEXT, 0, 0, vec!["1.3.1".into(), "1.3.2".into()])
        );
        respond(&mut walk, 1, 0, &[]);
        assert_eq!(names(&walk), ["1.3.1"]);
        assert_eq!(respond(&mut walk, 1, 0, &[]), Step::AskNext);
        assert_eq!(names(&walk), ["1.3.2"]);
        respond(&mut walk, 0, 0, &[("1.3.2.1", ONE)]);
        let answer = done(respond(&mut walk, 0, 0, &[("1.3.3", ONE)]));
        assert_eq!((received(&answer), answer.refused.len()), (vec!["1.3.2.1".into()], 1));
        assert_eq!(answer.incomplete, Some(Incomplete::Error(ErrorStatus::TOO_BIG)));
    }

    #[test]
    fn v1_walks_use_getnext_and_end_with_an_error() {
        let mut walk = walk(&["1.3.1", "1.3.2"]);
        assert_eq!(next_request(&walk, Version::V1).0, pdu_tag::GET_NEXT);
        respond(&mut walk, 0, 0, &[("1.3.1.1", ONE), ("1.3.2.1", ONE)]);
        assert_eq!(respond(&mut walk, 2, 2, &[]), Step::AskNext);
        assert_eq!(names(&walk), ["1.3.1.1"]);
        let answer = done(respond(&mut walk, 2, 1, &[]));
        assert_eq!((received(&answer).len(), answer.incomplete, answer.refused.len()), (2, None, 0));
    }

    #[test]
    fn a_walk_or_a_get_without_names_ends_with_the_first_reply() {
        for mut nothing in [walk(&[]), conversation(Operation::Get, &[], false)] {
            assert_eq!(names(&nothing), [""; 0]);
            let answer = done(respond(&mut nothing, 0, 0, &[("1.3.1.1", ONE)]));
            assert!(answer.len() <= 1);
        }
    }

    #[test]
    fn a_walk_respects_its_row_limit() {
        let most = Operation::Walk { max_repetitions: None, max_rows: 2 };
        let mut walk = conversation(most, &["1.3.1"], false);
        let answer = done(respond(&mut walk, 0, 0, &[("1.3.1.1", ONE), ("1.3.1.2", ONE), ("1.3.1.3", ONE)]));
        assert_eq!((answer.len(), answer.incomplete), (2, Some(Incomplete::RowLimit)));
        let mut walk = conversation(most, &["1.3.1"], false);
        let long = [7; 2 * 256];
        let answer = done(respond(&mut walk, 0, 0, &[("1.3.1.1", Value::OctetString(&long))]));
        assert_eq!(
            (answer.len(), answer.incomplete),
            (0, Some(Incomplete::RowLimit)),
            "the limit bounds the memory, too"
        );
    }

    #[test]
    fn at_the_memory_limit_the_larger_walk_ends_and_the_others_go_on() {
        let operation = Operation::Walk { max_repetitions: None, max_rows: 1000 };
        let (mut large, mut small) = two(operation);
        let long = [7; 600];
        let row = |name| [(name, Value::OctetString(&long))];
        assert_eq!(respond(&mut large, 0, 0, &row("1.3.1.1")), Step::AskNext);
        assert_eq!(respond(&mut small, 0, 0, &[("1.3.1.1", ONE)]), Step::AskNext);
        let answer = done(respond(&mut large, 0, 0, &row("1.3.1.2")));
        assert_eq!((answer.len(), answer.incomplete.clone()), (1, Some(Incomplete::MemoryLimit)));
        assert_eq!(
            respond(&mut small, 0, 0, &[("1.3.1.2", Value::OctetString(&long[..400]))]),
            Step::AskNext
        );
        drop(answer);
        assert_eq!(
            respond(&mut small, 0, 0, &[("1.3.1.3", Value::OctetString(&long[..500]))]),
            Step::AskNext
        );
        assert_eq!(done(respond(&mut small, 0, 0, &[("1.4", ONE)])).incomplete, None);
    }

    /// Returns two walks of one sweep with 1,000 bytes.
    fn two(operation: Operation) -> (Conversation, Conversation) {
        let mut snmp = Snmp::new(1).with_memory(1000);
        let credentials = snmp.add_credentials(Credentials::community(Version::V2c, b"public"));
        let request = Arc::new(Request { operation, oids: vec![oid("1.3.1")], with_uptime: false });
        let mut begin =
            || snmp.begin(([127, 0, 0, 1], 161).into(), Question { credentials, request: request.clone() });
        (begin(), begin())
    }

    #[test]
    fn a_restart_in_the_middle_of_a_walk_is_reported() {
        let operation = Operation::Walk { max_repetitions: None, max_rows: 99 };
        let mut walk = conversation(operation, &["1.3.1"], true);
        assert_eq!(next_request(&walk, Version::V2c).3, ["1.3.6.1.2.1.1.3", "1.3.1"]);
        assert_eq!(next_request(&walk, Version::V2c).1, 1, "one non-repeater");
        let uptime = |ticks| ("1.3.6.1.2.1.1.3.0", Value::TimeTicks(ticks));
        respond(&mut walk, 0, 0, &[uptime(5000), ("1.3.1.1", ONE)]);
        let answer = done(respond(&mut walk, 0, 0, &[uptime(3), ("1.3.1.2", ONE), ("1.3.2", ONE)]));
        assert_eq!((received(&answer).len(), answer.uptime), (2, Some(3)));
        assert_eq!(answer.incomplete, Some(Incomplete::Restarted));
    }

    #[test]
    fn replies_with_missing_variable_bindings_end_the_conversation_with_a_reason() {
        let mut walk = walk(&["1.3.1"]);
        for repetitions in [10, 5, 2, 1, 0] {
            assert_eq!(
                next_request(&walk, Version::V2c).2,
                repetitions,
                "an empty reply may mean that nothing fitted"
            );
            let step = respond(&mut walk, 0, 0, &[]);
            if repetitions > 0 {
                assert_eq!(step, Step::AskNext);
            } else {
                assert!(matches!(done(step).incomplete, Some(Incomplete::Broken(_))));
            }
        }
        let mut get = conversation(Operation::Get, &["1.3.1", "1.3.2"], false);
        let answer = done(respond(&mut get, 0, 0, &[("1.3.1", ONE)]));
        assert!(matches!(answer.incomplete, Some(Incomplete::Broken(_))) && answer.len() == 1);
    }

    #[test]
    fn an_agent_that_hides_its_uptime_still_gives_its_other_values() {
        // The view contains the interfaces only, so the name after sysUpTime's is another object.
        let other = ("1.3.6.1.2.1.2.1.0", ONE);
        let operation = Operation::Walk { max_repetitions: None, max_rows: 99 };
        let mut walk = conversation(operation, &["1.3.6.1.2.1.2.2.1.2", "1.3.6.1.2.1.2.2.1.5"], true);
        let row = [("1.3.6.1.2.1.2.2.1.2.1", ONE), ("1.3.6.1.2.1.2.2.1.5.1", ONE)];
        assert_eq!(respond(&mut walk, 0, 0, &[&[other][..], &row].concat()), Step::AskNext);
        assert_eq!(names(&walk)[1..], [row[0].0, row[1].0]);
        let answer = done(respond(&mut walk, 0, 0, &[other, ("1.3.7", ONE), ("1.3.7", ONE)]));
        assert_eq!((received(&answer).len(), answer.uptime, answer.incomplete), (2, None, None));

        let mut get = conversation(Operation::Get, &["1.3.1"], true);
        let answer =
            done(respond(&mut get, 0, 0, &[("1.3.6.1.2.1.1.3.0", Value::NoSuchObject), ("1.3.1", ONE)]));
        assert_eq!((received(&answer), answer.uptime), (vec!["1.3.1".into()], None));
        // In v1 the agent refuses the name, and the next request omits it.
        let mut get = conversation(Operation::Get, &["1.3.1"], true);
        assert_eq!(respond(&mut get, 2, 1, &[]), Step::AskNext);
        assert_eq!(names(&get), ["1.3.1"]);
        let answer = done(respond(&mut get, 0, 0, &[("1.3.1", ONE)]));
        assert_eq!((answer.len(), answer.refused.len()), (1, 0));
    }

    #[test]
    fn a_request_has_no_more_names_than_fit_in_a_packet() {
        let roots: Vec<String> = (1..=90).map(|n| format!("1.3.{n}")).collect();
        let roots: Vec<&str> = roots.iter().map(String::as_str).collect();
        let mut walk = walk(&roots);
        for chunk in roots.chunks(40) {
            assert_eq!(names(&walk), chunk);
            let rows: Vec<String> = chunk.iter().map(|root| format!("{root}.1")).collect();
            respond(&mut walk, 0, 0, &rows.iter().map(|name| (name.as_str(), ONE)).collect::<Vec<_>>());
            respond(&mut walk, 0, 0, &vec![("1.4", ONE); chunk.len()]);
        }
    }

    #[test]
    fn non_repeaters_are_the_first_names_of_the_list_not_of_each_request() {
        let names: Vec<String> = (0..50).map(|n| format!("1.3.6.{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let operation = Operation::GetBulk { non_repeaters: 2, max_repetitions: 3 };
        let mut bulk = conversation(operation, &names, false);
        assert_eq!(next_request(&bulk, Version::V2c).1, 2);
        respond(&mut bulk, 5, 1, &[]);
        assert_eq!(next_request(&bulk, Version::V2c).1, 1, "the agent refused one of them");
        assert_eq!(respond(&mut bulk, 0, 0, &[("1.3.6.1.1", ONE)]), Step::AskNext);
        assert_eq!(next_request(&bulk, Version::V2c).1, 0);
    }

    #[test]
    fn a_refused_name_stays_left_out_when_the_request_is_halved() {
        let mut get = conversation(Operation::Get, &["1.3.1", "1.3.2", "1.3.3", "1.3.4"], false);
        respond(&mut get, 2, 4, &[]);
        respond(&mut get, 1, 0, &[]);
        assert_eq!(respond(&mut get, 0, 0, &[("1.3.1", ONE), ("1.3.2", ONE)]), Step::AskNext);
        assert_eq!(names(&get), ["1.3.3"]);
        assert_eq!(done(respond(&mut get, 0, 0, &[("1.3.3", ONE)])).refused.len(), 1);
    }

    #[test]
    fn columns_are_walked_one_by_one_if_a_v1_agent_does_not_identify_the_one_that_ends() {
        let mut walk = walk(&["1.3.1", "1.3.2"]);
        respond(&mut walk, 0, 0, &[("1.3.1.1", ONE), ("1.3.2.1", ONE)]);
        assert_eq!(respond(&mut walk, 2, 0, &[]), Step::AskNext);
        assert_eq!(names(&walk), ["1.3.1.1"]);
        assert_eq!(respond(&mut walk, 0, 0, &[("1.3.2.1", ONE)]), Step::AskNext);
        assert_eq!(names(&walk), ["1.3.2.1"]);
        assert_eq!(done(respond(&mut walk, 2, 0, &[])).incomplete, None);
    }
}
