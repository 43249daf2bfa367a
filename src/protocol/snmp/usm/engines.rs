//! The engines: who is at an address, what its clock shows, and the keys that users have there.
//!
//! What is known of an engine belongs to its address, since clones of a device share one engine ID but no clock.
//! Keys belong to the engine ID, of which they are made.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::clock::{self, MOST_BOOTS, Reading};
use super::notice::{Notice, Notices};
use super::{Keys, User, UserId};
use crate::engine::Time;

/// Longest engine ID, bytes. RFC 3411, section 5, has 5 to 32; agents are not that strict, and neither are we.
const LONGEST_ID: usize = 64;
/// How often in a row an engine may make us ask again without an answer in between. Many requests may be under way
/// to it, and each is reported on; but nobody may keep us busy for ever.
const MOST_IN_A_ROW: u8 = 64;
/// How often in a row by a time that is not proven. One is enough, but for reports that are already on their way.
const MOST_HINTS: u8 = 4;

/// The engine at one address, within its [`Usm`](super::Usm).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EngineRef(u32);

/// What is worth remembering of an engine until the next run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineRecord {
    /// Where it is.
    pub address: SocketAddr,
    /// snmpEngineID, 1 to 64 bytes.
    pub engine_id: Box<[u8]>,
    /// snmpEngineBoots, 0 to 2³¹ - 1.
    pub boots: u32,
    /// snmpEngineTime by now, seconds, 0 to 2³¹ - 1.
    pub time: u32,
}

/// All engines that were asked.
#[derive(Debug, Default)]
pub(super) struct Engines {
    engines: Vec<Engine>,
    at: HashMap<SocketAddr, EngineRef>,
    identities: HashMap<Arc<[u8]>, Identity>,
    pub notices: Notices,
}

/// What is at an address.
#[derive(Debug)]
pub(super) struct Engine {
    address: SocketAddr,
    id: Option<Arc<[u8]>>,
    /// The agent says that it has another ID, which is to be discovered.
    is_doubted: bool,
    /// By the word of messages that were proven.
    proven: Option<Reading>,
    /// By anybody's word: good to ask with, and for nothing else.
    hint: Option<Reading>,
    in_a_row: u8,
    hints_in_a_row: u8,
    /// That others have the same ID was told.
    is_noted: bool,
}

/// What an engine ID is needed for.
#[derive(Debug)]
struct Identity {
    first: SocketAddr,
    /// Addresses that have it. Without any, it is forgotten: nobody can fill the memory by a new ID each time.
    holders: u32,
    /// Of the users who asked there.
    keys: Vec<(UserId, Keys)>,
}

impl Engines {
    /// The entry of an address, empty if it is new.
    pub fn entry(&mut self, address: SocketAddr) -> EngineRef {
        *self.at.entry(address).or_insert_with(|| {
            self.engines.push(Engine::new(address));
            EngineRef(self.engines.len() as u32 - 1)
        })
    }

    pub fn get(&self, engine: EngineRef) -> &Engine {
        &self.engines[engine.0 as usize]
    }

    pub fn get_mut(&mut self, engine: EngineRef) -> &mut Engine {
        &mut self.engines[engine.0 as usize]
    }

    /// The engine, and the keys that a user has there; `None` while nothing is known of who is there.
    pub fn with_keys(&mut self, engine: EngineRef, id: UserId, user: &User) -> Option<(&mut Engine, &Keys)> {
        let engine = &mut self.engines[engine.0 as usize];
        let engine_id = engine.id.as_ref()?;
        let keys = &mut self.identities.get_mut(engine_id)?.keys;
        let at = keys.iter().position(|(owner, _)| *owner == id).unwrap_or_else(|| {
            keys.push((id, user.keys(engine_id)));
            keys.len() - 1
        });
        Some((engine, &keys[at].1))
    }

