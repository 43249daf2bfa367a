//! Reports: why an agent does not process a message (RFC 3414, sections 3.2 and 5; RFC 3412, section 5;
//! RFC 3413, section 4.1.2).

use crate::protocol::snmp::message::Pdu;
use crate::protocol::snmp::oid::OidRef;

/// What a report says: the counter that it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// usmStatsUnsupportedSecLevels.
    UnsupportedSecLevels,
    /// usmStatsNotInTimeWindows.
    NotInTimeWindows,
    /// usmStatsUnknownUserNames.
    UnknownUserNames,
    /// usmStatsUnknownEngineIDs: the answer to a discovery.
    UnknownEngineIds,
    /// usmStatsWrongDigests.
    WrongDigests,
    /// usmStatsDecryptionErrors.
    DecryptionErrors,
    /// snmpUnknownSecurityModels.
    UnknownSecurityModels,
    /// snmpInvalidMsgs.
    InvalidMsgs,
    /// snmpUnknownPDUHandlers.
    UnknownPduHandlers,
    /// snmpUnavailableContexts.
    UnavailableContexts,
    /// snmpUnknownContexts.
    UnknownContexts,
}

impl Report {
    /// All of them.
    pub const ALL: [Report; 11] = [
        Report::UnsupportedSecLevels,
        Report::NotInTimeWindows,
        Report::UnknownUserNames,
        Report::UnknownEngineIds,
        Report::WrongDigests,
        Report::DecryptionErrors,
        Report::UnknownSecurityModels,
        Report::InvalidMsgs,
        Report::UnknownPduHandlers,
        Report::UnavailableContexts,
        Report::UnknownContexts,
    ];

    /// What a PDU reports; `None` if that is none of these.
    pub fn of(pdu: &Pdu<'_>) -> Option<Report> {
        let name = pdu.varbinds().next()?.oid.as_ber();
        Report::ALL.into_iter().find(|report| {
            let counter = report.counter().as_ber();
            // Some agents leave the instance out.
            name == counter || Some(name) == counter.strip_suffix(&[0])
        })
    }

    /// Whether it is about users and engines, rather than about what is asked of them.
    pub(super) fn is_of_usm(self) -> bool {
        self.counter().is_within(OidRef::from_ber(&[0x2b, 6, 1, 6, 3, 15]))
    }

    /// The name of the counter: of its one instance.
    pub const fn counter(self) -> OidRef<'static> {
        // 1.3.6.1.6.3.15.1.1 is usmStats, 1.3.6.1.6.3.11.2.1 snmpMPDStats, 1.3.6.1.6.3.12.1 snmpTargetObjects.
        OidRef::from_ber(match self {
            Report::UnsupportedSecLevels => &[0x2b, 6, 1, 6, 3, 15, 1, 1, 1, 0],
            Report::NotInTimeWindows => &[0x2b, 6, 1, 6, 3, 15, 1, 1, 2, 0],
            Report::UnknownUserNames => &[0x2b, 6, 1, 6, 3, 15, 1, 1, 3, 0],
            Report::UnknownEngineIds => &[0x2b, 6, 1, 6, 3, 15, 1, 1, 4, 0],
            Report::WrongDigests => &[0x2b, 6, 1, 6, 3, 15, 1, 1, 5, 0],
            Report::DecryptionErrors => &[0x2b, 6, 1, 6, 3, 15, 1, 1, 6, 0],
            Report::UnknownSecurityModels => &[0x2b, 6, 1, 6, 3, 11, 2, 1, 1, 0],
            Report::InvalidMsgs => &[0x2b, 6, 1, 6, 3, 11, 2, 1, 2, 0],
            Report::UnknownPduHandlers => &[0x2b, 6, 1, 6, 3, 11, 2, 1, 3, 0],
            Report::UnavailableContexts => &[0x2b, 6, 1, 6, 3, 12, 1, 4, 0],
            Report::UnknownContexts => &[0x2b, 6, 1, 6, 3, 12, 1, 5, 0],
        })
    }

    /// The counter, and what it probably means.
    pub const fn text(self) -> &'static str {
        match self {
            Report::UnsupportedSecLevels => {
                "usmStatsUnsupportedSecLevels: the user has no such authentication or privacy at this agent"
            }
            Report::NotInTimeWindows => {
                "usmStatsNotInTimeWindows: the agent does not accept even its own time"
            }
            Report::UnknownUserNames => "usmStatsUnknownUserNames: the agent does not know the user",
            Report::UnknownEngineIds => {
                "usmStatsUnknownEngineIDs: the agent does not accept its own engine ID"
            }
            Report::WrongDigests => {
                "usmStatsWrongDigests: the agent has another authentication password or protocol for the user"
            }
            Report::DecryptionErrors => {
                "usmStatsDecryptionErrors: the agent has another privacy password or protocol for the user"
            }
            Report::UnknownSecurityModels => {
                "snmpUnknownSecurityModels: the agent does not have the User-based Security Model"
            }
            Report::InvalidMsgs => "snmpInvalidMsgs: the agent takes the message for a broken one",
            Report::UnknownPduHandlers => {
                "snmpUnknownPDUHandlers: nobody at the agent answers such requests for its engine ID"
            }
            Report::UnavailableContexts => "snmpUnavailableContexts: the context is not available now",
            Report::UnknownContexts => "snmpUnknownContexts: the agent does not have the context",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counters_are_those_of_the_mibs() {
        for (report, name) in [
            (Report::UnsupportedSecLevels, "1.3.6.1.6.3.15.1.1.1.0"),
            (Report::DecryptionErrors, "1.3.6.1.6.3.15.1.1.6.0"),
            (Report::UnknownSecurityModels, "1.3.6.1.6.3.11.2.1.1.0"),
            (Report::UnknownPduHandlers, "1.3.6.1.6.3.11.2.1.3.0"),
            (Report::UnavailableContexts, "1.3.6.1.6.3.12.1.4.0"),
            (Report::UnknownContexts, "1.3.6.1.6.3.12.1.5.0"),
        ] {
            assert_eq!(report.counter().to_string(), name);
            assert!(!report.text().is_empty());
        }
    }
}
