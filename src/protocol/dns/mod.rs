//! DNS: one question to a server, and its answer (RFC 1035).
//!
//! `conversation` the protocol, [`Dns`] · `settings` how to ask · `servers` whom · `name` names, as text and on the wire · `name_view` names in messages · `record_type` types and classes · `rcode`
//! response codes · `question` what is asked · `message` an answer as received · `record` its records · `edns` what EDNS
//! adds · `data` the data of records, as dig prints it · `text` escapes.

mod conversation;
mod data;
mod edns;
mod message;
mod message_error;
mod name;
mod name_view;
mod question;
mod rcode;
mod record;
mod record_type;
mod servers;
mod settings;
mod text;

pub use conversation::{Answer, Conversation, Dns, ServerRefusal};
pub use data::RecordData;
pub use edns::Edns;
pub use message::{MOST_ALIASES, Message, MessageQuestion};
pub use message_error::MessageError;
pub use name::{Name, NameError};
pub use name_view::NameView;
pub use question::Question;
pub use rcode::{Rcode, RcodeError};
pub use record::{Record, Section};
pub use record_type::{Class, ClassError, RecordType, RecordTypeError};
pub use servers::NameServer;
pub use settings::{DnsSettings, Tcp};

use record::Records;

/// The port of servers (RFC 1035, section 4.2).
pub const PORT: u16 = 53;
