// SPDX-License-Identifier: GPL-2.0-or-later
//! When a packet was captured, and how times are written.

use std::fmt::{self, Display};

/// A millisecond in nanoseconds.
pub const MILLISECOND: i64 = 1_000_000;
/// A second in nanoseconds.
pub const SECOND: i64 = 1000 * MILLISECOND;

/// When a packet was captured: nanoseconds since 1970, of any year that a capture can name. A clock that
/// was read in the wrong unit is off by thousands of years; the times between packets still hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(i128);

impl Time {
    /// So many seconds and nanoseconds since 1970; nanoseconds may be any number.
    pub fn new(seconds: i64, nanoseconds: i32) -> Self {
        // Neither can overflow, and it is done for each PDU.
        Self(i128::from(seconds).wrapping_mul(SECOND.into()).wrapping_add(nanoseconds.into()))
    }

    /// So many nanoseconds since 1970.
    pub const fn from_nanoseconds(nanoseconds: i64) -> Self {
        Self(nanoseconds as i128)
    }

    /// Seconds since 1970, and the nanoseconds that have passed of the next.
    pub fn parts(self) -> (i64, u32) {
        let (seconds, nanoseconds) = match i64::try_from(self.0) {
            // Much faster, and right until the year 2262.
            Ok(all) => (i128::from(all.div_euclid(SECOND)), all.rem_euclid(SECOND) as u32),
            Err(_) => (self.0.div_euclid(SECOND.into()), self.0.rem_euclid(SECOND.into()) as u32),
        };
        (saturated(seconds), nanoseconds)
    }

    /// Nanoseconds since another time; negative when that is later. Of more than 292 years, as many as
    /// there is room for.
    pub fn since(self, other: Self) -> i64 {
        saturated(self.0.saturating_sub(other.0))
    }

    /// Whether another time is no further away, be it before or behind: a clock may have been set back.
    pub fn is_near(self, other: Self, most: i64) -> bool {
        self.since(other).saturating_abs() <= most
    }

    /// So many milliseconds before.
    pub fn before(self, milliseconds: u32) -> Self {
        Self(self.0.saturating_sub(i128::from(milliseconds).saturating_mul(MILLISECOND.into())))
    }

    /// The upper half, which is the same for 584 years, and the lower one.
    pub fn halves(self) -> (i64, u64) {
        ((self.0 >> 64) as i64, self.0 as u64)
    }

    /// The time of two halves.
    pub fn from_halves(upper: i64, lower: u64) -> Self {
        Self(i128::from(upper) << 64 | i128::from(lower))
    }
}

fn saturated(number: i128) -> i64 {
    i64::try_from(number).unwrap_or(if number < 0 { i64::MIN } else { i64::MAX })
}

/// Nanoseconds, written as seconds with as many decimals as the format asks for, or nine. Further ones are
/// left out, not rounded.
#[derive(Clone, Copy, Debug)]
pub struct Seconds(i128);

impl From<i64> for Seconds {
    fn from(nanoseconds: i64) -> Self {
        Self(nanoseconds.into())
    }
}

impl From<Time> for Seconds {
    fn from(time: Time) -> Self {
        Self(time.0)
    }
}

impl From<Seconds> for Time {
    fn from(seconds: Seconds) -> Self {
        Self(seconds.0)
    }
}

impl Display for Seconds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = out.precision().unwrap_or(9).min(9);
        let (seconds, nanoseconds) = Time(self.0.saturating_abs()).parts();
        let left_out = 10_u32.pow(9_u32.saturating_sub(decimals as u32));
        let fraction = nanoseconds.checked_div(left_out).unwrap_or(0);
        let negative = self.0 < 0 && (seconds, fraction) != (0, 0);
        write!(out, "{}{seconds}", if negative { "-" } else { "" })?;
        match decimals {
            0 => Ok(()),
            _ => write!(out, ".{fraction:0decimals$}"),
        }
    }
}

