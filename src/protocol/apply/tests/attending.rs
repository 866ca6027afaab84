//! Turns, claims that edits take, news, sessions that end.

use super::*;
use crate::protocol::op::{Attendance, NewContext, Turn as AgentTurn};

const TTL_MS: u64 = 15 * 60_000;

impl Desk {
    fn edit(&mut self, actor: &str, target: &str) -> Result<(Outcome, Vec<Change>), Refusal> {
        let request = ClaimRequest { auto: true, ..self.request(&[target]) };
        self.perform(Some(actor), Op::Claim(request)).map(|(outcome, changes, _)| (outcome, changes))
    }

    fn attend(&mut self, actor: &str, turn: AgentTurn) -> Outcome {
        let hears = turn != AgentTurn::Ends;
        self.outcome(actor, Op::Attend(Attendance { turn, hears })).unwrap()
    }

    fn begin(&mut self, actor: &str) {
        self.attend(actor, AgentTurn::Begins { task: Some("work".to_owned()) });
    }

    fn news(&mut self, actor: &str) -> Vec<String> {
        match self.attend(actor, AgentTurn::GoesOn) {
            Outcome::Heard { news, .. } => news.into_iter().map(|one| one.content).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn say(&mut self, actor: Option<&str>, category: &str, to: Option<&str>, project: Option<&str>) -> String {
        let id = self.id();
        let entry = NewContext {
            id: id.clone(),
            category: category.to_owned(),
            content: id.clone(),
            to: to.map(str::to_owned),
            project: project.map(str::to_owned),
            ..NewContext::default()
        };
        self.perform(actor, Op::AddContext(entry)).unwrap();
        id
    }
}

#[test]
fn an_edit_is_held_for_its_turn_and_a_while_longer() {
    let mut desk = Desk::new();
    let (one, other) = (desk.register("claude", 1), desk.register("codex", 2));
    desk.begin(&one);
    desk.edit(&one, "a").unwrap();
    desk.attend(&one, AgentTurn::Ends);
    desk.pass(TTL_MS - 1);
    assert!(desk.edit(&other, "a").is_err(), "its time is not up");
    desk.begin(&one);
    desk.pass(10 * TTL_MS / 60);
    assert!(desk.edit(&other, "a").is_err(), "its holder is in a turn");
    desk.attend(&one, AgentTurn::Ends);
    assert!(desk.edit(&other, "a").is_ok(), "the turn that touched it was another");
}

#[test]
fn an_edit_in_a_later_turn_holds_it_anew() {
    let mut desk = Desk::new();
    let one = desk.register("claude", 1);
    desk.begin(&one);
    desk.edit(&one, "a").unwrap();
    assert!(desk.edit(&one, "a").unwrap().1.is_empty(), "nothing is written for what is held");
    desk.attend(&one, AgentTurn::Ends);
    assert!(!desk.state.claims[0].expires_at.is_empty());
    desk.begin(&one);
    assert!(!desk.edit(&one, "a").unwrap().1.is_empty());
    assert!(desk.state.claims[0].expires_at.is_empty() && desk.state.claims[0].expires_monotonic_ms == 0);
}

#[test]
fn what_lapsed_before_a_turn_is_not_held_again_by_its_beginning() {
    let mut desk = Desk::new();
    let one = desk.register("claude", 1);
    desk.begin(&one);
    desk.edit(&one, "a").unwrap();
    desk.claim(&one, &["b"]).unwrap();
    desk.attend(&one, AgentTurn::Ends);
    desk.pass(TTL_MS);
    desk.begin(&one);
    assert_eq!((desk.holder("a"), desk.holder("b")), (None, Some(&*one)), "what was asked for stays");
}

#[test]
fn what_was_lost_is_read_again_before_it_is_edited() {
    let mut desk = Desk::new();
    let (one, other) = (desk.register("claude", 1), desk.register("codex", 2));
    desk.begin(&one);
    desk.edit(&one, "a").unwrap();
    desk.kill(&one);
    desk.edit(&other, "a").unwrap();
    desk.outcome(&other, Op::EndSession).unwrap();
    assert!(matches!(desk.edit(&one, "a").unwrap().0, Outcome::Guarded { lost } if lost[0].to == other));
    assert_eq!(desk.holder("a"), None);
    assert!(matches!(desk.edit(&one, "a").unwrap().0, Outcome::Claimed { .. }), "once");
}

#[test]
fn places_that_must_be_clear_are_not_claimed() {
    let mut desk = Desk::new();
    let (one, other) = (desk.register("claude", 1), desk.register("codex", 2));
    desk.edit(&one, "d/a").unwrap();
    for (folder, is_clear) in [("d", false), ("e", true)] {
        let clear = vec![desk.wanted("directory", folder)];
        let request = ClaimRequest { auto: true, clear, ..desk.request(&["b"]) };
        assert_eq!(desk.outcome(&other, Op::Claim(request)).is_ok(), is_clear, "{folder}");
    }
    assert_eq!(desk.state.claims.len(), 2);
}

#[test]
fn a_session_that_ends_holds_and_awaits_nothing_and_can_come_back() {
    let mut desk = Desk::new();
    let (one, other) = (desk.register("claude", 1), desk.register("codex", 2));
    desk.edit(&one, "a").unwrap();
    desk.wait(&other, "a", false).unwrap();
    assert_eq!(desk.outcome(&one, Op::EndSession).unwrap(), Outcome::Unregistered { released: 1 });
    assert_eq!(desk.holder("a"), Some(&*other), "who waited has it");
    assert!(!desk.state.instance(&one).unwrap().evicted_at.is_empty());
    desk.begin(&one);
    assert!(desk.state.instance(&one).unwrap().evicted_at.is_empty());
}

#[test]
fn news_are_heard_once_by_those_whom_they_concern() {
    let mut desk = Desk::new();
    let (one, other) = (desk.register("claude", 1), desk.register("codex", 2));
    let direct = desk.say(Some(&other), "message", Some(&one), None);
    let to_all = desk.say(None, "message", Some("all"), None);
    let to_tool = desk.say(None, "message", Some("claude"), None);
    let warning = desk.say(None, "warning", None, Some("/p"));
    let own = desk.say(Some(&one), "decision", None, Some("/p"));
    for (category, to, project) in
        [("message", Some("codex"), None), ("warning", None, Some("/q")), ("learning", None, Some("/p"))]
    {
        desk.say(Some(&other), category, to, project);
    }
    let closed = desk.say(None, "handoff", None, Some("/p"));
    desk.perform(None, Op::CloseContext { id: closed }).unwrap();
    assert_eq!(desk.news(&one), [direct, to_all.clone(), to_tool, warning.clone()]);
    assert!(desk.news(&one).is_empty());
    let heard = desk.news(&other);
    assert!(heard.contains(&to_all) && heard.contains(&warning) && heard.contains(&own));
}
