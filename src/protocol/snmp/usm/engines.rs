//! The agents' engines: the ID and the clock of the engine at each address, and the users' keys for it.
//!
//! IDs and clocks are kept by address, because cloned devices share an engine ID but not a clock. Keys are kept by
//! engine ID, from which they are derived.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::clock::{self, ClockReading, MAX_BOOTS};
use super::notice::{Notice, Notices};
use super::{Keys, User, UserId};
use crate::engine::Time;

/// The maximum length of an engine ID, in bytes. RFC 3411, section 5, allows 5 to 32, but some agents exceed that.
const MAX_ENGINE_ID: usize = 64;
/// The maximum number of requests that an engine may make us repeat without a reply in between. It is high, because each
/// of many requests in flight can cause a report; without a limit, an engine could keep us busy forever.
const MAX_REPEATS: u8 = 64;
/// The same limit for unauthenticated time reports. One would suffice, but more may already be in flight.
const MAX_HINTS: u8 = 4;

/// A handle of the engine at one address, in a [`Usm`](super::Usm).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EngineRef(u32);

/// The state of an engine that can be kept for the next run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineRecord {
    /// The agent's address.
    pub address: SocketAddr,
    /// snmpEngineID, 1 to 64 bytes.
    pub engine_id: Box<[u8]>,
    /// snmpEngineBoots, 0 to 2³¹ - 1.
    pub boots: u32,
    /// snmpEngineTime in seconds, 0 to 2³¹ - 1.
    pub time: u32,
}

/// All engines.
#[derive(Debug, Default)]
pub(super) struct Engines {
    engines: Vec<AuthoritativeEngine>,
    by_address: HashMap<SocketAddr, EngineRef>,
    by_id: HashMap<Arc<[u8]>, EngineIdEntry>,
    pub notices: Notices,
}

/// The authoritative engine (RFC 3414, section 1.5.1) at an address.
#[derive(Debug)]
pub(super) struct AuthoritativeEngine {
    address: SocketAddr,
    id: Option<Arc<[u8]>>,
    /// True if the agent has reported another ID, so that it must be discovered again.
    is_doubted: bool,
    /// The clock according to authenticated messages.
    authenticated: Option<ClockReading>,
    /// The clock according to unauthenticated messages; used for the next request only.
    hint: Option<ClockReading>,
    /// Repeated requests since the last reply.
    repeats: u8,
    /// Unauthenticated time reports since the last reply.
    hints: u8,
    /// True if a notice has reported that another address has the same ID.
    is_reported_as_shared: bool,
}

/// The addresses with an engine ID, and the keys for it.
#[derive(Debug)]
struct EngineIdEntry {
    first: SocketAddr,
    /// The number of addresses with this ID. At zero the entry is removed, so that an agent that keeps changing its ID
    /// cannot exhaust the memory.
    holders: u32,
    /// The keys of each user.
    keys: Vec<(UserId, Keys)>,
}

impl Engines {
    /// Returns the engine at an address, and adds an unknown one if the address is new.
    pub fn entry(&mut self, address: SocketAddr) -> EngineRef {
        *self.by_address.entry(address).or_insert_with(|| {
            self.engines.push(AuthoritativeEngine::new(address));
            EngineRef(self.engines.len() as u32 - 1)
        })
    }

    /// Returns the number of addresses with an engine.
    pub fn len(&self) -> usize {
        self.engines.len()
    }

    pub fn get(&self, engine: EngineRef) -> &AuthoritativeEngine {
        &self.engines[engine.0 as usize]
    }

    pub fn get_mut(&mut self, engine: EngineRef) -> &mut AuthoritativeEngine {
        &mut self.engines[engine.0 as usize]
    }

    /// Returns the engine and a user's keys for it; `None` while its ID is unknown.
    pub fn with_keys(
        &mut self,
        engine: EngineRef,
        id: UserId,
        user: &User,
    ) -> Option<(&mut AuthoritativeEngine, &Keys)> {
        let engine = &mut self.engines[engine.0 as usize];
        let engine_id = engine.id.as_ref()?;
        let keys = &mut self.by_id.get_mut(engine_id)?.keys;
        let at = keys.iter().position(|(owner, _)| *owner == id).unwrap_or_else(|| {
            keys.push((id, user.keys(engine_id)));
            keys.len() - 1
        });
        Some((engine, &keys[at].1))
    }

    /// Sets the ID of an engine, and, if the ID is new, its clock.
    ///
    /// # Errors
    /// The ID is empty or too long.
    pub fn learn(
        &mut self,
        engine: EngineRef,
        id: &[u8],
        hint: Option<ClockReading>,
    ) -> Result<(), &'static str> {
        if id.is_empty() || id.len() > MAX_ENGINE_ID {
            return Err("the agent sent an invalid engine ID");
        }
        let entry = &mut self.engines[engine.0 as usize];
        entry.is_doubted = false;
        if entry.id.as_deref() == Some(id) {
            // Keep the authenticated clock.
            return Ok(());
        }
        (entry.authenticated, entry.hint) = (None, hint);
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

