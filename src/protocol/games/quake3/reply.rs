//! `infoResponse`: a server's counts and settings, without its players.
//!
//! The format is ioquake3's `SVC_Info` (`sv_main.c`): an info string, mostly without a line end. DarkPlaces sends one in
//! reply to `getstatus`, too, when its players do not fit (`NetConn_BuildStatusResponse` in `netconn.c`).

use super::OUT_OF_BAND;
use super::counts::Reported;
use super::info_string::InfoString;

/// A server's reply to `getinfo`, borrowed from the datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct InfoReply<'a> {
    body: &'a [u8],
    pub(super) reported: Reported,
}

impl<'a> InfoReply<'a> {
    /// Parses a datagram.
    pub(super) fn parse(datagram: &'a [u8]) -> Result<InfoReply<'a>, &'static str> {
        let body = body(datagram).ok_or("not an infoResponse")?;
        let mut reported = Reported::default();
        let mut rules = InfoString { rest: body };
        let mut describes = false;
        for (key, value) in rules.by_ref() {
            reported.read(key, value);
            describes |= matches!(key, b"hostname" | b"sv_hostname" | b"mapname");
        }
        match rules.rest.first() {
            Some(byte) if *byte != b'\n' => Err("the info string does not begin with a backslash"),
            _ if !describes => Err("the info string has neither name nor map"),
            _ => Ok(InfoReply { body, reported }),
        }
    }

    pub(super) fn rules(&self) -> InfoString<'a> {
        InfoString { rest: self.body }
    }
}

/// Returns whether a datagram has the header of an infoResponse.
pub(super) fn claims(datagram: &[u8]) -> bool {
    body(datagram).is_some()
}

/// Returns the challenge of an infoResponse; the first one if there are several.
pub(super) fn challenge(datagram: &[u8]) -> Option<&[u8]> {
    InfoString { rest: body(datagram)? }.challenge()
}

fn body(datagram: &[u8]) -> Option<&[u8]> {
    datagram.strip_prefix(OUT_OF_BAND)?.strip_prefix(b"infoResponse\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(body: &str) -> Vec<u8> {
        [b"\xff\xff\xff\xffinfoResponse\n", body.as_bytes()].concat()
    }

    #[test]
    fn it_may_end_without_a_line_end() {
        for end in ["", "\n", "\n\0"] {
            let datagram = datagram(&format!("\\challenge\\1f\\hostname\\h\\clients\\4{end}"));
            let reply = InfoReply::parse(&datagram).unwrap();
            assert_eq!((reply.reported.clients, reply.rules().count()), (Some(4), 3), "{end:?}");
            assert_eq!(challenge(&datagram), Some(&b"1f"[..]));
        }
    }

    #[test]
    fn broken_replies_have_a_reason() {
        let reason = |datagram: &[u8]| InfoReply::parse(datagram).unwrap_err();
        assert_eq!(reason(b"\xff\xff\xff\xffstatusResponse\n\\a\\b"), "not an infoResponse");
        assert_eq!(reason(&datagram("hostname\\x")), "the info string does not begin with a backslash");
        assert_eq!(reason(&datagram("\\challenge\\1f")), "the info string has neither name nor map");
    }
}
