//! Many merges, tried in one git process, without a worktree.
//!
//! What git-merge-tree(1) writes for each pair with `--stdin -z --name-only --no-messages`: a status (0 conflict, 1 clean),
//! a tree, the names of the files in conflict, and an empty name. It ends at the first pair it cannot merge at all, and there are merges that git itself dies of.
//! Guarantees an end: a pair of which git does not come back does not hide the others, as long as there is time for them.

use std::path::Path;
use std::time::{Duration, Instant};

use super::super::merge::Trouble;
use super::super::merge::git::{git, run_merging};
use super::super::program::{Ran, Unrun};
use super::room::Room;

/// The variable with the tree whose attributes count instead of the checkout's. Git before 2.41 does not know it, and goes by
/// those of the checkout.
pub(super) const ATTRIBUTES: &str = "GIT_ATTR_SOURCE";
/// What a pair takes at most, rename detection in a large repository included.
const LIMIT_PER_PAIR: Duration = Duration::from_secs(2);
const PATIENCE: Patience = Patience { first: Duration::from_secs(60), again: Duration::from_secs(5) };
/// How git ends that does not know an option.
const USAGE: i32 = 129;

/// Two commits.
pub type Pair = (String, String);

/// What becomes of two commits that are merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meeting {
    /// They go together.
    Clean,
    /// They do not, in these files; none where only renamed folders are in question.
    Conflict(Vec<Vec<u8>>),
    /// git cannot merge them; its words.
    Impossible(String),
}

/// How long git is waited for, beside what each pair takes.
#[derive(Clone, Copy, Debug)]
struct Patience {
    first: Duration,
    /// Where some of them took too long, and it is not known which.
    again: Duration,
}

/// Tries every pair, by the attributes of a tree where one is given.
///
/// # Errors
/// When git is too old, or cannot be run.
pub fn meet(room: &Room, repository: &Path, pairs: &[Pair], by: Option<&str>) -> Result<Vec<Meeting>, Trouble> {
    meet_within(room, repository, pairs, by, PATIENCE)
}

fn meet_within(
    room: &Room,
    repository: &Path,
    pairs: &[Pair],
    by: Option<&str>,
    patience: Patience,
) -> Result<Vec<Meeting>, Trouble> {
    let limit = patience.first + for_each(pairs);
    let trial = Trial { room, repository, by, again: patience.again, until: Instant::now() + limit * 2 };
    trial.meet(pairs, limit)
}

fn for_each(pairs: &[Pair]) -> Duration {
    LIMIT_PER_PAIR * u32::try_from(pairs.len()).unwrap_or(u32::MAX)
}

struct Trial<'a> {
    room: &'a Room,
    repository: &'a Path,
    by: Option<&'a str>,
    again: Duration,
    /// When nothing is asked any more.
    until: Instant,
}

impl Trial<'_> {
    fn meet(&self, pairs: &[Pair], limit: Duration) -> Result<Vec<Meeting>, Trouble> {
        let mut met = Vec::with_capacity(pairs.len());
        while met.len() < pairs.len() {
            let rest = &pairs[met.len()..];
            let ran = match self.ask(rest, limit) {
                Err(late @ Unrun::TimedOut(..)) => {
                    met.extend(self.apart(rest, &format!("{late}; a merge driver may hang"))?);
                    continue;
                }
                ran => ran?,
            };
            let answers = read(&ran.out, rest);
            let open = &rest[answers.len()..];
            met.extend(answers);
            match open {
                [] => {}
                _ if ran.code == USAGE => return Err(Trouble::TooOld(version(self.repository))),
                // What it wrote last may be lost, so it is not known which pair it died of.
                _ if ran.code < 0 => met.extend(self.apart(open, &ran.complaint())?),
                _ => met.push(Meeting::Impossible(ran.complaint())),
            }
        }
        Ok(met)
    }

    /// Each half by itself; a pair that is alone is what git died of.
    fn apart(&self, pairs: &[Pair], why: &str) -> Result<Vec<Meeting>, Trouble> {
        if pairs.len() < 2 || Instant::now() > self.until {
            return Ok(pairs.iter().map(|_| Meeting::Impossible(why.to_owned())).collect());
        }
        let (some, others) = pairs.split_at(pairs.len() / 2);
        let mut met = self.meet(some, self.again + for_each(some))?;
        met.extend(self.meet(others, self.again + for_each(others))?);
        Ok(met)
    }

    fn ask(&self, pairs: &[Pair], limit: Duration) -> Result<Ran, Unrun> {
        let args = ["merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", "--stdin"];
        let input: String = pairs.iter().map(|(ours, theirs)| format!("{ours} {theirs}\n")).collect();
        let mut program = self.room.git(self.repository, args).input(input).limit(limit);
        if let Some(tree) = self.by {
            program = program.variable(ATTRIBUTES, tree);
        }
        run_merging(program, self.repository)
    }
}