    /// Assigns an engine ID to an address.
    fn hold(&mut self, engine: EngineRef, id: &[u8]) {
        let owner = &mut self.engines[engine.0 as usize];
        let shared = match self.by_id.get_key_value(id) {
            Some((shared, _)) => shared.clone(),
            None => Arc::from(id),
        };
        owner.id = Some(shared.clone());
        let address = owner.address;
        let new = || EngineIdEntry { first: address, holders: 0, keys: Vec::new() };
        let entry = self.by_id.entry(shared).or_insert_with(new);
        entry.holders += 1;
        if entry.first != address && !owner.is_reported_as_shared {
            owner.is_reported_as_shared = true;
            let first = entry.first;
            self.notices.push(Notice::SameEngineId { engine_id: id.into(), first, also: address });
        }
    }

    /// Removes an engine ID from an address.
    fn release(&mut self, id: &Arc<[u8]>) {
        if let Some(entry) = self.by_id.get_mut(id) {
            entry.holders -= 1;
            if entry.holders == 0 {
                self.by_id.remove(id);
            }
        }
    }

    /// Returns a record of each engine with a known ID.
    pub fn records(&self, now: Time) -> impl Iterator<Item = EngineRecord> {
        self.engines.iter().filter_map(move |engine| {
            let engine_id = engine.id.as_deref()?.into();
            let (boots, time) = engine.clock(now);
            Some(EngineRecord { address: engine.address, engine_id, boots, time })
        })
    }

    /// Restores an engine from a record, unless it is already known or the record is invalid.
    pub fn remember(&mut self, now: Time, record: &EngineRecord) {
        let engine = self.entry(record.address);
        let is_number = record.boots <= MAX_BOOTS && record.time <= MAX_BOOTS;
        if is_number && self.get_mut(engine).id.is_none() {
            let hint = ClockReading { boots: record.boots, time: record.time, at: now };
            // Ignore a record without a valid engine ID.
            let _ = self.learn(engine, &record.engine_id, Some(hint));
        }
    }
}

impl AuthoritativeEngine {
    fn new(address: SocketAddr) -> AuthoritativeEngine {
        AuthoritativeEngine {
            address,
            id: None,
            is_doubted: false,
            authenticated: None,
            hint: None,
            repeats: 0,
            hints: 0,
            is_reported_as_shared: false,
        }
    }

    /// Returns whether the next request must be a discovery.
    pub fn is_unknown(&self) -> bool {
        self.id.is_none() || self.is_doubted
    }

    /// Returns the ID; empty while it is unknown.
    pub fn id(&self) -> &[u8] {
        self.id.as_deref().unwrap_or_default()
    }

    /// Returns whether `id` is the engine's ID.
    pub fn has_id(&self, id: &[u8]) -> bool {
        self.id.as_deref() == Some(id)
    }

    /// Requires a new discovery, because the agent reported that the ID is wrong.
    pub fn doubt(&mut self) {
        self.is_doubted = true;
    }

    /// Returns the boots and the time for the next request.
    pub fn clock(&self, now: Time) -> (u32, u32) {
        self.hint.or(self.authenticated).map_or((0, 0), |clock| (clock.boots, clock.time(now)))
    }

    /// Sets the clock from an unauthenticated message. Returns false after several attempts in a row without success:
    /// the engine rejects the time that it reports itself.
    pub fn accept_hint(&mut self, reading: ClockReading) -> bool {
        self.hint = Some(reading);
        count_up_to(MAX_HINTS, &mut self.hints)
    }

    /// Updates the clock from an authenticated message.
    ///
    /// # Errors
    /// The reason why the message is not timely.
    pub fn accept_authenticated(&mut self, reading: ClockReading) -> Result<(), &'static str> {
        clock::accept(&mut self.authenticated, reading)?;
        (self.hint, self.is_doubted) = (None, false);
        Ok(())
    }

    /// Returns whether the engine may make us repeat a request, and counts it.
    pub fn may_repeat(&mut self) -> bool {
        count_up_to(MAX_REPEATS, &mut self.repeats)
    }

    /// Resets the limits, after a reply.
    pub fn reset_repeats(&mut self) {
        (self.repeats, self.hints) = (0, 0);
    }
}

/// Increments `count` and returns true; at `max`, resets it for later queries and returns false.
fn count_up_to(max: u8, count: &mut u8) -> bool {
    let may = *count < max;
    *count = if may { *count + 1 } else { 0 };
    may
}
