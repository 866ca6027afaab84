//! What agents are told, a task or a message: whole, and as it was given.

use std::ffi::OsStr;
use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::app::App;
use crate::error::Failure;
use crate::protocol::spelling::shell_word;

/// The longest text, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// A task, from whichever place says it.
///
/// # Errors
/// When there is none, or two, or it is not text.
pub(super) fn task(app: &App, words: &[String], file: Option<&OsStr>) -> Result<String, Failure> {
    let text = match (file, words) {
        (Some(_), [_, ..]) => {
            return Err(Failure::usage("there are two tasks, one in words and one in a file").hint("give one"));
        }
        (Some(file), []) => from_file(app, "task", file)?,
        (None, []) => app.default_task().unwrap_or_default().to_owned(),
        (None, words) => from_words(app, "task", words)?,
    };
    let hint = match app.default_task() {
        Some(_) if !words.is_empty() => {
            "put it last, in quotes (- reads stdin), or leave it out to have default_task of config.toml"
        }
        _ => "put it last, in quotes (- reads stdin), or set default_task in config.toml",
    };
    whole("task", text, hint)
}

/// A message, in words or from stdin.
///
/// # Errors
/// When there is none, or it is not text.
pub(super) fn message(app: &App, words: &[String]) -> Result<String, Failure> {
    whole("message", from_words(app, "message", words)?, "put it last, in quotes (- reads stdin)")
}

fn whole(what: &str, text: String, hint: &str) -> Result<String, Failure> {
    if text.trim().is_empty() {
        return Err(Failure::usage(format!("there is no {what}")).hint(hint));
    }
    if text.contains('\0') {
        return Err(Failure::usage(format!("the {what} has a NUL byte in it")).hint("give it as text"));
    }
    Ok(text)
}

fn from_words(app: &App, what: &str, words: &[String]) -> Result<String, Failure> {
    match words {
        [only] if only == "-" => from_file(app, what, OsStr::new("-")),
        words => Ok(words.join(" ")),
    }
}

fn from_file(app: &App, what: &str, file: &OsStr) -> Result<String, Failure> {
    let shown = if file == "-" { "stdin".to_owned() } else { Path::new(file).display().to_string() };
    let unreadable = |error: std::io::Error| {
        // Of a word that begins so, -f is taken for the option.
        let is_word = error.kind() == ErrorKind::NotFound && !shown.contains(['/', '.']);
        let or = if is_word {
            format!(", or for it as a word: -- {}", shell_word(format!("-f{shown}")))
        } else {
            String::new()
        };
        let hint = format!("name a file of text{or}");
        Failure::environment(format!("the {what} cannot be read from {shown}: {error}")).hint(hint)
    };
    let mut bytes = Vec::new();
    let most = MOST_BYTES + 1;
    if file == "-" {
        std::io::stdin().take(most).read_to_end(&mut bytes).map_err(unreadable)?;
    } else {
        let file = std::fs::File::open(app.cwd.join(file)).map_err(unreadable)?;
        file.take(most).read_to_end(&mut bytes).map_err(unreadable)?;
    }
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Failure::usage(format!("the {what} has more than {MOST_BYTES} bytes"))
            .hint("put what it refers to into the repository"));
    }
    String::from_utf8(bytes)
        .map_err(|_| Failure::usage(format!("the {what} from {shown} is not UTF-8")).hint("give it as text"))
}
