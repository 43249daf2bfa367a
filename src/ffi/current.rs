//! The result that was taken last, and what its getters give out: all that a C program may point to.

#![deny(unsafe_code)]

use std::ffi::{CStr, CString};

use socket2::SockAddr;

use super::failure::Failure;
use super::types::allears_outcome;
use crate::engine::{Completion, Outcome};
use crate::protocol::games::{GameAnswer, ServerInfo, text};
use crate::protocol::snmp;

/// The end of a conversation.
pub struct Current {
    pub tag: u64,
    pub target: SockAddr,
    pub foreign_source: Option<SockAddr>,
    pub outcome: i32,
    pub attempts: u32,
    pub rtt_ns: i64,
    pub reason: Option<CString>,
    /// The system's error number, and type and code of an ICMP message, where there are any.
    pub system_error: i32,
    pub icmp: Option<(u8, u8)>,
    pub content: Content,
    /// A server's texts, once one was asked for.
    texts: Option<Box<Texts>>,
    agent_texts: Option<Box<AgentTexts>>,
    /// How far its variable bindings were read, and what the last one's pointers lead to.
    pub cursor: Cursor,
}

/// What was answered.
pub enum Content {
    None,
    Reply(Box<[u8]>),
    Server { info: Box<ServerInfo>, datagram: Box<[u8]> },
    List { listed: u32, is_complete: bool },
    Snmp(snmp::Answer),
}

/// A server's texts, for people.
pub struct Texts {
    pub name: CString,
    pub map: CString,
    pub game: CString,
    pub game_type: CString,
    pub players: Vec<Player>,
    pub rules: Vec<(CString, CString)>,
}

/// A player; what is unknown is -1 or NaN.
pub struct Player {
    pub name: CString,
    pub score: f64,
    pub ping: i32,
    pub team: i32,
    pub team_name: Option<CString>,
    pub is_bot: i32,
}

/// A place among variable bindings, and the texts of the one there.
#[derive(Default)]
pub struct Cursor {
    pub offset: usize,
    pub oid: CString,
    pub name: CString,
    pub text: CString,
    pub odd: CString,
}

/// An agent's texts that are there for as long as the result is.
pub struct AgentTexts {
    pub why_incomplete: Option<CString>,
    /// Names that it refused, and why.
    pub refused: Vec<(CString, CString)>,
}

impl Current {
    /// `content` makes what is kept of the answer, if there is one, and of the conversation.
    pub fn new<C, A>(end: Completion<C, A, u64>, content: impl FnOnce(Option<A>, C) -> Content) -> Current {
        let attempts = end.attempts;
        let (system_error, icmp) = match &end.outcome {
            Outcome::Unreachable(report) => (report.errno, report.icmp),
            Outcome::SendFailed(errno) => (*errno, None),
            _ => (0, None),
        };
        let (outcome, reason, answer) = match end.outcome {
            Outcome::Answered(answer) => (allears_outcome::ALLEARS_ANSWERED, None, Some(answer)),
            Outcome::Silent => {
                let attempts =
                    if attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") };
                (allears_outcome::ALLEARS_SILENT, Some(format!("no answer to {attempts}")), None)
            }
            Outcome::Unreachable(report) => {
                (allears_outcome::ALLEARS_UNREACHABLE, Some(format!("unreachable: {report}")), None)
            }
            Outcome::SendFailed(errno) => (
                allears_outcome::ALLEARS_SEND_FAILED,
                Some(std::io::Error::from_raw_os_error(errno).to_string()),
                None,
            ),
            Outcome::Malformed(reason) => (allears_outcome::ALLEARS_MALFORMED, Some(reason.to_owned()), None),
            Outcome::Interrupted => {
                (allears_outcome::ALLEARS_INTERRUPTED, Some("stopped before its end".to_owned()), None)
            }
        };
        let rtt_ns = end.rtt.and_then(|rtt| i64::try_from(rtt.as_nanos()).ok());
        Current {
            tag: end.tag,
            target: end.target.into(),
            foreign_source: end.foreign_source.map(SockAddr::from),
            outcome: outcome as i32,
            attempts,
            rtt_ns: rtt_ns.unwrap_or(-1),
            reason: reason.map(|reason| c_text(reason.as_bytes())),
            system_error,
            icmp,
            content: content(answer, end.conversation),
            texts: None,
            agent_texts: None,
            cursor: Cursor::default(),
        }
    }

