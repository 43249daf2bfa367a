//! The search list: the names to try for a name that was typed (resolv.conf(5), `ndots` and `search`).

use super::resolv_conf::ResolvConf;

/// The longest name as text, without the final dot.
const LONGEST: usize = 253;

/// Returns the absolute names to try, in order, without a final dot. A name with a final dot is absolute already. Others
/// with at least `ndots` dots are tried as they are first, and those with fewer last.
pub fn names_to_try(name: &str, conf: &ResolvConf) -> Vec<String> {
    if let Some(absolute) = name.strip_suffix('.') {
        return vec![absolute.to_owned()];
    }
    let dots = name.bytes().filter(|&byte| byte == b'.').count();
    let searched = conf.search.iter().map(|domain| match domain.trim_matches('.') {
        "" => name.to_owned(),
        domain => format!("{name}.{domain}"),
    });
    let as_it_is = [name.to_owned()];
    let all: Vec<String> = if dots >= conf.ndots as usize {
        as_it_is.into_iter().chain(searched).collect()
    } else {
        searched.chain(as_it_is).collect()
    };
    let mut names: Vec<String> = vec![];
    for name in all {
        if name.len() <= LONGEST && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::super::resolv_conf::Overrides;
    use super::*;

    fn names(name: &str, conf: &str) -> Vec<String> {
        names_to_try(name, &ResolvConf::parse(conf, &Overrides::default()))
    }

    #[test]
    fn dots_decide_the_order() {
        let conf = "search a.test .b.test.\noptions ndots:2";
        assert_eq!(names("host", conf), ["host.a.test", "host.b.test", "host"]);
        assert_eq!(names("host.x", conf), ["host.x.a.test", "host.x.b.test", "host.x"]);
        assert_eq!(names("host.x.y", conf), ["host.x.y", "host.x.y.a.test", "host.x.y.b.test"]);
        assert_eq!(names("host.", conf), ["host"]);
        assert_eq!(names("host", "options ndots:0\nsearch a.test"), ["host", "host.a.test"]);
        assert_eq!(names("host", ""), ["host"]);
    }

    #[test]
    fn no_name_is_tried_twice_and_none_that_is_too_long() {
        assert_eq!(names("host", "search . a.test a.test"), ["host", "host.a.test"]);
        let long = "x".repeat(250);
        assert_eq!(names(&long, "search a.test"), [long]);
    }
}
