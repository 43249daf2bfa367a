//! Replies in several datagrams.
//!
//! After `feffffff` and the ID of the reply, there are three layouts:
//!
//! | layout | header of a part | |
//! |---|---|---|
//! | Source | total, number, size (2 bytes) | |
//! | old Source | total, number | protocol 7 of some games |
//! | GoldSrc | one byte: number in the high four bits, total in the low ones | |
//!
//! The first part shows which one it is: what follows the header is the `ffffffff` of the whole packet or, with bit 31 of
//! the ID, a length, a checksum, and the `BZh` of bzip2.

use super::{WHOLE, compressed};

/// The start of a datagram that is a part of a packet.
pub(super) const SPLIT: &[u8] = b"\xfe\xff\xff\xff";

/// The maximum number of parts kept for one reply, and their maximum total length in bytes. Real replies have at most
/// 15 parts of 1,400 bytes.
const MAX_PARTS: usize = 32;
const MAX_BYTES: usize = 32 << 10;
/// The maximum number of replies to one request that are decompressed, which costs some milliseconds for a few bytes.
const MAX_DECOMPRESSIONS: u32 = 4;
/// The maximum number of replies that are incomplete at the same time: those to several attempts.
const MAX_REPLIES: usize = 3;

/// The parts that have been received.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// Incomplete replies, oldest first.
    replies: Vec<SplitReply>,
    /// The ID of the last complete reply.
    complete: Option<[u8; 4]>,
    /// The number of replies that were decompressed.
    decompressions: u32,
}

/// The parts of one reply, as datagrams.
#[derive(Debug)]
struct SplitReply {
    id: [u8; 4],
    datagrams: Vec<Box<[u8]>>,
}

/// The result of adding a part.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Joined {
    /// All parts are there: the whole packet.
    Whole(Vec<u8>),
    /// Parts are missing.
    Missing,
    /// The part was there already.
    Known,
    /// All parts are there, but do not form a packet.
    Broken(&'static str),
}

/// The layout of the parts of a reply.
#[derive(Clone, Copy, Debug, PartialEq)]
enum SplitLayout {
    Source,
    OldSource,
    GoldSrc,
}

impl Parts {
    /// Adds a part: a datagram that starts with [`SPLIT`].
    pub(super) fn add(&mut self, datagram: &[u8]) -> Joined {
        let Some((id, [_, ..])) = datagram[SPLIT.len()..].split_first_chunk() else {
            return Joined::Broken("a part is cut off");
        };
        if self.complete == Some(*id) {
            return Joined::Known;
        }
        let at = self.replies.iter().position(|reply| reply.id == *id).unwrap_or_else(|| {
            if self.replies.len() == MAX_REPLIES {
                self.replies.remove(0);
            }
            self.replies.push(SplitReply { id: *id, datagrams: vec![] });
            self.replies.len() - 1
        });
        let reply = &mut self.replies[at];
        if reply.datagrams.iter().any(|known| **known == *datagram) {
            return Joined::Known;
        }
        let bytes: usize = reply.datagrams.iter().map(|known| known.len()).sum();
        if reply.datagrams.len() == MAX_PARTS || bytes + datagram.len() > MAX_BYTES {
            return Joined::Broken("a reply has too many parts");
        }
        reply.datagrams.push(datagram.into());
        let Some(packet) = reply.join() else { return Joined::Missing };
        self.replies.remove(at);
        self.complete = Some(*id);
        if packet.starts_with(WHOLE) {
            return Joined::Whole(packet);
        }
        if self.decompressions == MAX_DECOMPRESSIONS {
            return Joined::Broken("too many compressed replies");
        }
        self.decompressions += 1;
        compressed::decompress(&packet).map_or_else(Joined::Broken, Joined::Whole)
    }

    /// Drops all parts, for another request. Further ones of a reply that is complete stay known.
    pub(super) fn forget(&mut self) {
        (self.replies, self.decompressions) = (vec![], 0);
    }

    /// Returns the joined parts of an incomplete reply before its first missing one; the longest such beginning if
    /// there are several.
    pub(super) fn beginning(&self) -> Vec<u8> {
        self.replies.iter().map(SplitReply::beginning).max_by_key(Vec::len).unwrap_or_default()
    }
}

