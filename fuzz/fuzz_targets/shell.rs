//! Any command line: its effects are told without panic and in time, and what is told are absolute paths that can be changed.

#![no_main]

use aio::hooks::shell::{Extent, Look, MOST_TOUCHES, Surroundings, effects};
use libfuzzer_sys::fuzz_target;

/// Folders have an `s` in their name, and everything exists.
struct Anything;

impl Look for Anything {
    fn is_folder(&self, path: &str) -> bool {
        path.rsplit('/').next().is_some_and(|name| name.contains('s'))
    }

    fn exists(&self, _: &str) -> bool {
        true
    }

    fn names(&self, _: &str) -> Vec<String> {
        ["src", "a.rs", ".hidden"].map(str::to_owned).into()
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(command) = str::from_utf8(data) else { return };
    let surroundings = Surroundings { cwd: "/p", home: Some("/home/me") };
    let found = effects(command, &surroundings);
    assert_eq!(found, effects(command, &surroundings), "the same question, the same answer");
    assert!(found.touched.len() <= MOST_TOUCHES);
    let settled = found.settle(&Anything);
    assert!(settled.touched.len() <= MOST_TOUCHES);
    for (_, extent) in &settled.touched {
        let (Extent::File(path)
        | Extent::Tree(path)
        | Extent::Named { folder: path, .. }
        | Extent::Mirror { to: path, .. }) = extent;
        assert!(path.starts_with('/') && !path.starts_with("/dev/") && !path.starts_with("/proc/"), "{path}");
    }
    assert!(settled.sweeps.iter().all(|sweep| sweep.folder.starts_with('/')));
});
