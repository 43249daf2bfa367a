//! The checks before an agent processes a message (RFC 3414, section 3.2).

use super::engine::AgentEngine;
use super::keyring::Keyring;
use crate::protocol::snmp::message::{Pdu, ScopedData, ScopedPdu, V3Message};
use crate::protocol::snmp::usm::{Keys, Level, MODEL, ReportKind, is_authentic, scoped_pdu};

/// The longest user name in bytes (RFC 3414, section 5: usmUserName).
const LONGEST_NAME: usize = 32;

/// A message that the agent processes.
#[derive(Debug)]
pub(super) struct Accepted<'a> {
    /// The user's.
    pub(super) keys: &'a Keys,
    pub(super) pdu: Pdu<'a>,
}

/// The reason why a message is not processed.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) report: ReportKind,
    /// The security level of the report.
    pub(super) level: Level,
    /// The request ID of the message; 0 if it cannot be read.
    pub(super) request_id: i64,
}

/// Returns the security level of a message; `None` for one that is discarded without a report (RFC 3412, section 7.2).
pub(in crate::sim::snmp) fn level_of(message: &V3Message<'_>) -> Option<Level> {
    let is_id = i32::try_from(message.msg_id).is_ok_and(|id| id >= 0);
    let is_sound = is_id && message.security_model == MODEL && message.security.user.len() <= LONGEST_NAME;
    Level::of(message).filter(|_| is_sound)
}

/// Checks a message of that level, which was parsed from `datagram`. Decrypts into `scratch`.
pub(super) fn judge<'a>(
    engine: &AgentEngine,
    level: Level,
    datagram: &[u8],
    message: &V3Message<'a>,
    keyring: &'a mut Keyring,
    scratch: &'a mut Vec<u8>,
) -> Result<Accepted<'a>, Refusal> {
    let plain = |report| Refusal { report, level: Level::NoAuthNoPriv, request_id: request_id(message) };
    let security = &message.security;
    if security.engine_id != engine.id {
        return Err(plain(ReportKind::UnknownEngineIds));
    }
    let keys = keyring.find(engine.id, security.user).ok_or_else(|| plain(ReportKind::UnknownUserNames))?;
    // Each of our users has exactly one level.
    if level != keys.level() {
        return Err(plain(ReportKind::UnsupportedSecLevels));
    }
    if let Some(key) = keys.auth() {
        if !is_authentic(datagram, message, key) {
            return Err(plain(ReportKind::WrongDigests));
        }
        if !engine.is_timely(security) {
            return Err(Refusal { level: Level::AuthNoPriv, ..plain(ReportKind::NotInTimeWindows) });
        }
    }
    let Ok(scoped) = scoped_pdu(message, keys, scratch) else {
        return Err(plain(ReportKind::DecryptionErrors));
    };
    let request_id = scoped.pdu.request_id;
    check_context(engine, &scoped).map_err(|report| Refusal { report, level, request_id })?;
    Ok(Accepted { keys, pdu: scoped.pdu })
}

/// Checks that the message is for this engine and for the default context, since an agent has no others (RFC 3412,
/// section 7.2(13); RFC 3413, section 3.2).
fn check_context(engine: &AgentEngine, scoped: &ScopedPdu<'_>) -> Result<(), ReportKind> {
    if scoped.engine_id != engine.id {
        return Err(ReportKind::UnknownPduHandlers);
    }
    if scoped.context.is_empty() { Ok(()) } else { Err(ReportKind::UnknownContexts) }
}

/// Returns the request-id, if it is not encrypted (RFC 3412, section 7.1(3)).
fn request_id(message: &V3Message<'_>) -> i64 {
    match message.data {
        ScopedData::Plain(content) => ScopedPdu::parse(content).map_or(0, |scoped| scoped.pdu.request_id),
        ScopedData::Encrypted(_) => 0,
    }
}
