//! One conversation: all that is asked of one agent, and how far it has come.

use std::sync::Arc;

use super::answer::{Answer, Incomplete};
use super::ber::Writer;
use super::get::{Asked, Get, Progress};
use super::message::{Pdu, Version, pdu_tag};
use super::oid::Oid;
use super::request::{Operation, Request};
#[cfg(feature = "usm")]
use super::usm::{EngineRef, Heard};
use super::walk::Walk;
use super::{CredentialsId, Question};
use crate::protocol::{ReplySize, Step};

/// Bytes that a reply may have besides its variable bindings, and for each of them: the name, and a value that
/// is mostly a number.
const MESSAGE: u32 = 256;
const VARBIND: u32 = 100;

/// Times in a row that an agent of v3 may ask for another engine ID or time. Discovery and one correction make two;
/// an agent that was restarted in between makes four.
#[cfg(feature = "usm")]
const MOST_AGAIN: u32 = 4;

/// All that is asked of one agent.
#[derive(Clone, Debug)]
pub struct Conversation {
    pub(super) credentials: CredentialsId,
    /// Of a user of v3: where the agent's engine is kept.
    #[cfg(feature = "usm")]
    pub(super) engine: Option<EngineRef>,
    /// Times that the agent made us ask the same again.
    #[cfg(feature = "usm")]
    asked_again: u32,
    request: Arc<Request>,
    state: State,
    answer: Answer,
}

#[derive(Clone, Debug)]
enum State {
    Get(Get),
    Walk(Box<Walk>),
    /// Roots under which a walk found nothing, asked for themselves: net-snmp does the same.
    Bare(Box<(Vec<Oid>, Get)>),
}

impl Conversation {
    pub(super) fn new(Question { credentials, request }: Question) -> Conversation {
        let state = match request.operation {
            Operation::Walk { max_repetitions, most_rows } => {
                let walk = Walk::new(&request.oids, max_repetitions, most_rows, request.with_uptime);
                State::Walk(Box::new(walk))
            }
            _ => State::Get(Get::default()),
        };
        Conversation {
            credentials,
            #[cfg(feature = "usm")]
            engine: None,
            #[cfg(feature = "usm")]
            asked_again: 0,
            request,
            state,
            answer: Answer::default(),
        }
    }

    /// What the agent said before its conversation ended without an answer.
    pub fn into_answer(mut self) -> Answer {
        self.answer.lacks(Incomplete::Unfinished);
        self.answer
    }

    /// Whether an agent of v3 has said who it is, and not answered since. Agents are silent at a wrong privacy
    /// password, cipher or context.
    pub fn was_only_discovered(&self) -> bool {
        #[cfg(feature = "usm")]
        return self.asked_again > 0;
        #[cfg(not(feature = "usm"))]
        false
    }

    /// Writes the next request's PDU.
    pub(super) fn write(&self, version: Option<Version>, request_id: u32, writer: &mut Writer) {
        match &self.state {
            State::Get(get) => get.write(&asked(&self.request), version, request_id, writer),
            State::Walk(walk) => walk.write(version, request_id, writer),
            State::Bare(bare) => bare.1.write(&asked_bare(&bare.0), version, request_id, writer),
        }
    }

    /// Takes in a reply, whose datagram has `len` bytes.
    pub(super) fn hear(&mut self, pdu: &Pdu<'_>, len: usize) -> Step<Answer> {
        if pdu.tag != pdu_tag::RESPONSE {
            return Step::Malformed("the reply is no response");
        }
        #[cfg(feature = "usm")]
        {
            self.asked_again = 0;
        }
        let answer = &mut self.answer;
        let progress = match &mut self.state {
            State::Get(get) => get.hear(&asked(&self.request), pdu, answer),
            State::Bare(bare) => bare.1.hear(&asked_bare(&bare.0), pdu, answer),
            State::Walk(walk) => match walk.hear(&self.request.oids, pdu, len, answer) {
                Progress::AskNext => Progress::AskNext,
                Progress::Done => {
                    let bare: Vec<Oid> = walk.bare(&self.request.oids).cloned().collect();
                    let next = if bare.is_empty() { Progress::Done } else { Progress::AskNext };
                    self.state = State::Bare(Box::new((bare, Get::default())));
                    next
                }
            },
        };
        match progress {
            Progress::AskNext => Step::AskNext,
            Progress::Done => Step::Done(std::mem::take(answer)),
        }
    }

