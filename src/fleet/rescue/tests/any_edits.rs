//! Edits of any kind in any order: what is brought back is what was there.

use super::*;

/// Numbers that look random and are the same every time (Steele and others, SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(end).unwrap()).unwrap()
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

const NAMES: [&[u8]; 12] = [
    b"a",
    b"b",
    b"A",
    b"-x",
    b"two words",
    b"line\nbreak",
    b"\xff\xc0",
    b"d/a",
    b"d/e/b",
    b"d/e",
    b"x.ignored",
    b"d/.gitignore",
];

fn edit(job: &Job, random: &mut Random) {
    let path = job.worktree.join(OsStr::from_bytes(random.pick(&NAMES)));
    let clear = |path: &Path| match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path).unwrap(),
        Ok(_) => fs::remove_file(path).unwrap(),
        Err(_) => {}
    };
    // What lies where a folder is needed, or the other way round, makes way.
    let make_way = || {
        let parents = path.ancestors().skip(1).take_while(|parent| **parent != *job.worktree);
        parents.filter(|parent| !parent.is_dir() || parent.is_symlink()).for_each(clear);
        clear(&path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
    };
    match random.below(10) {
        0..4 => {
            make_way();
            let bytes: Vec<u8> = (0..random.below(60)).map(|_| random.pick(b"ab\n\r\0\xff*!")).collect();
            fs::write(&path, bytes).unwrap();
        }
        4 => clear(&path),
        5 => {
            make_way();
            symlink(OsStr::from_bytes(random.pick(&NAMES)), &path).unwrap();
        }
        6 if path.is_file() && !path.is_symlink() => {
            let mode = if random.below(2) == 0 { 0o755 } else { 0o644 };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        7 => drop(job.git(&["add", "--all"])),
        8 => drop(job.commit("some of it")),
        9 => drop(job.git(&["checkout", "--quiet", "--detach"])),
        _ => {}
    }
}

/// What git itself says is there and not ignored.
fn seen_by_git(job: &Job) -> Content {
    let ran =
        crate::fleet::git::git(&job.worktree).args(["ls-files", "-co", "--exclude-standard", "-z"]).run().unwrap();
    let mut all = content(&job.worktree);
    let listed: std::collections::HashSet<PathBuf> =
        crate::fleet::git::entries(&ran.out).map(|path| OsStr::from_bytes(path).into()).collect();
    all.retain(|path, _| listed.contains(path));
    all
}

#[test]
fn edits_of_any_kind_come_back() {
    for seed in 0..12 {
        let (job, mut random) = (Job::new(), Random(seed));
        for _ in 0..random.below(40) {
            edit(&job, &mut random);
        }
        let expected = seen_by_git(&job);
        let head = job.git(&["rev-parse", "HEAD"]);
        let proof = job.save_and_remove();
        // Where nothing was kept, what was checked out was all there is.
        assert_eq!(job.restored(proof.reference().unwrap_or(&head)), expected, "seed {seed}");
    }
}
