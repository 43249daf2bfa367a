//! Parses the rates, ramps and tolerances of `drops`.

#[cfg(feature = "plot")]
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::cli::values;

/// The maximum number of steps: a larger number is probably a typing error.
const MOST_STEPS: usize = 1000;
/// The maximum duration of a step or timeout.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Evenly spaced rates in queries per second.
#[derive(Clone, Debug, PartialEq)]
pub struct Ramp(pub Vec<f64>);

/// The acceptable loss, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance(pub f64);

/// Parses queries per second: `500`, `1k`, `2.5k`, `1M`.
pub fn rate(text: &str) -> Result<f64, String> {
    let wrong = "a rate is queries per second, from 0.01 to 1e9: 500, 2.5k, 1M";
    values::per_second(text).ok_or_else(|| wrong.into())
}

/// Parses the duration of a step: more than zero, at most a day.
pub fn step(text: &str) -> Result<Duration, String> {
    let length = values::duration(text)?;
    let fits = length > Duration::ZERO && length <= LONGEST;
    if fits { Ok(length) } else { Err("a step lasts from 1us to 24h".into()) }
}

/// Parses the timeout of a reply.
pub fn timeout(text: &str) -> Result<Duration, String> {
    let length = values::duration(text)?;
    let fits = length > Duration::ZERO && length <= LONGEST;
    if fits { Ok(length) } else { Err("a timeout is from 1us to 24h".into()) }
}

/// Parses the name of a plot file, whose extension determines the format.
#[cfg(feature = "plot")]
pub fn picture(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let known = path.extension().is_some_and(|extension| extension == "svg" || extension == "html");
    if known { Ok(path) } else { Err("the file name must end in .svg or .html".into()) }
}

impl FromStr for Ramp {
    type Err = String;

    fn from_str(text: &str) -> Result<Ramp, String> {
        let parts: Vec<f64> = text.split(':').map(rate).collect::<Result<_, _>>()?;
        let &[from, to, step] = &parts[..] else {
            return Err("a ramp is FROM:TO:STEP in queries per second, such as 10k:100k:10k".into());
        };
        if from > to {
            return Err("a ramp goes up: FROM is at most TO".into());
        }
        // Slightly more, so that rounding does not exclude TO.
        let last = ((to - from) / step + 1e-9).floor();
        if last >= MOST_STEPS as f64 {
            return Err(format!("this ramp has more than {MOST_STEPS} steps"));
        }
        Ok(Ramp((0..=last as u32).map(|i| from + f64::from(i) * step).collect()))
    }
}

impl FromStr for Tolerance {
    type Err = String;

    fn from_str(text: &str) -> Result<Tolerance, String> {
        let wrong = "a tolerance is a percentage from 0% to 100%, such as 0.1%";
        let percent: f64 = text.strip_suffix('%').ok_or(wrong)?.parse().map_err(|_| wrong)?;
        if (0.0..=100.0).contains(&percent) { Ok(Tolerance(percent / 100.0)) } else { Err(wrong.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_can_have_thousands_and_millions() {
        for (text, expected) in [("500", 500.0), ("1k", 1000.0), ("2.5K", 2500.0), ("1M", 1e6)] {
            assert_eq!(rate(text), Ok(expected), "{text}");
        }
        for wrong in ["", "k", "0", "-1k", "nan", "inf", "1G", "1kk", "2e9", "5é"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_ramp_includes_both_ends() {
        assert_eq!("1k:2k:500".parse(), Ok(Ramp(vec![1000.0, 1500.0, 2000.0])));
        assert_eq!("0.1:0.3:0.1".parse().map(|Ramp(rates)| rates.len()), Ok(3));
        assert_eq!("5:5:1".parse(), Ok(Ramp(vec![5.0])));
        assert_eq!("1:10:6".parse(), Ok(Ramp(vec![1.0, 7.0])));
        for wrong in ["1k", "1k:2k", "2k:1k:100", "1:2:0", "1:1M:1", "1:2:3:4", "a:b:c"] {
            assert!(wrong.parse::<Ramp>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_tolerance_needs_a_percent_sign() {
        assert_eq!("0.1%".parse(), Ok(Tolerance(0.001)));
        assert_eq!("0%".parse(), Ok(Tolerance(0.0)));
        for wrong in ["0.1", "%", "-1%", "101%", "nan%"] {
            assert!(wrong.parse::<Tolerance>().is_err(), "{wrong}");
        }
        assert!(step("0").is_err() && step("1us").is_ok() && timeout("25h").is_err());
    }
}
