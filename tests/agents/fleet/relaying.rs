//! In the terminal of whoever starts them: a prompt for agents whose command lines cannot carry one that is not sent.

use super::*;
use crate::terminal::Terminal;

/// Lines that begin as commands do, and what would end a paste.
const PROMPT: &str = "Fix-the-'parser'\n/help me\n\n!ls \"é 漢字 🎉\" \u{1b}[201~\u{3}$HOME `x`";
const WRITTEN: &str = "Fix-the-'parser'\n/help me\n\n!ls \"é 漢字 🎉\" $HOME `x`";

/// What stands where one types cannot answer a question: nothing is written at one, and what was written before it is kept.
#[test]
fn nothing_is_written_at_a_question() {
    let fleet = Fleet::new(&[Agent::Claude, Agent::Codex], |_, _| done());
    fleet.distrust();
    let mut terminal = Terminal::start(&mut fleet.command(&["cp", "Fix-the-parser"]));
    terminal.shows("Trust");
    std::thread::sleep(TO_SEND);
    // On a slow machine Codex shows its own prompt for a while before it asks.
    let text = terminal.text();
    let (written, asked) = (text.rfind("Fix-the-parser"), text.find("Trust"));
    assert!(written.is_none() || written < asked, "{text}");
    terminal.keys(b"\r");
    terminal.shows("Fix-the-parser");
    std::thread::sleep(TO_SEND);
    assert!(fleet.turns(Agent::Codex).is_empty(), "it was sent: {}", terminal.text());
    terminal.keys(b"\r");
    fleet.reach(Agent::Codex, |turn| turn.told.contains("Fix-the-parser"));
    terminal.keys(b"\x03");
    std::thread::sleep(Duration::from_millis(300));
    terminal.keys(b"\x03");
    terminal.end();
}

/// An agent that sends what it is given does so by then.
const TO_SEND: Duration = Duration::from_secs(3);

#[test]
fn a_prompt_is_written_where_one_types_and_sent_by_enter() {
    for (agent, words) in [(Agent::Codex, &["cp"][..]), (Agent::Gemini, &["gp"]), (Agent::Codex, &["cp--"])] {
        let fleet = Fleet::new(&[agent], |_, _| done());
        let mut terminal = Terminal::start(&mut fleet.command(&[words, &[PROMPT]].concat()));
        terminal.shows("Fix-the-'parser'");
        std::thread::sleep(TO_SEND);
        assert!(fleet.turns(agent).is_empty(), "{words:?}: it was sent");
        terminal.keys(b"\r");
        let turn = fleet.reach(agent, |turn| turn.told.contains("Fix-the"));
        assert!(turn.told.contains(WRITTEN), "{words:?}: {:?}", turn.told);
        if words == ["cp--"] {
            let job =
                fleet.until("its hook", || Some(fleet.job(agent)).filter(|job| job["delivery"] == "acknowledged"));
            assert!(job["receipt"].as_str().unwrap().starts_with("hook: to the byte; left out: "), "{job:#}");
        }
        terminal.keys(b"\x03");
        std::thread::sleep(Duration::from_millis(300));
        terminal.keys(b"\x03");
        let (_, shown) = terminal.end();
        assert!(!shown.contains("the prompt was not written"), "{shown}");
    }
}
