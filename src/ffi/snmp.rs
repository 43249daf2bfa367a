//! SNMP for C.

mod answer;

use std::ffi::{c_char, c_int};
use std::sync::Arc;

use libc::{sockaddr, socklen_t};
use slab::Slab;

use self::answer::{AgentContent, allears_answer, allears_varbind};
use super::exported::{Exported, ExportedEngine};
use super::failure::Failure;
use super::pointers::{self, Out, optional_text, text};
use super::types::allears_code;
use super::{allears, enter, give, open, perform};
use crate::net;
use crate::protocol::snmp::usm::{User, UserError};
use crate::protocol::snmp::{
    Answer, Conversation, Credentials, CredentialsId, Oid, Operation, Question, Request, Snmp, Version, names,
};

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum allears_snmp_operation {
    ALLEARS_SNMP_GET = 0,
    ALLEARS_SNMP_NEXT = 1,
    ALLEARS_SNMP_BULK = 2,
    ALLEARS_SNMP_WALK = 3,
}

/// The credentials and requests of a handle, by number.
#[derive(Default)]
pub struct Numbered {
    credentials: Vec<CredentialsId>,
    requests: Slab<Arc<Request>>,
}

impl Exported for Snmp {
    const WRONG_HANDLE: &'static str = "the handle was not opened by allears_open_snmp";

    type State = Numbered;
    type Content = AgentContent;

    /// Returns a question with the first credentials and the first request.
    fn plain_question(&self, numbered: &Numbered) -> Result<Question, Failure> {
        numbered.question(0, 0)
    }

    /// Returns the answer, or the part of it that arrived before the agent stopped replying.
    fn content(&self, answer: Option<Answer>, conversation: Conversation) -> AgentContent {
        AgentContent::new(answer.unwrap_or_else(|| conversation.into_answer()))
    }

    fn reply(_: &AgentContent) -> Option<&[u8]> {
        None
    }
}

impl Numbered {
    fn question(&self, credentials: u32, request: u32) -> Result<Question, Failure> {
        let credentials = self.credentials.get(credentials as usize);
        let request = self.requests.get(request as usize);
        Ok(Question {
            credentials: *credentials.ok_or_else(|| Failure::argument("no such credentials"))?,
            request: request.ok_or_else(no_such_request)?.clone(),
        })
    }
}

fn no_such_request() -> Failure {
    Failure::argument("no such request")
}

impl ExportedEngine<Snmp> {
    /// Adds credentials, and returns their number.
    fn add_credentials(&mut self, credentials: Credentials) -> u32 {
        let numbers = &mut self.state.credentials;
        numbers.push(self.engine.protocol_mut().add_credentials(credentials));
        numbers.len() as u32 - 1
    }
}

/// The arguments of `allears_snmp_user`.
struct UserArgs<'a> {
    name: &'a str,
    auth: Option<&'a str>,
    auth_password: Option<&'a str>,
    privacy: Option<&'a str>,
    priv_password: Option<&'a str>,
    context: Option<&'a str>,
}

impl UserArgs<'_> {
    /// Creates the user, with exactly the security of the arguments.
    fn credentials(&self) -> Result<Credentials, Failure> {
        if self.auth.is_some() != self.auth_password.is_some() {
            return Err(Failure::argument("auth and auth_password must be given together"));
        }
        if self.privacy.is_some() != self.priv_password.is_some() {
            return Err(Failure::argument("privacy and priv_password must be given together"));
        }
        self.user().map(Credentials::User).map_err(Failure::argument)
    }

    fn user(&self) -> Result<User, UserError> {
        let mut user = User::new(self.name.as_bytes())?;
        if let (Some(auth), Some(password)) = (self.auth, self.auth_password) {
            user = user.with_auth(auth.parse()?, password.as_bytes())?;
        }
        if let (Some(privacy), Some(password)) = (self.privacy, self.priv_password) {
            user = user.with_priv(privacy.parse()?, password.as_bytes())?;
        }
        Ok(user.with_context(self.context.unwrap_or_default().as_bytes()))
    }
}