/// Nanoseconds as a person says them: rounded to seconds, the largest unit that they fill, and how many of it; `2 d`, `5 min`.
#[derive(Clone, Copy, Debug)]
pub struct Roughly(pub i64);

impl Display for Roughly {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A day less a moment is a day.
        let seconds = (self.0.saturating_abs().saturating_add(SECOND / 2) / SECOND).unsigned_abs();
        let sign = if self.0 < 0 && seconds > 0 { "-" } else { "" };
        match seconds {
            0..60 => write!(out, "{sign}{seconds} s"),
            60..3600 => write!(out, "{sign}{} min", seconds / 60),
            3600..86_400 => write!(out, "{sign}{} h", seconds / 3600),
            _ => write!(out, "{sign}{} d", seconds / 86_400),
        }
    }
}

/// Nanoseconds as the Info column says them, rounded: ` → 0.3 ms`, ` → 27 ms`, ` → 25.0 s`.
#[derive(Clone, Copy, Debug)]
pub struct Elapsed(pub i64);

impl Elapsed {
    /// Writes it behind an arrow, as it stands behind the words of an answer. It is done for each of them.
    pub fn write(self, out: &mut impl fmt::Write) -> fmt::Result {
        let whole = self.0.unsigned_abs();
        let rounded = |unit: u64| whole.saturating_add(unit / 2).checked_div(unit).unwrap_or(0);
        let (number, tenth, unit) = match (rounded(100_000), rounded(1_000_000), rounded(100_000_000)) {
            (tenths @ 0..100, ..) => (tenths / 10, Some(tenths % 10), " ms"),
            (_, milliseconds @ 0..1000, _) => (milliseconds, None, " ms"),
            (.., tenths) => (tenths / 10, Some(tenths % 10), " s"),
        };
        out.write_str(if self.0 < 0 { " → -" } else { " → " })?;
        out.write_str(itoa::Buffer::new().format(number))?;
        if let Some(tenth) = tenth {
            out.write_str(".")?;
            out.write_str(itoa::Buffer::new().format(tenth))?;
        }
        out.write_str(unit)
    }
}

/// How far behind something the last packet of the capture is, in words.
#[derive(Clone, Copy, Debug)]
pub struct LastPacket(pub i64);

