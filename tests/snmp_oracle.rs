//! SNMP messages compared with another implementation, rasn-snmp: each reads what the other writes.

use allears::protocol::snmp::ber::Writer;
use allears::protocol::snmp::message::{self, Message, PduHead, pdu_tag};
use allears::protocol::snmp::{Oid, Value, Varbind, Version};
use proptest::collection::vec;
use proptest::prelude::*;
use rasn::types::{Integer, ObjectIdentifier, OctetString};
use rasn_smi::v1::{Counter, Gauge, IpAddress, TimeTicks};
use rasn_smi::v2::{ApplicationSyntax, Counter64, ObjectSyntax, SimpleSyntax};
use rasn_snmp::v2::{
    BulkPdu, GetBulkRequest, GetNextRequest, GetRequest, Pdu, Response, VarBind, VarBindValue,
};
use rasn_snmp::v2c;

/// A value that both implementations support.
#[derive(Clone, Debug)]
enum Sample {
    Integer(i32),
    Text(Vec<u8>),
    Name(Vec<u32>),
    Address([u8; 4]),
    Counter(u32),
    Gauge(u32),
    Ticks(u32),
    Counter64(u64),
    Null,
    NoSuchObject,
    NoSuchInstance,
    EndOfMibView,
}

fn arcs() -> impl Strategy<Value = Vec<u32>> {
    let second = (0..3u32).prop_flat_map(|root| (Just(root), 0..if root < 2 { 40u32 } else { 1000 }));
    let arc = prop_oneof![0..200u32, any::<u32>(), Just(127u32), Just(128u32), Just(u32::MAX)];
    (second, vec(arc, 0..20)).prop_map(|((root, second), rest)| [&[root, second], &rest[..]].concat())
}

fn sample() -> impl Strategy<Value = Sample> {
    let edges64 = prop_oneof![any::<u64>(), Just(1u64 << 63), Just(u64::MAX), 0..300u64];
    let edges32 = || prop_oneof![any::<u32>(), Just(1u32 << 31), Just(u32::MAX), 0..300u32];
    prop_oneof![
        prop_oneof![any::<i32>(), -130..130i32, Just(i32::MIN)].prop_map(Sample::Integer),
        vec(any::<u8>(), 0..300).prop_map(Sample::Text),
        arcs().prop_map(Sample::Name),
        any::<[u8; 4]>().prop_map(Sample::Address),
        edges32().prop_map(Sample::Counter),
        edges32().prop_map(Sample::Gauge),
        edges32().prop_map(Sample::Ticks),
        edges64.prop_map(Sample::Counter64),
        Just(Sample::Null),
        Just(Sample::NoSuchObject),
        Just(Sample::NoSuchInstance),
        Just(Sample::EndOfMibView),
    ]
}

fn oid(arcs: &[u32]) -> Oid {
    Oid::from_arcs(arcs).expect("a name")
}

fn their_oid(arcs: &[u32]) -> ObjectIdentifier {
    ObjectIdentifier::new_unchecked(arcs.to_vec().into())
}

