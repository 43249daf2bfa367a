//! What a conversation has heard so far.

use super::answer::{Answer, ErrorStatus, Incomplete, Refused};
use super::ber::Writer;
use super::oid::OidRef;
use super::request::UPTIME;
use super::value::{Value, Varbind};

impl Answer {
    /// An answer that has these variable bindings.
    pub fn of<'a>(varbinds: impl IntoIterator<Item = (OidRef<'a>, Value<'a>)>) -> Answer {
        let (mut answer, mut writer) = (Answer::default(), Writer::default());
        for (oid, value) in varbinds {
            writer.clear();
            Varbind::write(oid, &value, &mut writer);
            writer.append_to(&mut answer.varbinds);
            answer.count += 1;
        }
        answer
    }

    /// Takes in a variable binding, which is these bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.varbinds.extend_from_slice(bytes);
        self.count += 1;
    }

    /// The agent refuses to answer for a name.
    pub(super) fn refuse(&mut self, oid: OidRef<'_>, status: ErrorStatus) {
        self.refused.push(Refused { oid: oid.to_oid(), status });
    }

    /// Not all will be there. The first reason counts.
    pub(super) fn lacks(&mut self, reason: Incomplete) {
        self.incomplete.get_or_insert(reason);
    }

    /// Takes note of what came for sysUpTime: nothing, where the agent has none.
    pub(super) fn note_uptime(&mut self, varbind: &Varbind<'_>) {
        let Value::TimeTicks(uptime) = varbind.value else { return };
        if varbind.oid != UPTIME {
            return;
        }
        if self.uptime.is_some_and(|before| went_back(before, uptime)) {
            self.lacks(Incomplete::Restarted);
        }
        self.uptime = Some(uptime);
    }
}

/// Hundredths of a second: a day. From one reading of a clock to the next it is mostly less.
const DAY: u32 = 24 * 3600 * 100;

/// Whether a clock of 32 bits was set back between two readings, and did not just come round, which it does
/// after 497 days: then it has come from the last day to the first. Many an agent is up for more than half of
/// that, so half a round would be no measure.
pub fn went_back(before: u32, now: u32) -> bool {
    now < before && now.wrapping_sub(before) > DAY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_comes_round_was_not_set_back() {
        assert!(went_back(5_000, 4_999) && went_back(1 << 30, 0));
        assert!(went_back(300 * DAY, 6_000) && went_back(495 * DAY, 6_000), "up for long, then restarted");
        assert!(!went_back(5_000, 5_000) && !went_back(5_000, 5_001));
        assert!(!went_back(u32::MAX - 10, 20));
    }
}
