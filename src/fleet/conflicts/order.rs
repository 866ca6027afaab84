//! In which order branches come home with the least to mend.
//!
//! Greedy and by pairs: two that go together each with a third may still not go together all at once. Merging is the proof.

/// A branch that is to come home.
#[derive(Clone, Copy, Debug)]
pub struct Entrant<'a> {
    /// Its name.
    pub name: &'a str,
    /// When it began, as the state spells it; the oldest go first.
    pub since: &'a str,
    /// Whether it conflicts with where it is to go.
    pub is_blocked: bool,
}

/// One merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The branch.
    pub name: String,
    /// It must be rebased first: it conflicts with the target, or with one that came before it.
    pub rebase_first: bool,
    /// Those that must be rebased once it has come home.
    pub then_rebase: Vec<String>,
}

/// The order: whoever must come before another does, unless they are a ring; those that can be merged as they are before
/// those that cannot, then who conflicts with the fewest of the rest, then the oldest. The first of `before` conflicts with the
/// second only where it comes after it.
pub fn order(entrants: &[Entrant<'_>], conflicts: &[(&str, &str)], before: &[(&str, &str)]) -> Vec<Step> {
    let meets = |one: &str, other: &str| conflicts.contains(&(one, other)) || conflicts.contains(&(other, one));
    let is_late = |late: &str, merged: &str| before.contains(&(late, merged));
    let mut rest: Vec<Entrant<'_>> = entrants.to_vec();
    let mut steps = Vec::with_capacity(rest.len());
    while let Some(next) = (0..rest.len()).min_by_key(|at| {
        let entrant = &rest[*at];
        let count = rest.iter().filter(|other| meets(entrant.name, other.name)).count();
        let waits = rest.iter().any(|other| is_late(other.name, entrant.name));
        (waits, entrant.is_blocked, count, entrant.since, entrant.name)
    }) {
        let merged = rest.remove(next);
        let mut then_rebase = Vec::new();
        let must_mend = |other: &str| meets(merged.name, other) || is_late(other, merged.name);
        for other in rest.iter_mut().filter(|other| must_mend(other.name)) {
            other.is_blocked = true;
            then_rebase.push(other.name.to_owned());
        }
        steps.push(Step { name: merged.name.to_owned(), rebase_first: merged.is_blocked, then_rebase });
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entrant<'a>(name: &'a str, since: &'a str) -> Entrant<'a> {
        Entrant { name, since, is_blocked: false }
    }

    fn names(steps: &[Step]) -> Vec<&str> {
        steps.iter().map(|step| step.name.as_str()).collect()
    }

    #[test]
    fn the_oldest_first_where_nothing_conflicts() {
        let steps = order(&[entrant("b", "2"), entrant("c", "3"), entrant("a", "1")], &[], &[]);
        assert_eq!(names(&steps), ["a", "b", "c"]);
        assert!(steps.iter().all(|step| !step.rebase_first && step.then_rebase.is_empty()));
    }

    #[test]
    fn who_meets_all_others_comes_last() {
        let all = [entrant("hub", "1"), entrant("a", "2"), entrant("b", "3"), entrant("c", "4")];
        let steps = order(&all, &[("hub", "a"), ("b", "hub"), ("hub", "c")], &[]);
        assert_eq!(names(&steps), ["a", "b", "c", "hub"]);
        assert_eq!(steps[0].then_rebase, ["hub"]);
        assert!(steps[3].rebase_first && steps[3].then_rebase.is_empty());
    }

    #[test]
    fn what_conflicts_with_the_target_waits() {
        let blocked = Entrant { is_blocked: true, ..entrant("old", "1") };
        let steps = order(&[blocked, entrant("new", "2"), entrant("newer", "3")], &[("new", "newer")], &[]);
        assert_eq!(names(&steps), ["new", "old", "newer"]);
        assert_eq!(steps[0].then_rebase, ["newer"]);
        assert!(!steps[0].rebase_first && steps[1].rebase_first && steps[2].rebase_first);
    }

    #[test]
    fn who_must_come_before_another_does_unless_they_are_a_ring() {
        let all = [entrant("a", "1"), entrant("b", "2"), entrant("c", "3"), entrant("d", "4")];
        let steps = order(&all, &[("c", "d")], &[("c", "b"), ("b", "a")]);
        assert_eq!(names(&steps), ["c", "b", "a", "d"]);
        assert!(steps[..3].iter().all(|step| !step.rebase_first) && steps[3].rebase_first);
        let blocked = [Entrant { is_blocked: true, ..all[1] }, all[0]];
        assert_eq!(names(&order(&blocked, &[], &[("b", "a")])), ["b", "a"], "it is rebased once either way");
        let ring = order(&all[..3], &[], &[("a", "b"), ("b", "c"), ("c", "a")]);
        assert_eq!(names(&ring), ["a", "b", "c"]);
        assert_eq!(ring[0].then_rebase, ["c"]);
        assert!(!ring[1].rebase_first && ring[2].rebase_first);
    }

    #[test]
    fn everybody_comes_home_once() {
        let names: Vec<String> = (0..12).map(|number| format!("{number:02}")).collect();
        let all: Vec<Entrant<'_>> = names.iter().map(|name| entrant(name, "")).collect();
        for seed in 0..200_usize {
            let conflicts: Vec<(&str, &str)> = (0..12)
                .flat_map(|one| (one + 1..12).map(move |other| (one, other)))
                .filter(|(one, other)| (one * 31 + other * 17 + seed) % 7 < seed % 8)
                .map(|(one, other)| (names[one].as_str(), names[other].as_str()))
                .collect();
            let steps = order(&all, &conflicts, &[]);
            let mut home: Vec<&str> = steps.iter().map(|step| step.name.as_str()).collect();
            home.sort_unstable();
            assert_eq!(home, names);
            let rebases: usize = steps.iter().map(|step| step.then_rebase.len()).sum();
            assert_eq!(rebases, conflicts.len(), "each conflict is mended once");
        }
    }
}
