//! `/etc/resolv.conf`: the name servers and how to ask them (resolv.conf(5), with the limits of glibc's `resolv.h`).
//!
//! Lines and options that cannot be read are left out, as glibc does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::address;

/// The port of name servers.
const PORT: u16 = 53;
/// The characters that begin a comment, on lines of their own, after a word, or within the address of a server.
const COMMENT: [char; 2] = ['#', ';'];
/// The limits of glibc.
const MOST_SERVERS: usize = 3;
const MOST_DOTS: u32 = 15;
const MOST_SECONDS: u32 = 30;
const MOST_ATTEMPTS: u32 = 5;

/// The settings of name resolution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvConf {
    /// The name servers, at least one.
    pub servers: Vec<SocketAddr>,
    /// The domains in which names are searched for.
    pub search: Vec<String>,
    /// Names with fewer dots are searched for in the domains first.
    pub ndots: u32,
    /// The time that each server has for its answer.
    pub timeout: Duration,
    /// The number of times that each server is asked.
    pub attempts: u32,
    /// True to use the servers in turn.
    pub rotate: bool,
    /// True to use TCP.
    pub use_vc: bool,
    pub edns0: bool,
    /// True to ask for no IPv6 addresses.
    pub no_aaaa: bool,
}

/// The settings that override the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `LOCALDOMAIN`: the search list.
    pub local_domain: Option<String>,
    /// `RES_OPTIONS`: further options.
    pub options: Option<String>,
    /// The name of this machine, whose domain is searched if the file names none.
    pub host_name: String,
}

