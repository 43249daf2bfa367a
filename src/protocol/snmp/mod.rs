//! SNMP: v1, v2c and v3.

mod answer;
pub mod ber;
pub mod message;
pub mod names;
mod oid;
#[cfg(feature = "usm")]
pub mod usm;
mod value;

pub use answer::{Answer, ErrorStatus, Incomplete, Refused};
pub use message::Version;
pub(crate) use oid::push_arc;
pub use oid::{Oid, OidError, OidRef};
pub use value::{Value, Varbind, Varbinds, tag};
