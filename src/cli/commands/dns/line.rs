//! Lines of names: `NAME [TYPE...]`, with `#` before comments.

use std::net::IpAddr;

use allears::protocol::dns::{Class, Name, Question, RecordType};
use ipnet::IpNet;

use super::Typed;
use crate::cli::input_lines::MAX_LINE;

/// The maximum size of a network in addresses, as a power of two: all of IPv4.
const MAX_NETWORK: u8 = 32;

/// A question, and what was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub question: Question,
    pub typed: Typed,
    /// True for the first question about a name.
    pub is_first: bool,
}

/// The questions of lines: their class, and the types of lines that name none.
#[derive(Clone, Debug)]
pub struct LineRules {
    /// The types of lines that name none.
    types: Vec<RecordType>,
    class: Class,
    /// True if lines are addresses.
    reverse: bool,
}

/// A line that is understood.
#[derive(Debug)]
pub struct NameLine<'a> {
    subject: LineSubject,
    typed: &'a str,
    types: Option<Vec<RecordType>>,
}

#[derive(Debug)]
enum LineSubject {
    Name(Name),
    Network(IpNet),
}

impl LineRules {
    pub fn new(types: &[RecordType], class: Class, reverse: bool) -> LineRules {
        LineRules { types: without_repetitions(types.iter().copied()), class, reverse }
    }

    /// Parses a line; `None` if it is empty or a comment.
    pub fn parse<'a>(&self, line: &'a [u8]) -> Option<Result<NameLine<'a>, String>> {
        if line.len() > MAX_LINE {
            return Some(Err(format!("longer than {MAX_LINE} bytes")));
        }
        let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        let Ok(text) = std::str::from_utf8(line) else { return Some(Err("not UTF-8".into())) };
        let mut words = text.split_whitespace().take_while(|word| !word.starts_with('#'));
        let typed = words.next()?;
        Some(self.parse_words(typed, words))
    }

    fn parse_words<'a>(
        &self,
        typed: &'a str,
        words: impl Iterator<Item = &'a str>,
    ) -> Result<NameLine<'a>, String> {
        let mut types = vec![];
        for word in words.flat_map(|word| word.split(',')) {
            let of = word.parse().map_err(|error| format!("{word}: {error}"))?;
            types.push(of);
        }
        let types = (!types.is_empty()).then(|| without_repetitions(types.into_iter()));
        let subject = match network(typed).filter(|_| self.reverse || types.is_none()) {
            Some(network) if self.reverse || is_address(network) => check_size(network)?,
            _ if self.reverse => return Err("not an address or a network".into()),
            Some(network) if !is_address(network) => return Err("a network needs -x".into()),
            _ => LineSubject::Name(name_of_host(typed)?),
        };
        Ok(NameLine { subject, typed, types })
    }

    /// Calls `take` with each question of a line, until it fails.
    pub fn questions<E>(
        &self,
        line: &NameLine<'_>,
        mut take: impl FnMut(Asked) -> Result<(), E>,
    ) -> Result<(), E> {
        let NameLine { subject, typed, types } = line;
        match subject {
            LineSubject::Name(name) => {
                let typed = differs(name, typed).then(|| (*typed).into());
                self.ask(name, types.as_deref().unwrap_or(&self.types), &typed, &mut take)
            }
            LineSubject::Network(network) => addresses(*network).try_for_each(|address| {
                let typed = Some(address.to_string().into());
                let types = types.as_deref().unwrap_or(&[RecordType::PTR]);
                self.ask(&Name::reverse(address), types, &typed, &mut take)
            }),
        }
    }

    fn ask<E>(
        &self,
        name: &Name,
        types: &[RecordType],
        typed: &Typed,
        take: &mut impl FnMut(Asked) -> Result<(), E>,
    ) -> Result<(), E> {
        types.iter().enumerate().try_for_each(|(place, of)| {
            let question = Question::new(name, *of, self.class);
            take(Asked { question, typed: typed.clone(), is_first: place == 0 })
        })
    }
}

fn without_repetitions(types: impl Iterator<Item = RecordType>) -> Vec<RecordType> {
    let mut distinct = vec![];
    for of in types {
        if !distinct.contains(&of) {
            distinct.push(of);
        }
    }
    distinct
}

/// Parses an address or a network.
fn network(text: &str) -> Option<IpNet> {
    // Most names have a letter that no address has.
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit() || b".:/".contains(&byte)) {
        return None;
    }
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn is_address(network: IpNet) -> bool {
    network.prefix_len() == network.max_prefix_len()
}

fn check_size(network: IpNet) -> Result<LineSubject, String> {
    if network.max_prefix_len() - network.prefix_len() > MAX_NETWORK {
        return Err(format!("the network has more than 2^{MAX_NETWORK} addresses"));
    }
    Ok(LineSubject::Network(network))
}

/// Returns all addresses of a network.
fn addresses(network: IpNet) -> Box<dyn Iterator<Item = IpAddr>> {
    match network {
        IpNet::V4(v4) => {
            let bits = v4.network().to_bits()..=v4.broadcast().to_bits();
            Box::new(bits.map(|bits| std::net::Ipv4Addr::from_bits(bits).into()))
        }
        IpNet::V6(v6) => {
            let bits = v6.network().to_bits()..=v6.broadcast().to_bits();
            Box::new(bits.map(|bits| std::net::Ipv6Addr::from_bits(bits).into()))
        }
    }
}

