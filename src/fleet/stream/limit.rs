//! A usage limit that was reached, from the words in which agents tell of one.
//!
//! Nothing here is from a run: no scripted account has a limit. The words are those of the programs, read in them, and of
//! what people reported.

use std::time::Duration;

/// The account may do no more for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// When it may again. None where it is not told, or by a clock on a wall whose zone we do not know.
    pub until: Option<Until>,
    /// In the agent's words, one line.
    pub words: String,
}

/// When a limit ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// At that second since 1970.
    At(u64),
    /// So long after it was said.
    After(Duration),
}

/// The limit that a text tells of, in one of these phrases (in lower case). For a stream's errors, or a screen: there, what
/// looks like one may be something the agent merely writes about.
pub fn limit(phrases: &[&str], text: &str) -> Option<Limit> {
    let tells = |line: &&str| {
        let line = line.to_lowercase();
        phrases.iter().any(|phrase| line.contains(phrase))
    };
    let line = text.lines().find(tells)?;
    Some(Limit { until: until(line), words: line.trim().chars().take(500).collect() })
}

fn until(line: &str) -> Option<Until> {
    epoch(line).map(Until::At).or_else(|| span(line).map(Until::After))
}

/// Claude Code's older form: `usage limit reached|1749924000`.
fn epoch(line: &str) -> Option<u64> {
    let (_, after) = line.rsplit_once('|')?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().filter(|seconds| *seconds > 1_000_000_000)
}

/// `in 2 days 5 hours`, `after 3h12m5s`, `in 34.07s`.
fn span(line: &str) -> Option<Duration> {
    let lower = line.to_lowercase();
    let starts =
        [" in ", " after "].iter().flat_map(|word| lower.match_indices(word)).map(|(at, word)| at + word.len());
    let spans = starts.filter_map(|start| leading_span(&lower[start..]));
    spans.max()
}

/// The span that a text begins with.
fn leading_span(text: &str) -> Option<Duration> {
    let (mut rest, mut total) = (text, Duration::ZERO);
    while let Some((part, after)) = leading_part(rest) {
        total = total.checked_add(part)?;
        rest = after.trim_start_matches([' ', ',']);
        rest = rest.strip_prefix("and ").unwrap_or(rest);
    }
    Some(total).filter(|total| !total.is_zero())
}

/// A number, its unit, and what follows. Parts of seconds are left out.
fn leading_part(text: &str) -> Option<(Duration, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let count: u64 = text[..end].parse().ok()?;
    let after = text[end..].trim_start_matches(|c: char| c == '.' || c.is_ascii_digit()).trim_start();
    let unit_end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
    let seconds = match &after[..unit_end] {
        "d" | "day" | "days" => 86_400,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3600,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        _ => return None,
    };
    Some((Duration::from_secs(count.checked_mul(seconds)?), &after[unit_end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_it_ends_where_the_words_tell() {
        let after = |seconds| Some(Until::After(Duration::from_secs(seconds)));
        for (line, expected) in [
            ("Claude AI usage limit reached|1749924000", Some(Until::At(1_749_924_000))),
            ("You've hit your usage limit. Try again in 3 days 4 hours 5 minutes.", after(3 * 86_400 + 4 * 3600 + 300)),
            ("You have exhausted your capacity on this model. Your quota will reset after 3h12m5s.", after(11_525)),
            ("Please retry in 34.074824224s.", after(34)),
            ("usage limit: wait, in 2 hours and 1 minute it ends", after(7260)),
            ("You've hit your limit · resets 2pm (Asia/Shanghai)", None),
            ("You've hit your usage limit or try again at 3:05 PM.", None),
            ("usage limit in 0 seconds", None),
            ("usage limit in 99999999999999999999 days, in 18446744073709551615 days", None),
            ("usage limit reached|12", None),
        ] {
            assert_eq!(until(line), expected, "{line}");
        }
    }

    #[test]
    fn only_the_line_that_tells_is_kept() {
        let phrases = ["usage limit", "hit your limit"];
        let found =
            limit(&phrases, "first\n  You've Hit Your Limit in 5m \nlast").unwrap_or_else(|| panic!("not found"));
        assert_eq!(
            (&*found.words, found.until),
            ("You've Hit Your Limit in 5m", Some(Until::After(Duration::from_secs(300))))
        );
        assert_eq!(limit(&phrases, "nothing of the kind"), None);
        assert_eq!(limit(&[], "usage limit"), None);
    }
}
