//! The same where branches bring attributes: both orders, against merging one after the other into the target.

use super::*;

/// Where attributes are.
const WHERE: [&str; 3] = [".gitattributes", "d/.gitattributes", "e/a/.gitattributes"];
/// With some files merge by themselves that would not, with others none do that would.
const WHAT: [&str; 4] = ["* merge=union\n", "* -merge\n", "a merge=union\nb -merge\n", "[ac] merge=binary\n"];

impl Bench {
    /// Attributes, in a commit of their own.
    fn attribute(&mut self, folder: &Path) {
        let file = folder.join(WHERE[self.random.below(WHERE.len())]);
        // A file may be where its folder would be.
        if file.parent().is_some_and(Path::is_dir) {
            fs::write(file, WHAT[self.random.below(WHAT.len())]).unwrap();
            commit_all(folder);
        }
    }

    /// A target that the project has checked out, and two branches from it.
    fn branches(&mut self) {
        self.base();
        let (project, ours) = (self.project(), self.at("ours"));
        if self.random.one_in(4) {
            self.attribute(&ours);
        }
        let all = files(&ours);
        let file =
            all.get(self.random.below(all.len().max(1))).map(|file| file.strip_prefix(&ours).unwrap().to_owned());
        let base = must(&ours, &["rev-parse", "HEAD"]);
        reset(&project, &base);
        must(&project, &["checkout", "-q", "-B", "target"]);
        for name in ["ours", "theirs"] {
            let folder = self.at(name);
            reset(&folder, &base);
            file.iter().for_each(|file| self.edit(&folder.join(file)));
            (0..self.random.below(3)).for_each(|_| self.mutate(&folder));
            commit_all(&folder);
            if self.random.one_in(2) {
                self.attribute(&folder);
            }
            must(&folder, &["branch", "-q", "-f", &format!("job-{name}")]);
        }
    }

    /// What becomes of the second, where the first has come home.
    fn one_after_the_other(&self, first: &str, second: &str) -> Real {
        let project = self.project();
        reset(&project, "target");
        must(&project, &["merge", "-q", "--no-ff", "--no-edit", &format!("job-{first}")]);
        let real = really(&project, &format!("job-{second}"));
        reset(&project, "target");
        must(&project, &["checkout", "-q", "target"]);
        real
    }

    fn surveyed(&self) -> Survey {
        let candidate = |name: &str| Candidate {
            name: name.to_owned(),
            branch: format!("job-{name}"),
            target: "target".to_owned(),
            since: String::new(),
            worktree: None,
            is_starting: false,
        };
        let mut cache = Cache::of(self.folder.path(), &self.project());
        let candidates = ["ours", "theirs"].map(candidate);
        survey(&self.project(), &candidates, &Room::beside(&self.project()).unwrap(), &mut cache).unwrap()
    }
}

#[test]
fn agrees_with_merging_where_attributes_are_brought() {
    let cases = number("AIO_PROOF_CASES").unwrap_or(if is_proof() { 100 } else { 20 });
    let seed = number("AIO_PROOF_SEED").map_or(0x9e37_79b9_7f4a_7c15, |seed| seed as u64);
    let mut bench = Bench::new(seed);
    let (mut clean, mut in_conflict, mut one_way) = (0, 0, 0);
    for case in 0..cases {
        bench.branches();
        let said = bench.surveyed();
        let case = format!("case {case} of seed {seed}: {said:?}");
        let first = said.order[0].name.as_str();
        let both = (bench.one_after_the_other("ours", "theirs"), bench.one_after_the_other("theirs", "ours"));
        match both {
            (Real::Crash, _) | (_, Real::Crash) => {}
            (Real::Clean, Real::Clean) => {
                clean += 1;
                assert!(said.clashes.is_empty() && said.notes.is_empty(), "{case}");
            }
            (Real::Conflict(files), Real::Conflict(_)) => {
                in_conflict += 1;
                assert!(said.clashes.len() == 1 && said.notes.is_empty(), "{case}");
                let names: BTreeSet<String> = said.clashes[0].spelled().into_iter().collect();
                assert_eq!(names, files, "{case}");
            }
            (ours_first, _) => {
                one_way += 1;
                assert_eq!(first == "ours", ours_first == Real::Clean, "{case}");
                assert!(said.clashes.is_empty() && said.notes.len() == 1, "{case}");
                assert!(said.notes[0].starts_with(&format!("{first} comes before ")), "{case}");
            }
        }
    }
    println!("{clean} clean, {in_conflict} in conflict, {one_way} in one order only");
    for often in [clean, in_conflict, one_way] {
        assert!(often * 20 > cases, "{clean} clean, {in_conflict} in conflict, {one_way} in one order only");
    }
}
