//! Object identifiers, borrowed and owned. Both keep the BER encoding, and decode it only when the arcs are needed.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// The maximum number of arcs in an identifier (RFC 3416, section 4.1).
const MAX_ARCS: usize = 128;

/// A borrowed object identifier: the content of its BER encoding (X.690, section 8.19), not validated.
///
/// Identifiers are ordered by their arcs, as agents order their objects (RFC 3416, section 4.2.2).
#[derive(Clone, Copy)]
pub struct OidRef<'a>(&'a [u8]);

/// An owned object identifier.
///
/// ```
/// use allears::protocol::snmp::Oid;
///
/// let descr: Oid = "1.3.6.1.2.1.2.2.1.2".parse()?;
/// let first: Oid = ".1.3.6.1.2.1.2.2.1.2.1".parse()?;
/// assert!(first > descr && first.is_within(descr.as_oid()));
/// assert_eq!(first.to_string(), "1.3.6.1.2.1.2.2.1.2.1");
/// # Ok::<(), allears::protocol::snmp::OidError>(())
/// ```
#[derive(Clone)]
pub struct Oid(Box<[u8]>);

/// The reason why a text is not an object identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OidError {
    /// The text is something other than numbers separated by dots.
    NotNumbers,
    /// An arc does not fit in 32 bits.
    ArcTooLarge,
    /// The first arc is not 0, 1 or 2; or the second is more than 39, where the first is 0 or 1 (X.660).
    NoSuchRoot,
    /// The identifier has fewer than 2 arcs, or more than 128.
    Length,
}

impl fmt::Display for OidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OidError::NotNumbers => "an object identifier consists of numbers separated by dots",
            OidError::ArcTooLarge => "a number of an object identifier is larger than 4294967295",
            OidError::NoSuchRoot => "an object identifier begins with 0, 1 or 2, as in 1.3.6",
            OidError::Length => "an object identifier has from 2 to 128 numbers",
        })
    }
}

impl std::error::Error for OidError {}

impl<'a> OidRef<'a> {
    /// Wraps the content of a BER encoding.
    pub const fn from_ber(content: &'a [u8]) -> OidRef<'a> {
        OidRef(content)
    }

    /// Returns the content of the BER encoding.
    pub const fn as_ber(self) -> &'a [u8] {
        self.0
    }

    /// Returns an iterator over the arcs.
    ///
    /// An empty encoding is 0.0. An arc of more than 32 bits is reduced to its low 32 bits; a truncated last arc is left
    /// out.
    pub fn arcs(self) -> impl Iterator<Item = u32> + 'a {
        let mut rest = if self.0.is_empty() { &[0][..] } else { self.0 };
        let first = next_arc(&mut rest);
        let (root, second) = match first {
            Some(arc @ ..80) => (Some(arc / 40), Some(arc % 40)),
            Some(arc) => (Some(2), Some(arc - 80)),
            None => (None, None),
        };
        root.into_iter().chain(second).chain(std::iter::from_fn(move || next_arc(&mut rest)))
    }

    /// Returns whether this is `root` or below it.
    pub fn is_within(self, root: OidRef<'_>) -> bool {
        self.0.starts_with(root.0)
    }

    /// Returns the arcs after those of `root`; `None` if this is not within `root`.
    pub fn below(self, root: OidRef<'_>) -> Option<impl Iterator<Item = u32> + 'a> {
        let mut rest = self.0.strip_prefix(root.0)?;
        Some(std::iter::from_fn(move || next_arc(&mut rest)))
    }

    /// Copies this into an owned identifier.
    pub fn to_oid(self) -> Oid {
        Oid(self.0.into())
    }
}

/// Decodes the next arc from base-128 digits, and advances `rest` past it.
fn next_arc(rest: &mut &[u8]) -> Option<u32> {
    let mut arc = 0u32;
    for (at, &byte) in rest.iter().enumerate() {
        arc = arc << 7 | u32::from(byte & 0x7f);
        if byte < 0x80 {
            *rest = &rest[at + 1..];
            return Some(arc);
        }
    }
    *rest = &[];
    None
}

impl Ord for OidRef<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let (mut mine, mut theirs) = (self.0, other.0);
        loop {
            // Equal bytes are equal arcs, up to the arc with the first difference.
            let differs = mine.iter().zip(theirs).position(|(mine, theirs)| mine != theirs);
            let Some(differs) = differs else { return mine.len().cmp(&theirs.len()) };
            if mine[differs] < 0x80 && theirs[differs] < 0x80 {
                return mine[differs].cmp(&theirs[differs]);
            }
            let start = mine[..differs].iter().rposition(|&byte| byte < 0x80).map_or(0, |end| end + 1);
            (mine, theirs) = (&mine[start..], &theirs[start..]);
            // Leading zero digits can make equal arcs differ in their bytes.
            match next_arc(&mut mine).cmp(&next_arc(&mut theirs)) {
                Ordering::Equal => {}
                order => return order,
            }
        }
    }
}