    /// Takes in what a message of v3 turned out to be, whose datagram has `len` bytes.
    #[cfg(feature = "usm")]
    pub(super) fn hear_secured(&mut self, heard: Heard<'_>, len: usize) -> Step<Answer> {
        let rejected = match heard {
            Heard::Reply(pdu) => return self.hear(&pdu, len),
            Heard::Unproven(reason) => return Step::Unproven(reason),
            Heard::Broken(reason) => return Step::Malformed(reason),
            Heard::AskAgain if self.asked_again < MOST_AGAIN => {
                self.asked_again += 1;
                return Step::AskNext;
            }
            Heard::AskAgain => "it wants another engine ID or time again and again",
            Heard::Rejected(reason) => reason,
        };
        self.answer.lacks(Incomplete::Rejected(rejected));
        Step::Done(std::mem::take(&mut self.answer))
    }

    /// The request was not answered, after so many attempts.
    pub(super) fn retry(&mut self, attempts: u32) {
        if let State::Walk(walk) = &mut self.state {
            walk.retry(attempts);
        }
    }

    /// What the next reply may take.
    pub(super) fn reply_size(&self) -> ReplySize {
        let (varbinds, width) = match &self.state {
            State::Get(get) => (get.expected(&asked(&self.request)), 0),
            State::Bare(bare) => (bare.1.expected(&asked_bare(&bare.0)), 0),
            State::Walk(walk) => walk.expected(),
        };
        let bytes = varbinds.saturating_mul(VARBIND.max(width)).saturating_add(MESSAGE);
        ReplySize { datagrams: 1, bytes: bytes.min(u16::MAX.into()) }
    }
}

fn asked(request: &Request) -> Asked<'_> {
    Asked { operation: request.operation, oids: &request.oids, with_uptime: request.with_uptime }
}