    /// An agent says who it is, and what its clock shows.
    ///
    /// # Errors
    /// That is no engine ID.
    pub fn learn(&mut self, engine: EngineRef, id: &[u8], hint: Option<Reading>) -> Result<(), &'static str> {
        if id.is_empty() || id.len() > LONGEST_ID {
            return Err("the agent does not say its engine ID");
        }
        let entry = &mut self.engines[engine.0 as usize];
        entry.is_doubted = false;
        if entry.id.as_deref() == Some(id) {
            // What was proven of its clock stays so.
            return Ok(());
        }
        (entry.proven, entry.hint) = (None, hint);
        let (address, before) = (entry.address, entry.id.take());
        if let Some(before) = before {
            self.release(&before);
            self.notices.push(Notice::EngineChanged {
                address,
                before: before.as_ref().into(),
                now: id.into(),
            });
        }
        self.hold(engine, id);
        Ok(())
    }

    /// Gives an address its engine ID.
    fn hold(&mut self, engine: EngineRef, id: &[u8]) {
        let entry = &mut self.engines[engine.0 as usize];
        let shared = match self.identities.get_key_value(id) {
            Some((shared, _)) => shared.clone(),
            None => Arc::from(id),
        };
        entry.id = Some(shared.clone());
        let address = entry.address;
        let new = || Identity { first: address, holders: 0, keys: Vec::new() };
        let identity = self.identities.entry(shared).or_insert_with(new);
        identity.holders += 1;
        if identity.first != address && !entry.is_noted {
            entry.is_noted = true;
            let first = identity.first;
            self.notices.push(Notice::SameEngineId { engine_id: id.into(), first, also: address });
        }
    }

    /// An address has this engine ID no more.
    fn release(&mut self, id: &Arc<[u8]>) {
        if let Some(identity) = self.identities.get_mut(id) {
            identity.holders -= 1;
            if identity.holders == 0 {
                self.identities.remove(id);
            }
        }
    }

    /// Those whose ID is known.
    pub fn records(&self, now: Time) -> impl Iterator<Item = EngineRecord> {
        self.engines.iter().filter_map(move |engine| {
            let engine_id = engine.id.as_deref()?.into();
            let (boots, time) = engine.clock(now);
            Some(EngineRecord { address: engine.address, engine_id, boots, time })
        })
    }

    /// Takes a record for a hint, unless more is known or it cannot be one.
    pub fn remember(&mut self, now: Time, record: &EngineRecord) {
        let engine = self.entry(record.address);
        let is_number = record.boots <= MOST_BOOTS && record.time <= MOST_BOOTS;
        if is_number && self.get_mut(engine).id.is_none() {
            let hint = Reading { boots: record.boots, time: record.time, at: now };
            // One without an engine ID is of no use.
            let _ = self.learn(engine, &record.engine_id, Some(hint));
        }
    }
}

impl Engine {
    fn new(address: SocketAddr) -> Engine {
        Engine {
            address,
            id: None,
            is_doubted: false,
            proven: None,
            hint: None,
            in_a_row: 0,
            hints_in_a_row: 0,
            is_noted: false,
        }
    }

    /// Whether it has to be discovered before anything is asked.
    pub fn is_unknown(&self) -> bool {
        self.id.is_none() || self.is_doubted
    }

    /// Its ID, which is never empty; empty while it is not known.
    pub fn id(&self) -> &[u8] {
        self.id.as_deref().unwrap_or_default()
    }

    /// Whether this is its ID.
    pub fn has_id(&self, id: &[u8]) -> bool {
        self.id.as_deref() == Some(id)
    }

    /// The agent says that this is not its ID.
    pub fn doubt(&mut self) {
        self.is_doubted = true;
    }

    /// Boots and time to ask with.
    pub fn clock(&self, now: Time) -> (u32, u32) {
        self.hint.or(self.proven).map_or((0, 0), |clock| (clock.boots, clock.time(now)))
    }

    /// What anybody says about its clock. Whether that can still be of use: it cannot when the engine takes none of
    /// what it says itself.
    pub fn hear_hint(&mut self, heard: Reading) -> bool {
        self.hint = Some(heard);
        count_to(MOST_HINTS, &mut self.hints_in_a_row)
    }

    /// What a proven message says about its clock.
    ///
    /// # Errors
    /// Why the message is not timely.
    pub fn hear_proven(&mut self, heard: Reading) -> Result<(), &'static str> {
        clock::hear(&mut self.proven, heard)?;
        (self.hint, self.is_doubted) = (None, false);
        Ok(())
    }

    /// Whether it may make us ask again, this time.
    pub fn may_ask_again(&mut self) -> bool {
        count_to(MOST_IN_A_ROW, &mut self.in_a_row)
    }

    /// It has answered.
    pub fn has_answered(&mut self) {
        (self.in_a_row, self.hints_in_a_row) = (0, 0);
    }
}

/// Counts, if `most` is not reached; if it is, the count begins anew, for whoever comes later.
fn count_to(most: u8, count: &mut u8) -> bool {
    let may = *count < most;
    *count = if may { *count + 1 } else { 0 };
    may
}
