//! DNS for C.

mod answer;

use std::ffi::{c_char, c_int};
use std::net::SocketAddr;

use libc::{sockaddr, socklen_t};

use self::answer::{ResolvedContent, allears_dns_answer, allears_dns_record};
use super::exported::{Exported, ExportedEngine};
use super::failure::Failure;
use super::pointers::{self, Out, optional_text, text};
use super::texts::start_of;
use super::types::allears_code;
use super::{allears, enter, give, open, perform};
use crate::net;
use crate::protocol::dns::{
    Answer, Class, Conversation, Dns, DnsSettings, Name, Question, Rcode, RecordType, Tcp,
};

/// The sizes of replies that EDNS may announce, in bytes.
const EDNS_SIZES: std::ops::RangeInclusive<u16> = 512..=4096;
/// The maximum number of response codes for which another server is asked: all that are possible.
const MOST_RCODES: usize = 4096;

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum allears_dns_option {
    ALLEARS_DNS_RECURSION = 0,
    ALLEARS_DNS_CHECKING_DISABLED = 1,
    ALLEARS_DNS_DNSSEC = 2,
    ALLEARS_DNS_NSID = 3,
    ALLEARS_DNS_COOKIES = 4,
    ALLEARS_DNS_MIXED_CASE = 5,
    ALLEARS_DNS_STICKY = 6,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum allears_dns_tcp {
    ALLEARS_DNS_TCP_AUTO = 0,
    ALLEARS_DNS_TCP_ONLY = 1,
    ALLEARS_DNS_TCP_NEVER = 2,
}

impl Exported for Dns {
    const WRONG_HANDLE: &'static str = "the handle was not opened by allears_open_dns";

    type State = ();
    type Content = Option<ResolvedContent>;

    fn plain_question(&self, (): &()) -> Result<Question, Failure> {
        Err(Failure::Protocol("a DNS question needs a name: use allears_ask_dns"))
    }

    fn content(&self, answer: Option<Answer>, _: Conversation) -> Option<ResolvedContent> {
        answer.map(ResolvedContent::new)
    }

    fn reply(content: &Option<ResolvedContent>) -> Option<&[u8]> {
        content.as_ref().map(ResolvedContent::message)
    }
}

/// Returns the setting with this number.
fn flag_of(settings: &mut DnsSettings, option: c_int) -> Result<&mut bool, Failure> {
    use allears_dns_option::*;
    Ok(match option {
        number if number == ALLEARS_DNS_RECURSION as c_int => &mut settings.recursion,
        number if number == ALLEARS_DNS_CHECKING_DISABLED as c_int => &mut settings.checking_disabled,
        number if number == ALLEARS_DNS_DNSSEC as c_int => &mut settings.dnssec,
        number if number == ALLEARS_DNS_NSID as c_int => &mut settings.nsid,
        number if number == ALLEARS_DNS_COOKIES as c_int => &mut settings.cookies,
        number if number == ALLEARS_DNS_MIXED_CASE as c_int => &mut settings.mixed_case,
        number if number == ALLEARS_DNS_STICKY as c_int => &mut settings.sticky,
        number => return Err(Failure::argument(format_args!("unknown option {number}"))),
    })
}

/// Returns the use of TCP with this number.
fn tcp_of(when: c_int) -> Result<Tcp, Failure> {
    use allears_dns_tcp::*;
    match when {
        number if number == ALLEARS_DNS_TCP_AUTO as c_int => Ok(Tcp::Auto),
        number if number == ALLEARS_DNS_TCP_ONLY as c_int => Ok(Tcp::Only),
        number if number == ALLEARS_DNS_TCP_NEVER as c_int => Ok(Tcp::Never),
        number => Err(Failure::argument(format_args!("unknown value {number} for the use of TCP"))),
    }
}

/// Creates a question from the arguments of `allears_ask_dns`.
fn question_of(name: &str, of: &str, class: Option<&str>) -> Result<Question, Failure> {
    let failure = |text: &str, why: &dyn std::fmt::Display| {
        Failure::argument(format_args!("`{}`: {why}", text.escape_debug()))
    };
    let class = class.map_or(Ok(Class::IN), |class| class.parse().map_err(|why| failure(class, &why)))?;
    let of: RecordType = of.parse().map_err(|why| failure(of, &why))?;
    let name: Name = name.parse().map_err(|why| failure(name, &why))?;
    Ok(Question::new(&name, of, class))
}

impl ExportedEngine<Dns> {
    /// Asks a server, or the next one of those that were added.
    fn resolve(&mut self, server: Option<SocketAddr>, question: Question, tag: u64) -> Result<(), Failure> {
        let next = || self.engine.protocol_mut().next_server();
        let server = server.or_else(next).ok_or_else(|| Failure::argument("no server was added"))?;
        self.ask(server, question, tag)
    }
}

/// Changes the settings of a handle that is not open, if the result is valid.
fn configure(handle: *mut allears, change: impl FnOnce(&mut DnsSettings) -> Result<(), Failure>) -> c_int {
    perform(handle, |session| {
        let settings = session.settings()?;
        let mut own = settings.own();
        change(&mut own)?;
        settings.set_own(own);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_set_dns_option(handle: *mut allears, option: c_int, on: c_int) -> c_int {
    configure(handle, |settings| {
        *flag_of(settings, option)? = match on {
            0 | 1 => on == 1,
            _ => return Err(Failure::argument("on must be 0 or 1")),
        };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_set_dns_edns(handle: *mut allears, bytes: u32) -> c_int {
    configure(handle, |settings| {
        let size = u16::try_from(bytes).ok().filter(|size| *size == 0 || EDNS_SIZES.contains(size));
        let size = size.ok_or_else(|| Failure::argument("bytes must be 0, or from 512 to 4096"))?;
        settings.edns = Some(size).filter(|size| *size > 0);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_set_dns_tcp(handle: *mut allears, when: c_int) -> c_int {
    configure(handle, |settings| {
        settings.tcp = tcp_of(when)?;
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_set_dns_retry_on(
    handle: *mut allears,
    rcodes: *const u16,
    count: usize,
) -> c_int {
    configure(handle, |settings| {
        // SAFETY: the caller upholds the header's rules.
        let rcodes = unsafe { pointers::items(rcodes, count, MOST_RCODES, "rcodes", "numbers") }?;
        settings.retry_on = rcodes.iter().copied().map(Rcode).collect();
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_open_dns(handle: *mut allears) -> c_int {
    open(handle, |settings| {
        let settings: DnsSettings = settings.own();
        if settings.edns.is_none() && (settings.dnssec || settings.nsid) {
            return Err(Failure::argument("ALLEARS_DNS_DNSSEC and ALLEARS_DNS_NSID need EDNS"));
        }
        Ok(Dns::new(settings, [], net::random_key()?))
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_dns_server(
    handle: *mut allears,
    server: *const sockaddr,
    length: socklen_t,
) -> c_int {
    perform(handle, |session| {
        // SAFETY: the caller upholds the header's rules.
        let server = unsafe { pointers::target(server, length) }?;
        session.engine::<Dns>()?.engine.protocol_mut().add_server(server);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_ask_dns(
    handle: *mut allears,
    server: *const sockaddr,
    length: socklen_t,
    name: *const c_char,
    r#type: *const c_char,
    record_class: *const c_char,
    tag: u64,
) -> c_int {
    perform(handle, |session| {
        // SAFETY: the caller upholds the header's rules, for all of these.
        let (server, name, of, class) = unsafe {
            let server = if server.is_null() { None } else { Some(pointers::target(server, length)?) };
            (server, text(name, "name")?, text(r#type, "type")?, optional_text(record_class, "record_class")?)
        };
        let question = question_of(name, of, class)?;
        session.asking::<Dns>()?.resolve(server, question, tag)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_get_dns_answer(
    handle: *mut allears,
    out: *mut allears_dns_answer,
    out_size: usize,
) -> c_int {
    // SAFETY: the caller upholds the header's rules.
    unsafe {
        give(handle, out, out_size, |session| {
            Ok(session.content::<Dns>()?.as_mut().map(ResolvedContent::as_answer))
        })
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_get_dns_record(
    handle: *mut allears,
    index: usize,
    out: *mut allears_dns_record,
    out_size: usize,
) -> c_int {
    // SAFETY: the caller upholds the header's rules.
    unsafe {
        give(handle, out, out_size, |session| {
            Ok(session.content::<Dns>()?.as_mut().and_then(|content| content.record(index)))
        })
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_get_dns_edns(
    handle: *mut allears,
    code: u16,
    bytes: *mut *const u8,
    length: *mut usize,
) -> c_int {
    enter(handle, |session| {
        let (bytes, length) = (Out::new(bytes, "bytes")?, Out::new(length, "length")?);
        let content = session.content::<Dns>()?.as_ref();
        let Some(value) = content.and_then(|content| content.edns_option(code)) else {
            return Ok(allears_code::ALLEARS_NONE);
        };
        // SAFETY: the caller upholds the header's rules.
        unsafe { (bytes.give(start_of(value)), length.give(value.len())) };
        Ok(allears_code::ALLEARS_OK)
    })
}