impl Display for LastPacket {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let away = Seconds(i128::from(self.0).saturating_abs());
        match self.0 {
            0.. => write!(out, "the last packet is {away:.1} s later"),
            _ => write!(out, "the last packet is {away:.1} s earlier, by a clock that was set back"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 35 s apart in 2300 (beyond the 64 bits of nanoseconds), in 46968, before 1970, at the ends of what
    /// a carrier can say, and where the halves change.
    #[test]
    fn differences_hold_in_any_year() {
        let year_2554 = ((1_i128 << 64) / i128::from(SECOND)) as i64;
        for seconds in [0, -10, -62_135_596_800, 1_421_740_800, 10_413_792_000, year_2554 - 20] {
            let (asked, answered) = (Time::new(seconds, 999_999_999), Time::new(seconds + 36, 7));
            assert_eq!(answered.since(asked), 35_000_000_008, "{seconds}");
            assert_eq!(asked.since(answered), -35_000_000_008, "{seconds}");
            assert!(asked < answered);
        }
        for seconds in [1_424_500_000_000, i64::MAX - 36, i64::MIN] {
            assert_eq!(Time::new(seconds + 35, 5).since(Time::new(seconds, 5)), 35_000_000_000);
        }
        assert_eq!(Time::new(i64::MAX, 0).since(Time::new(i64::MIN, 0)), i64::MAX);
        assert_eq!(Time::new(i64::MIN, 0).since(Time::new(i64::MAX, 0)), i64::MIN);
        assert_eq!(Time::new(5, 0).since(Time::new(5, i32::MIN)), 2_147_483_648);
    }

    #[test]
    fn what_elapsed_is_short() {
        let said = |nanoseconds: i64| {
            let mut words = String::new();
            Elapsed(nanoseconds).write(&mut words).unwrap();
            words.trim_start_matches(" → ").to_owned()
        };
        assert_eq!(said(0), "0.0 ms");
        assert_eq!(said(340_000), "0.3 ms");
        assert_eq!(said(9_940_000), "9.9 ms");
        assert_eq!(said(9_999_999), "10 ms");
        assert_eq!(said(27_000_000), "27 ms");
        assert_eq!(said(-999_400_000), "-999 ms");
        assert_eq!(said(999_999_999), "1.0 s");
        assert_eq!(said(25 * SECOND), "25.0 s");
        assert_eq!(said(i64::MIN), "-9223372036.9 s");
    }

    #[test]
    fn halves_and_parts_are_the_whole() {
        for seconds in [0, 1, -1, 1_421_740_800, 10_413_792_000, 1_424_500_000_000, i64::MAX, i64::MIN] {
            let time = Time::new(seconds, 123_456_789);
            assert_eq!(time.parts(), (seconds, 123_456_789));
            let (upper, lower) = time.halves();
            assert_eq!(Time::from_halves(upper, lower), time);
        }
        assert_eq!(Time::new(0, -1).parts(), (-1, 999_999_999));
        assert_eq!(Time::new(10_413_792_000, 0).halves().0, 0);
        assert_eq!(Time::new(-1, 0).halves().0, -1);
    }

    #[test]
    fn near_is_near_on_either_side() {
        let time = |seconds| Time::new(seconds, 0);
        assert!(time(10).is_near(time(5), 5_000_000_000) && time(5).is_near(time(10), 5_000_000_000));
        assert!(!time(11).is_near(time(5), 5_000_000_000) && !time(5).is_near(time(11), 5_000_000_000));
        assert!(!Time::new(i64::MIN, 0).is_near(Time::new(i64::MAX, 0), i64::MAX - 1));
        assert_eq!(time(5).before(1500), Time::new(3, 500_000_000));
    }

    #[test]
    fn times_are_seconds_with_decimals() {
        let text = |time: i64| Seconds::from(time).to_string();
        assert_eq!(text(1_424_500_000_000_000_001), "1424500000.000000001");
        assert_eq!(text(-50_000_000), "-0.050000000");
        assert_eq!(text(i64::MIN), "-9223372036.854775808");
        assert_eq!(Seconds::from(Time::new(1_424_500_000_000, 7)).to_string(), "1424500000000.000000007");
        assert_eq!(Seconds::from(Time::new(-1, 500_000_000)).to_string(), "-0.500000000");
        let seconds = Seconds::from(-12_345_678_999);
        assert_eq!(format!("{seconds:.0} {seconds:.1} {seconds:.3}"), "-12 -12.3 -12.345");
        assert_eq!(format!("{:.1}", Seconds::from(-1)), "0.0");
    }

    #[test]
    fn roughly_is_in_the_largest_unit() {
        let words = |seconds: i64| Roughly(seconds * SECOND).to_string();
        let said = [0, 12, 59, 60, 359, 3599, 3600, 86_399, 86_400, 259_199, 604_800].map(words);
        let expected =
            ["0 s", "12 s", "59 s", "1 min", "5 min", "59 min", "1 h", "23 h", "1 d", "2 d", "7 d"];
        assert_eq!(said, expected);
        assert_eq!([Roughly(-1), Roughly(-SECOND * 300)].map(|time| time.to_string()), ["0 s", "-5 min"]);
        assert_eq!(Roughly(i64::MIN).to_string(), "-106751 d");
    }

    #[test]
    fn the_last_packet_may_have_an_earlier_time() {
        let words = |nanoseconds| LastPacket(nanoseconds).to_string();
        assert_eq!(words(3_999_000_000), "the last packet is 3.9 s later");
        let earlier = "the last packet is 3599.9 s earlier, by a clock that was set back";
        assert_eq!(words(-3_599_900_000_000), earlier);
    }
}
