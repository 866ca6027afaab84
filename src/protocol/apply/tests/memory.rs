//! What stays in the state and what goes to the archive.

use super::*;
use crate::protocol::op::NewContext;

fn add(desk: &mut Desk, category: &str, project: Option<&str>) -> Vec<ContextEntry<'static>> {
    let entry = NewContext {
        id: desk.id(),
        category: category.to_owned(),
        project: project.map(str::to_owned),
        content: "words".to_owned(),
        ..NewContext::default()
    };
    desk.perform(None, Op::AddContext(entry)).unwrap().2
}

fn kept(desk: &Desk, category: &str, project: Option<&str>) -> usize {
    let entries = desk.state.context.entries().unwrap();
    entries.iter().filter(|e| e.category == *category && e.project.as_deref() == project).count()
}

#[test]
fn the_oldest_leave_beyond_the_limit_and_none_is_lost() {
    let mut desk = Desk::new();
    let archived: Vec<_> = (0..KEPT_ENTRIES + 30).flat_map(|_| add(&mut desk, "learning", None)).collect();
    let entries = desk.state.context.entries().unwrap();
    assert_eq!((entries.len(), archived.len()), (KEPT_ENTRIES, 30));
    let all: Vec<String> = archived.iter().chain(&entries).map(|entry| entry.id.to_string()).collect();
    assert!(all.is_sorted() && all.len() == KEPT_ENTRIES + 30, "oldest first, each once");
}

#[test]
fn the_newest_handoffs_and_warnings_of_each_project_stay() {
    let mut desk = Desk::new();
    let places = [("handoff", Some("/p")), ("warning", Some("/p")), ("handoff", Some("/q")), ("warning", None)];
    for (category, project) in places {
        (0..KEPT_PER_PROJECT + 5).for_each(|_| drop(add(&mut desk, category, project)));
    }
    (0..2 * KEPT_ENTRIES).for_each(|_| drop(add(&mut desk, "learning", None)));
    for (category, project) in places {
        assert_eq!(kept(&desk, category, project), KEPT_PER_PROJECT, "{category} {project:?}");
    }
    assert_eq!(desk.state.context.entries().unwrap().len(), KEPT_ENTRIES);
}

#[test]
fn pruning_takes_what_is_as_old_as_asked() {
    let mut desk = Desk::new();
    add(&mut desk, "decision", None);
    desk.pass(1000);
    add(&mut desk, "decision", None);
    desk.pass(1000);
    let prune = |desk: &mut Desk, older_than_ms| desk.perform(None, Op::PruneContext { older_than_ms }).unwrap();
    let (outcome, changes, _) = prune(&mut desk, 2001);
    assert_eq!((outcome, changes.len()), (Outcome::Pruned { count: 0 }, 0));
    let (outcome, _, archived) = prune(&mut desk, 2000);
    assert_eq!((outcome, archived.len()), (Outcome::Pruned { count: 1 }, 1));
    assert_eq!(desk.state.context.entries().unwrap().len(), 1);
}

#[test]
fn closing_is_done_once_and_by_an_end_of_the_id() {
    let mut desk = Desk::new();
    add(&mut desk, "handoff", None);
    add(&mut desk, "handoff", None);
    let close = |desk: &mut Desk, id: &str| desk.perform(None, Op::CloseContext { id: id.to_owned() });
    assert!(matches!(close(&mut desk, "id-0"), Err(Refusal::Ambiguous { candidates, .. }) if candidates.len() == 2));
    assert!(matches!(close(&mut desk, "zzzz"), Err(Refusal::Unknown { .. })));
    close(&mut desk, "0001").unwrap();
    let first = desk.state.context.entries().unwrap()[0].closed_at.to_string();
    desk.pass(5000);
    close(&mut desk, "id-0001").unwrap();
    assert_eq!(desk.state.context.entries().unwrap()[0].closed_at, first);
}
