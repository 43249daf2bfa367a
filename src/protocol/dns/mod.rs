//! DNS: one question to a server, and its answer (RFC 1035).
//!
//! `name` names, as text and on the wire · `record_type` types and classes · `question` what is asked.

mod name;
mod question;
mod record_type;

pub use name::{Name, NameError};
pub use question::Question;
pub use record_type::{Class, RecordType};

/// The port of servers (RFC 1035, section 4.2).
pub const PORT: u16 = 53;