impl PartialOrd for OidRef<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for OidRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for OidRef<'_> {}

/// Writes the arcs separated by dots, without a leading dot.
impl fmt::Display for OidRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Digits::default();
        for (at, arc) in self.arcs().enumerate() {
            if at > 0 {
                text.push(b'.', f)?;
            }
            text.push_number(arc, f)?;
        }
        text.flush(f)
    }
}

impl fmt::Debug for OidRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A buffer for digits. Calling the formatter for each digit would take most of the time of writing a line of output.
struct Digits {
    text: [u8; 128],
    len: usize,
}

impl Default for Digits {
    fn default() -> Digits {
        Digits { text: [0; 128], len: 0 }
    }
}

impl Digits {
    fn push(&mut self, digit: u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.len == self.text.len() {
            self.flush(f)?;
        }
        self.text[self.len] = digit;
        self.len += 1;
        Ok(())
    }

    fn push_number(&mut self, number: u32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        itoa::Buffer::new().format(number).bytes().try_for_each(|digit| self.push(digit, f))
    }

    fn flush(&mut self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = std::mem::take(&mut self.len);
        // Digits and dots are UTF-8.
        f.write_str(std::str::from_utf8(&self.text[..len]).unwrap_or_default())
    }
}

impl Oid {
    /// Builds an identifier from its arcs.
    ///
    /// # Errors
    /// [`OidError::NoSuchRoot`] or [`OidError::Length`].
    pub fn from_arcs(arcs: &[u32]) -> Result<Oid, OidError> {
        let &[first, second, ref rest @ ..] = arcs else { return Err(OidError::Length) };
        if arcs.len() > MAX_ARCS {
            return Err(OidError::Length);
        }
        if first > 2 || (first < 2 && second > 39) {
            return Err(OidError::NoSuchRoot);
        }
        let mut bytes = Vec::with_capacity(arcs.len() + 8);
        push_arc(u64::from(first) * 40 + u64::from(second), &mut bytes);
        rest.iter().for_each(|&arc| push_arc(arc.into(), &mut bytes));
        Ok(Oid(bytes.into()))
    }

    /// Borrows the identifier.
    pub fn as_oid(&self) -> OidRef<'_> {
        OidRef(&self.0)
    }

    /// Returns whether this is `root` or below it.
    pub fn is_within(&self, root: OidRef<'_>) -> bool {
        self.as_oid().is_within(root)
    }

    /// Returns this identifier with one more arc.
    pub fn child(&self, arc: u32) -> Oid {
        let mut bytes = self.0.to_vec();
        push_arc(arc.into(), &mut bytes);
        Oid(bytes.into())
    }
}

/// Appends the base-128 digits of an arc.
pub(crate) fn push_arc(arc: u64, bytes: &mut Vec<u8>) {
    let digits = (64 - (arc | 1).leading_zeros()).div_ceil(7);
    for digit in (0..digits).rev() {
        let more = if digit > 0 { 0x80 } else { 0 };
        bytes.push((arc >> (7 * digit)) as u8 & 0x7f | more);
    }
}

impl FromStr for Oid {
    type Err = OidError;

    /// Parses `1.3.6.1.2.1` or `.1.3.6.1.2.1`.
    fn from_str(text: &str) -> Result<Oid, OidError> {
        let mut arcs = Vec::new();
        for part in text.strip_prefix('.').unwrap_or(text).split('.') {
            if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(OidError::NotNumbers);
            }
            arcs.push(part.parse().map_err(|_| OidError::ArcTooLarge)?);
        }
        Oid::from_arcs(&arcs)
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_oid().fmt(f)
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_oid().fmt(f)
    }
}

impl Ord for Oid {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_oid().cmp(&other.as_oid())
    }
}

impl PartialOrd for Oid {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Oid {
    fn eq(&self, other: &Self) -> bool {
        self.as_oid() == other.as_oid()
    }
}

impl Eq for Oid {}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(text: &str) -> Oid {
        text.parse().expect("an object identifier")
    }