    /// The reply as it came.
    pub fn reply(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Reply(reply) => Some(reply),
            Content::Server { datagram, .. } => Some(datagram),
            _ => None,
        }
    }

    /// A server's status, and its texts.
    pub fn status(&mut self) -> Result<(&ServerInfo, &Texts), Failure> {
        let Content::Server { info, .. } = &self.content else {
            return Err(Failure::Protocol("the result is no server's status"));
        };
        let texts = self.texts.get_or_insert_with(|| Box::new(Texts::of(info)));
        Ok((info, texts))
    }

    /// An agent's answer, and how far it was read.
    pub fn answer(&mut self) -> Result<(&snmp::Answer, &mut Cursor), Failure> {
        match &self.content {
            Content::Snmp(answer) => Ok((answer, &mut self.cursor)),
            _ => Err(Failure::Protocol("the result is no agent's answer")),
        }
    }

    /// An agent's answer, and its texts.
    pub fn agent(&mut self) -> Result<(&snmp::Answer, &AgentTexts), Failure> {
        let Content::Snmp(answer) = &self.content else {
            return Err(Failure::Protocol("the result is no agent's answer"));
        };
        let texts = self.agent_texts.get_or_insert_with(|| Box::new(AgentTexts::of(answer)));
        Ok((answer, texts))
    }
}

impl From<GameAnswer> for Content {
    fn from(answer: GameAnswer) -> Content {
        match answer {
            GameAnswer::Server { info, datagram } => Content::Server { info, datagram },
            GameAnswer::List { listed, complete } => {
                Content::List { listed: listed as u32, is_complete: complete }
            }
        }
    }
}

impl Texts {
    fn of(info: &ServerInfo) -> Texts {
        let or_empty = |text: &Option<String>| c_text(text.as_deref().unwrap_or_default().as_bytes());
        let clean = |bytes: &[u8]| c_text(text::clean(bytes, info.game.colors).as_bytes());
        Texts {
            name: or_empty(&info.name),
            map: or_empty(&info.map),
            game: or_empty(&info.mod_name),
            game_type: or_empty(&info.game_type),
            players: info
                .player_list
                .iter()
                .map(|player| Player {
                    name: c_text(player.name.as_bytes()),
                    score: player.score.unwrap_or(f64::NAN),
                    ping: player.ping.unwrap_or(-1),
                    team: player.team.unwrap_or(-1),
                    team_name: player.team_name.as_ref().map(|name| c_text(name.as_bytes())),
                    is_bot: player.bot.map_or(-1, i32::from),
                })
                .collect(),
            rules: info.rules.iter().map(|(key, value)| (clean(key), clean(value))).collect(),
        }
    }

    /// The value of a variable, whatever the case of its name.
    pub fn rule(&self, key: &str) -> Option<&CStr> {
        let rule = self.rules.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(key.as_bytes()));
        rule.map(|(_, value)| value.as_c_str())
    }
}

impl AgentTexts {
    fn of(answer: &snmp::Answer) -> AgentTexts {
        let text = |what: &dyn std::fmt::Display| c_text(what.to_string().as_bytes());
        AgentTexts {
            why_incomplete: answer.incomplete.as_ref().map(|why| text(why)),
            refused: answer
                .refused
                .iter()
                .map(|refused| (text(&refused.oid), text(&refused.status)))
                .collect(),
        }
    }
}

/// Bytes with a NUL behind them, and none among them.
pub fn c_text(bytes: &[u8]) -> CString {
    let bytes: Vec<u8> = bytes.iter().copied().filter(|&byte| byte != 0).collect();
    // There is none left.
    CString::new(bytes).unwrap_or_default()
}
