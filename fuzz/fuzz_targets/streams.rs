//! Whatever an agent writes, in whatever pieces it arrives: the same is understood, the accounts hold, and what is pasted of it
//! presses no key.

#![no_main]

use aio::fleet::agents::{AGENTS, Agent};
use aio::fleet::paste::{Sanitised, sanitise};
use aio::fleet::stream::{Lines, Prices, Progress, Seen};
use aio::protocol::op::Usage;
use libfuzzer_sys::fuzz_target;

/// Earlier runs that used nearly all that can be counted.
const BEFORE: Usage = Usage { input_tokens: u64::MAX - 9, output_tokens: u64::MAX - 9, cost: Some((u64::MAX - 9, "reported")) };
const DEAR: Prices = Prices { input: u64::MAX, cached: u64::MAX, output: u64::MAX };

fuzz_target!(|data: &[u8]| {
    let [cut, bytes @ ..] = data else { return };
    let (first, rest) = bytes.split_at(bytes.len() * usize::from(*cut) / 255);
    for agent in AGENTS {
        let whole = heard(agent, &[bytes]);
        assert_eq!(heard(agent, &[first, rest]), whole, "{}", agent.name);
        accounts_hold(whole);
    }
    paste_is_harmless(&String::from_utf8_lossy(bytes));
});

fn heard(agent: &Agent, pieces: &[&[u8]]) -> Vec<Seen> {
    let (mut lines, mut seen) = (Lines::default(), Vec::new());
    for piece in pieces {
        lines.push(piece, |line| seen.extend(agent.read(line)));
    }
    lines.finish(|line| seen.extend(agent.read(line)));
    seen
}

fn accounts_hold(seen: Vec<Seen>) {
    let mut progress = [Progress::default(), Progress::after(BEFORE)];
    for seen in seen {
        match &seen {
            Seen::Session(id) => assert!(!id.starts_with('-') && !id.contains(char::is_whitespace), "{id:?}"),
            Seen::ToolUsed { about, .. } => assert!(!about.contains('\n') && about.chars().count() <= 200),
            _ => {}
        }
        for progress in &mut progress {
            progress.see(seen.clone());
            drop(progress.usage(Some(&DEAR)));
        }
    }
    let [alone, resumed] = progress.map(|progress| progress.usage(None));
    let (Some(alone), Some(resumed)) = (alone, resumed) else { return };
    let counts = |usage: &Usage| [usage.input_tokens, usage.output_tokens];
    for ((alone, resumed), before) in counts(&alone).into_iter().zip(counts(&resumed)).zip(counts(&BEFORE)) {
        // Those who tell of the whole session say themselves what came before.
        assert!(resumed == alone || resumed == before.saturating_add(alone), "{alone} alone, {resumed} after {before}");
    }
}

fn paste_is_harmless(text: &str) {
    let Sanitised { text: harmless, removed } = sanitise(text);
    assert!(harmless.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\n')));
    assert_eq!(removed.is_empty(), harmless == text);
    assert_eq!(sanitise(&harmless), Sanitised { text: harmless, removed: Vec::new() });
}
