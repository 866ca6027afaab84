//! The files of a job, `jobs/<id>/` in the state directory: its task, what its agent writes, what the agent's hooks saw, and
//! messages on their way to it.
//!
//! The task and messages are synced before anybody is told that they are there. The agent can write here, too: what is no
//! regular file counts as not there (`regular`). The rest is not part of the truth: without it
//! less is known of a job, and nothing is decided otherwise, but for an end that could not be written elsewhere (`end`).

mod end;
mod messages;
mod regular;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use messages::{ENDED_BEFORE, Message, Receipt};
pub use regular::{open_regular, read_beginning};
use regular::{read, read_text};

/// The folder's name in the state directory.
pub const FOLDER: &str = "jobs";
const TASK: &str = "task";
const TAKEN: &str = "taken";
const ENVIRONMENT: &str = "environment";
const WITNESS: &str = "hooks";
const STEP: &str = "step";
const MAKING: &str = "making";
const DELETED: &str = "deleted";
/// Of what an agent drew, no more is looked at, in bytes: its parent keeps far less, and between two looks not so much is drawn.
const DRAWN: u64 = 64 << 20;
/// The only member of a line of ours among an agent's.
const ATTEMPT: &str = "aioAttempt";

/// The files of one job.
#[derive(Clone, Debug)]
pub struct JobFiles {
    folder: PathBuf,
}

/// What the hooks of a job's agent saw last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Witness {
    /// The agent's own id of its session.
    pub session: String,
    /// Whether it is in a turn.
    pub is_working: bool,
    /// How many prompts it took.
    pub prompts: u64,
    /// SHA-256 of the last of them, in hexadecimal digits.
    pub prompt_digest: String,
    /// What it asks for, in the middle of a turn; empty where it asks nothing, or went on.
    pub question: String,
    /// Why its last turn failed, in its words; empty where it did not.
    pub trouble: String,
}

impl JobFiles {
    /// Those of a job. What could lead out of the folder is dropped from its name: it may be a variable's.
    pub fn of(dir: &Path, job: &str) -> JobFiles {
        let plain: String = job.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        JobFiles { folder: dir.join(FOLDER).join(plain) }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the agent wrote to stdout, all its runs one after the other, each but the first under a line of
    /// [`JobFiles::begin_attempt`]; of one in a terminal, what stood there at the end of each.
    pub fn output(&self) -> PathBuf {
        self.folder.join("output")
    }

    /// What the agent drew in its terminal, the end of it: a sign of life, and none of meaning.
    pub fn drawn(&self) -> PathBuf {
        self.folder.join("drawn")
    }

    /// What it drew, as far as it is kept.
    ///
    /// # Errors
    /// When it is no regular file, or cannot be read.
    pub fn read_drawn(&self) -> io::Result<Vec<u8>> {
        read_beginning(&self.drawn(), DRAWN)
    }

    /// What the agent wrote to stderr.
    pub fn errors(&self) -> PathBuf {
        self.folder.join("errors")
    }

    /// What preparing its worktree said.
    pub fn setup_log(&self) -> PathBuf {
        self.folder.join("setup")
    }

    /// What its parent has to say of itself.
    pub fn parent_log(&self) -> PathBuf {
        self.folder.join("parent")
    }

    /// Notes what preparing it has come to, for whoever waits for it.
    pub fn note_step(&self, step: &str) {
        // Then it is only not shown.
        let written = tempfile::NamedTempFile::new_in(&self.folder).and_then(|mut new| {
            new.write_all(step.as_bytes())?;
            new.persist(self.folder.join(STEP)).map(drop).map_err(|failed| failed.error)
        });
        written.unwrap_or_default();
    }

    /// What preparing it has come to; empty before it began.
    pub fn step(&self) -> String {
        read_text(&self.folder.join(STEP)).unwrap_or_default()
    }

    /// Writes into the output and the complaints that what follows is of another attempt.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin_attempt(&self, attempt: u32) -> io::Result<()> {
        let output = serde_json::json!({ ATTEMPT: attempt });
        append(&self.output(), format!("{output}\n").as_bytes())?;
        append(&self.errors(), format!("--- attempt {attempt} ---\n").as_bytes())
    }