impl ResolvConf {
    /// Reads the file.
    pub fn parse(text: &str, overrides: &Overrides) -> ResolvConf {
        let mut conf = ResolvConf::without_servers();
        let mut search = None;
        // The keyword must start the line.
        for line in text.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_alphabetic())) {
            let words = line.split_ascii_whitespace();
            let mut words = words.take_while(|word| !word.starts_with(COMMENT));
            match words.next() {
                Some("nameserver") => {
                    let word = words.next().unwrap_or_default();
                    conf.add_server(word.split(COMMENT).next().unwrap_or_default());
                }
                Some("domain") => search = words.next().map(|domain| vec![domain.to_owned()]).or(search),
                Some("search") => search = Some(words.map(str::to_owned).collect()),
                Some("options") => words.for_each(|option| conf.set(option)),
                _ => {}
            }
        }
        if let Some(domains) = &overrides.local_domain {
            search = Some(domains.split_ascii_whitespace().map(str::to_owned).collect());
        }
        let own_domain = || overrides.host_name.split_once('.').map(|(_, domain)| domain.to_owned());
        conf.search = search.unwrap_or_else(|| own_domain().into_iter().collect());
        overrides.options.iter().flat_map(|options| options.split_ascii_whitespace()).for_each(|option| {
            conf.set(option);
        });
        if conf.servers.is_empty() {
            conf.servers.push((Ipv4Addr::LOCALHOST, PORT).into());
        }
        conf
    }

    fn without_servers() -> ResolvConf {
        ResolvConf {
            servers: vec![],
            search: vec![],
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            rotate: false,
            use_vc: false,
            edns0: false,
            no_aaaa: false,
        }
    }

    fn add_server(&mut self, text: &str) {
        let Some(mut server) = address(text).filter(|_| self.servers.len() < MOST_SERVERS) else { return };
        server.set_port(PORT);
        // The unspecified address means this machine.
        match server.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => server.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => server.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        self.servers.push(server);
    }

    fn set(&mut self, option: &str) {
        let (name, value) = option.split_once(':').unwrap_or((option, ""));
        match (name, value.parse::<u32>()) {
            ("ndots", Ok(dots)) => self.ndots = dots.min(MOST_DOTS),
            ("timeout", Ok(seconds)) => {
                self.timeout = Duration::from_secs(seconds.clamp(1, MOST_SECONDS).into());
            }
            ("attempts", Ok(attempts)) => self.attempts = attempts.clamp(1, MOST_ATTEMPTS),
            ("rotate", _) => self.rotate = true,
            ("use-vc", _) => self.use_vc = true,
            ("edns0", _) => self.edns0 = true,
            ("no-aaaa", _) => self.no_aaaa = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> ResolvConf {
        ResolvConf::parse(text, &Overrides { host_name: "box.own.test".into(), ..Overrides::default() })
    }

    fn servers(text: &str) -> Vec<String> {
        parsed(text).servers.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_empty_file_has_the_defaults() {
        let expected = ResolvConf {
            servers: vec!["127.0.0.1:53".parse().expect("an address")],
            search: vec!["own.test".into()],
            ..ResolvConf::without_servers()
        };
        for text in ["", "# nothing\n; nothing\n\n", "nonsense 1 2\nnameserver\nnameserver x\ndomain\n"] {
            assert_eq!(parsed(text), expected, "{text:?}");
        }
    }

    #[test]
    fn at_most_three_servers_are_used_and_bad_ones_left_out() {
        let text = "nameserver 192.0.2.1\nnameserver 300.1.1.1\nnameserver\t2001:db8::1 # comment\n\
                    nameserver 0.0.0.0\nnameserver 192.0.2.4\n";
        assert_eq!(servers(text), ["192.0.2.1:53", "[2001:db8::1]:53", "127.0.0.1:53"]);
        assert_eq!(servers("nameserver fe80::1%3"), ["[fe80::1%3]:53"]);
        assert_eq!(servers("nameserver ::"), ["[::1]:53"]);
    }

    #[test]
    fn the_last_search_list_is_used() {
        assert_eq!(parsed("search a.test b.test\ndomain c.test d.test").search, ["c.test"]);
        assert_eq!(parsed("domain c.test\nsearch a.test b.test # x").search, ["a.test", "b.test"]);
        assert_eq!(parsed("search").search, Vec::<String>::new());
    }

    #[test]
    fn options_have_limits_and_unknown_ones_are_ignored() {
        let conf =
            parsed("options ndots:20 timeout:99 retrans:1 attempts:9 trust-ad no-aaaa\noptions use-vc x:y");
        assert_eq!((conf.ndots, conf.timeout, conf.attempts), (15, Duration::from_secs(30), 5));
        assert!(conf.no_aaaa && conf.use_vc && !conf.rotate && !conf.edns0);
        let conf = parsed("options ndots:0 timeout:0 attempts:0 rotate edns0 ndots:x ndots:-1");
        assert_eq!((conf.ndots, conf.timeout, conf.attempts), (0, Duration::from_secs(1), 1));
        assert!(conf.rotate && conf.edns0);
    }

    #[test]
    fn comments_may_follow_anything_and_keywords_start_their_line() {
        let text = "nameserver 192.0.2.1#one\nnameserver\t192.0.2.2;two\nnameserver 192.0.2.3\t# three\n";
        assert_eq!(servers(text), ["192.0.2.1:53", "192.0.2.2:53", "192.0.2.3:53"]);
        assert_eq!(
            servers(" nameserver 192.0.2.1\nnameserver # 192.0.2.2\n#nameserver 192.0.2.3"),
            ["127.0.0.1:53"]
        );
        assert_eq!(parsed("search a.test\t;b.test\noptions ndots:2 # ndots:3").search, ["a.test"]);
        assert_eq!(parsed("options ndots:2 # ndots:3").ndots, 2);
        assert_eq!(
            servers("nameserver#192.0.2.1\nnameserverx 192.0.2.1\nNAMESERVER 192.0.2.1"),
            ["127.0.0.1:53"]
        );
    }

    #[test]
    fn odd_files_are_read_as_far_as_they_can_be() {
        let text = "nameserver 192.0.2.1\r\nsearch a.test b.test\r\noptions ndots:2\r\noptions rotate edns0\r\n\
                    options\r\n\r\noptions attempts:4";
        let conf = parsed(text);
        assert_eq!(
            (&conf.search[..], conf.ndots, conf.attempts),
            (&["a.test".into(), "b.test".into()][..], 2, 4)
        );
        assert!(conf.rotate && conf.edns0 && conf.servers == ["192.0.2.1:53".parse().expect("an address")]);
        assert_eq!(parsed(&text.replace("\r\n", "\n")), conf);
        // A server that is named twice counts twice, as in glibc.
        let twice = "nameserver 192.0.2.1\nnameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3";
        assert_eq!(servers(twice), ["192.0.2.1:53", "192.0.2.1:53", "192.0.2.2:53"]);
        for bad in [
            "192.0.2.1:53",
            "[2001:db8::1]",
            "fe80::1%",
            "fe80::1%no-such-one",
            "192.0.2.1%3",
            "::1 ::2x%",
            "\u{fffd}",
            "\0",
        ] {
            let server = if bad.starts_with("::1") { "[::1]:53" } else { "127.0.0.1:53" };
            assert_eq!(servers(&format!("nameserver {bad}\n")), [server], "{bad:?}");
        }
        let long = format!(
            "search {}\nnameserver {}192.0.2.1{}\n",
            "a.test ".repeat(5000),
            " ".repeat(9000),
            " x".repeat(9000)
        );
        assert_eq!((parsed(&long).search.len(), servers(&long)), (5000, vec!["192.0.2.1:53".to_owned()]));
        assert_eq!(servers("\u{feff}nameserver 192.0.2.9\nnameserver 192.0.2.1"), ["192.0.2.1:53"]);
    }

    proptest! {
        #[test]
        fn any_text_has_settings_within_the_limits(
            lines in vec(prop_oneof![
                "(nameserver|search|domain|options|sortlist|[a-z#; \t])[ \t]{0,2}[a-z0-9.:%#;\\-]{0,20}[ \t\r]?",
                "options (ndots|timeout|attempts):-?[0-9]{1,12}",
                "\\PC{0,30}",
            ], 0..12),
        ) {
            let conf = parsed(&lines.join("\n"));
            prop_assert!((1..=MOST_SERVERS).contains(&conf.servers.len()));
            prop_assert!(conf.servers.iter().all(|server| server.port() == PORT && !server.ip().is_unspecified()));
            prop_assert!(conf.ndots <= MOST_DOTS && (1..=MOST_ATTEMPTS).contains(&conf.attempts));
            prop_assert!((1..=u64::from(MOST_SECONDS)).contains(&conf.timeout.as_secs()));
            // Neither comments, empty lines nor other ends of lines matter.
            let other = lines.iter().map(|line| format!("# x\n{}\r\n;y\n \n", line.trim_end())).collect::<String>();
            prop_assert_eq!(parsed(&other), conf);
        }
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let overrides = Overrides {
            local_domain: Some(" e.test  f.test".into()),
            options: Some("ndots:3 rotate".into()),
            host_name: "box".into(),
        };
        let conf = ResolvConf::parse("search a.test\noptions ndots:2", &overrides);
        assert_eq!(
            (&conf.search[..], conf.ndots, conf.rotate),
            (&["e.test".into(), "f.test".into()][..], 3, true)
        );
        assert!(parsed("options ndots:2").search == ["own.test"]);
    }
}