impl SplitReply {
    /// Returns the layout and the number of parts; `None` before the first part is there.
    fn shape(&self) -> Option<(SplitLayout, usize)> {
        self.datagrams.iter().find_map(|datagram| {
            let layout = SplitLayout::of_first(datagram)?;
            Some((layout, layout.place(datagram)?.1))
        })
    }

    /// Returns the content of part `number`.
    fn part(&self, layout: SplitLayout, number: usize, total: usize) -> Option<&[u8]> {
        let datagram =
            self.datagrams.iter().find(|datagram| layout.place(datagram) == Some((number, total)))?;
        datagram.get(layout.header()..)
    }

    /// Joins the parts if all of them are there.
    fn join(&self) -> Option<Vec<u8>> {
        let (layout, total) = self.shape()?;
        let parts: Option<Vec<_>> = (0..total).map(|number| self.part(layout, number, total)).collect();
        parts.map(|parts| parts.concat())
    }

    fn beginning(&self) -> Vec<u8> {
        let Some((layout, total)) = self.shape() else { return vec![] };
        let parts: Vec<_> = (0..total).map_while(|number| self.part(layout, number, total)).collect();
        parts.concat()
    }
}

impl SplitLayout {
    const ALL: [SplitLayout; 3] = [SplitLayout::GoldSrc, SplitLayout::OldSource, SplitLayout::Source];

    /// Returns the layout of a first part; `None` if the datagram is not a first part.
    fn of_first(datagram: &[u8]) -> Option<SplitLayout> {
        SplitLayout::ALL.into_iter().find(|layout| {
            let content = datagram.get(layout.header()..).unwrap_or_default();
            let is_first = layout.place(datagram).is_some_and(|(number, total)| number == 0 && total > 0);
            is_first
                && (content.starts_with(WHOLE) || (datagram[7] & 0x80 != 0 && compressed::claims(content)))
        })
    }

    /// Returns where the content of a part starts.
    fn header(self) -> usize {
        match self {
            SplitLayout::Source => 12,
            SplitLayout::OldSource => 10,
            SplitLayout::GoldSrc => 9,
        }
    }

