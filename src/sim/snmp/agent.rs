//! The response of an agent to a PDU (RFC 3416, section 4.2; of v1, RFC 1157, section 4.1), in any kind of message.

use super::faults::{self, SnmpFault};
use super::mib::Mib;
use super::values::Moment;
use crate::protocol::snmp::ber::{self, Writer};
use crate::protocol::snmp::message::{Pdu, pdu_tag};
use crate::protocol::snmp::{ErrorStatus, OidRef, Value, Varbind, Version};
use crate::sim::dice::{Dice, Purpose, roll};

/// Variable bindings that an agent with [`SnmpFault::TooBig`] can answer.
const NOT_TOO_BIG: usize = 8;

/// The state of one agent at one time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Agent {
    pub(super) moment: Moment,
    pub(super) fault: Option<SnmpFault>,
    /// True if its replies are broken after their header.
    pub(super) garbage: bool,
}

/// The limits of a response.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// The version; v3 has the operations of v2c.
    pub(super) version: Version,
    /// The maximum size of the variable bindings in bytes.
    pub(super) room: usize,
}

/// Makes the responses of all agents of a fleet. Its buffers are reused.
#[derive(Debug)]
pub(super) struct Responder {
    mib: Mib,
    /// The variable bindings of the reply, and their number.
    list: Vec<u8>,
    count: usize,
    /// The variable binding that is being written.
    varbind: Writer,
    name: Vec<u8>,
    text: Vec<u8>,
    /// The position of a GETBULK, for each of its repeaters.
    cursors: Vec<Cursor>,
}

#[derive(Clone, Copy, Debug)]
struct Cursor {
    /// The next leaf.
    next: u32,
    /// The last leaf, if any.
    last: Option<u32>,
}

/// The error of a reply without values: the status, and the index of the variable binding that caused it, from 1.
#[derive(Clone, Copy, Debug)]
struct Refusal(ErrorStatus, usize);

/// The error if there is no room for another variable binding.
struct Full;

const TOO_BIG: Refusal = Refusal(ErrorStatus::TOO_BIG, 0);

impl Responder {
    pub(super) fn new(interfaces: u32) -> Responder {
        Responder {
            mib: Mib::new(interfaces),
            list: Vec::new(),
            count: 0,
            varbind: Writer::default(),
            name: Vec::new(),
            text: Vec::new(),
            cursors: Vec::new(),
        }
    }

    /// Writes the response of `agent` to `pdu`. Returns false if it has none, because the request is unknown or broken.
    pub(super) fn answer(&mut self, agent: &Agent, terms: Terms, pdu: &Pdu<'_>, out: &mut Writer) -> bool {
        let mut asked = pdu.varbinds();
        asked.by_ref().for_each(drop);
        if pdu.cut.is_some() || asked.broken().is_some() {
            return false;
        }
        self.list.clear();
        self.count = 0;
        let result = match (pdu.tag, terms.version) {
            (pdu_tag::GET, _) => self.get(agent, terms, pdu),
            (pdu_tag::GET_NEXT, _) => self.get_next(agent, terms, pdu),
            (pdu_tag::GET_BULK, Version::V2c) => {
                // Variable bindings that do not fit are left out, also within a row.
                let (Ok(()) | Err(Full)) = self.get_bulk(agent, terms, pdu);
                Ok(())
            }
            _ => return false,
        };
        let result = result.and_then(|()| self.check_size(agent));
        if result.is_err() {
            self.refuse(agent, terms, pdu);
        }
        if agent.garbage {
            let Moment { seed, host, .. } = agent.moment;
            faults::cut(&mut self.list, &mut Dice::new(roll(seed, Purpose::Content, host, 0)));
        }
        let Refusal(status, index) = result.err().unwrap_or(Refusal(ErrorStatus::NO_ERROR, 0));
        let end = out.len();
        out.bytes(&self.list);
        out.wrap(ber::SEQUENCE, end);
        out.integer(ber::INTEGER, index as i64);
        out.integer(ber::INTEGER, status.0);
        // Accept any ID: it can be negative.
        out.integer(ber::INTEGER, pdu.request_id);
        out.wrap(pdu_tag::RESPONSE, end);
        true
    }

    fn get(&mut self, agent: &Agent, terms: Terms, pdu: &Pdu<'_>) -> Result<(), Refusal> {
        let is_v1 = terms.version == Version::V1;
        for (asked, index) in pdu.varbinds().zip(1..) {
            let found = match self.mib.find(asked.oid) {
                Ok(at) if is_v1 && self.mib.skip_counter64(at) != at => Err(Value::NoSuchObject),
                found => found,
            };
            let pushed = match found {
                Ok(at) => self.push_leaf(agent, terms, at),
                Err(_) if is_v1 => return Err(Refusal(ErrorStatus::NO_SUCH_NAME, index)),
                Err(exception) => self.push_exception(terms, asked.oid, &exception),
            };
            pushed.map_err(|Full| TOO_BIG)?;
        }
        Ok(())
    }

    fn get_next(&mut self, agent: &Agent, terms: Terms, pdu: &Pdu<'_>) -> Result<(), Refusal> {
        for (asked, index) in pdu.varbinds().zip(1..) {
            let mut next = self.after(agent, asked.oid);
            if terms.version == Version::V1 {
                next = self.mib.skip_counter64(next);
                if next == self.mib.len() {
                    return Err(Refusal(ErrorStatus::NO_SUCH_NAME, index));
                }
            }
            self.push_next(agent, terms, next, asked.oid).map_err(|Full| TOO_BIG)?;
        }
        Ok(())
    }

