//! What the getters give out: structures whose pointers lead into the current result.

#![deny(unsafe_code)]

use std::ffi::{CStr, c_char};
use std::fmt::Write;
use std::ptr;
use std::time::Duration;

use socket2::SockAddr;

use super::current::{Content, Current, Cursor, Player, c_text};
use super::failure::Failure;
use super::types::{
    allears_answer, allears_incomplete as incomplete, allears_ledger, allears_list, allears_player,
    allears_result, allears_status, allears_varbind,
};
use crate::engine::Ledger;
use crate::protocol::snmp::{Incomplete, Value, Varbinds, names};

pub fn result(current: &Current) -> allears_result {
    let reply = current.reply();
    let foreign_source = current.foreign_source.as_ref();
    allears_result {
        tag: current.tag,
        target: current.target.as_ptr().cast(),
        target_length: current.target.len(),
        outcome: current.outcome,
        attempts: current.attempts,
        foreign_source_length: foreign_source.map_or(0, SockAddr::len),
        foreign_source: foreign_source.map_or(ptr::null(), |address| address.as_ptr().cast()),
        rtt_ns: current.rtt_ns,
        system_error: current.system_error,
        icmp_type: current.icmp.map_or(-1, |(kind, _)| kind.into()),
        icmp_code: current.icmp.map_or(-1, |(_, code)| code.into()),
        reply: reply.map_or(ptr::null(), start_of),
        reply_length: reply.map_or(0, <[u8]>::len),
        reason: current.reason.as_ref().map_or(ptr::null(), |reason| reason.as_ptr()),
    }
}

/// Where bytes begin; a place that can be read, even if there are none.
fn start_of(bytes: &[u8]) -> *const u8 {
    if bytes.is_empty() { c"".as_ptr().cast() } else { bytes.as_ptr() }
}

pub fn status(current: &mut Current) -> Result<allears_status, Failure> {
    let (info, texts) = current.status()?;
    let count = |count: Option<u32>| count.and_then(|count| i32::try_from(count).ok()).unwrap_or(-1);
    Ok(allears_status {
        name: texts.name.as_ptr(),
        map: texts.map.as_ptr(),
        game: texts.game.as_ptr(),
        game_type: texts.game_type.as_ptr(),
        players: info.players,
        bots: count(info.bots),
        max_players: count(info.max_players),
        is_truncated: info.truncated.into(),
    })
}

pub fn player(current: &mut Current, index: usize) -> Result<Option<allears_player>, Failure> {
    let (_, texts) = current.status()?;
    let player = |player: &Player| {
        let &Player { ref name, score, ping, team, ref team_name, is_bot } = player;
        let has_score = (!score.is_nan()).into();
        let team_name = team_name.as_ref().map_or(c"".as_ptr(), |name| name.as_ptr());
        allears_player { name: name.as_ptr(), team_name, score, has_score, ping, team, is_bot }
    };
    Ok(texts.players.get(index).map(player))
}

pub fn list(current: &Current) -> Result<allears_list, Failure> {
    match current.content {
        Content::List { listed, is_complete } => {
            Ok(allears_list { heard: listed, is_complete: is_complete.into() })
        }
        _ => Err(Failure::Protocol("the result is no master's list")),
    }
}

pub fn answer(current: &mut Current) -> Result<allears_answer, Failure> {
    let (answer, texts) = current.agent()?;
    let (incomplete, error_status) = match &answer.incomplete {
        None => (incomplete::ALLEARS_COMPLETE, 0),
        Some(Incomplete::NotIncreasing(_)) => (incomplete::ALLEARS_NOT_INCREASING, 0),
        Some(Incomplete::Error(status)) => {
            (incomplete::ALLEARS_AGENT_ERROR, i32::try_from(status.0).unwrap_or(i32::MAX))
        }
        Some(Incomplete::RowLimit) => (incomplete::ALLEARS_LIMIT, 0),
        Some(Incomplete::Broken(_)) => (incomplete::ALLEARS_BROKEN, 0),
        Some(Incomplete::Restarted) => (incomplete::ALLEARS_RESTARTED, 0),
        Some(Incomplete::Unfinished) => (incomplete::ALLEARS_UNFINISHED, 0),
        Some(Incomplete::Rejected(_)) => (incomplete::ALLEARS_REJECTED, 0),
    };
    Ok(allears_answer {
        varbinds: answer.len() as u32,
        refused: answer.refused.len() as u32,
        incomplete: incomplete as i32,
        error_status,
        why_incomplete: texts.why_incomplete.as_ref().map_or(ptr::null(), |why| why.as_ptr()),
    })
}