    /// Returns the number of a part, from 0, and the number of all parts.
    fn place(self, datagram: &[u8]) -> Option<(usize, usize)> {
        match (self, datagram.get(8..)?) {
            (SplitLayout::GoldSrc, [byte, ..]) => Some((usize::from(byte >> 4), usize::from(byte & 15))),
            (SplitLayout::Source | SplitLayout::OldSource, [total, number, ..]) => {
                Some((usize::from(*number), usize::from(*total)))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: &[u8] = b"\xff\xff\xff\xffD\x02 a packet in three parts";

    /// Splits a packet into three parts.
    fn split(layout: SplitLayout, id: u32, packet: &[u8]) -> Vec<Vec<u8>> {
        let parts = packet.chunks(packet.len().div_ceil(3)).zip(0..);
        let header = |number: u8| match layout {
            SplitLayout::Source => vec![3, number, 0xe0, 4],
            SplitLayout::OldSource => vec![3, number],
            SplitLayout::GoldSrc => vec![number << 4 | 3],
        };
        let id = &id.to_le_bytes();
        parts.map(|(part, number)| [SPLIT, id, &header(number), part].concat()).collect()
    }

    #[test]
    fn parts_in_any_order_and_layout_are_joined() {
        for layout in SplitLayout::ALL {
            for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
                let (mut parts, datagrams) = (Parts::default(), split(layout, 7, PACKET));
                assert_eq!(parts.add(&datagrams[order[0]]), Joined::Missing);
                assert_eq!(parts.add(&datagrams[order[0]]), Joined::Known, "a copy");
                assert_eq!(parts.add(&datagrams[order[1]]), Joined::Missing);
                assert_eq!(parts.add(&datagrams[order[2]]), Joined::Whole(PACKET.to_vec()), "{layout:?}");
                assert_eq!(parts.add(&datagrams[0]), Joined::Known, "a late copy");
            }
        }
    }

    #[test]
    fn parts_of_different_replies_are_not_mixed() {
        let (first, other) = (split(SplitLayout::Source, 7, PACKET), split(SplitLayout::Source, 8, PACKET));
        let mut parts = Parts::default();
        assert_eq!(parts.add(&first[0]), Joined::Missing);
        assert_eq!(parts.add(&other[1]), Joined::Missing);
        assert_eq!(parts.add(&other[2]), Joined::Missing);
        assert_eq!(parts.add(&first[1]), Joined::Missing);
        assert_eq!(parts.add(&other[0]), Joined::Whole(PACKET.to_vec()));
        assert_eq!(parts.add(&first[2]), Joined::Whole(PACKET.to_vec()));
    }

    #[test]
    fn the_beginning_is_known_before_the_rest() {
        let mut parts = Parts::default();
        assert_eq!(parts.beginning(), b"");
        let datagrams = split(SplitLayout::GoldSrc, 7, PACKET);
        parts.add(&datagrams[2]);
        assert_eq!(parts.beginning(), b"");
        parts.add(&datagrams[0]);
        assert_eq!(parts.beginning(), PACKET[..PACKET.len().div_ceil(3)]);
        parts.forget();
        assert_eq!(parts.beginning(), b"");
    }

    #[test]
    fn memory_is_bounded() {
        let mut parts = Parts::default();
        for number in 0..1000_u32 {
            for id in 0..9_u8 {
                parts.add(&[SPLIT, &[id, 0, 0, 0, 255], &number.to_le_bytes()].concat());
            }
        }
        assert_eq!(parts.replies.len(), MAX_REPLIES);
        assert!(parts.replies.iter().all(|reply| reply.datagrams.len() <= MAX_PARTS));
        let mut long = Parts::default();
        for number in 0..MAX_PARTS as u8 {
            let part = [SPLIT, &[0, 0, 0, 0, 255, number], &[0; 5000]].concat();
            let expected =
                if number < 6 { Joined::Missing } else { Joined::Broken("a reply has too many parts") };
            assert_eq!(long.add(&part), expected);
        }
        for odd in [&b""[..], b"\0\0\0", b"\0\0\0\0"] {
            assert_eq!(parts.add(&[SPLIT, odd].concat()), Joined::Broken("a part is cut off"));
        }
    }

    #[cfg(feature = "bzip2")]
    #[test]
    fn compressed_parts_are_joined_and_decompressed() {
        let content = compressed::tests::compress(PACKET, PACKET.len() as u32, compressed::crc32(PACKET));
        for layout in [SplitLayout::Source, SplitLayout::OldSource] {
            let (mut parts, datagrams) = (Parts::default(), split(layout, 1 << 31 | 7, &content));
            assert_eq!(parts.add(&datagrams[2]), Joined::Missing);
            assert_eq!(parts.add(&datagrams[0]), Joined::Missing);
            assert_eq!(parts.add(&datagrams[1]), Joined::Whole(PACKET.to_vec()), "{layout:?}");
        }
    }

    #[cfg(feature = "bzip2")]
    #[test]
    fn few_replies_are_decompressed() {
        let mut parts = Parts::default();
        let mut add = |id: u32, checksum: u32| {
            let content = compressed::tests::compress(PACKET, PACKET.len() as u32, checksum);
            let datagrams = split(SplitLayout::Source, 1 << 31 | id, &content);
            datagrams.iter().map(|datagram| parts.add(datagram)).last()
        };
        let mismatch = Joined::Broken("a compressed reply does not match its checksum");
        for id in 0..MAX_DECOMPRESSIONS {
            assert_eq!(add(id, 0), Some(mismatch.clone()));
        }
        for id in 100..110 {
            let checksum = compressed::crc32(PACKET);
            assert_eq!(add(id, checksum), Some(Joined::Broken("too many compressed replies")));
        }
        parts.forget();
        assert_eq!(parts.decompressions, 0, "another request");
    }

    #[cfg(not(feature = "bzip2"))]
    #[test]
    fn compressed_parts_have_a_reason() {
        let content = [&b"\x1f\0\0\0\x01\x02\x03\x04BZh91AY&SY"[..], &[0; 40]].concat();
        let mut parts = Parts::default();
        let [_, _, broken] =
            [0, 1, 2].map(|at| parts.add(&split(SplitLayout::Source, 1 << 31, &content)[at]));
        assert_eq!(broken, Joined::Broken("a compressed reply needs the feature bzip2"));
    }
}
