//! Response codes (RFC 1035, section 4.1.1; RFC 6891, section 9; RFC 7873, section 8).

pub(super) const NOERROR: u16 = 0;
pub(super) const FORMERR: u16 = 1;
pub(super) const SERVFAIL: u16 = 2;
pub(super) const NXDOMAIN: u16 = 3;
pub(super) const NOTIMP: u16 = 4;
pub(super) const REFUSED: u16 = 5;
pub(super) const BADVERS: u16 = 16;
pub(super) const BADCOOKIE: u16 = 23;