/// Parses a name, but not what people write by mistake. All of these are possible names, with a backslash in front.
fn name_of_host(typed: &str) -> Result<Name, String> {
    match typed.as_bytes() {
        [b'@', ..] => Err("a server is set with --server".into()),
        [b'+', ..] => Err("options of dig do not apply".into()),
        _ if typed.contains("://") => Err("a URL, not a name".into()),
        _ => name(typed),
    }
}

/// Parses a name. Characters that are not ASCII are converted (UTS 46).
pub fn name(typed: &str) -> Result<Name, String> {
    if typed.is_ascii() {
        return typed.parse::<Name>().map_err(|error| error.to_string());
    }
    if typed.contains('\\') {
        return Err("a name with a backslash must be ASCII".into());
    }
    let ascii = idna::domain_to_ascii(typed).map_err(|_| "not an international name (UTS 46)")?;
    ascii.parse::<Name>().map_err(|error| error.to_string())
}

/// Returns whether what was typed is not the name as it is printed, apart from the final dot.
fn differs(name: &Name, typed: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte);
    if typed.bytes().all(is_plain) {
        return false;
    }
    let printed = name.to_string();
    printed != typed && printed.strip_suffix('.') != Some(typed)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// Returns the questions of a line, or why there are none.
    fn asked(rules: &LineRules, line: &str) -> Option<Result<Vec<String>, String>> {
        Some(rules.parse(line.as_bytes())?.map(|line| {
            let mut all = vec![];
            let taken: Result<(), Infallible> = rules.questions(&line, |asked| {
                let Asked { question, typed, .. } = asked;
                let typed = typed.map(|typed| format!(" ({typed})")).unwrap_or_default();
                all.push(format!(
                    "{} {} {}{typed}",
                    question.name(),
                    question.class(),
                    question.record_type()
                ));
                Ok(())
            });
            taken.expect("nothing fails");
            all
        }))
    }

    fn rules(types: &[RecordType], reverse: bool) -> LineRules {
        LineRules::new(types, Class::IN, reverse)
    }

    #[test]
    fn a_line_has_a_name_and_types() {
        let rules = rules(&[RecordType::A, RecordType::AAAA, RecordType::A], false);
        let ask = |line| asked(&rules, line).expect("not empty").expect("understood");
        assert_eq!(ask("Example.org"), ["Example.org. IN A", "Example.org. IN AAAA"]);
        assert_eq!(ask(" example.org.\tmx TXT # mail"), ["example.org. IN MX", "example.org. IN TXT"]);
        assert_eq!(ask("example.org A,TYPE65280"), ["example.org. IN A", "example.org. IN TYPE65280"]);
        assert_eq!(ask("Bücher.example MX"), ["xn--bcher-kva.example. IN MX (Bücher.example)"]);
        assert_eq!(ask(r"\123.xxx MX"), [r"{.xxx. IN MX (\123.xxx)"]);
        assert_eq!(ask(r"exa\.mple.com MX"), [r"exa\.mple.com. IN MX"]);
        assert_eq!(ask(". NS"), [". IN NS"]);
        assert_eq!(ask("192.0.2.1"), ["1.2.0.192.in-addr.arpa. IN PTR (192.0.2.1)"]);
        assert_eq!(ask("192.0.2.1 MX"), ["192.0.2.1. IN MX"]);
        assert_eq!(ask("0/25.2.0.192.in-addr.arpa NS"), ["0/25.2.0.192.in-addr.arpa. IN NS"]);
        assert_eq!(ask(r"\@x.test MX"), [r"\@x.test. IN MX"]);
        for mistake in ["192.0.2.0/31", "@192.0.2.53", "+short", "https://example.org/"] {
            assert!(asked(&rules, mistake).is_some_and(|asked| asked.is_err()), "{mistake}");
        }
        for empty in ["", "  ", "# example.org", " #"] {
            assert_eq!(asked(&rules, empty), None);
        }
    }

    #[test]
    fn addresses_become_names() {
        let rules = rules(&[RecordType::A], true);
        let ask = |line| asked(&rules, line).expect("not empty");
        let pair =
            ["0.2.0.192.in-addr.arpa. IN PTR (192.0.2.0)", "1.2.0.192.in-addr.arpa. IN PTR (192.0.2.1)"];
        assert_eq!(ask("192.0.2.0/31").expect("understood"), pair);
        assert_eq!(ask("192.0.2.1/31").expect("understood"), pair);
        assert_eq!(ask("2001:db8::/120").expect("understood").len(), 256);
        for wrong in ["example.org", "300.0.0.1", "10.0.0.0/33", "2001:db8::/64"] {
            assert!(ask(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bad_lines_have_a_reason() {
        let rules = rules(&[RecordType::A], false);
        let long = "x".repeat(64);
        for wrong in
            ["\\", "a..b", r"x\300y", &long, "example.org NOPE", "a\\ä.b", "xn--ä.b", &"x".repeat(2000)]
        {
            assert!(asked(&rules, wrong).expect("not empty").is_err(), "{wrong}");
        }
        assert!(rules.parse(b"\xff.b").expect("not empty").is_err());
    }
}
