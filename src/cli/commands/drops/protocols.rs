//! The protocols of `drops`, each with its question.

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

use allears::net;
use allears::protocol::dns;
use allears::protocol::games::{Game, GameQuestion, Games};
use allears::protocol::raw::{Payload, Raw};
use allears::protocol::snmp::{self, Credentials, Operation, Request, Snmp, Version};
use allears::protocol::{Proof, Protocol, ReplySize};
use anyhow::{Context, Result};

use super::args::DropsArgs;
use super::echo::Echo;
use super::measured::{Measured, Way};
use super::round::Round;
use super::step::Course;
use crate::cli::exit::Usage;

/// The values of `--protocol`. The first one is the default.
pub static PROTOCOLS: &[DropsProtocol] = &[
    DropsProtocol::new("echo", "a few bytes that the host returns unchanged (RFC 862)", |_| {
        Ok(Load::new(Echo, ()))
    }),
    DropsProtocol::new("et", "the status of an Enemy Territory server", game_status),
    DropsProtocol::new("dns", "the address of `localhost`, from a name server", address_of_localhost),
    DropsProtocol::new("snmp", "the uptime of an SNMP agent", agent_uptime),
    DropsProtocol { takes_payload: true, ..DropsProtocol::new("raw", "any payload", raw) },
];

/// A value of `--protocol`.
pub struct DropsProtocol {
    pub id: &'static str,
    pub about: &'static str,
    takes_payload: bool,
    build: fn(&DropsArgs) -> Result<Load>,
}

impl DropsProtocol {
    const fn new(
        id: &'static str,
        about: &'static str,
        build: fn(&DropsArgs) -> Result<Load>,
    ) -> DropsProtocol {
        DropsProtocol { id, about, takes_payload: false, build }
    }

    /// Makes the load of one step.
    ///
    /// # Errors
    /// The arguments contradict each other ([`Usage`]), or a payload file cannot be read.
    pub fn load(&self, args: &DropsArgs) -> Result<Load> {
        if !self.takes_payload && (args.token_at.is_some() || args.payload.read()?.is_some()) {
            let reason = "--hex, --text, --file and --token-at need --protocol raw";
            return Err(Usage(reason.into()).into());
        }
        (self.build)(args)
    }
}

impl fmt::Debug for DropsProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)
    }
}

/// The load of one step: the same question to every target, in any protocol.
pub struct Load {
    /// The port of targets that specify none.
    pub default_port: Option<u16>,
    /// True if replies return a token. Without one, only one query to each target is in flight.
    pub has_token: bool,
    run: Box<RunStep>,
}

type RunStep = dyn FnOnce(&Course, Way, f64, &mut Round) -> Result<Measured>;

/// A question and its protocol.
pub struct FixedQuestion<P: Protocol> {
    pub protocol: P,
    pub question: P::Question,
    pub reply_size: ReplySize,
}

impl Load {
    fn new<P>(mut protocol: P, question: P::Question) -> Load
    where
        P: Protocol + 'static,
        P::Question: Clone + 'static,
    {
        let nobody = (Ipv4Addr::UNSPECIFIED, 0).into();
        let conversation = protocol.begin(nobody, question.clone());
        let reply_size = protocol.reply_size(&conversation);
        Load {
            default_port: protocol.defaults().port,
            has_token: matches!(protocol.proof(&conversation), Proof::Token { .. }),
            run: Box::new(move |course, way, rate, round| {
                let fixed = FixedQuestion { protocol, question, reply_size };
                match way {
                    Way::Allears => course.run(rate, fixed, round),
                    Way::Naive => course.run_naively(rate, fixed, round),
                }
            }),
        }
    }

    /// Runs a step at `rate`.
    ///
    /// # Errors
    /// System errors.
    pub fn run(self, course: &Course, way: Way, rate: f64, round: &mut Round) -> Result<Measured> {
        (self.run)(course, way, rate, round)
    }
}

fn game_status(_: &DropsArgs) -> Result<Load> {
    let game = Game::find("et").context("no game `et`")?;
    Ok(Load::new(Games::new(game), GameQuestion::server(game)))
}

/// Creates a load that asks for a name which resolvers know and do not look up (RFC 6761, section 6.3). Whatever a server
/// answers is an answer.
fn address_of_localhost(_: &DropsArgs) -> Result<Load> {
    let settings = dns::DnsSettings::default()
        .with_edns(None)
        .with_tcp(dns::Tcp::Never)
        .with_bulk(false)
        .with_sticky(true)
        .with_retry_on(vec![]);
    let key = net::random_key().context("cannot get random numbers from the system")?;
    let name: dns::Name = "localhost".parse()?;
    let question = dns::Question::new(&name, dns::RecordType::A, dns::Class::IN);
    Ok(Load::new(dns::Dns::new(settings, [], key), question))
}

/// Creates a load that requests sysUpTime, which every agent has, with v2c.
fn agent_uptime(args: &DropsArgs) -> Result<Load> {
    let mut snmp = Snmp::new(0);
    let community = Credentials::community(Version::V2c, args.community.as_bytes());
    let credentials = snmp.add_credentials(community);
    let oids = vec!["1.3.6.1.2.1.1.3.0".parse()?];
    let request = Request { operation: Operation::Get, oids, with_uptime: false };
    Ok(Load::new(snmp, snmp::Question { credentials, request: Arc::new(request) }))
}

fn raw(args: &DropsArgs) -> Result<Load> {
    let payload = args.payload.read()?;
    let payload = payload.ok_or_else(|| Usage("raw needs a payload: --hex, --text or --file".into()))?;
    let mut raw = Raw::new(payload).map_err(|error| Usage(error.to_string()))?;
    if let Some(offset) = args.token_at {
        raw = raw.with_token_at(offset).map_err(|error| Usage(error.to_string()))?;
    }
    Ok(Load::new(raw, Payload::default()))
}