/// Creates a request from the arguments of `allears_snmp_request`.
fn request_of(operation: c_int, names: &[&str], repetitions: u32, limit: u32) -> Result<Request, Failure> {
    use allears_snmp_operation::*;
    let or = |number: u32, default| if number == 0 { default } else { number };
    let operation = match operation {
        number if number == ALLEARS_SNMP_GET as c_int => Operation::Get,
        number if number == ALLEARS_SNMP_NEXT as c_int => Operation::GetNext,
        number if number == ALLEARS_SNMP_BULK as c_int => Operation::GetBulk {
            non_repeaters: limit,
            max_repetitions: or(repetitions, Operation::DEFAULT_REPETITIONS),
        },
        number if number == ALLEARS_SNMP_WALK as c_int => Operation::Walk {
            max_repetitions: Some(repetitions).filter(|&repetitions| repetitions > 0),
            max_rows: or(limit, Operation::DEFAULT_MAX_ROWS),
        },
        number => return Err(Failure::argument(format_args!("unknown operation {number}"))),
    };
    if matches!(operation, Operation::Get | Operation::GetNext) && (repetitions, limit) != (0, 0) {
        return Err(Failure::argument("repetitions and limit must be 0 for this operation"));
    }
    let oids = names.iter().map(|name| names::lookup(name)).collect::<Result<Vec<Oid>, _>>();
    Ok(Request { operation, oids: oids.map_err(Failure::argument)?, with_uptime: false })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_open_snmp(handle: *mut allears) -> c_int {
    open(handle, |settings| {
        let [seed @ .., _, _, _, _, _, _, _, _] = net::random_key()?;
        let snmp = Snmp::new(u64::from_le_bytes(seed));
        Ok(if settings.any_source { snmp.accept_any_source() } else { snmp })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_ask_snmp(
    handle: *mut allears,
    target: *const sockaddr,
    length: socklen_t,
    credentials: u32,
    request: u32,
    tag: u64,
) -> c_int {
    perform(handle, |session| {
        // SAFETY: the caller upholds the header's rules.
        let target = unsafe { pointers::target(target, length) }?;
        let snmp = session.asking::<Snmp>()?;
        let question = snmp.state.question(credentials, request)?;
        snmp.ask(target, question, tag)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_snmp_community(
    handle: *mut allears,
    version: c_int,
    community: *const c_char,
    credentials: *mut u32,
) -> c_int {
    perform(handle, |session| {
        let version = match version {
            1 => Version::V1,
            2 => Version::V2c,
            _ => return Err(Failure::argument("the version of a community must be 1 or 2")),
        };
        // SAFETY: the caller upholds the header's rules.
        let community = unsafe { text(community, "community") }?;
        let community = Credentials::community(version, community.as_bytes());
        let number = session.engine::<Snmp>()?.add_credentials(community);
        // SAFETY: as before.
        unsafe { pointers::give_if_wanted(credentials, number) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_snmp_user(
    handle: *mut allears,
    name: *const c_char,
    auth: *const c_char,
    auth_password: *const c_char,
    privacy: *const c_char,
    priv_password: *const c_char,
    context: *const c_char,
    credentials: *mut u32,
) -> c_int {
    perform(handle, |session| {
        // SAFETY: the caller upholds the header's rules, for all of these.
        let user = unsafe {
            UserArgs {
                name: text(name, "name")?,
                auth: optional_text(auth, "auth")?,
                auth_password: optional_text(auth_password, "auth_password")?,
                privacy: optional_text(privacy, "privacy")?,
                priv_password: optional_text(priv_password, "priv_password")?,
                context: optional_text(context, "context")?,
            }
        };
        let snmp = session.engine::<Snmp>()?;
        let number = snmp.add_credentials(user.credentials()?);
        // SAFETY: as before.
        unsafe { pointers::give_if_wanted(credentials, number) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_snmp_request(
    handle: *mut allears,
    operation: c_int,
    names: *const *const c_char,
    count: usize,
    repetitions: u32,
    limit: u32,
    request: *mut u32,
) -> c_int {
    perform(handle, |session| {
        // SAFETY: the caller upholds the header's rules.
        let names = unsafe { pointers::texts(names, count, "names") }?;
        let asked = request_of(operation, &names, repetitions, limit)?;
        let number = session.engine::<Snmp>()?.state.requests.insert(Arc::new(asked));
        // SAFETY: as before.
        unsafe { pointers::give_if_wanted(request, number as u32) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_snmp_remove_request(handle: *mut allears, request: u32) -> c_int {
    perform(handle, |session| {
        let requests = &mut session.engine::<Snmp>()?.state.requests;
        requests.try_remove(request as usize).map(drop).ok_or_else(no_such_request)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_get_answer(
    handle: *mut allears,
    out: *mut allears_answer,
    out_size: usize,
) -> c_int {
    // SAFETY: the caller upholds the header's rules.
    unsafe { give(handle, out, out_size, |session| Ok(Some(session.content::<Snmp>()?.as_answer()))) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_next_varbind(
    handle: *mut allears,
    out: *mut allears_varbind,
    out_size: usize,
) -> c_int {
    // SAFETY: the caller upholds the header's rules.
    unsafe { give(handle, out, out_size, |session| Ok(session.content::<Snmp>()?.next_varbind())) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_get_refused(
    handle: *mut allears,
    index: usize,
    oid: *mut *const c_char,
    error: *mut *const c_char,
) -> c_int {
    enter(handle, |session| {
        let (oid, error) = (Out::new(oid, "oid")?, Out::new(error, "error")?);
        let Some((name, status)) = session.content::<Snmp>()?.refused(index) else {
            return Ok(allears_code::ALLEARS_NONE);
        };
        // SAFETY: the caller upholds the header's rules.
        unsafe { (oid.give(name), error.give(status)) };
        Ok(allears_code::ALLEARS_OK)
    })
}