fn version(repository: &Path) -> String {
    git(repository, ["version"]).run().map_or_else(|unrun| unrun.to_string(), |ran| ran.text())
}

/// The answers as far as they go.
fn read(out: &[u8], pairs: &[Pair]) -> Vec<Meeting> {
    let mut words = out.split_inclusive(|byte| *byte == 0).map_while(|word| word.strip_suffix(&[0]));
    let mut met = Vec::new();
    for pair in pairs {
        let (Some(status), Some(_tree)) = (words.next(), words.next()) else { break };
        let mut files = Vec::new();
        let is_whole = loop {
            match words.next() {
                Some([]) => break true,
                Some(file) => files.push(file.to_vec()),
                None => break false,
            }
        };
        match status {
            b"1" if is_whole => met.push(Meeting::Clean),
            b"0" if is_whole => met.push(Meeting::Conflict(plain(files, pair))),
            _ => break,
        }
    }
    met
}

/// A file that stands where the other side has a folder is named for its side: `name~commit`, perhaps `name~commit_1`.
pub(super) fn plain(files: Vec<Vec<u8>>, (ours, theirs): &Pair) -> Vec<Vec<u8>> {
    let mut plain: Vec<Vec<u8>> = files
        .into_iter()
        .map(|file| {
            let at =
                [ours, theirs].iter().find_map(|commit| memchr::memmem::rfind(&file, format!("~{commit}").as_bytes()));
            at.map_or_else(|| file.clone(), |at| file[..at].to_vec())
        })
        .collect();
    plain.sort_unstable();
    plain.dedup();
    plain
}

#[cfg(test)]
mod tests {
    use super::super::super::git::testing::{Scratch, commit, write};
    use super::*;

    fn pair(ours: &str, theirs: &str) -> Pair {
        (ours.to_owned(), theirs.to_owned())
    }

    #[test]
    fn answers_are_told_apart_and_a_cut_one_is_none() {
        let pairs = [pair("x", "y"), pair("x", "z"), pair("y", "z"), pair("z", "z")];
        let out = b"0\0tree\0a\0b\nc\0\x001\0tree\0\x000\0tree\0\x001\0tree\0\0";
        let files = vec![b"a".to_vec(), b"b\nc".to_vec()];
        let met = read(out, &pairs);
        assert_eq!(met, [Meeting::Conflict(files), Meeting::Clean, Meeting::Conflict(Vec::new()), Meeting::Clean]);
        for cut in 0..out.len() {
            let met = read(&out[..cut], &pairs);
            assert!(met.len() < 4, "{cut}: {met:?}");
        }
        assert_eq!(read(b"-1\0tree\0\0", &pairs), []);
    }

    #[test]
    fn the_side_a_file_comes_from_is_no_part_of_its_name() {
        let named = [&b"s~abc"[..], b"s", b"t~abc_1", b"u~other", b"~def"].map(<[u8]>::to_vec).to_vec();
        let plain = plain(named, &pair("abc", "def"));
        assert_eq!(plain, [&b""[..], b"s", b"t", b"u~other"].map(<[u8]>::to_vec));
    }

    #[test]
    fn a_driver_that_does_not_end_does_not_hide_the_others() {
        let scratch = Scratch::new();
        scratch.git(&["config", "merge.slow.driver", "sleep 600"]);
        write(&scratch.project.join(".git/info/attributes"), "slow merge=slow\n");
        let made = |file: &str, content: &str| {
            scratch.git(&["checkout", "--quiet", "--detach", "main"]);
            write(&scratch.project.join(file), content);
            commit(&scratch.project, content);
            scratch.git(&["rev-parse", "HEAD"])
        };
        let [one, other] = ["1", "2"].map(|content| made("slow", content));
        let [x, y] = ["3", "4"].map(|content| made("file", content));
        let pairs = [pair(&one, &x), pair(&one, &other), pair(&x, &y), pair(&y, &one)];
        let soon = Patience { first: Duration::from_millis(10), again: Duration::from_millis(10) };
        let room = Room::beside(&scratch.project);
        let met = room.and_then(|room| meet_within(&room, &scratch.project, &pairs, None, soon));
        let Ok([Meeting::Clean, Meeting::Impossible(why), Meeting::Conflict(_), Meeting::Clean]) = met.as_deref()
        else {
            panic!("{met:?}");
        };
        assert!(why.ends_with("seconds; a merge driver may hang"), "{why}");
    }
}
