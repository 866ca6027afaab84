//! Any command line: its effects are told without panic and in time, and what is told are clean absolute paths that can be
//! changed. A comment behind it changes nothing. The same text as a patch or diff names only what stands in it.

#![no_main]

use aio::hooks::shell::{Effects, Extent, Look, MOST_TOUCHES, Place, Surroundings, effects};
use aio::hooks::{diff, patch};
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
    let found = told(command);
    assert!(found.touched.len() <= MOST_TOUCHES && found.sweeps.len() <= MOST_TOUCHES);
    for path in found.touched.iter().flat_map(|touch| named(&touch.place)) {
        assert!(is_clean(path), "{path:?}");
    }
    let settled = found.settle(&Anything);
    assert!(settled.touched.len() <= MOST_TOUCHES);
    for path in settled.touched.iter().flat_map(|(_, extent)| paths(extent)) {
        assert!(is_clean(path), "{path:?}");
    }
    assert!(settled.sweeps.iter().all(|sweep| is_clean(&sweep.folder)));
    // Behind a here-document or a backslash the line would belong to the text.
    if !found.is_empty() && !command.contains("<<") && !command.ends_with('\\') {
        assert_eq!(told(&format!("{command}\n# > no")), found);
    }
    assert!(patch::changes(command).iter().all(|change| command.contains(change.path)));
    assert!(diff::files(command, 1).iter().all(|file| command.contains(file)));
});

fn told(command: &str) -> Effects {
    effects(command, &Surroundings { cwd: "/p", home: Some("/home/me") })
}

fn named(place: &Place) -> Vec<&str> {
    match place {
        Place::Certain(extent) => paths(extent),
        Place::Glob { pattern, .. } => vec![pattern],
        Place::Copy(copy) => vec![&copy.to],
    }
}

/// What is changed, not what it is a copy of.
fn paths(extent: &Extent) -> Vec<&str> {
    match extent {
        Extent::File(path)
        | Extent::Tree(path)
        | Extent::Named { folder: path, .. }
        | Extent::Mirror { to: path, .. } => vec![path],
    }
}

fn is_clean(path: &str) -> bool {
    let names = || path.split('/').skip(1);
    let is_tidy = path == "/" || names().all(|name| !matches!(name, "" | "."));
    path.starts_with('/') && is_tidy && !path.contains('\0') && !matches!(names().next(), Some("dev" | "proc"))
}
