//! The User-based Security Model of SNMPv3 (RFC 3414): who asks, who answers, and what of it is proven and secret.
//!
//! | | |
//! |---|---|
//! | [`User`], [`AuthProtocol`], [`PrivProtocol`] | a name, and keys from passwords |
//! | [`Keys`], [`seal()`], [`is_proven`], [`scoped_pdu`] | messages, of either side |

mod algorithm;
mod cipher;
mod keys;
mod level;
mod mac;
mod open;
mod seal;
mod user;

pub use algorithm::{AuthProtocol, KeyExtension, PrivProtocol};
pub use keys::{AuthKey, Keys, PrivKey};
pub use level::Level;
pub use open::{is_proven, scoped_pdu};
pub use seal::{Envelope, seal};
pub use user::{User, UserError};

/// The number of this security model (RFC 3411, section 5: SnmpSecurityModel).
pub const MODEL: i64 = 3;
