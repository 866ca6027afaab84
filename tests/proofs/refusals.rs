//! Proof 3, where nothing can be written: exit 6, one line that says why, the state as it was, reading as before.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::harness::{Ran, World, binary, run};
use crate::support::{Mount, aio_in, figure, require, says_one_line, shell, temporaries};

/// Commands that write, as the instance that is there.
const WRITES: [&[&str]; 6] = [
    &["claim", "src/new.rs"],
    &["release", "src/mine.rs"],
    &["task", "something else"],
    &["context", "add", "decision", "so be it"],
    &["register", "codex", "--session", "another"],
    &["unregister"],
];
const NOBODY: u32 = 65_534;

/// A state directory with one instance that holds `src/mine.rs`.
struct Place {
    world: World,
    dir: PathBuf,
    id: String,
    /// Who runs the commands.
    user: u32,
}

impl Place {
    fn new(dir: PathBuf, user: u32) -> Place {
        let world = World::new();
        shell(&format!("chmod 755 {}", world.home.parent().unwrap().display()));
        let mut place = Place { world, dir, id: String::new(), user };
        let ran = place.run(&["register", "claude", "--pid", &std::process::id().to_string()]);
        assert_eq!(ran.code, 0, "{ran:?}");
        place.id = ran.out.trim().strip_prefix("Registered: ").unwrap().to_owned();
        assert_eq!(place.run(&["claim", "src/mine.rs"]).code, 0);
        // So that no state that follows fits into the smallest limit of file sizes.
        assert_eq!(place.run(&["context", "add", "learning", &"x".repeat(600)]).code, 0);
        place
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.run_under(&[], args)
    }

    /// Runs a command under another that sets something up for it.
    fn run_under(&self, before: &[&str], args: &[&str]) -> Ran {
        let user = self.user.to_string();
        let drop_to = ["setpriv", "--reuid", &user, "--regid", &user, "--clear-groups", "--"];
        let drop_to = if self.user == 0 { &[][..] } else { &drop_to };
        let template = aio_in(&self.world, &self.dir);
        let program = self.world.home.parent().unwrap().join("aio");
        if !program.exists() {
            std::fs::copy(binary("aio"), &program).unwrap();
        }
        let mut command = Command::new("env");
        command.env_clear().current_dir(template.get_current_dir().unwrap());
        for (key, value) in template.get_envs() {
            command.env(key, value.unwrap());
        }
        command.args(drop_to).args(before).arg(program);
        if !self.id.is_empty() {
            command.args(["--as", &self.id]);
        }
        run(command.args(args))
    }

    /// Every writing command is refused for `reason`, and nothing changed; reading works; undone, so does writing.
    fn refuses(&self, reason: &str, before: &[&str], undo: impl FnOnce()) -> usize {
        let state = self.dir.join("state.json");
        let old = std::fs::read(&state).unwrap();
        for args in WRITES {
            let ran = self.run_under(before, args);
            let clear = ran.code == 6 && ran.out.is_empty() && says_one_line(&ran) && ran.err.contains(reason);
            assert!(clear, "{reason}: {args:?}: {ran:?}");
            assert!(std::fs::read(&state).unwrap() == old, "{reason}: {args:?} changed the state");
            assert_eq!(temporaries(&self.dir), [""; 0], "{reason}: {args:?}");
        }
        let (status, check) = (self.run(&["status"]), self.run(&["check", "src/mine.rs"]));
        assert!(status.code == 0 && status.out.contains("src/mine.rs"), "{reason}: {status:?}");
        assert!(check.code == 0 && check.first().starts_with("YOURS"), "{reason}: {check:?}");
        undo();
        let after = self.run(&["context", "add", "decision", "so be it"]);
        assert_eq!(after.code, 0, "{reason}, then not: {after:?}");
        WRITES.len()
    }
}

fn own(path: &Path, user: u32, mode: u32) {
    chown(path, Some(user), Some(user)).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_cannot_be_written_is_refused_and_changes_nothing() {
    let start = Instant::now();
    require(&[
        ("setpriv", "util-linux"),
        ("prlimit", "util-linux"),
        ("mkfs.ext4", "e2fsprogs"),
        ("chattr", "e2fsprogs"),
    ]);
    let refused = full_disk() + no_inodes() + read_only() + immutable() + of_another() + no_permission() + file_size();
    let text = format!(
        "{refused} commands refused with exit 6 and the state untouched, on a full disk, without inodes, read-only, \
         immutable, another's, without permission, beyond the limit of file sizes"
    );
    figure("refusals", start, &text);
}

fn full_disk() -> usize {
    let memory = Mount::memory("size=256k");
    let place = Place::new(memory.path.join("state"), 0);
    let filler = memory.path.join("filler");
    run(Command::new("dd").args(["if=/dev/zero", "bs=4096"]).arg(format!("of={}", filler.display())));
    place.refuses("No space left on device", &[], || std::fs::remove_file(&filler).unwrap())
}

fn no_inodes() -> usize {
    let memory = Mount::memory("size=1m,nr_inodes=32");
    let place = Place::new(memory.path.join("state"), 0);
    let fillers: Vec<PathBuf> = (0..32)
        .map(|n| memory.path.join(format!("filler-{n}")))
        .take_while(|path| std::fs::write(path, "").is_ok())
        .collect();
    place.refuses("No space left on device", &[], || {
        fillers.iter().for_each(|path| std::fs::remove_file(path).unwrap());
    })
}

fn read_only() -> usize {
    let memory = Mount::memory("size=1m");
    let place = Place::new(memory.path.join("state"), 0);
    memory.remount("ro");
    place.refuses("Read-only file system", &[], || memory.remount("rw"))
}

fn immutable() -> usize {
    let disk = Mount::image("ext4", "");
    let place = Place::new(disk.path.join("state"), 0);
    shell(&format!("chattr +i {}", place.dir.display()));
    let undo = || drop(shell(&format!("chattr -i {}", place.dir.display())));
    place.refuses("Operation not permitted", &[], undo)
}

fn of_another() -> usize {
    let memory = Mount::memory("size=1m");
    let place = Place::new(memory.path.join("state"), 0);
    own(&place.dir, NOBODY, 0o755);
    place.refuses("it belongs to another user", &[], || own(&place.dir, 0, 0o700))
}

fn no_permission() -> usize {
    let memory = Mount::memory("size=1m,mode=777");
    let place = Place::new(memory.path.join("state"), NOBODY);
    own(&place.dir, NOBODY, 0o500);
    place.refuses("Permission denied", &[], || own(&place.dir, NOBODY, 0o700))
}

fn file_size() -> usize {
    let memory = Mount::memory("size=1m");
    let place = Place::new(memory.path.join("state"), 0);
    place.refuses("File too large", &["prlimit", "--fsize=512"], || {})
}
