//! What a look at the files settles.

use super::super::{Extent, Look, Settled};
use super::{Change, extent, sweep, told};

/// Paths below `/w`; a folder ends in a slash.
struct Files(&'static [&'static str]);

impl Files {
    fn has(&self, path: &str, end: &str) -> bool {
        self.0.iter().any(|file| format!("/w/{file}") == format!("{path}{end}"))
    }
}

impl Look for Files {
    fn is_folder(&self, path: &str) -> bool {
        path == "/w" || self.has(path, "/")
    }

    fn exists(&self, path: &str) -> bool {
        self.is_folder(path) || self.has(path, "")
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let below = |file: &&str| {
            Some(format!("/w/{file}").strip_prefix(&format!("{folder}/"))?.trim_end_matches('/').to_owned())
        };
        self.0.iter().filter_map(below).filter(|name| !name.is_empty() && !name.contains('/')).collect()
    }
}

const FILES: Files = Files(&[
    "a",
    "b",
    "c.txt",
    ".hidden.txt",
    "d.txt",
    "dir/",
    "dir/a",
    "dir/e.txt",
    "src/",
    "src/a",
    "src/x.txt",
    "e.txt/",
]);

fn settled(command: &str) -> Vec<String> {
    let Settled { touched, sweeps } = told(command).settle(&FILES);
    let verb = |change| if change == Change::Write { "write" } else { "remove" };
    let touched = touched.iter().map(|(change, part)| format!("{} {}", verb(*change), extent(part)));
    touched.chain(sweeps.iter().map(sweep)).collect()
}

#[test]
fn a_pattern_is_what_it_matches() {
    assert_eq!(settled("rm *.txt"), ["remove c.txt", "remove d.txt"], "no hidden file, no folder");
    assert_eq!(settled("rm .*.txt"), ["remove .hidden.txt"]);
    assert_eq!(settled("rm -r *.txt"), ["remove c.txt/**", "remove d.txt/**", "remove e.txt/**"]);
    assert_eq!(settled("rm */a */none"), ["remove dir/a", "remove src/a"]);
    assert_eq!(settled("rm *.none"), [""; 0]);
    assert_eq!(settled("for f in *.txt; do sed -i s/a/b/ $f; done"), ["write c.txt", "write d.txt"]);
}

#[test]
fn a_destination_is_the_path_or_the_folder() {
    assert_eq!(settled("cp a b"), ["write b"]);
    assert_eq!(settled("cp a dir"), ["write dir/a"]);
    assert_eq!(settled("cp a new"), ["write new"]);
    assert_eq!(settled("cp a new/"), ["write new/a"]);
    assert_eq!(settled("cp *.txt dir"), ["write dir/c.txt", "write dir/d.txt"]);
    assert_eq!(settled("mv a dir"), ["remove a/**", "write dir/a"]);
    assert_eq!(settled("ln -s ../x/b dir"), ["write dir/b"]);
    assert_eq!(settled("cp $x b"), ["write b"]);
    assert_eq!(settled("cp $x dir"), [""; 0]);
}

#[test]
fn a_folder_is_copied_only_when_told_to() {
    assert_eq!(settled("cp src dir"), [""; 0]);
    assert_eq!(settled("cp -r src dir"), ["write dir/src like src"]);
    assert_eq!(settled("cp -r src new"), ["write new like src"]);
    assert_eq!(settled("cp -r src a dir"), ["write dir/src like src", "write dir/a"]);
    assert_eq!(settled("rsync -a src/ dir/"), ["write dir like src"]);
}

#[test]
fn a_folder_is_no_file() {
    assert_eq!(settled("black src a"), ["write a"]);
    assert_eq!(settled("rm src"), [""; 0]);
    assert_eq!(settled("rm -r src"), ["remove src/**"]);
}

#[test]
fn a_word_for_checkout_is_a_path_where_there_is_one() {
    assert_eq!(settled("git checkout src"), ["write src/**"]);
    assert_eq!(settled("git checkout main"), ["sweep switch ."]);
}

#[test]
fn what_an_extent_reaches() {
    let reaches = |extent: Extent, path: &str| extent.reaches(path, &FILES);
    let file = || Extent::File("/w/a".into());
    assert!(reaches(file(), "/w/a") && !reaches(file(), "/w/a/b") && !reaches(file(), "/w"));
    let tree = || Extent::Tree("/w/src".into());
    assert!(reaches(tree(), "/w/src") && reaches(tree(), "/w/src/a/b") && !reaches(tree(), "/w/src2"));
    let named = || Extent::Named { folder: "/w".into(), name: "*.txt".into() };
    assert!(reaches(named(), "/w/x/.a.txt") && !reaches(named(), "/w/x/a") && !reaches(named(), "/x.txt"));
    let mirror = || Extent::Mirror { to: "/w/dir".into(), from: "/w/src".into() };
    assert!(reaches(mirror(), "/w/dir/x.txt") && !reaches(mirror(), "/w/dir/e.txt") && !reaches(mirror(), "/w/src/a"));
    assert!(reaches(Extent::Tree("/".into()), "/w/a"));
}
