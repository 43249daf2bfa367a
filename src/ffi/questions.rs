//! What is in the texts that C gives us: addresses, users, requests.

#![deny(unsafe_code)]

use std::net::{IpAddr, SocketAddr};

use super::failure::Failure;
use super::types::allears_snmp_operation as operation;
use crate::protocol::canonical;
use crate::protocol::snmp::usm::{self, UserError};
use crate::protocol::snmp::{Credentials, Oid, Operation, Request, names};

/// `192.0.2.1:27960`, `[2001:db8::1]:161`; without a port if `default_port` is one.
pub fn address(text: &str, default_port: u16) -> Result<SocketAddr, Failure> {
    let address = read(text, default_port)?;
    if address.port() == 0 {
        return Err(Failure::argument(format_args!("the address `{}` has no port", text.escape_debug())));
    }
    Ok(address)
}

/// An address to send from: the port may be any.
pub fn bind_address(text: &str) -> Result<SocketAddr, Failure> {
    read(text, 0)
}

fn read(text: &str, default_port: u16) -> Result<SocketAddr, Failure> {
    let ip = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let alone = || ip.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, default_port));
    let none = || Failure::argument(format_args!("`{}` is no address", text.escape_debug()));
    text.parse().ok().or_else(alone).map(canonical).ok_or_else(none)
}

/// A user of v3, as C describes one.
pub struct User<'a> {
    pub name: &'a str,
    pub auth: Option<&'a str>,
    pub auth_password: Option<&'a str>,
    pub privacy: Option<&'a str>,
    pub priv_password: Option<&'a str>,
    pub context: Option<&'a str>,
}

impl User<'_> {
    pub fn credentials(&self) -> Result<Credentials, Failure> {
        let user = || -> Result<usm::User, UserError> {
            let mut user = usm::User::new(self.name.as_bytes())?;
            if let (Some(auth), Some(password)) = (self.auth, self.auth_password) {
                user = user.with_auth(auth.parse()?, password.as_bytes())?;
            }
            if let (Some(privacy), Some(password)) = (self.privacy, self.priv_password) {
                user = user.with_priv(privacy.parse()?, password.as_bytes())?;
            }
            Ok(user.with_context(self.context.unwrap_or_default().as_bytes()))
        };
        // Nobody is asked with less than what was wanted.
        if self.auth.is_some() != self.auth_password.is_some() {
            return Err(Failure::argument("auth and auth_password belong together"));
        }
        if self.privacy.is_some() != self.priv_password.is_some() {
            return Err(Failure::argument("privacy and priv_password belong together"));
        }
        user().map(Credentials::User).map_err(Failure::argument)
    }
}

/// A request of so many names.
pub fn request(how: i32, names: &[&str], repetitions: u32, limit: u32) -> Result<Request, Failure> {
    let or = |number: u32, default| if number == 0 { default } else { number };
    let operation = match how {
        how if how == operation::ALLEARS_SNMP_GET as i32 => Operation::Get,
        how if how == operation::ALLEARS_SNMP_NEXT as i32 => Operation::GetNext,
        how if how == operation::ALLEARS_SNMP_BULK as i32 => Operation::GetBulk {
            non_repeaters: limit,
            max_repetitions: or(repetitions, Operation::DEFAULT_REPETITIONS),
        },
        how if how == operation::ALLEARS_SNMP_WALK as i32 => Operation::Walk {
            max_repetitions: Some(repetitions).filter(|&repetitions| repetitions > 0),
            max_rows: or(limit, Operation::DEFAULT_MAX_ROWS),
        },
        _ => return Err(Failure::argument(format_args!("there is no operation {how}"))),
    };
    if matches!(operation, Operation::Get | Operation::GetNext) && (repetitions, limit) != (0, 0) {
        return Err(Failure::argument("this operation has no repetitions and no limit"));
    }
    let oids = names.iter().map(|name| names::lookup(name)).collect::<Result<Vec<Oid>, _>>();
    let oids = oids.map_err(Failure::argument)?;
    Ok(Request { operation, oids, with_uptime: false })
}
