//! When a prompt is pasted, by what was drawn and typed, at times that the tests say.

use super::*;

const ON: &str = "\x1b[?2004h";
const AT_PROMPT: &str = "\x1b[2J\x1b[H› Ask Codex to do anything\r\n\r\n  ? for shortcuts";
const ASKS: &str = "\x1b[2J\x1b[HDo you trust this folder?\r\n› 1. Yes\r\n  Press enter to continue";

/// A prompt on its way, and the time.
struct Case {
    prompt: Prompt,
    now: Instant,
}

impl Case {
    fn new(agent: &str, words: &str, is_sent: bool) -> Case {
        let agent = Agent::find(agent).unwrap_or_else(|| panic!("{agent}"));
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let prompt = Prompt::new(agent, words, is_sent, size).0;
        Case { now: prompt.drawn_at, prompt }
    }

    fn draws(&mut self, text: &str) {
        self.prompt.drawn(text.as_bytes(), self.now);
    }

    /// What is typed until that many milliseconds have passed and nothing else happens.
    fn after(&mut self, ms: u64) -> String {
        let end = self.now + Duration::from_millis(ms);
        let mut typed = String::new();
        loop {
            if let Step::Type(bytes) = self.prompt.step(self.now, || true) {
                typed.push_str(&String::from_utf8_lossy(&bytes));
            }
            match self.prompt.look_at() {
                Some(at) if at <= end => {
                    assert!(at > self.now, "it would look again and again");
                    self.now = at;
                }
                _ => break,
            }
        }
        self.now = end;
        typed
    }
}

#[test]
fn it_is_pasted_once_when_the_agent_is_at_its_prompt_and_rests() {
    let mut case = Case::new("codex", "one\ntwo\x1b[201~\x03", false);
    assert_eq!(case.after(5000), "");
    case.draws(AT_PROMPT);
    assert_eq!(case.after(5000), "", "it has not asked for whole pastes");
    case.draws(ON);
    assert_eq!(case.after(200), "");
    case.draws(AT_PROMPT);
    assert_eq!(case.after(250), "", "it still draws");
    assert_eq!(case.after(100), "\x1b[200~one\ntwo\x1b[201~");
    assert_eq!((&*case.after(5000), case.prompt.fate()), ("", &Fate::Written));
}

#[test]
fn nothing_is_pasted_while_it_asks_works_or_shows_what_nobody_knows() {
    for screen in [ASKS, "\x1b[2J\x1b[H• Working (3s • esc to interrupt)\r\n\r\n  ? for shortcuts", "Hello.\r\n$ "]
    {
        let mut case = Case::new("codex", "x", true);
        case.draws(&format!("{ON}{screen}"));
        assert_eq!((&*case.after(60_000), case.prompt.fate()), ("", &Fate::Waiting), "{screen}");
        case.prompt.typed(b"1\r");
        case.draws(AT_PROMPT);
        assert_eq!(case.after(400), "\x1b[200~x\x1b[201~", "{screen}");
    }
}

#[test]
fn an_agent_whose_screens_nobody_knows_rests_longer() {
    let mut case = Case::new("amp", "x", true);
    case.draws(&format!("{ON}Welcome\r\n> "));
    assert_eq!(case.after(900), "");
    assert_eq!(case.after(150), "\x1b[200~x\x1b[201~");
    case.draws("x");
    assert_eq!((&*case.after(1000), case.prompt.fate()), ("\r", &Fate::Sent));
}

#[test]
fn what_a_person_has_begun_to_type_is_theirs() {
    let mut case = Case::new("codex", "x", false);
    case.draws(&format!("{ON}{AT_PROMPT}"));
    case.prompt.typed(b"\x1b[?62c\x1b[12;40Rhello");
    assert_eq!(case.after(5000), "");
    assert!(matches!(case.prompt.fate(), Fate::Withheld(_)));
    let mut case = Case::new("codex", "x", false);
    case.draws(&format!("{ON}{ASKS}"));
    case.prompt.typed(b"1");
    case.draws(AT_PROMPT);
    assert_eq!(case.after(400), "\x1b[200~x\x1b[201~", "that was the answer");
}

#[test]
fn enter_follows_when_it_is_shown_and_never_at_a_question() {
    let pasted = || {
        let mut case = Case::new("codex", "Fix it", true);
        case.draws(&format!("{ON}{AT_PROMPT}"));
        assert_eq!(case.after(310), "\x1b[200~Fix it\x1b[201~");
        case
    };
    let mut case = pasted();
    case.draws("\x1b[2J\x1b[H› Fix it\r\n\r\n  ? for shortcuts");
    assert_eq!((&*case.after(400), case.prompt.fate()), ("\r", &Fate::Sent));
    let mut case = pasted();
    assert_eq!((&*case.after(1500), &*case.after(1000)), ("", "\r"), "it may show it in its own way");
    let mut case = pasted();
    case.draws(ASKS);
    assert_eq!(case.after(5000), "");
    assert!(matches!(case.prompt.fate(), Fate::Withheld(why) if why.contains("Do you trust this folder?")));
    let mut case = pasted();
    case.prompt.typed(b"!");
    assert_eq!(case.after(5000), "");
}

#[test]
fn nothing_panics_whatever_is_drawn_and_however_small_it_is() {
    let pieces: [&[u8]; 12] = [
        b"\x1b[",
        b"9999;9999H",
        b"\x1b[0;0r",
        "漢字👩‍👩‍👧e\u{301}".as_bytes(),
        b"\x1b[?1049h",
        b"\xff\xfe",
        b"\x1b[3;1r",
        b"\r\n\x08\t",
        b"\x1b[65535X\x1b[65535@\x1b[65535P\x1b[65535L\x1b[65535M",
        b"\x1bM\x1b7\x1b8\x1bc",
        b"\x1b]0;x",
        b"\x1b[?6h\x1b[?7l",
    ];
    let mut seed = 1u64;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap_or_default() % below
    };
    let mut case = Case::new("codex", "x", false);
    for _ in 0..20_000 {
        case.draws(&String::from_utf8_lossy(pieces[random(pieces.len())]));
        case.prompt.drawn(pieces[random(pieces.len())], case.now);
        if random(50) == 0 {
            let count = |of: usize| u16::try_from(of).unwrap_or_default();
            case.prompt.resized(Winsize {
                ws_row: count(random(60)),
                ws_col: count(random(200)),
                ws_xpixel: 0,
                ws_ypixel: 0,
            });
            case.prompt.shows();
        }
    }
}
