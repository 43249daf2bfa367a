//! Errors.

#![deny(unsafe_code)]

use std::error::Error;
use std::fmt;

use crate::engine::{ConfigError, RefusedReason};
use crate::net::OpenError;

/// The reason why a call failed.
#[derive(Debug)]
pub enum Failure {
    /// A required argument, with this name, is NULL.
    Null(&'static str),
    Argument(String),
    Size {
        given: usize,
        least: usize,
    },
    State(&'static str),
    Full,
    Protocol(&'static str),
    System(String),
}

impl Failure {
    /// Creates the failure of an invalid argument, with the reason.
    pub fn argument(why: impl fmt::Display) -> Failure {
        Failure::Argument(why.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Null(name) => write!(f, "{name} is NULL"),
            Failure::Argument(why) | Failure::System(why) => f.write_str(why),
            Failure::Size { given, least } => {
                write!(f, "a structure of {given} bytes is smaller than its first version, of {least} bytes")
            }
            Failure::State(why) | Failure::Protocol(why) => f.write_str(why),
            Failure::Full => RefusedReason::RingFull.fmt(f),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        Failure::argument(error)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Failure {
        // The operating system's error number means nothing to a user.
        let reason = error.source().map_or(String::new(), ToString::to_string);
        let reason = reason.split(" (os error").next().unwrap_or_default();
        Failure::System(format!("{error}: {reason}"))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::System(error.to_string())
    }
}
