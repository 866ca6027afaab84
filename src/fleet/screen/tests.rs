//! Screens of the real agents, as tmux gave them, and what must not be taken for one.

use super::super::agents::Agent;
use super::*;

macro_rules! screen {
    ($name:literal) => {
        include_str!(concat!("../../../tests/fixtures/screens/", $name, ".txt"))
    };
}

fn shows(agent: &str, screen: &str) -> Shows {
    Agent::find(agent).unwrap_or_else(|| panic!("{agent}")).shows(screen)
}

fn asks(question: &str) -> Shows {
    Shows::Question(question.to_owned())
}

#[test]
fn claude_code() {
    let trust = "Quick safety check: Is this a project you created or one you trust?";
    for (screen, expected) in [
        (screen!("claude-trust"), asks(trust)),
        (screen!("claude-apikey"), asks("Do you want to use this API key?")),
        (screen!("claude-pasted"), Shows::Prompt),
        (screen!("claude-working"), Shows::Work),
        (screen!("claude-tool"), Shows::Work),
        (screen!("claude-permission"), asks("Do you want to create outside.txt?")),
        (screen!("claude-beside-a-panel"), asks("Do you want to proceed?")),
        (screen!("claude-idle"), Shows::Prompt),
        (screen!("claude-offline"), Shows::Unknown),
    ] {
        assert_eq!(shows("claude", screen), expected, "{screen}");
    }
}

#[test]
fn codex() {
    for (screen, expected) in [
        (screen!("codex-trust"), asks("Trust this folder?")),
        (screen!("codex-login"), asks("Press enter to continue")),
        (screen!("codex-working"), Shows::Work),
        (screen!("codex-permission"), asks("Would you like to run the following command?")),
        (screen!("codex-idle"), Shows::Prompt),
    ] {
        assert_eq!(shows("codex", screen), expected, "{screen}");
    }
}

#[test]
fn gemini_cli() {
    for (screen, expected) in [
        (screen!("gemini-trust"), asks("Do you trust the files in this folder?")),
        (screen!("gemini-starting"), Shows::Work),
        (screen!("gemini-working"), Shows::Work),
        (screen!("gemini-permission"), asks("Allow execution of [Shell]?")),
        (screen!("gemini-idle"), Shows::Prompt),
    ] {
        assert_eq!(shows("gemini", screen), expected, "{screen}");
    }
    assert!(matches!(shows("gemini", screen!("gemini-login")), Shows::Question(_)));
}

#[test]
fn copilot_cli() {
    for (screen, expected) in [
        (screen!("copilot-trust"), asks("Do you trust the files in this folder?")),
        (screen!("copilot-working"), Shows::Work),
        (screen!("copilot-permission"), asks("Do you want to run this command?")),
        (screen!("copilot-answered"), Shows::Prompt),
        (screen!("copilot-idle"), Shows::Prompt),
    ] {
        assert_eq!(shows("copilot", screen), expected, "{screen}");
    }
}

/// What an agent writes about dialogs is none.
#[test]
fn words_above_the_end_are_the_agents_own() {
    let prompt = "\n────\n❯ \n────\n  ⏵⏵ accept edits on (shift+tab to cycle)\n";
    let told = format!("● Press Esc to cancel, it said.\n● Do you want to proceed?\n  1. Yes\n● Well.{prompt}");
    assert_eq!(shows("claude", &told), Shows::Prompt);
    assert_eq!(shows("claude", ""), Shows::Unknown);
    assert_eq!(shows("claude", "$ cat log\nall is well\n"), Shows::Unknown);
    let old = format!("● You've hit your session limit · resets in 5m\n{}{prompt}", "● Then I went on.\n".repeat(7));
    assert_eq!(shows("claude", &old), Shows::Prompt);
}

/// Nothing of this was seen: no scripted account has a limit.
#[test]
fn a_limit_stands_above_the_prompt() {
    let words = "You've hit your session limit · resets 5:10pm (Europe/Paris)";
    let screen = format!("❯ Fix it\n  ⎿  {words}\n\n────\n❯ \n────\n  ⏵⏵ accept edits on (shift+tab to cycle)\n");
    let Shows::Limit(limit) = shows("claude", &screen) else { panic!("{:?}", shows("claude", &screen)) };
    assert_eq!((&*limit.words, limit.until), (words, None));
    let screen =
        "■ You've hit your usage limit. Try again in 3 minutes.\n\n› Ask Codex to do anything\n  ? for shortcuts\n";
    let Shows::Limit(limit) = shows("codex", screen) else { panic!("{:?}", shows("codex", screen)) };
    assert!(limit.until.is_some());
}

#[test]
fn what_is_drawn_is_looked_through_for_its_words() {
    let claude = Agent::find("claude").unwrap_or_else(|| panic!("claude"));
    let worth = |drawn: &str| is_worth_a_look(&claude.screen, claude.limits, drawn.as_bytes());
    assert!(worth("\x1b[2;3HEnter\x1b[1Cto\x1b[1Cconfirm · \x1b[38;5;1mEsc\x1b[39m to cancel"));
    assert!(worth("You've\x1b[1Chit your session limit"));
    assert!(!worth("\x1b[32m✻\x1b[39m Pondering… \x1b]0;title\x07(esc to interrupt)"));
    assert!(!worth("\x1b[") && !worth("\x1b") && !worth(""));
}

#[test]
fn what_was_not_entered_is_told_from_what_an_agent_suggests() {
    let draft = |agent: &str, screen: &str| Agent::find(agent).unwrap_or_else(|| panic!("{agent}")).draft(screen);
    for (agent, empty) in [
        ("claude", screen!("claude-idle")),
        ("codex", screen!("codex-idle")),
        ("gemini", screen!("gemini-idle")),
        ("copilot", screen!("copilot-idle")),
        (
            "claude",
            "❯ before\n● Well.\n────\n❯ \x1b[7mT\x1b[0;2mry \"fix lint errors\"\x1b[0m\n────\n  ? for shortcuts\n",
        ),
        ("claude", "\x1b[2m────\n\x1b[0m❯ \x1b[38;5;246mrun the tests\x1b[39m\n"),
        ("gemini", "│ > \x1b[38;2;108;112;134mType your message\x1b[39m │\n"),
        ("claude", "nothing like a prompt"),
        ("claude", ""),
    ] {
        assert_eq!(draft(agent, empty), None, "{empty}");
    }
    for (agent, screen, words) in [
        ("claude", screen!("claude-pasted"), "YOUR FIRST ACTION: run `aio task \"<this task in your own wor"),
        ("claude", "❯ half typed\x1b[7m \x1b[27m\n────\n  ⏵⏵ accept edits on (shift+tab to cycle)\n", "half typed"),
        ("codex", "› half typed\n\n  ? for shortcuts\n", "half typed"),
        ("codex", "\x1b[1m›\x1b[0m [Pasted Content 21173 chars]\n", "[Pasted Content 21173 chars]"),
        ("gemini", "╭────╮\n│ > \x1b[35mhalf\x1b[39m typed │\n╰────╯\n", "half typed"),
    ] {
        assert_eq!(draft(agent, screen).as_deref(), Some(words), "{screen}");
    }
}
