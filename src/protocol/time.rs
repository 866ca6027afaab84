//! Wall-clock stamps as the state spells them: UTC, whole seconds, `2026-11-21T01:16:42Z`.
//!
//! Whole seconds, because `jq`'s `fromdate` and the original scripts read no fractions.

use chrono::DateTime;

/// Milliseconds since the Unix epoch as a stamp. A time outside chrono's range becomes the epoch.
pub fn stamp(unix_ms: i64) -> String {
    DateTime::from_timestamp_millis(unix_ms).unwrap_or_default().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The stamp's date, `2026-11-21`.
pub fn date(stamp: &str) -> &str {
    stamp.get(..10).unwrap_or(stamp)
}

/// Milliseconds since the Unix epoch; any RFC 3339 offset and fraction is accepted.
pub fn unix_ms(stamp: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(stamp.trim()).ok().map(|time| time.timestamp_millis())
}

/// A span for people: `now`, `12s`, `4m`, `3h`, `2d`.
pub fn span(ms: u64) -> String {
    match ms / 1000 {
        0 => "0s".to_owned(),
        seconds @ ..120 => format!("{seconds}s"),
        seconds @ ..7200 => format!("{}m", seconds / 60),
        seconds @ ..172_800 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_round_trip_in_whole_seconds() {
        assert_eq!(stamp(1_763_687_802_999), "2025-11-21T01:16:42Z");
        assert_eq!(unix_ms("2025-11-21T01:16:42Z"), Some(1_763_687_802_000));
        assert_eq!(unix_ms("2025-11-21T02:16:42.5+01:00"), Some(1_763_687_802_500));
        assert_eq!(unix_ms("yesterday"), None);
    }
}
