//! Parses the values of arguments: durations, sizes, rates, addresses.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use allears::engine::Timeout;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

/// A rate in packets per second; `None` for `unlimited`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate(pub Option<f64>);

/// A number of queries in flight; `None` for `auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window(pub Option<u32>);

/// Parses a duration: `300ms`, `1.5s`, `2m`; also `us`, `h`, and a bare `0`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds_in_unit = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "" if number == "0" => 1.0,
        _ => return Err("a duration needs a number and a unit, such as 300ms, 1.5s or 2m".into()),
    };
    let number: f64 =
        number.parse().map_err(|_| "a duration starts with a number, such as 300ms, 1.5s or 2m")?;
    Duration::try_from_secs_f64(number * seconds_in_unit).map_err(|_| "this duration is too long".into())
}

/// Parses the interval of repeated queries: a duration of at least 100 ms.
pub fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    if interval < Duration::from_millis(100) { Err("at least 100ms".into()) } else { Ok(interval) }
}

/// Parses a number of bytes: `4M`, `1.5G`, `64KiB`, `212992`. K, M, G and T are powers of 1024.
pub fn size(text: &str) -> Result<usize, String> {
    let wrong = "a size is a number of bytes, or 64K, 4M, 1.5G";
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.to_ascii_lowercase().trim_end_matches("ib").trim_end_matches('b') {
        "" if !unit.is_empty() => return Err(wrong.into()),
        "" => return number.parse().map_err(|_| wrong.into()),
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err(wrong.into()),
    };
    let number: f64 = number.parse().map_err(|_| wrong)?;
    let bytes = number * (1u64 << shift) as f64;
    // Beyond 2^53, not every integer is a float.
    if bytes < 9e15 { usize::try_from(bytes as u64).map_err(|_| wrong.into()) } else { Err(wrong.into()) }
}

/// Parses a number of packets per second: `500`, `1k`, `2.5k`, `1M`, from 0.01 to 1e9.
pub fn per_second(text: &str) -> Option<f64> {
    let (number, unit) = match text.char_indices().next_back()? {
        (at, 'k' | 'K') => (&text[..at], 1e3),
        (at, 'm' | 'M') => (&text[..at], 1e6),
        _ => (text, 1.0),
    };
    let number: f64 = number.parse().ok()?;
    Some(number * unit).filter(|rate| (0.01..=1e9).contains(rate))
}

/// Parses a fraction from 0 to 1.
pub fn fraction(text: &str) -> Result<f64, String> {
    let wrong = "a fraction is a number from 0 to 1: 0.3";
    let value: f64 = text.parse().map_err(|_| wrong)?;
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err(wrong.into()) }
}

/// Parses a timeout: a duration or `auto`.
pub fn timeout(text: &str) -> Result<Timeout, String> {
    if text == "auto" { Ok(Timeout::Auto) } else { duration(text).map(Timeout::Fixed) }
}

/// Parses the name of a table entry. The help lists all names with their descriptions.
pub fn entry_of<T: Sync>(
    table: &'static [T],
    describe: fn(&T) -> (&'static str, &'static str),
) -> impl TypedValueParser<Value = &'static T> {
    let value = move |entry| {
        let (name, about) = describe(entry);
        if about.is_empty() { PossibleValue::new(name) } else { PossibleValue::new(name).help(about) }
    };
    let find = move |name: String| table.iter().find(|entry| describe(entry).0 == name).ok_or("no such name");
    PossibleValuesParser::new(table.iter().map(value)).try_map(find)
}

/// Parses `ADDR` or `ADDR:PORT`; an IPv6 address with a port needs brackets.
pub fn bind(text: &str) -> Result<SocketAddr, String> {
    let port = text.parse().ok();
    let any_port = || text.trim_matches(['[', ']']).parse().ok().map(|ip: IpAddr| SocketAddr::new(ip, 0));
    port.or_else(any_port).ok_or_else(|| {
        "expected an address of this machine, with or without a port, such as 192.0.2.1:5000".into()
    })
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Rate, String> {
        if text == "unlimited" {
            return Ok(Rate(None));
        }
        let wrong = "a rate is packets per second, from 0.01 to 1e9: 500, 2.5k, 1M; or `unlimited`";
        per_second(text).map(|rate| Rate(Some(rate))).ok_or_else(|| wrong.into())
    }
}

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Window, String> {
        match (text, text.parse()) {
            ("auto", _) => Ok(Window(None)),
            (_, Ok(queries)) if queries > 0 => Ok(Window(Some(queries))),
            _ => Err("a window is a number of queries, at least 1, or `auto`".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration("300ms"), Ok(Duration::from_millis(300)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        for wrong in ["", "5", "ms", "-1s", "1.2.3s", "1e400h", "99999999999999999999h", "3 s", "nan"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(size("4M"), Ok(4 << 20));
        assert_eq!(size("64k"), Ok(65_536));
        assert_eq!(size("212992"), Ok(212_992));
        assert_eq!((size("4MB"), size("16MiB"), size("1.5G")), (Ok(4 << 20), Ok(16 << 20), Ok(3 << 29)));
        for wrong in ["", "K", "-1", "1.5", "1.5.5M", "4X", "B", "iB", "99999999999999999G", "4é"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn unlimited_and_auto_are_parsed() {
        assert_eq!("unlimited".parse(), Ok(Rate(None)));
        assert_eq!("2000".parse(), Ok(Rate(Some(2000.0))));
        assert_eq!("2.5k".parse(), Ok(Rate(Some(2500.0))));
        assert!("0".parse::<Rate>().is_err() && "nan".parse::<Rate>().is_err());
        assert_eq!("auto".parse(), Ok(Window(None)));
        assert_eq!("64".parse(), Ok(Window(Some(64))));
        assert!("0".parse::<Window>().is_err());
        assert_eq!(timeout("auto"), Ok(Timeout::Auto));
        assert_eq!(timeout("1s"), Ok(Timeout::Fixed(Duration::from_secs(1))));
    }

    #[test]
    fn an_address_to_bind_is_parsed() {
        for (text, expected) in [("127.0.0.1", "127.0.0.1:0"), ("[::1]:5", "[::1]:5"), ("::1", "[::1]:0")] {
            assert_eq!(bind(text), Ok(expected.parse().expect("an address")), "{text}");
        }
        assert!(bind("localhost").is_err() && bind("").is_err());
    }
}