    /// Which attempt a line of the output begins, if it does.
    pub fn attempt_of(line: &[u8]) -> Option<u64> {
        let line = line.strip_prefix(format!("{{\"{ATTEMPT}\":").as_bytes())?;
        str::from_utf8(line).ok()?.trim_end().strip_suffix('}')?.parse().ok()
    }

    /// Keeps what stood in the agent's terminal at the end.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_screen(&self, text: &str) -> io::Result<()> {
        append(&self.output(), format!("{}\n", text.trim_end()).as_bytes())
    }

    /// Keeps what went with its worktree because git ignores it, in words: nobody else knows of that any more.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note_deleted(&self, words: &str) -> io::Result<()> {
        write_synced(&self.folder, DELETED, words.as_bytes())
    }

    /// What went with its worktree because git ignores it, in words; empty where nothing did.
    pub fn deleted(&self) -> String {
        read_text(&self.folder.join(DELETED)).unwrap_or_default()
    }

    /// Notes that its worktree is being made: until [`JobFiles::end_making`], whatever is there is half of it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin_making(&self) -> io::Result<()> {
        write_synced(&self.folder, MAKING, b"")
    }

    /// Notes that its worktree is whole.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn end_making(&self) -> io::Result<()> {
        fs::remove_file(self.folder.join(MAKING))
    }

    /// Whether its worktree was begun and is not known to be whole.
    pub fn is_half_made(&self) -> bool {
        self.folder.join(MAKING).exists()
    }

    /// Held, as long as the file is open, by who takes its worktree away, or is about to begin it: what one of them found of
    /// it is still so then.
    ///
    /// # Errors
    /// When there is no such job, or its file cannot be locked.
    pub fn lock(&self) -> io::Result<fs::File> {
        let file = open_regular(&self.task_file())?;
        file.lock()?;
        Ok(file)
    }

    /// Keeps the task.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_task(&self, text: &str) -> io::Result<()> {
        write_synced(&self.folder, TASK, text.as_bytes())
    }

    /// The task.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn task(&self) -> io::Result<String> {
        read_text(&self.task_file())
    }

    /// Where the task is.
    pub fn task_file(&self) -> PathBuf {
        self.folder.join(TASK)
    }

    /// Notes that the agent has taken the task: in its session it needs it no more.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note_taken(&self) -> io::Result<()> {
        write_synced(&self.folder, TAKEN, b"")
    }

    /// Whether the agent is known to have taken the task, since it was last handed over.
    pub fn is_taken(&self) -> bool {
        self.folder.join(TAKEN).exists()
    }

    /// Forgets that: the task is about to be handed over.
    pub fn forget_taken(&self) {
        // It may not be there.
        fs::remove_file(self.folder.join(TAKEN)).unwrap_or_default();
    }

    /// Keeps the variables it is to be started with: whoever begins it, at whatever time, may have others.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn keep_environment(&self, variables: &[(OsString, OsString)]) -> io::Result<()> {
        let entry = |(name, value): &(OsString, OsString)| [name.as_bytes(), b"=", value.as_bytes(), b"\0"].concat();
        write_synced(&self.folder, ENVIRONMENT, &variables.iter().flat_map(entry).collect::<Vec<u8>>())
    }

    /// Those variables, until it has begun.
    pub fn environment(&self) -> Option<Vec<(OsString, OsString)>> {
        let bytes = read(&self.folder.join(ENVIRONMENT)).ok()?;
        let entries = bytes.split(|byte| *byte == 0).filter_map(|entry| {
            let name = entry.iter().position(|byte| *byte == b'=').filter(|length| *length > 0)?;
            let text = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
            Some((text(&entry[..name]), text(&entry[name + 1..])))
        });
        Some(entries.collect())
    }

    /// Forgets them: they may have secrets in them.
    pub fn forget_environment(&self) {
        // They may not be there.
        fs::remove_file(self.folder.join(ENVIRONMENT)).unwrap_or_default();
    }

    /// Notes what the hooks saw.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note_witness(&self, witness: &Witness) -> io::Result<()> {
        let mut new = tempfile::NamedTempFile::new_in(&self.folder)?;
        new.write_all(&serde_json::to_vec(witness)?)?;
        new.persist(self.folder.join(WITNESS)).map(drop).map_err(|failed| failed.error)
    }

    /// What the hooks saw last. None where they saw nothing.
    pub fn witness(&self) -> Option<Witness> {
        serde_json::from_slice(&read(&self.folder.join(WITNESS)).ok()?).ok()
    }

    /// Forgets what the hooks saw: another agent starts.
    pub fn forget_witness(&self) {
        // It may not be there.
        fs::remove_file(self.folder.join(WITNESS)).unwrap_or_default();
    }
}

