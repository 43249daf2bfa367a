//! Types and classes of records (IANA, "DNS Parameters").

pub(super) const A: u16 = 1;
pub(super) const NS: u16 = 2;
pub(super) const CNAME: u16 = 5;
pub(super) const SOA: u16 = 6;
pub(super) const PTR: u16 = 12;
pub(super) const HINFO: u16 = 13;
pub(super) const MX: u16 = 15;
pub(super) const TXT: u16 = 16;
pub(super) const AAAA: u16 = 28;
pub(super) const SRV: u16 = 33;
pub(super) const HTTPS: u16 = 65;
pub(super) const ANY: u16 = 255;
pub(super) const CAA: u16 = 257;

pub(super) const INTERNET: u16 = 1;
pub(super) const CHAOS: u16 = 3;
pub(super) const ANY_CLASS: u16 = 255;