    #[test]
    fn identifiers_are_parsed_and_displayed() {
        for (text, bytes) in [
            ("0.0", &[0][..]),
            ("1.3.6.1.2.1.1.5.0", &[0x2b, 6, 1, 2, 1, 1, 5, 0]),
            ("1.3.6.1.4.1.99999", &[0x2b, 6, 1, 4, 1, 0x86, 0x8d, 0x1f]),
            ("2.999.3", &[0x88, 0x37, 3]),
            ("1.3.4294967295", &[0x2b, 0x8f, 0xff, 0xff, 0xff, 0x7f]),
        ] {
            assert_eq!(oid(text).as_oid().as_ber(), bytes, "{text}");
            assert_eq!(oid(text).to_string(), text);
        }
        assert_eq!(oid(".1.3.6"), oid("1.3.6"));
        assert_eq!(OidRef::from_ber(&[]).to_string(), "0.0");
        let long =
            (0..128).map(|_| "4294967295").collect::<Vec<_>>().join(".").replacen("4294967295", "2", 1);
        assert_eq!(oid(&long.replacen("4294967295", "7", 1)).to_string().len(), 4 + 126 * 11 - 1);
    }

    #[test]
    fn invalid_texts_are_refused() {
        for (text, error) in [
            ("", OidError::NotNumbers),
            ("1", OidError::Length),
            ("1..3", OidError::NotNumbers),
            ("1.3.", OidError::NotNumbers),
            ("1.+3", OidError::NotNumbers),
            ("sysDescr", OidError::NotNumbers),
            ("1.3.4294967296", OidError::ArcTooLarge),
            ("3.1", OidError::NoSuchRoot),
            ("1.40", OidError::NoSuchRoot),
        ] {
            assert_eq!(text.parse::<Oid>(), Err(error), "{text}");
        }
        assert_eq!(Oid::from_arcs(&[1; 129]), Err(OidError::Length));
    }

    #[test]
    fn identifiers_are_ordered_by_arcs_not_by_bytes() {
        let sorted =
            ["0.0", "1.3", "1.3.6", "1.3.6.127", "1.3.6.128", "1.3.6.128.1", "1.3.6.16383", "1.3.6.16384"];
        for (at, low) in sorted.iter().enumerate() {
            assert_eq!(oid(low).cmp(&oid(low)), Ordering::Equal);
            for high in &sorted[at + 1..] {
                assert!(oid(low) < oid(high) && oid(high) > oid(low), "{low} < {high}");
            }
        }
        // An arc with leading zero digits is the same arc.
        assert_eq!(OidRef::from_ber(&[0x2b, 0x80, 6]), oid("1.3.6").as_oid());
        assert!(OidRef::from_ber(&[0x2b, 0x80, 6, 0xff, 0x7f]) < oid("1.3.6.16384").as_oid());
        let many = [0x80, 6].repeat(30_000);
        assert_eq!(OidRef::from_ber(&many), OidRef::from_ber(&[6].repeat(30_000)));
    }

    #[test]
    fn the_order_is_transitive_even_with_leading_zero_digits() {
        // 1.3.5.126, 1.3.5.1 and 1.3.5.125.
        let names = [&[0x2b, 0x80, 5, 0x7e][..], &[0x2b, 5, 0x80, 1], &[0x2b, 5, 0x7d]].map(OidRef::from_ber);
        assert!(names[1] < names[2] && names[2] < names[0] && names[1] < names[0]);
    }

    #[test]
    fn a_subtree_is_its_root_and_everything_below() {
        let root = oid("1.3.6.1");
        assert!(oid("1.3.6.1").is_within(root.as_oid()) && oid("1.3.6.1.9").is_within(root.as_oid()));
        assert!(!oid("1.3.6.10").is_within(root.as_oid()) && !oid("1.3.6").is_within(root.as_oid()));
        let below = |text: &str| oid(text).as_oid().below(root.as_oid()).map(Iterator::collect::<Vec<_>>);
        assert_eq!(below("1.3.6.1.300.2"), Some(vec![300, 2]));
        assert_eq!(below("1.3.6.2"), None);
        assert_eq!(root.child(300), oid("1.3.6.1.300"));
    }

    #[test]
    fn invalid_arcs_are_reduced_and_never_panic() {
        assert_eq!(OidRef::from_ber(&[0x2b, 0xff]).to_string(), "1.3");
        assert_eq!(OidRef::from_ber(&[0xff]).to_string(), "");
        let huge = [0x2b, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        assert_eq!(OidRef::from_ber(&huge).arcs().collect::<Vec<_>>(), [1, 3, u32::MAX]);
        assert_eq!(OidRef::from_ber(&[0x8f, 0xff, 0xff, 0xff, 0x7f]).arcs().next(), Some(2));
    }
}
