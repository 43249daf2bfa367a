//! Hosts that say what they hear.

use super::dice::Dice;

/// Appends the reply to `request`: the same bytes.
pub(super) fn write_reply(request: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(request);
}

/// Appends a reply that keeps every byte, and with them the token wherever it is, and is broken
/// behind.
pub(super) fn write_garbage(request: &[u8], dice: &mut Dice, out: &mut Vec<u8>) {
    out.extend_from_slice(request);
    out.extend_from_slice(&dice.next().to_le_bytes()[..1 + dice.below(7)]);
}

/// Appends a forgery: as long as `request`, without a byte of it.
pub(super) fn write_forgery(request: &[u8], dice: &mut Dice, out: &mut Vec<u8>) {
    out.extend(request.iter().map(|byte| byte ^ (1 + dice.below(255) as u8)));
}
