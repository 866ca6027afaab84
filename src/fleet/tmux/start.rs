//! A program in a new session of its own.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::{Pane, Tmux, TmuxError, session, word};

/// Of the server, and of all its sessions. Unknown ones, of another version's, are passed over.
const OPTIONS: [(&str, &str); 11] = [
    // How a program ended, and what it said last, is to be seen afterwards.
    ("remain-on-exit", "on"),
    ("history-limit", "20000"),
    // Every machine's terminfo knows it.
    ("default-terminal", "screen-256color"),
    // As wide as agents draw well; it changes when a person looks.
    ("default-size", "200x50"),
    ("window-size", "latest"),
    // What a program writes changes neither names nor the person's clipboard and titles.
    ("set-titles", "off"),
    ("allow-rename", "off"),
    ("automatic-rename", "off"),
    ("set-clipboard", "off"),
    ("allow-passthrough", "off"),
    ("exit-empty", "on"),
];
/// The key by which a person would rename a session: its name says whose it is.
const RENAMES: &str = "$";
/// Of the names of variables that are unset at once: tmux takes 16 KB in one call.
const NAMES_PER_CALL: usize = 100;

/// What is to be started.
#[derive(Clone, Copy, Debug)]
pub struct Start<'s> {
    /// The job: letters, digits, `-` and `_`.
    pub job: &'s str,
    /// Where.
    pub folder: &'s Path,
    /// The variables it inherits. tmux takes them from its caller, but only those that it is told of; a pattern for all takes
    /// one in tmux 3.3. Names of letters, digits and `_`; others are not passed on.
    pub inherited: &'s [(OsString, OsString)],
    /// What its environment has besides.
    pub environment: &'s [(String, OsString)],
    /// The program, as a path or as found on the caller's `PATH`.
    pub program: &'s OsStr,
    /// Its arguments.
    pub args: &'s [OsString],
}

impl Tmux {
    /// Starts a program in a new session, and the server with it if it does not run. The process is the program's.
    ///
    /// # Errors
    /// When the job has a session already, the folder cannot be entered, or tmux would not. A program that cannot be
    /// executed is no error here: its pane is dead.
    pub fn start(&self, start: &Start<'_>) -> Result<(Pane, u32), TmuxError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if start.job.is_empty() || !start.job.bytes().all(is_plain) {
            return Err(TmuxError::Failed(format!("no session can be called {:?}", session(start.job))));
        }
        if !start.folder.is_dir() {
            return Err(TmuxError::Failed(format!("{} is no folder", start.folder.display())));
        }
        self.forget_the_first_environment()?;
        // It is the client's folder that counts: tmux would expand a folder that it is told.
        let mut program = self.program().within(start.folder).args(words(start));
        // Which server that is depends on this one.
        for (name, value) in start.inherited.iter().filter(|(name, _)| name != "TMUX_TMPDIR") {
            program = program.variable(name, value);
        }
        // The server whose last session is just ending still has its socket; a moment later there is a new one.
        let ran = program.patiently(|ran| ran.was_cut_off() || TmuxError::said(ran) == TmuxError::NoServer)?;
        if !ran.is_good() {
            return Err(TmuxError::said(&ran));
        }
        let text = ran.text();
        let made = text.split_once(' ').and_then(|(id, pid)| Some((id, pid.parse().ok()?)));
        let (id, pid) = made.ok_or_else(|| TmuxError::Failed(format!("it started {text:?}")))?;
        Ok((Pane { job: start.job.to_owned(), id: id.to_owned() }, pid))
    }

    /// Unsets what the server was born with, so that no session inherits what only its first client had.
    fn forget_the_first_environment(&self) -> Result<(), TmuxError> {
        let text = match self.call(["show-environment", "-g"]) {
            Err(TmuxError::NoServer) => return Ok(()),
            ran => ran?.text(),
        };
        // A value may have lines that look like variables. Those are no loss either.
        let names = text.lines().filter_map(|line| Some(line.split_once('=')?.0));
        let names: Vec<OsString> = names.filter(|name| !name.is_empty()).map(|name| word(name.as_ref())).collect();
        for names in names.chunks(NAMES_PER_CALL) {
            let unset =
                |name| ["set-environment", "-gu", "--"].map(OsStr::new).into_iter().chain([name, OsStr::new(";")]);
            match self.call(names.iter().flat_map(|name| unset(name.as_os_str()))) {
                // It was just ending; the next one is born with what it is to have.
                Err(TmuxError::NoServer) => return Ok(()),
                ran => ran?,
            };
        }
        Ok(())
    }
}

/// One list of commands, so that no server is ever without a session or without its options.
fn words(start: &Start<'_>) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["start-server".into()];
    words.extend(
        OPTIONS.iter().flat_map(|(name, value)| [";", "set-option", "-g", "-q", name, value]).map(OsString::from),
    );
    let is_plain = |name: &&str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let inherited: Vec<&str> = start.inherited.iter().filter_map(|(name, _)| name.to_str()).filter(is_plain).collect();
    words.extend([";", "unbind-key", RENAMES].map(OsString::from));
    words.extend([";", "set-option", "-g", "update-environment", &inherited.join(" ")].map(OsString::from));
    words.extend(
        [";", "new-session", "-d", "-P", "-F", "#{pane_id} #{pane_pid}", "-x", "200", "-y", "50"].map(OsString::from),
    );
    words.extend(["-s".into(), session(start.job).into()]);
    for (name, value) in start.environment {
        let mut variable = OsString::from(format!("{name}="));
        variable.push(value);
        words.extend(["-e".into(), word(&variable)]);
    }
    words.push("--".into());
    if start.args.is_empty() {
        // tmux hands a single word to a shell.
        words.push("env".into());
    }
    words.extend(std::iter::once(start.program).chain(start.args.iter().map(OsString::as_os_str)).map(word));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(program: &str, args: &[&str]) -> Vec<OsString> {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let environment = [("A".to_owned(), OsString::from("b c;"))];
        let inherited = ["HOME", "BASH_FUNC_x%%", "LC_ALL"].map(|name| (name.into(), "x".into()));
        let (folder, program) = (Path::new("/"), OsStr::new(program));
        words(&Start { job: "x", folder, inherited: &inherited, environment: &environment, program, args: &args })
    }

    /// From the session's name on.
    fn last(program: &str, args: &[&str]) -> Vec<OsString> {
        all(program, args).into_iter().skip_while(|word| word != "-s").collect()
    }

    #[test]
    fn the_caller_s_variables_are_named_before_the_session_is_made() {
        let words = all("cat", &[]);
        let named = words.iter().position(|word| word == "update-environment").unwrap_or_default();
        assert_eq!(words[named + 1..named + 4], ["HOME LC_ALL", ";", "new-session"]);
    }

    #[test]
    fn a_program_and_its_arguments_are_words() {
        assert_eq!(
            last("cat", &["a;", "#{x}", "-t"]),
            ["-s", "aio-x", "-e", r"A=b c\;", "--", "cat", r"a\;", "#{x}", "-t"]
        );
    }

    #[test]
    fn a_single_word_is_no_line_of_shell() {
        assert_eq!(last("cat;", &[])[4..], ["--", "env", r"cat\;"]);
    }
}