/// The next variable binding.
pub fn varbind(current: &mut Current) -> Result<Option<allears_varbind>, Failure> {
    let (answer, cursor) = current.answer()?;
    let rest = answer.as_ber().get(cursor.offset..).unwrap_or_default();
    let Some((varbind, bytes)) = Varbinds::new(rest).next_with_bytes() else { return Ok(None) };
    cursor.offset += bytes.len();

    let name = names::name_of(varbind.oid).map(|name| name.to_string()).unwrap_or_default();
    let (number, text) = number_and_text(&varbind.value);
    let Cursor { oid, name: name_slot, text: text_slot, odd, .. } = cursor;
    Ok(Some(allears_varbind {
        oid: kept(oid, c_text(varbind.oid.to_string().as_bytes())),
        name: kept(name_slot, c_text(name.as_bytes())),
        r#type: varbind.tag.into(),
        has_number: number.is_some().into(),
        number: number.unwrap_or(0),
        bytes: start_of(varbind.content),
        length: varbind.content.len(),
        text: kept(text_slot, c_text(&text)),
        odd: varbind.odd.map_or(ptr::null(), |reason| kept(odd, c_text(reason.as_bytes()))),
    }))
}

fn number_and_text(value: &Value<'_>) -> (Option<u64>, Vec<u8>) {
    let mut text = String::new();
    // A String takes whatever is written.
    let mut write = |what: &dyn std::fmt::Display| {
        let _ = write!(text, "{what}");
    };
    let number = match *value {
        Value::Integer(number) => {
            write(&number);
            Some(number as u64)
        }
        Value::Counter32(number) | Value::Gauge32(number) | Value::TimeTicks(number) => {
            write(&number);
            Some(number.into())
        }
        Value::Counter64(number) => {
            write(&number);
            Some(number)
        }
        Value::OctetString(bytes) => return (None, bytes.to_vec()),
        Value::ObjectId(oid) => {
            write(&oid);
            None
        }
        Value::IpAddress(bytes) => {
            write(&std::net::Ipv4Addr::from(bytes));
            None
        }
        Value::OpaqueFloat(number) => {
            write(&number);
            None
        }
        Value::OpaqueDouble(number) => {
            write(&number);
            None
        }
        _ => None,
    };
    (number, text.into_bytes())
}

/// A name that the agent refused, and why.
pub fn refused(
    current: &mut Current,
    index: usize,
) -> Result<Option<(*const c_char, *const c_char)>, Failure> {
    let (_, texts) = current.agent()?;
    Ok(texts.refused.get(index).map(|(oid, error)| (oid.as_ptr(), error.as_ptr())))
}

/// Keeps a text until the next one of its kind.
fn kept(slot: &mut std::ffi::CString, text: std::ffi::CString) -> *const c_char {
    *slot = text;
    CStr::as_ptr(slot)
}

pub fn ledger(ledger: &Ledger, local_drops: Option<u64>, receive_buffer: usize) -> allears_ledger {
    let nanos =
        |rtt: Option<Duration>| rtt.map_or(0, |rtt| u64::try_from(rtt.as_nanos()).unwrap_or(u64::MAX));
    allears_ledger {
        queries: ledger.queries,
        answered: ledger.answered,
        silent: ledger.silent,
        unreachable: ledger.unreachable,
        send_failed: ledger.send_failed,
        malformed: ledger.malformed,
        interrupted: ledger.interrupted,
        datagrams_sent: ledger.datagrams_sent,
        retransmissions: ledger.retransmissions,
        deferred: ledger.deferred,
        answered_after_retry: ledger.answered_after_retry,
        answered_by_earlier: ledger.answered_by_earlier,
        asked_again: ledger.asked_again,
        datagrams_received: ledger.datagrams_received,
        replies: ledger.replies,
        broken: ledger.broken,
        late: ledger.late,
        duplicates: ledger.duplicates,
        unmatched: ledger.unmatched,
        max_in_flight: ledger.max_in_flight,
        local_drops: local_drops.unwrap_or(u64::MAX),
        receive_buffer: receive_buffer as u64,
        rtt_min_ns: nanos(ledger.rtt.min()),
        rtt_p50_ns: nanos(ledger.rtt.quantile(0.5)),
        rtt_p90_ns: nanos(ledger.rtt.quantile(0.9)),
        rtt_p99_ns: nanos(ledger.rtt.quantile(0.99)),
        rtt_max_ns: nanos(ledger.rtt.max()),
    }
}
