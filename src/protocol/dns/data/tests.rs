use proptest::collection::vec;
use proptest::prelude::*;

use super::{Class, RecordData, RecordType};

/// Returns the text of data that a message has from `start` on.
fn text(of: u16, start: usize, message: &[u8]) -> String {
    RecordData::new(message, start, RecordType(of), Class::IN).to_string()
}

#[test]
fn addresses_are_printed_as_by_inet_ntop() {
    assert_eq!(text(1, 0, &[192, 0, 2, 1]), "192.0.2.1");
    let v6 = |address: &str| text(28, 0, &address.parse::<std::net::Ipv6Addr>().unwrap().octets());
    for address in
        ["::", "::1", "::2", "2001:db8::1", "2001:db8:0:1:1:1:1:1", "::ffff:192.0.2.1", "::12.0.2.1"]
    {
        assert_eq!(v6(address), address);
    }
}

#[test]
fn data_that_does_not_fit_is_printed_as_bytes() {
    assert_eq!(text(1, 0, &[1, 2, 3]), "\\# 3 010203");
    assert_eq!(text(1, 0, &[]), "\\# 0");
    assert_eq!(text(15, 0, b"\0\x01"), "\\# 2 0001");
    assert_eq!(text(15, 0, b"\0\x01\0\0"), "\\# 4 00010000");
    assert_eq!(text(16, 0, b""), "\\# 0");
    assert_eq!(text(16, 0, b"\x02a"), "\\# 2 0261");
    assert_eq!(text(257, 0, b"\0\0"), "\\# 2 0000");
    assert_eq!(text(65, 0, b"\0\x01\0\0\x02\0\0\0\x01\0\0"), "\\# 11 0001000002000000010000");
    assert_eq!(text(65280, 0, &[1, 2, 3, 4]), "\\# 4 01020304");
    let class = RecordData::new(&[1, 2, 3, 4], 0, RecordType::A, Class::CH);
    assert_eq!(class.to_string(), "\\# 4 01020304");
}

#[test]
fn names_in_data_may_be_compressed() {
    let message = b"\x04host\x04test\0\0\x0a\x01a\xc0\x05";
    assert_eq!(text(15, 11, message), "10 a.test.");
    let name = RecordData::new(message, 13, RecordType::CNAME, Class::IN).name().unwrap();
    assert!(name.is(&"A.TEST".parse().unwrap()));
}

#[test]
fn texts_are_quoted() {
    assert_eq!(text(16, 0, b"\x05a\"b\\c\0\x03 \x7f\xff"), r#""a\"b\\c" "" " \127\255""#);
    assert_eq!(text(257, 0, b"\x80\x05issueca;x"), r#"128 issue "ca;x""#);
}

#[test]
fn dates_are_those_of_the_calendar() {
    let date = |seconds: u32| {
        let data = [&[0, 1, 13, 2, 0, 0, 0, 9][..], &seconds.to_be_bytes(), &[0; 4], &[0, 1, 0, 1]].concat();
        text(46, 0, &data).split(' ').nth(4).unwrap().to_owned()
    };
    assert_eq!(date(0), "19700101000000");
    assert_eq!(date(951_782_399), "20000228235959");
    assert_eq!(date(951_782_400), "20000229000000");
    assert_eq!(date(1_600_000_000), "20200913122640");
    assert_eq!(date(u32::MAX), "21060207062815");
}

#[test]
fn services_have_parameters() {
    let protocols = b"\0\x01\0\0\x01\0\x06\x02h2\x02\"\\\0\x03\0\x02\x01\xbb";
    assert_eq!(text(65, 0, protocols), r#"1 . alpn="h2,\"\\\\" port=443"#);
    assert_eq!(text(64, 0, b"\0\x01\0\xff\0\0\x03a b\xff\x01\0\0"), r#"1 . key65280="a b" key65281"#);
}

proptest! {
    #[test]
    fn no_data_panics(
        of in prop_oneof![0u16..=264, 32768u16..32770],
        bytes in vec(prop_oneof![any::<u8>(), 0u8..8, Just(0xc0)], 0..100),
        start in 0usize..20,
    ) {
        let start = start.min(bytes.len());
        let data = RecordData::new(&bytes, start, RecordType(of), Class::IN);
        prop_assert!(!data.to_string().is_empty() || of == 61);
        data.name();
    }
}
