//! What several proofs need: prerequisites, sizes, figures, file systems of their own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use crate::harness::{Ran, World, run};

/// Fails unless everything is there that a proof needs; nothing is skipped silently.
pub fn require(tools: &[(&str, &str)]) {
    assert!(rustix::process::geteuid().is_root(), "the proofs need root: run them as root");
    for (tool, package) in tools {
        let found = Command::new("sh").args(["-c", "command -v \"$0\"", tool]).stdout(Stdio::null()).status().unwrap();
        assert!(found.success(), "{tool} is missing: apt-get install {package}");
    }
}

/// A number that an environment variable may change.
pub fn size(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable}={text}")))
}

/// Prints what a proof found, with the time since `start`.
pub fn figure(name: &str, start: Instant, text: &str) {
    println!("\nPROOF {name}: {text}, {:.1} s", start.elapsed().as_secs_f64());
}

/// A small generator of numbers, so that a failure can be repeated with the seed it names.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        // xorshift64*, by Vigna.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}

/// A file system of its own, gone when dropped.
pub struct Mount {
    _root: TempDir,
    image: PathBuf,
    pub path: PathBuf,
}

impl Mount {
    /// One in memory, with limits such as `size=1m` or `nr_inodes=16`.
    pub fn memory(options: &str) -> Mount {
        let mount = Mount::place();
        shell(&format!("mount -t tmpfs -o {options} aio-proof {}", mount.path.display()));
        mount
    }

    /// One on a disk image, made by `mkfs.<kind>`.
    pub fn image(kind: &str, mkfs_options: &str) -> Mount {
        let mount = Mount::place();
        let image = mount.image.display();
        shell(&format!("truncate -s 400M {image} && mkfs.{kind} -q {mkfs_options} {image}"));
        mount.attach();
        mount
    }

    fn place() -> Mount {
        let root = tempfile::Builder::new().prefix("aio-mount-").tempdir().unwrap();
        let (image, path) = (root.path().join("image"), root.path().join("mount"));
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(root.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        Mount { _root: root, image, path }
    }

    /// Mounts the image.
    pub fn attach(&self) {
        shell(&format!("mount -o loop {} {}", self.image.display(), self.path.display()));
    }

    /// Unmounts it.
    pub fn detach(&self) {
        shell(&format!("umount {}", self.path.display()));
    }

    /// Mounts it anew with other options.
    pub fn remount(&self, options: &str) {
        shell(&format!("mount -o remount,{options} {}", self.path.display()));
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Detached already, in the middle of a power loss.
        let quiet = |command: &mut Command| command.stderr(Stdio::null()).status().is_ok();
        quiet(Command::new("umount").arg("-l").arg(&self.path));
    }
}

/// Runs a line of shell that must succeed.
pub fn shell(line: &str) -> String {
    let ran = run(Command::new("sh").args(["-c", line]));
    assert_eq!(ran.code, 0, "{line}: {ran:?}");
    ran.out
}

/// A command of `world` on another state directory.
pub fn aio_in(world: &World, dir: &Path) -> Command {
    let mut command = world.command("aio");
    command.env("AIO_DIR", dir);
    command
}

/// Temporary files of ours that lie beside the state.
pub fn temporaries(dir: &Path) -> Vec<String> {
    let names = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(".state-") && name.ends_with(".tmp")).collect()
}

/// A refusal is one line on stderr that names the program.
pub fn says_one_line(ran: &Ran) -> bool {
    ran.err.lines().count() == 1 && ran.err.starts_with("aio: ")
}

/// How a command ended that was started otherwise than by [`run`].
pub fn ended(child: std::process::Child) -> Ran {
    crate::harness::ended(child.wait_with_output().unwrap())
}