/// The SHA-256 of a text, in hexadecimal digits.
pub fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Adds to a file that only its owner reads.
fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.write_all(bytes)
}

/// Writes a file, whole or not at all, and has it on the disk.
fn write_synced(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // Of a name of its own: two may write the same file at once.
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(bytes)?;
    new.as_file().sync_all()?;
    new.persist(folder.join(name)).map_err(|failed| failed.error)?;
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn an_environment_is_kept_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let files = JobFiles::of(dir.path(), "x");
        assert_eq!(files.environment(), None);
        let pairs: [(&[u8], &[u8]); 4] =
            [(b"A", b"b=c\nd"), (b"EMPTY", b""), (b"RAW", b"\xff"), (b"BASH_FUNC_x%%", b"() { :; }")];
        let variables = pairs.map(|(name, value)| (OsStr::from_bytes(name).into(), OsStr::from_bytes(value).into()));
        files.keep_environment(&variables).unwrap();
        assert_eq!(files.environment().unwrap(), variables);
        assert_eq!(fs::metadata(dir.path().join("jobs/x/environment")).unwrap().permissions().mode() & 0o777, 0o600);
        files.forget_environment();
        assert_eq!(files.environment(), None);
    }

    #[test]
    fn two_who_write_the_same_at_once_are_not_in_each_others_way() {
        let dir = tempfile::tempdir().unwrap();
        let write = |text: &str| (0..50).try_for_each(|_| JobFiles::of(dir.path(), "x").keep_task(text));
        std::thread::scope(|scope| {
            let writers = ["one", "another"].map(|text| scope.spawn(move || write(text)));
            writers.into_iter().for_each(|writer| writer.join().unwrap().unwrap());
        });
        assert_eq!(fs::read_dir(dir.path().join("jobs/x")).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn attempts_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let files = JobFiles::of(dir.path(), "x");
        files.keep_task("x").unwrap();
        files.keep_screen("{\"aioAttempt\":7 days\n\n").unwrap();
        files.begin_attempt(2).unwrap();
        let output = fs::read_to_string(files.output()).unwrap();
        let attempts: Vec<_> = output.lines().map(|line| JobFiles::attempt_of(line.as_bytes())).collect();
        assert_eq!(attempts, [None, Some(2)]);
        assert_eq!(fs::read_to_string(files.errors()).unwrap(), "--- attempt 2 ---\n");
    }

    #[test]
    fn a_task_is_kept_to_the_byte() {
        let dir = tempfile::tempdir().unwrap();
        let files = JobFiles::of(dir.path(), "x");
        let task = "é\r\n\0 \u{1b}[201~\n\n";
        files.keep_task(task).unwrap();
        assert_eq!(files.task().unwrap(), task);
        assert_eq!(digest(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
