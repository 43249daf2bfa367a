//! LOC: a place on the Earth (RFC 1876).

use std::fmt;

use super::Fields;

/// The equator, or the prime meridian.
const ZERO: u32 = 1 << 31;
/// Thousandths of a second of arc in a degree.
const DEGREE: u32 = 3_600_000;
/// The altitude of the reference spheroid, in centimetres above the lowest possible one.
const SPHEROID: u32 = 10_000_000;

/// Writes latitude, longitude, altitude, and the sizes of the place and of the errors.
pub(super) fn write(fields: &mut Fields<'_, '_>) -> fmt::Result {
    let version = fields.read_u8()?;
    let sizes = [fields.read_u8()?, fields.read_u8()?, fields.read_u8()?];
    let (latitude, longitude) = (fields.read_u32()?, fields.read_u32()?);
    let altitude = fields.read_u32()?;
    if version != 0
        || latitude.abs_diff(ZERO) > 90 * DEGREE
        || longitude.abs_diff(ZERO) > 180 * DEGREE
        || !sizes.iter().all(|size| is_size(*size))
    {
        return Err(fmt::Error);
    }
    write_angle(fields, latitude, ['N', 'S'])?;
    write_angle(fields, longitude, ['E', 'W'])?;
    let sign = if altitude < SPHEROID { "-" } else { "" };
    let distance = altitude.abs_diff(SPHEROID);
    fields.put_args(format_args!("{sign}{}.{:02}m", distance / 100, distance % 100))?;
    sizes.into_iter().try_for_each(|size| write_size(fields, size))
}

fn write_angle(fields: &mut Fields<'_, '_>, angle: u32, [positive, negative]: [char; 2]) -> fmt::Result {
    let from_zero = angle.abs_diff(ZERO);
    let direction = if angle >= ZERO { positive } else { negative };
    let (seconds, thousandths) = (from_zero / 1000, from_zero % 1000);
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    let (degrees, minutes) = (minutes / 60, minutes % 60);
    fields.put_args(format_args!("{degrees} {minutes} {seconds}.{thousandths:03} {direction} "))
}

/// Returns whether a byte is a digit and an exponent of ten; only zero may have the digit zero.
fn is_size(size: u8) -> bool {
    let (digit, exponent) = (size >> 4, size & 15);
    size == 0 || (1..=9).contains(&digit) && exponent <= 9
}

/// Writes a size in metres; the wire has centimetres.
fn write_size(fields: &mut Fields<'_, '_>, size: u8) -> fmt::Result {
    let centimetres = u64::from(size >> 4) * 10_u64.pow(u32::from(size & 15));
    if size & 15 > 1 {
        fields.put_args(format_args!(" {}m", centimetres / 100))
    } else {
        fields.put_args(format_args!(" 0.{centimetres:02}m"))
    }
}