    fn get_bulk(&mut self, agent: &Agent, terms: Terms, pdu: &Pdu<'_>) -> Result<(), Full> {
        let at_least_0 = |number| usize::try_from(number).unwrap_or(0);
        let (once, repetitions) = (at_least_0(pdu.error_status), at_least_0(pdu.error_index));
        for asked in pdu.varbinds().take(once) {
            let next = self.after(agent, asked.oid);
            self.push_next(agent, terms, next, asked.oid)?;
        }
        self.cursors.clear();
        for asked in pdu.varbinds().skip(once) {
            let next = self.after(agent, asked.oid);
            self.cursors.push(Cursor { next, last: None });
        }
        for _ in 0..repetitions {
            let mut all_ended = true;
            for column in 0..self.cursors.len() {
                all_ended &= self.cursors[column].next == self.mib.len();
                self.push_repetition(agent, terms, pdu, once, column)?;
            }
            // Further rows would be the same (RFC 3416, section 4.2.3).
            if all_ended {
                break;
            }
        }
        Ok(())
    }

    /// Appends one repetition of one column, and advances the cursor.
    fn push_repetition(
        &mut self,
        agent: &Agent,
        terms: Terms,
        pdu: &Pdu<'_>,
        once: usize,
        column: usize,
    ) -> Result<(), Full> {
        let Cursor { next, last } = self.cursors[column];
        if next < self.mib.len() {
            self.cursors[column] = Cursor { next: self.behind(agent, next), last: Some(next) };
            return self.push_leaf(agent, terms, next);
        }
        // The name of the last variable binding is kept.
        if let Some(last) = last {
            let mut name = std::mem::take(&mut self.name);
            name.clear();
            self.mib.leaf(last).write_name(&mut name);
            let pushed = self.push_exception(terms, OidRef::from_ber(&name), &Value::EndOfMibView);
            self.name = name;
            return pushed;
        }
        match pdu.varbinds().nth(once + column) {
            Some(asked) => self.push_exception(terms, asked.oid, &Value::EndOfMibView),
            None => Ok(()),
        }
    }

    /// Returns the leaf after a name.
    fn after(&self, agent: &Agent, oid: OidRef<'_>) -> u32 {
        match agent.fault {
            Some(SnmpFault::NonIncreasing) => self.mib.after_in_circles(oid),
            _ => self.mib.after(oid),
        }
    }

    /// Returns the leaf that follows leaf `at`.
    fn behind(&self, agent: &Agent, at: u32) -> u32 {
        match agent.fault {
            Some(SnmpFault::NonIncreasing) => self.mib.round_the_circle(at + 1),
            _ => at + 1,
        }
    }

    /// Appends leaf `next`, or endOfMibView if there is none.
    fn push_next(&mut self, agent: &Agent, terms: Terms, next: u32, asked: OidRef<'_>) -> Result<(), Full> {
        if next < self.mib.len() {
            self.push_leaf(agent, terms, next)
        } else {
            self.push_exception(terms, asked, &Value::EndOfMibView)
        }
    }

    fn push_leaf(&mut self, agent: &Agent, terms: Terms, at: u32) -> Result<(), Full> {
        self.name.clear();
        self.text.clear();
        let leaf = self.mib.leaf(at);
        leaf.write_name(&mut self.name);
        let name = OidRef::from_ber(&self.name);
        let value = agent.moment.value(leaf, self.mib.interfaces(), &mut self.text);
        if agent.fault == Some(SnmpFault::OddBer) {
            faults::write_odd(leaf, name, &value, &mut self.varbind);
        } else {
            Varbind::write(name, &value, &mut self.varbind);
        }
        self.push_varbind(terms)
    }

    fn push_exception(&mut self, terms: Terms, name: OidRef<'_>, value: &Value<'_>) -> Result<(), Full> {
        Varbind::write(name, value, &mut self.varbind);
        self.push_varbind(terms)
    }

    fn push_varbind(&mut self, terms: Terms) -> Result<(), Full> {
        let fits = self.list.len() + self.varbind.len() <= terms.room;
        if fits {
            self.varbind.append_to(&mut self.list);
            self.count += 1;
        }
        self.varbind.clear();
        if fits { Ok(()) } else { Err(Full) }
    }

    fn check_size(&self, agent: &Agent) -> Result<(), Refusal> {
        let is_small = matches!(agent.fault, Some(SnmpFault::TooBig | SnmpFault::TooBigEmpty));
        if is_small && self.count > NOT_TOO_BIG { Err(TOO_BIG) } else { Ok(()) }
    }

    /// Replaces the values by the content of an error response: in v1 the names of the request, otherwise nothing.
    fn refuse(&mut self, agent: &Agent, terms: Terms, pdu: &Pdu<'_>) {
        self.list.clear();
        let echoes = match agent.fault {
            Some(SnmpFault::TooBig) => true,
            Some(SnmpFault::TooBigEmpty) => false,
            _ => terms.version == Version::V1,
        };
        if echoes && pdu.varbinds.len() <= terms.room {
            self.list.extend_from_slice(pdu.varbinds);
        }
    }
}

#[cfg(test)]
mod tests;
