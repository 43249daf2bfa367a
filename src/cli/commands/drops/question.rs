//! What is asked, at every rate the same.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use allears::protocol::games::{Game, GameConversation, GameQuestion, Games};
use allears::protocol::raw::{Payload, Raw};
use allears::protocol::snmp::{self, Credentials, Operation, Request, Snmp, Version};
use allears::protocol::{Attempt, Proof, Protocol, Reply, ReplySize, Step, Token};
use anyhow::{Context, Result};

use super::args::{DropsArgs, Spoken};
use crate::cli::exit::Usage;

/// What follows the token of an echo request: whoever finds it in a log shall know what it is.
const ECHO: &[u8] = b" allears drops";

/// What an agent is asked: sysUpTime, which every agent has.
const UPTIME: &str = "1.3.6.1.2.1.1.3.0";

/// The same question to every target.
pub enum Question {
    /// A token and a few bytes, which have to come back as they are (RFC 862).
    Echo,
    /// The status of a game server.
    Status(Box<(Games, GameConversation)>),
    /// The uptime of an SNMP agent, by v2c.
    Uptime(Box<(Snmp, snmp::Conversation)>),
    Raw {
        raw: Box<Raw>,
        has_token: bool,
    },
}

impl Question {
    /// The question that the arguments mean.
    ///
    /// # Errors
    /// Arguments that do not fit together, as [`Usage`]; a payload file that cannot be read.
    pub fn new(args: &DropsArgs) -> Result<Question> {
        let payload = args.payload.read()?;
        if args.protocol != Spoken::Raw && (payload.is_some() || args.token_at.is_some()) {
            let reason = "--hex, --text, --file and --token-at need --protocol raw";
            return Err(Usage(reason.into()).into());
        }
        match args.protocol {
            Spoken::Echo => Ok(Question::Echo),
            Spoken::Et => {
                let game = Game::find("et").context("no game `et`")?;
                let conversation = GameConversation::new(GameQuestion::Server(game));
                Ok(Question::Status(Box::new((Games::new(game), conversation))))
            }
            Spoken::Snmp => uptime(args.community.as_bytes()),
            Spoken::Raw => {
                let payload =
                    payload.ok_or_else(|| Usage("raw needs a payload: --hex, --text or --file".into()))?;
                raw(payload, args.token_at)
            }
        }
    }

    /// The port of targets that name none.
    pub fn default_port(&self) -> Option<u16> {
        match self {
            Question::Echo => Some(7),
            Question::Status(asked) => asked.0.defaults().port,
            Question::Uptime(asked) => asked.0.defaults().port,
            Question::Raw { .. } => None,
        }
    }

    /// Whether an answer can be told from that to any other question; if not, only one to each target is
    /// in flight.
    pub fn has_token(&self) -> bool {
        !matches!(self, Question::Raw { has_token: false, .. })
    }
}

fn uptime(community: &[u8]) -> Result<Question> {
    let mut snmp = Snmp::new(0);
    let credentials = snmp.add_credentials(Credentials::community(Version::V2c, community));
    let request = Request { operation: Operation::Get, oids: vec![UPTIME.parse()?], with_uptime: false };
    let nobody = (Ipv4Addr::UNSPECIFIED, snmp::PORT).into();
    let conversation = snmp.begin(nobody, snmp::Question { credentials, request: Arc::new(request) });
    Ok(Question::Uptime(Box::new((snmp, conversation))))
}

fn raw(payload: Vec<u8>, token_at: Option<usize>) -> Result<Question> {
    let usage = |error: &dyn std::fmt::Display| Usage(error.to_string());
    let mut raw = Raw::new(payload).map_err(|error| usage(&error))?;
    if let Some(offset) = token_at {
        raw = raw.with_token_at(offset).map_err(|error| usage(&error))?;
    }
    Ok(Question::Raw { raw: Box::new(raw), has_token: token_at.is_some() })
}

impl Protocol for Question {
    type Question = ();
    type Conversation = ();
    type Answer = ();

    fn begin(&mut self, _: SocketAddr, (): ()) {}

    fn proof(&self, (): &()) -> Proof {
        match self {
            Question::Echo => Proof::Token { bits: 64 },
            Question::Status(asked) => asked.0.proof(&asked.1),
            Question::Uptime(asked) => asked.0.proof(&asked.1),
            Question::Raw { raw, .. } => raw.proof(&Payload::default()),
        }
    }

    fn write_request(&mut self, (): &mut (), attempt: Attempt, out: &mut Vec<u8>) {
        match self {
            Question::Echo => {
                out.extend_from_slice(&attempt.token.0.to_be_bytes());
                out.extend_from_slice(ECHO);
            }
            Question::Status(asked) => asked.0.write_request(&mut asked.1, attempt, out),
            Question::Uptime(asked) => asked.0.write_request(&mut asked.1, attempt, out),
            Question::Raw { raw, .. } => raw.write_request(&mut Payload::default(), attempt, out),
        }
    }

    fn read_token(&self, reply: &[u8]) -> Option<Token> {
        match self {
            Question::Echo => reply.first_chunk().map(|token| Token(u64::from_be_bytes(*token))),
            Question::Status(asked) => asked.0.read_token(reply),
            Question::Uptime(asked) => asked.0.read_token(reply),
            Question::Raw { raw, .. } => raw.read_token(reply),
        }
    }

    fn read_request_token(&self, request: &[u8]) -> Option<Token> {
        match self {
            Question::Status(asked) => asked.0.read_request_token(request),
            _ => self.read_token(request),
        }
    }

    fn step(&mut self, (): &mut (), reply: &Reply<'_>) -> Step<()> {
        match self {
            Question::Echo if reply.bytes.get(8..) == Some(ECHO) => Step::Done(()),
            Question::Echo => Step::Malformed("the echo is not what was sent"),
            Question::Status(asked) => asked.0.step(&mut asked.1, reply).map(drop),
            Question::Uptime(asked) => {
                let mut conversation = asked.1.clone();
                asked.0.step(&mut conversation, reply).map(drop)
            }
            Question::Raw { raw, .. } => raw.step(&mut Payload::default(), reply).map(drop),
        }
    }

    fn reply_size(&self, (): &()) -> ReplySize {
        match self {
            Question::Echo => ReplySize::one(8 + ECHO.len() as u32),
            Question::Status(asked) => asked.0.reply_size(&asked.1),
            Question::Uptime(asked) => asked.0.reply_size(&asked.1),
            Question::Raw { raw, .. } => raw.reply_size(&Payload::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_has_to_come_back_as_it_left() {
        let mut echo = Question::Echo;
        let mut request = vec![];
        let attempt = Attempt::first(Token(0x0102_0304_0506_0708));
        echo.write_request(&mut (), attempt, &mut request);
        let from = (Ipv4Addr::LOCALHOST, 7).into();
        let step = |bytes: &[u8]| Question::Echo.step(&mut (), &Reply::to_first(from, bytes));
        assert_eq!(echo.read_token(&request), Some(attempt.token));
        assert_eq!(step(&request), Step::Done(()));
        assert_eq!(request.len(), echo.reply_size(&()).bytes as usize);

        request.push(b'!');
        assert!(matches!(step(&request), Step::Malformed(_)));
        assert!(matches!(step(&request[..9]), Step::Malformed(_)));
        assert_eq!(echo.read_token(&request[..7]), None);
    }
}
