//! Records as lines of text.

use std::fmt::{self, Write};
use std::net::IpAddr;

use allears::protocol::dns::{Record, RecordData, RecordType};

use super::writer::NameResult;

/// A name without its final dot, except that of the root.
pub struct Dotless<T>(pub T);

impl<T: fmt::Display> fmt::Display for Dotless<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = HeldDot { out: f, any: false, holds: false };
        write!(out, "{}", self.0)?;
        let HeldDot { out, any, holds } = out;
        if holds && !any { out.write_str(".") } else { Ok(()) }
    }
}

/// Holds back a dot until something follows it.
struct HeldDot<'a, 'b> {
    out: &'a mut fmt::Formatter<'b>,
    any: bool,
    holds: bool,
}

impl Write for HeldDot<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.is_empty() {
            return Ok(());
        }
        if self.holds {
            self.out.write_str(".")?;
            self.any = true;
        }
        let before = text.strip_suffix('.');
        self.holds = before.is_some();
        let before = before.unwrap_or(text);
        self.any |= !before.is_empty();
        self.out.write_str(before)
    }
}

// Writing to a string cannot fail.

/// Appends `NAME TYPE DATA`.
pub fn write_simple(text: &mut String, record: &Record<'_>) {
    let _ = write!(text, "{} ", record.owner());
    write_type(text, record.record_type());
    text.push(' ');
    write_data(text, &record.data());
    text.push('\n');
}

/// Appends a line of a zone file (RFC 1035, section 5.1).
pub fn write_zone(text: &mut String, record: &Record<'_>) {
    let _ = write!(text, "{}\t", record.owner());
    text.push_str(itoa::Buffer::new().format(record.ttl()));
    let _ = write!(text, "\t{}\t", record.class());
    write_type(text, record.record_type());
    text.push('\t');
    write_data(text, &record.data());
    text.push('\n');
}

/// Appends a comment to the last line.
pub fn append_remark(text: &mut String, remark: &str) {
    if text.ends_with('\n') {
        text.pop();
    }
    let _ = writeln!(text, " ; {remark}");
}

/// Appends why there are no records, as a comment, if there are none.
pub fn write_comment(text: &mut String, result: &NameResult<'_>) {
    if let Some(failure) = result.failure() {
        let _ = writeln!(text, "; {} {}: {failure}", result.name, result.record_type);
    }
}

/// Appends a type; the usual ones faster.
fn write_type(text: &mut String, of: RecordType) {
    match of {
        RecordType::A => text.push('A'),
        RecordType::AAAA => text.push_str("AAAA"),
        _ => drop(write!(text, "{of}")),
    }
}

/// Appends the data of a record; addresses faster.
pub fn write_data(text: &mut String, data: &RecordData<'_>) {
    let Some(IpAddr::V4(address)) = data.address() else {
        let _ = write!(text, "{data}");
        return;
    };
    let mut digits = itoa::Buffer::new();
    for (place, byte) in address.octets().into_iter().enumerate() {
        if place > 0 {
            text.push('.');
        }
        text.push_str(digits.format(byte));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_final_dot_is_left_out() {
        for (name, shown) in [("a.b", "a.b"), (".", "."), (r"a\.", r"a\."), (r"x\..b", r"x\..b")] {
            let name: allears::protocol::dns::Name = name.parse().expect("a name");
            assert_eq!(Dotless(name).to_string(), shown);
        }
    }
}