impl Sample {
    /// Calls `with` with the value in our representation.
    fn ours<T>(&self, with: impl FnOnce(Value<'_>) -> T) -> T {
        match self {
            Sample::Integer(number) => with(Value::Integer((*number).into())),
            Sample::Text(text) => with(Value::OctetString(text)),
            Sample::Name(arcs) => with(Value::ObjectId(oid(arcs).as_oid())),
            Sample::Address(bytes) => with(Value::IpAddress(*bytes)),
            Sample::Counter(number) => with(Value::Counter32(*number)),
            Sample::Gauge(number) => with(Value::Gauge32(*number)),
            Sample::Ticks(number) => with(Value::TimeTicks(*number)),
            Sample::Counter64(number) => with(Value::Counter64(*number)),
            Sample::Null => with(Value::Null),
            Sample::NoSuchObject => with(Value::NoSuchObject),
            Sample::NoSuchInstance => with(Value::NoSuchInstance),
            Sample::EndOfMibView => with(Value::EndOfMibView),
        }
    }

    fn theirs(&self) -> VarBindValue {
        let simple = |simple| VarBindValue::Value(ObjectSyntax::Simple(simple));
        let wide = |wide| VarBindValue::Value(ObjectSyntax::ApplicationWide(wide));
        match self {
            Sample::Integer(number) => simple(SimpleSyntax::Integer(Integer::from(*number))),
            Sample::Text(text) => simple(SimpleSyntax::String(OctetString::from(text.clone()))),
            Sample::Name(arcs) => simple(SimpleSyntax::ObjectId(their_oid(arcs))),
            Sample::Address(bytes) => wide(ApplicationSyntax::Address(IpAddress((*bytes).into()))),
            Sample::Counter(number) => wide(ApplicationSyntax::Counter(Counter(*number))),
            Sample::Gauge(number) => wide(ApplicationSyntax::Unsigned(Gauge(*number))),
            Sample::Ticks(number) => wide(ApplicationSyntax::Ticks(TimeTicks(*number))),
            Sample::Counter64(number) => wide(ApplicationSyntax::BigCounter(Counter64(*number))),
            Sample::Null => VarBindValue::Unspecified,
            Sample::NoSuchObject => VarBindValue::NoSuchObject,
            Sample::NoSuchInstance => VarBindValue::NoSuchInstance,
            Sample::EndOfMibView => VarBindValue::EndOfMibView,
        }
    }
}

/// Returns a v2c message with the PDU written by `write`.
fn ours(community: &[u8], write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let (mut writer, mut out) = (Writer::default(), vec![]);
    write(&mut writer);
    message::wrap_community(Version::V2c, community, 0, &mut writer);
    writer.append_to(&mut out);
    out
}

fn theirs<T>(community: &[u8], data: T) -> v2c::Message<T> {
    v2c::Message { version: 1.into(), community: OctetString::from(community.to_vec()), data }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn replies_are_the_same_in_both_directions(
        request_id in 1..i32::MAX,
        status in 0..19u32,
        index in 0..1000u32,
        community in vec(any::<u8>(), 0..40),
        samples in vec((arcs(), sample()), 0..30),
    ) {
        let bytes = ours(&community, |writer| {
            for (name, sample) in samples.iter().rev() {
                sample.ours(|value| Varbind::write(oid(name).as_oid(), &value, writer));
            }
            let head = PduHead {
                tag: pdu_tag::RESPONSE, request_id: request_id as u32, first: status, second: index,
            };
            head.wrap(0, writer);
        });
        let message = theirs(&community, Response(Pdu {
            request_id,
            error_status: status,
            error_index: index,
            variable_bindings: samples
                .iter()
                .map(|(name, sample)| VarBind { name: their_oid(name), value: sample.theirs() })
                .collect(),
        }));
        prop_assert_eq!(&bytes, &rasn::ber::encode(&message).expect("encoded"), "the encodings differ");
        prop_assert_eq!(rasn::ber::decode::<v2c::Message<Response>>(&bytes).expect("decoded"), message);

        let Ok(Message::Community(read)) = Message::parse(&bytes) else { panic!("not read") };
        prop_assert_eq!(read.community, &community[..]);
        prop_assert_eq!(read.pdu.request_id, i64::from(request_id));
        prop_assert_eq!((read.pdu.error_status, read.pdu.error_index), (status.into(), index.into()));
        let mut varbinds = read.pdu.varbinds();
        for (name, sample) in &samples {
            let varbind = varbinds.next().expect("as many");
            prop_assert_eq!(varbind.oid.arcs().collect::<Vec<_>>(), name.clone());
            sample.ours(|value| assert_eq!((varbind.value, varbind.odd), (value, None)));
        }
        prop_assert!(varbinds.next().is_none() && varbinds.broken().is_none());
    }

    #[test]
    fn requests_are_the_same_in_both_implementations(
        request_id in 1..i32::MAX,
        first in 0..100u32,
        second in 0..1000u32,
        names in vec(arcs(), 0..40),
    ) {
        let oids: Vec<Oid> = names.iter().map(|name| oid(name)).collect();
        let write = |tag, first, second| ours(b"public", |writer| {
            let head = PduHead { tag, request_id: request_id as u32, first, second };
            head.write_request(oids.iter().map(Oid::as_oid), writer);
        });
        let variable_bindings: Vec<VarBind> = names
            .iter()
            .map(|name| VarBind { name: their_oid(name), value: VarBindValue::Unspecified })
            .collect();
        let pdu = Pdu { request_id, error_status: 0, error_index: 0, variable_bindings: variable_bindings.clone() };
        let get = rasn::ber::encode(&theirs(b"public", GetRequest(pdu.clone()))).expect("encoded");
        prop_assert_eq!(write(pdu_tag::GET, 0, 0), get);
        let next = rasn::ber::encode(&theirs(b"public", GetNextRequest(pdu))).expect("encoded");
        prop_assert_eq!(write(pdu_tag::GET_NEXT, 0, 0), next);
        let bulk = BulkPdu { request_id, non_repeaters: first, max_repetitions: second, variable_bindings };
        let bulk = rasn::ber::encode(&theirs(b"public", GetBulkRequest(bulk))).expect("encoded");
        prop_assert_eq!(write(pdu_tag::GET_BULK, first, second), bulk);
    }
}
