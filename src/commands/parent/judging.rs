//! How an agent's end is judged.

use crate::fleet::child::Ended;
use crate::fleet::stream::Progress;
use crate::protocol::op::JobEnd;

/// How it ended, from all that is known of it: what it said, whether somebody sat at its terminal, and whether it was ever in a
/// turn, and in none at the end.
pub(super) fn judge(
    ended: Ended,
    progress: &Progress,
    said: Option<String>,
    blocked: Option<String>,
    (is_sat_at, turn_is_over): (bool, bool),
) -> JobEnd {
    let mut end = JobEnd { said: said.clone().unwrap_or_else(|| progress.said.clone()), ..JobEnd::default() };
    match ended {
        Ended::Exited(code) => end.exit_code = Some(code),
        Ended::Killed(signal) => end.signal = signal.unsigned_abs(),
    }
    let limit = progress.limit.as_ref().map(|limit| limit.words.clone());
    let (result, failure) = match (ended, limit, blocked) {
        (_, _, Some(why)) => ("failed", why),
        (Ended::Exited(0), _, _) if said.is_some() => ("done", String::new()),
        // Who sat there left it, in whichever way.
        (Ended::Exited(_), _, _) if said.is_some() && is_sat_at => ("done", String::new()),
        (_, Some(words), _) => ("failed", words),
        (Ended::Killed(signal), ..) => ("crashed", format!("it was ended by signal {signal}")),
        (Ended::Exited(0), ..) if turn_is_over => ("done", String::new()),
        (Ended::Exited(code), ..) => {
            let why = progress.error.clone().or_else(|| progress.warning.clone());
            let untaken = "it ended, and nothing says that it finished its turn".to_owned();
            let code = || if code == 0 { untaken } else { format!("it ended with exit code {code}") };
            ("failed", why.unwrap_or_else(code))
        }
    };
    (end.result, end.failure) = (result.to_owned(), shortened(&failure));
    end.said = shortened(&end.said);
    end
}

/// A record is read by everybody: what agents say at length is in the output.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 500;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

pub(super) fn failed(why: &str) -> JobEnd {
    JobEnd { result: "failed".to_owned(), failure: shortened(why), ..JobEnd::default() }
}
