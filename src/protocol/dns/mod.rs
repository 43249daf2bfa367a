//! DNS: one question to a server, and its answer (RFC 1035).
//!
//! `name` names, as text and on the wire · `name_view` names in messages · `record_type` types and classes · `question` what
//! is asked.

mod message_error;
mod name;
mod name_view;
mod question;
mod record_type;
mod text;

pub use message_error::MessageError;
pub use name::{Name, NameError};
pub use name_view::NameView;
pub use question::Question;
pub use record_type::{Class, ClassError, RecordType, RecordTypeError};

/// The port of servers (RFC 1035, section 4.2).
pub const PORT: u16 = 53;