fn asked_bare(roots: &[Oid]) -> Asked<'_> {
    Asked { operation: Operation::Get, oids: roots, with_uptime: false }
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
        conversation(Operation::Walk { max_repetitions: None, most_rows: 1000 }, roots, false)
    }

    /// What is asked now: tag, the two numbers and the names.
    fn asked_now(conversation: &Conversation, version: Version) -> (u8, i64, i64, Vec<String>) {
        let (mut writer, mut bytes) = (Writer::default(), vec![]);
        conversation.write(Some(version), 7, &mut writer);
        writer.append_to(&mut bytes);
        let pdu = Pdu::read(&mut Reader::new(&bytes)).expect("a request");
        let names = pdu.varbinds().map(|varbind| varbind.oid.to_string()).collect();
        (pdu.tag, pdu.error_status, pdu.error_index, names)
    }

    fn names(conversation: &Conversation) -> Vec<String> {
        asked_now(conversation, Version::V2c).3
    }

    /// Lets it hear a response with these numbers.
    fn hear(
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
        conversation.hear(&Pdu::read(&mut Reader::new(&bytes)).expect("a response"), bytes.len())
    }

    fn done(step: Step<Answer>) -> Answer {
        match step {
            Step::Done(answer) => answer,
            other => panic!("not done: {other:?}"),
        }
    }

    fn heard(answer: &Answer) -> Vec<String> {
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
            let step = hear(&mut get, 0, 0, &reply);
            if at < 2 {
                assert_eq!(step, Step::AskNext);
            } else {
                let answer = done(step);
                assert_eq!(
                    (heard(&answer), answer.uptime, answer.incomplete.clone()),
                    (all.iter().map(ToString::to_string).collect(), Some(102), None)
                );
            }
        }
    }

    #[test]
    fn a_name_that_the_agent_refuses_is_left_out_and_the_rest_asked_again() {
        let mut get = conversation(Operation::Get, &["1.3.1", "1.3.2", "1.3.3"], false);
        assert_eq!(hear(&mut get, 2, 2, &[]), Step::AskNext);
        assert_eq!(names(&get), ["1.3.1", "1.3.3"]);
        assert_eq!(hear(&mut get, 5, 2, &[]), Step::AskNext);
        assert_eq!(names(&get), ["1.3.1"]);
        let answer = done(hear(&mut get, 0, 0, &[("1.3.1", ONE)]));
        let refused: Vec<_> =
            answer.refused.iter().map(|r| (r.oid.to_string(), r.status.to_string())).collect();
        assert_eq!(refused, [("1.3.2".into(), "noSuchName".into()), ("1.3.3".into(), "genErr".into())]);
        assert_eq!((heard(&answer), answer.incomplete), (vec!["1.3.1".into()], None));
    }

    #[test]
    fn an_error_that_blames_no_name_is_about_all_of_them() {
        for index in [0, 3, u32::MAX] {
            let mut get = conversation(Operation::Get, &["1.3.1", "1.3.2"], false);
            let answer = done(hear(&mut get, 16, index, &[]));
            assert_eq!((answer.refused.len(), answer.len()), (2, 0));
            assert_eq!(answer.incomplete, Some(Incomplete::Error(ErrorStatus(16))));
        }
    }

    #[test]
    fn what_is_too_big_is_asked_for_in_halves() {
        let mut get = conversation(Operation::Get, &["1.3.1", "1.3.2", "1.3.3"], false);
        assert_eq!(hear(&mut get, 1, 0, &[]), Step::AskNext);
        assert_eq!(names(&get), ["1.3.1", "1.3.2"]);
        assert_eq!(hear(&mut get, 1, 0, &[]), Step::AskNext);
        assert_eq!(names(&get), ["1.3.1"]);
        assert_eq!(hear(&mut get, 1, 0, &[]), Step::AskNext, "not even one");
        assert_eq!(hear(&mut get, 0, 0, &[("1.3.2", ONE)]), Step::AskNext);
        let answer = done(hear(&mut get, 0, 0, &[("1.3.3", ONE)]));
        assert_eq!(answer.refused[0].status, ErrorStatus::TOO_BIG);
        assert_eq!(heard(&answer), ["1.3.2", "1.3.3"]);

        let bulk = Operation::GetBulk { non_repeaters: 0, max_repetitions: 25 };
        let mut bulk = conversation(bulk, &["1.3.1"], false);
        for repetitions in [25, 12, 6, 3, 1] {
            assert_eq!(asked_now(&bulk, Version::V2c).2, repetitions);
            let step = hear(&mut bulk, 1, 0, &[]);
            assert_eq!(step == Step::AskNext, repetitions > 1);
        }
    }

    #[test]
    fn a_walk_ends_where_its_subtree_does() {
        let mut walk = walk(&["1.3.1"]);
        assert_eq!(names(&walk), ["1.3.1"]);
        let reply = [("1.3.1.1", ONE), ("1.3.1.2", ONE)];
        assert_eq!(hear(&mut walk, 0, 0, &reply), Step::AskNext);
        assert_eq!(names(&walk), ["1.3.1.2"]);
        let answer = done(hear(&mut walk, 0, 0, &[("1.3.1.9", ONE), ("1.3.2", ONE), ("1.3.3", ONE)]));
        assert_eq!((heard(&answer).len(), answer.incomplete), (3, None));
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
        assert_eq!(hear(&mut walk, 0, 0, &reply), Step::AskNext);
        assert_eq!(names(&walk), ["1.3.2.3"]);
        let answer = done(hear(&mut walk, 0, 0, &[("1.3.2.3", Value::EndOfMibView)]));
        assert_eq!(heard(&answer), ["1.3.1.1", "1.3.2.1", "1.3.2.2", "1.3.2.3", "1.3.2.3"]);
    }

    #[test]
    fn an_agent_that_goes_in_circles_is_left_and_what_it_said_is_kept() {
        let mut walk = walk(&["1.3.1"]);
        hear(&mut walk, 0, 0, &[("1.3.1.1", ONE), ("1.3.1.2", ONE)]);
        let answer = done(hear(&mut walk, 0, 0, &[("1.3.1.3", ONE), ("1.3.1.1", ONE)]));
        assert_eq!(heard(&answer), ["1.3.1.1", "1.3.1.2", "1.3.1.3"]);
        assert_eq!(answer.incomplete, Some(Incomplete::NotIncreasing(oid("1.3.1.3"))));
    }

    #[test]
    fn a_root_with_nothing_below_is_asked_for_itself() {
        let mut walk = walk(&["1.3.1.0", "1.3.2"]);
        assert_eq!(hear(&mut walk, 0, 0, &[("1.3.1.1", ONE), ("1.3.2.1", ONE)]), Step::AskNext);
        assert_eq!(hear(&mut walk, 0, 0, &[("1.3.3", ONE)]), Step::AskNext);
        assert_eq!((asked_now(&walk, Version::V2c).0, names(&walk)), (pdu_tag::GET, vec!["1.3.1.0".into()]));
        let answer = done(hear(&mut walk, 0, 0, &[("1.3.1.0", ONE)]));
        assert_eq!(heard(&answer), ["1.3.2.1", "1.3.1.0"]);
    }

    #[test]
    fn repetitions_grow_while_replies_are_small_and_shrink_when_they_are_too_big() {
        let mut walk = walk(&["1.3.1"]);
        let repetitions = |walk: &Conversation| asked_now(walk, Version::V2c).2;
        assert_eq!(repetitions(&walk), 10);
        let rows: Vec<String> = (1..=10).map(|n| format!("1.3.1.{n}")).collect();
        let rows: Vec<_> = rows.iter().map(|name| (name.as_str(), ONE)).collect();
        hear(&mut walk, 0, 0, &rows);
        assert_eq!(repetitions(&walk), 20);
        hear(&mut walk, 1, 0, &[]);
        assert_eq!(repetitions(&walk), 10);
        walk.retry(1);
        assert_eq!(repetitions(&walk), 5);
        walk.retry(2);
        assert_eq!(repetitions(&walk), 1, "large replies get lost again and again");
        walk.retry(3);
        walk.retry(4);
        for (row, repetitions_then) in [(11, 2), (12, 2)] {
            let name = [format!("1.3.1.{row}"), format!("1.3.1.{row}.1")];
            hear(&mut walk, 0, 0, &[(&name[0], ONE), (&name[1], ONE)]);
            assert_eq!(repetitions(&walk), repetitions_then);
        }
    }

    #[test]
    fn what_is_too_big_even_alone_is_walked_name_by_name_and_column_by_column() {
        let mut walk = conversation(
            Operation::Walk { max_repetitions: Some(1), most_rows: 9 },
            &["1.3.1", "1.3.2"],
            false,
        );
        hear(&mut walk, 1, 0, &[]);
        assert_eq!(
            asked_now(&walk, Version::V2c),
            (pdu_tag::GET_NEXT, 0, 0, vec!["1.3.1".into(), "1.3.2".into()])
        );
        hear(&mut walk, 1, 0, &[]);
        assert_eq!(names(&walk), ["1.3.1"]);
        assert_eq!(hear(&mut walk, 1, 0, &[]), Step::AskNext);
        assert_eq!(names(&walk), ["1.3.2"]);
        hear(&mut walk, 0, 0, &[("1.3.2.1", ONE)]);
        let answer = done(hear(&mut walk, 0, 0, &[("1.3.3", ONE)]));
        assert_eq!((heard(&answer), answer.refused.len()), (vec!["1.3.2.1".into()], 1));
        assert_eq!(answer.incomplete, Some(Incomplete::Error(ErrorStatus::TOO_BIG)));
    }

    #[test]
    fn v1_walks_by_get_next_and_ends_by_an_error() {
        let mut walk = walk(&["1.3.1", "1.3.2"]);
        assert_eq!(asked_now(&walk, Version::V1).0, pdu_tag::GET_NEXT);
        hear(&mut walk, 0, 0, &[("1.3.1.1", ONE), ("1.3.2.1", ONE)]);
        assert_eq!(hear(&mut walk, 2, 2, &[]), Step::AskNext);
        assert_eq!(names(&walk), ["1.3.1.1"]);
        let answer = done(hear(&mut walk, 2, 1, &[]));
        assert_eq!((heard(&answer).len(), answer.incomplete, answer.refused.len()), (2, None, 0));
    }

    #[test]
    fn a_walk_or_a_get_of_nothing_is_over_with_the_first_reply() {
        for mut nothing in [walk(&[]), conversation(Operation::Get, &[], false)] {
            assert_eq!(names(&nothing), [""; 0]);
            let answer = done(hear(&mut nothing, 0, 0, &[("1.3.1.1", ONE)]));
            assert!(answer.len() <= 1);
        }
    }

    #[test]
    fn a_walk_has_no_more_rows_than_were_wanted() {
        let most = Operation::Walk { max_repetitions: None, most_rows: 2 };
        let mut walk = conversation(most, &["1.3.1"], false);
        let answer = done(hear(&mut walk, 0, 0, &[("1.3.1.1", ONE), ("1.3.1.2", ONE), ("1.3.1.3", ONE)]));
        assert_eq!((answer.len(), answer.incomplete), (2, Some(Incomplete::RowLimit)));
        let mut walk = conversation(most, &["1.3.1"], false);
        let long = [7; 2 * 256];
        let answer = done(hear(&mut walk, 0, 0, &[("1.3.1.1", Value::OctetString(&long))]));
        assert_eq!((answer.len(), answer.incomplete), (0, Some(Incomplete::RowLimit)), "nor more memory");
    }

    #[test]
    fn a_restart_in_the_middle_of_a_walk_is_told() {
        let operation = Operation::Walk { max_repetitions: None, most_rows: 99 };
        let mut walk = conversation(operation, &["1.3.1"], true);
        assert_eq!(asked_now(&walk, Version::V2c).3, ["1.3.6.1.2.1.1.3", "1.3.1"]);
        assert_eq!(asked_now(&walk, Version::V2c).1, 1, "one non-repeater");
        let uptime = |ticks| ("1.3.6.1.2.1.1.3.0", Value::TimeTicks(ticks));
        hear(&mut walk, 0, 0, &[uptime(5000), ("1.3.1.1", ONE)]);
        let answer = done(hear(&mut walk, 0, 0, &[uptime(3), ("1.3.1.2", ONE), ("1.3.2", ONE)]));
        assert_eq!((heard(&answer).len(), answer.uptime), (2, Some(3)));
        assert_eq!(answer.incomplete, Some(Incomplete::Restarted));
    }

    #[test]
    fn replies_without_what_was_asked_end_it_with_a_reason() {
        let mut walk = walk(&["1.3.1"]);
        for repetitions in [10, 5, 2, 1, 0] {
            assert_eq!(asked_now(&walk, Version::V2c).2, repetitions, "perhaps not even one fitted");
            let step = hear(&mut walk, 0, 0, &[]);
            if repetitions > 0 {
                assert_eq!(step, Step::AskNext);
            } else {
                assert!(matches!(done(step).incomplete, Some(Incomplete::Broken(_))));
            }
        }
        let mut get = conversation(Operation::Get, &["1.3.1", "1.3.2"], false);
        let answer = done(hear(&mut get, 0, 0, &[("1.3.1", ONE)]));
        assert!(matches!(answer.incomplete, Some(Incomplete::Broken(_))) && answer.len() == 1);
    }

    #[test]
    fn an_agent_that_does_not_show_its_uptime_loses_nothing_else() {
        // A view of the interfaces alone: what follows sysUpTime's name is another object.
        let other = ("1.3.6.1.2.1.2.1.0", ONE);
        let operation = Operation::Walk { max_repetitions: None, most_rows: 99 };
        let mut walk = conversation(operation, &["1.3.6.1.2.1.2.2.1.2", "1.3.6.1.2.1.2.2.1.5"], true);
        let row = [("1.3.6.1.2.1.2.2.1.2.1", ONE), ("1.3.6.1.2.1.2.2.1.5.1", ONE)];
        assert_eq!(hear(&mut walk, 0, 0, &[&[other][..], &row].concat()), Step::AskNext);
        assert_eq!(names(&walk)[1..], [row[0].0, row[1].0]);
        let answer = done(hear(&mut walk, 0, 0, &[other, ("1.3.7", ONE), ("1.3.7", ONE)]));
        assert_eq!((heard(&answer).len(), answer.uptime, answer.incomplete), (2, None, None));

        let mut get = conversation(Operation::Get, &["1.3.1"], true);
        let answer =
            done(hear(&mut get, 0, 0, &[("1.3.6.1.2.1.1.3.0", Value::NoSuchObject), ("1.3.1", ONE)]));
        assert_eq!((heard(&answer), answer.uptime), (vec!["1.3.1".into()], None));
        // By v1 it is refused as a name, and then left out.
        let mut get = conversation(Operation::Get, &["1.3.1"], true);
        assert_eq!(hear(&mut get, 2, 1, &[]), Step::AskNext);
        assert_eq!(names(&get), ["1.3.1"]);
        let answer = done(hear(&mut get, 0, 0, &[("1.3.1", ONE)]));
        assert_eq!((answer.len(), answer.refused.len()), (1, 0));
    }

    #[test]
    fn a_request_has_no_more_names_than_fit_a_packet() {
        let roots: Vec<String> = (1..=90).map(|n| format!("1.3.{n}")).collect();
        let roots: Vec<&str> = roots.iter().map(String::as_str).collect();
        let mut walk = walk(&roots);
        for chunk in roots.chunks(40) {
            assert_eq!(names(&walk), chunk);
            let rows: Vec<String> = chunk.iter().map(|root| format!("{root}.1")).collect();
            hear(&mut walk, 0, 0, &rows.iter().map(|name| (name.as_str(), ONE)).collect::<Vec<_>>());
            hear(&mut walk, 0, 0, &vec![("1.4", ONE); chunk.len()]);
        }
    }

    #[test]
    fn non_repeaters_are_the_first_names_of_all_not_of_each_request() {
        let names: Vec<String> = (0..50).map(|n| format!("1.3.6.{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let operation = Operation::GetBulk { non_repeaters: 2, max_repetitions: 3 };
        let mut bulk = conversation(operation, &names, false);
        assert_eq!(asked_now(&bulk, Version::V2c).1, 2);
        hear(&mut bulk, 5, 1, &[]);
        assert_eq!(asked_now(&bulk, Version::V2c).1, 1, "one of them was refused");
        assert_eq!(hear(&mut bulk, 0, 0, &[("1.3.6.1.1", ONE)]), Step::AskNext);
        assert_eq!(asked_now(&bulk, Version::V2c).1, 0);
    }

    #[test]
    fn a_name_that_was_refused_is_not_asked_for_again_when_less_is_asked_for() {
        let mut get = conversation(Operation::Get, &["1.3.1", "1.3.2", "1.3.3", "1.3.4"], false);
        hear(&mut get, 2, 4, &[]);
        hear(&mut get, 1, 0, &[]);
        assert_eq!(hear(&mut get, 0, 0, &[("1.3.1", ONE), ("1.3.2", ONE)]), Step::AskNext);
        assert_eq!(names(&get), ["1.3.3"]);
        assert_eq!(done(hear(&mut get, 0, 0, &[("1.3.3", ONE)])).refused.len(), 1);
    }

    #[test]
    fn an_agent_of_v1_that_does_not_say_which_column_ends_is_asked_for_one_after_the_other() {
        let mut walk = walk(&["1.3.1", "1.3.2"]);
        hear(&mut walk, 0, 0, &[("1.3.1.1", ONE), ("1.3.2.1", ONE)]);
        assert_eq!(hear(&mut walk, 2, 0, &[]), Step::AskNext);
        assert_eq!(names(&walk), ["1.3.1.1"]);
        assert_eq!(hear(&mut walk, 0, 0, &[("1.3.2.1", ONE)]), Step::AskNext);
        assert_eq!(names(&walk), ["1.3.2.1"]);
        assert_eq!(done(hear(&mut walk, 2, 0, &[])).incomplete, None);
    }
}
