//! Reports: the reasons why an agent does not process a message (RFC 3414, sections 3.2 and 5; RFC 3412, section 5; RFC
//! 3413, section 4.1.2).

use crate::protocol::snmp::message::Pdu;
use crate::protocol::snmp::oid::OidRef;

/// The kind of a report: the counter that it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportKind {
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

impl ReportKind {
    /// All kinds.
    pub const ALL: [ReportKind; 11] = [
        ReportKind::UnsupportedSecLevels,
        ReportKind::NotInTimeWindows,
        ReportKind::UnknownUserNames,
        ReportKind::UnknownEngineIds,
        ReportKind::WrongDigests,
        ReportKind::DecryptionErrors,
        ReportKind::UnknownSecurityModels,
        ReportKind::InvalidMsgs,
        ReportKind::UnknownPduHandlers,
        ReportKind::UnavailableContexts,
        ReportKind::UnknownContexts,
    ];

    /// Returns the kind of a report; `None` if its counter is not one of these.
    pub fn of(pdu: &Pdu<'_>) -> Option<ReportKind> {
        let name = pdu.varbinds().next()?.oid.as_ber();
        ReportKind::ALL.into_iter().find(|report| {
            let counter = report.counter().as_ber();
            // Some agents omit the instance.
            name == counter || Some(name) == counter.strip_suffix(&[0])
        })
    }

    /// Returns whether the User-based Security Model defines the counter.
    pub(super) fn is_of_usm(self) -> bool {
        self.counter().is_within(OidRef::from_ber(&[0x2b, 6, 1, 6, 3, 15]))
    }

    /// Returns the identifier of the counter's only instance.
    pub const fn counter(self) -> OidRef<'static> {
        // 1.3.6.1.6.3.15.1.1 is usmStats, 1.3.6.1.6.3.11.2.1 snmpMPDStats, 1.3.6.1.6.3.12.1 snmpTargetObjects.
        OidRef::from_ber(match self {
            ReportKind::UnsupportedSecLevels => &[0x2b, 6, 1, 6, 3, 15, 1, 1, 1, 0],
            ReportKind::NotInTimeWindows => &[0x2b, 6, 1, 6, 3, 15, 1, 1, 2, 0],
            ReportKind::UnknownUserNames => &[0x2b, 6, 1, 6, 3, 15, 1, 1, 3, 0],
            ReportKind::UnknownEngineIds => &[0x2b, 6, 1, 6, 3, 15, 1, 1, 4, 0],
            ReportKind::WrongDigests => &[0x2b, 6, 1, 6, 3, 15, 1, 1, 5, 0],
            ReportKind::DecryptionErrors => &[0x2b, 6, 1, 6, 3, 15, 1, 1, 6, 0],
            ReportKind::UnknownSecurityModels => &[0x2b, 6, 1, 6, 3, 11, 2, 1, 1, 0],
            ReportKind::InvalidMsgs => &[0x2b, 6, 1, 6, 3, 11, 2, 1, 2, 0],
            ReportKind::UnknownPduHandlers => &[0x2b, 6, 1, 6, 3, 11, 2, 1, 3, 0],
            ReportKind::UnavailableContexts => &[0x2b, 6, 1, 6, 3, 12, 1, 4, 0],
            ReportKind::UnknownContexts => &[0x2b, 6, 1, 6, 3, 12, 1, 5, 0],
        })
    }

    /// Returns the counter's name and its probable meaning.
    pub const fn text(self) -> &'static str {
        match self {
            ReportKind::UnsupportedSecLevels => {
                "usmStatsUnsupportedSecLevels: the agent does not support this security level for the user"
            }
            ReportKind::NotInTimeWindows => {
                "usmStatsNotInTimeWindows: the agent does not accept even its own time"
            }
            ReportKind::UnknownUserNames => "usmStatsUnknownUserNames: the agent does not know the user",
            ReportKind::UnknownEngineIds => {
                "usmStatsUnknownEngineIDs: the agent does not accept its own engine ID"
            }
            ReportKind::WrongDigests => {
                "usmStatsWrongDigests: the agent has another authentication password or protocol for the user"
            }
            ReportKind::DecryptionErrors => {
                "usmStatsDecryptionErrors: the agent has another privacy password or protocol for the user"
            }
            ReportKind::UnknownSecurityModels => {
                "snmpUnknownSecurityModels: the agent does not support the User-based Security Model"
            }
            ReportKind::InvalidMsgs => "snmpInvalidMsgs: the agent considers the message malformed",
            ReportKind::UnknownPduHandlers => {
                "snmpUnknownPDUHandlers: the agent has no handler for such requests"
            }
            ReportKind::UnavailableContexts => "snmpUnavailableContexts: the context is not available now",
            ReportKind::UnknownContexts => "snmpUnknownContexts: the agent does not have the context",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counters_match_the_mibs() {
        for (report, name) in [
            (ReportKind::UnsupportedSecLevels, "1.3.6.1.6.3.15.1.1.1.0"),
            (ReportKind::DecryptionErrors, "1.3.6.1.6.3.15.1.1.6.0"),
            (ReportKind::UnknownSecurityModels, "1.3.6.1.6.3.11.2.1.1.0"),
            (ReportKind::UnknownPduHandlers, "1.3.6.1.6.3.11.2.1.3.0"),
            (ReportKind::UnavailableContexts, "1.3.6.1.6.3.12.1.4.0"),
            (ReportKind::UnknownContexts, "1.3.6.1.6.3.12.1.5.0"),
        ] {
            assert_eq!(report.counter().to_string(), name);
            assert!(!report.text().is_empty());
        }
    }
}
