//! Every stream that was recorded from a real run, and what is to be known of it; then what no run of ours has shown.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use super::super::agents::{AGENTS, Agent};
use super::*;
use crate::protocol::op;

const STREAMS: [(&str, &[u8]); 13] = [
    ("claude", include_bytes!("../../../tests/fixtures/streams/claude.jsonl")),
    ("claude", include_bytes!("../../../tests/fixtures/streams/claude_error500.jsonl")),
    ("codex", include_bytes!("../../../tests/fixtures/streams/codex.jsonl")),
    ("codex", include_bytes!("../../../tests/fixtures/streams/codex_error401.jsonl")),
    ("copilot", include_bytes!("../../../tests/fixtures/streams/copilot.jsonl")),
    ("gemini", include_bytes!("../../../tests/fixtures/streams/gemini.jsonl")),
    ("gemini", include_bytes!("../../../tests/fixtures/streams/gemini_error400.jsonl")),
    ("opencode", include_bytes!("../../../tests/fixtures/streams/opencode.jsonl")),
    ("claude", include_bytes!("../../../tests/fixtures/streams/claude_resumed.jsonl")),
    ("claude", include_bytes!("../../../tests/fixtures/streams/claude_command.jsonl")),
    ("codex", include_bytes!("../../../tests/fixtures/streams/codex_resumed.jsonl")),
    ("copilot", include_bytes!("../../../tests/fixtures/streams/copilot_error401.jsonl")),
    ("opencode", include_bytes!("../../../tests/fixtures/streams/opencode_error401.jsonl")),
];

fn seen(agent: &str, stream: &[u8]) -> Vec<Seen> {
    let (agent, mut lines, mut seen) = (Agent::find(agent).unwrap(), Lines::default(), Vec::new());
    lines.push(stream, |line| seen.extend(agent.read(line)));
    lines.finish(|line| seen.extend(agent.read(line)));
    seen
}

fn progress_after(before: op::Usage, agent: &str, stream: &[u8]) -> Progress {
    let mut progress = Progress::after(before);
    seen(agent, stream).into_iter().for_each(|seen| progress.see(seen));
    progress
}

fn progress(agent: &str, stream: &[u8]) -> Progress {
    progress_after(op::Usage::default(), agent, stream)
}

/// Of a run that took its prompt and is over.
fn over() -> Progress {
    Progress { is_acknowledged: true, turns_ended: 1, ..Progress::default() }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn claude_as_it_was_seen() {
    let expected = Progress {
        session: some("8065abf8-d691-4ac0-9f4e-bfbe67d9ead9"),
        said: "FINAL results: hi".to_owned(),
        tool: Some(("Bash".to_owned(), "echo hi > src/b.txt; cat src/b.txt".to_owned())),
        run: Used { input_tokens: 6000, cached_tokens: 0, output_tokens: 170, cost_micros: Some(27_400) },
        ..over()
    };
    assert_eq!(progress(STREAMS[0].0, STREAMS[0].1), expected);
}

#[test]
fn claude_with_its_service_down() {
    let words = "API Error: 500 scripted 500. This is a server-side issue, usually temporary — try again in a moment. If it \
                 persists, check your inference gateway (127.0.0.1:PORT).";
    let expected = Progress {
        session: some("2f8ba6d3-6aff-426d-ae5b-3d1a702e448d"),
        error: some(words),
        warning: some(words),
        run: Used { cost_micros: Some(0), ..Used::default() },
        ..over()
    };
    assert_eq!(progress(STREAMS[1].0, STREAMS[1].1), expected);
}

#[test]
fn codex_as_it_was_seen() {
    let expected = Progress {
        session: some("01a1fb72-acbf-7302-9946-dd5b43782e16"),
        said:
            "FINAL results: Wall time: 0.0000 seconds\nOutput:\nExit code: 0\nWall time: 0 seconds\nOutput:\nSuccess. \
               Updated the following files:\nM src/moved.txt\nD src/b.txt\n"
                .to_owned(),
        warning: some("clamping Interrupt hook timeout to 3s in /home/user/.codex/hooks.json"),
        tool: Some(("apply_patch".to_owned(), "/home/user/project/src/a.txt".to_owned())),
        run: Used { input_tokens: 4800, cached_tokens: 0, output_tokens: 136, cost_micros: None },
        ..over()
    };
    assert_eq!(progress(STREAMS[2].0, STREAMS[2].1), expected);
}

#[test]
fn codex_with_a_wrong_key() {
    let words = "unexpected status 401 Unauthorized: scripted 401, url: http://127.0.0.1:PORT/v1/responses";
    let expected = Progress {
        session: some("01a1fb79-fbcb-7290-ad74-e52aba3da0ff"),
        error: some(words),
        warning: some(words),
        ..over()
    };
    assert_eq!(progress(STREAMS[3].0, STREAMS[3].1), expected);
}

#[test]
fn copilot_as_it_was_seen() {
    let expected = Progress {
        session: some("4ed97de2-1d64-4d27-9232-f95da391c521"),
        said: "FINAL".to_owned(),
        tool: Some(("apply_patch".to_owned(), "*** Add File: src/n1.txt".to_owned())),
        ..over()
    };
    assert_eq!(progress(STREAMS[4].0, STREAMS[4].1), expected);
}

#[test]
fn gemini_as_it_was_seen() {
    let expected = Progress {
        session: some("e9468989-1bfb-4e3b-bccc-b8b4e87b62b3"),
        said: "FINAL results: <untrusted_context>\nOutput: hi\nProcess Group PGID: 13548\n</untrusted_context>"
            .to_owned(),
        tool: Some(("run_shell_command".to_owned(), "echo hi > src/b.txt; cat src/b.txt".to_owned())),
        run: Used { input_tokens: 4800, cached_tokens: 0, output_tokens: 136, cost_micros: None },
        ..over()
    };
    assert_eq!(progress(STREAMS[5].0, STREAMS[5].1), expected);
}

#[test]
fn gemini_with_a_bad_request() {
    let expected = Progress {
        session: some("a2f50129-ad3f-44d8-9079-31246af1f151"),
        error: some(
            "[API Error: {\"type\":\"error\",\"error\":{\"type\":\"x_error\",\"message\":\"scripted 400\",\"code\":400,\
             \"status\":\"x_error\"}}]",
        ),
        ..over()
    };
    assert_eq!(progress(STREAMS[6].0, STREAMS[6].1), expected);
}

#[test]
fn opencode_as_it_was_seen() {
    let expected = Progress {
        session: some("ses_e0480f5efffeN1Fzucbs3Y97m7"),
        said: "FINAL results: hi\n\nAIO-POST-CONTEXT".to_owned(),
        tool: Some(("bash".to_owned(), "echo hi > src/b.txt; cat src/b.txt".to_owned())),
        // Six steps; what they cost is not known.
        run: Used { input_tokens: 7200, cached_tokens: 0, output_tokens: 204, cost_micros: None },
        ..over()
    };
    assert_eq!(progress(STREAMS[7].0, STREAMS[7].1), expected);
}

/// The second run of a session, each of which used 1200 and 34 tokens: Claude Code and Codex tell of both.
#[test]
fn the_second_run_of_a_session() {
    let before = op::Usage { input_tokens: 1200, output_tokens: 34, cost: None };
    let expected = |session: &str, cost_micros| Progress {
        session: some(session),
        said: "DONE ".to_owned(),
        run: Used { input_tokens: 2400, cached_tokens: 200, output_tokens: 68, cost_micros },
        ..over()
    };
    let (claude, codex) = (STREAMS[8], STREAMS[10]);
    let claude = progress_after(before.clone(), claude.0, claude.1);
    // Claude counts the tokens of its cache apart from the rest.
    let run = Used { input_tokens: 2600, ..expected("", Some(11_000)).run };
    assert_eq!(claude, Progress { run, ..expected("add5e7d3-aded-4ed8-87c0-9ef0d9812e9d", None) });
    let codex = progress_after(before, codex.0, codex.1);
    assert_eq!(codex, expected("01a200e0-ad2b-7291-b63a-e3d8347fdc05", None));
}

#[test]
fn claude_with_a_task_that_it_takes_for_a_command() {
    let words = "/help isn't available in this environment.";
    let expected = Progress {
        session: some("daa4001b-9ac9-4573-a7b5-9998b340b3c0"),
        said: words.to_owned(),
        error: some(words),
        run: Used { cost_micros: Some(0), ..Used::default() },
        ..over()
    };
    assert_eq!(progress(STREAMS[9].0, STREAMS[9].1), expected);
}

#[test]
fn copilot_with_a_wrong_key() {
    let words = "Authentication failed with provider at http://127.0.0.1:PORT/v1 (HTTP 401).\n  Check your \
                 COPILOT_PROVIDER_API_KEY, COPILOT_PROVIDER_API_KEY_COMMAND, or COPILOT_PROVIDER_BEARER_TOKEN.";
    let expected = Progress {
        session: some("c36e8945-1f3d-48a6-b8b3-45859b6ef214"),
        error: some(words),
        warning: some(words),
        ..over()
    };
    assert_eq!(progress(STREAMS[11].0, STREAMS[11].1), expected);
}

/// It never says that it took its task.
#[test]
fn opencode_with_a_wrong_key() {
    let expected = Progress {
        session: some("ses_dff1f989fffefTUdKOP9zv2pVK"),
        error: some("scripted 401"),
        is_acknowledged: false,
        ..over()
    };
    assert_eq!(progress(STREAMS[12].0, STREAMS[12].1), expected);
}

/// From its manual; see `agents/amp.rs`.
#[test]
fn amp_as_its_manual_shows_it() {
    let stream = br#"{"type":"system","subtype":"init","cwd":"/w","session_id":"T-2775dc92-90ed","tools":["oracle"],"mcp_servers":[]}
{"type":"user","message":{"role":"user","content":[{"type":"text","text":"what is 2+2?"}]},"parent_tool_use_id":null,"session_id":"T-2775dc92-90ed"}
{"type":"assistant","message":{"type":"message","role":"assistant","content":[{"type":"text","text":"2 + 2 equals 4."}],"stop_reason":"end_turn","usage":{"input_tokens":12783,"cache_creation_input_tokens":367,"cache_read_input_tokens":12416,"output_tokens":8,"max_tokens":224000}},"parent_tool_use_id":null,"session_id":"T-2775dc92-90ed"}
{"type":"result","subtype":"success","duration_ms":2906,"is_error":false,"num_turns":1,"result":"2 + 2 equals 4.","session_id":"T-2775dc92-90ed"}
"#;
    let expected = Progress { session: some("T-2775dc92-90ed"), said: "2 + 2 equals 4.".to_owned(), ..over() };
    assert_eq!(progress("amp", stream), expected);
}

#[test]
fn changed_files_are_named() {
    let changed = |(agent, stream): (&str, &[u8])| {
        let seen = seen(agent, stream).into_iter();
        let files = seen.filter_map(|seen| match seen {
            Seen::FileChanged(path) => Some(path.trim_start_matches("/home/user/project/src/").to_owned()),
            _ => None,
        });
        files.collect::<Vec<_>>().join(" ")
    };
    let expected = ["new.txt a.txt", "", "a.txt new.txt a.txt b.txt", "", "n1.txt n2.txt", "", "", "new.txt a.txt"];
    assert_eq!(STREAMS.map(changed)[..8], expected);
}

#[test]
fn while_it_works_it_works() {
    let mut progress = Progress::default();
    let mut see = |line: &str| {
        Agent::find("codex").unwrap().read(line.as_bytes()).into_iter().for_each(|seen| progress.see(seen));
        (progress.is_acknowledged, progress.is_working, progress.turns_ended)
    };
    assert_eq!(see(r#"{"type":"thread.started","thread_id":"a"}"#), (false, false, 0));
    assert_eq!(see(r#"{"type":"turn.started"}"#), (true, true, 0));
    assert_eq!(see(r#"{"type":"error","message":"Reconnecting... 1/5"}"#), (true, true, 0));
    assert_eq!(see(r#"{"type":"turn.failed","error":{}}"#), (true, false, 1));
    assert_eq!(see(r#"{"type":"turn.started"}"#), (true, true, 1));
    assert_eq!(see(r#"{"type":"turn.completed","usage":{}}"#), (true, false, 2));
    assert_eq!((&progress.error, &progress.warning), (&None, &some("Reconnecting... 1/5")));
}

#[test]
fn what_a_subagent_says_is_not_the_last_word() {
    let said = |parent: &str, text: &str| {
        let line = format!(
            r#"{{"type":"assistant","message":{{"content":[{{"type":"text","text":"{text}"}},{{"type":"tool_use","name":"Read","input":{{"file_path":"/{text}"}}}}]}},"parent_tool_use_id":{parent}}}"#
        );
        line + "\n"
    };
    let found = progress("claude", (said("null", "own") + &said("\"toolu_1\"", "other")).as_bytes());
    assert_eq!((&*found.said, found.tool), ("own", Some(("Read".to_owned(), "/other".to_owned()))));
}

#[test]
fn what_comes_in_parts_is_joined() {
    let line = |text: &str| format!(r#"{{"type":"message","role":"assistant","content":"{text}","delta":true}}"#);
    let tool = r#"{"type":"tool_use","tool_name":"read_file","parameters":{"file_path":"a"}}"#.to_owned();
    let stream = [line("one "), line("two"), tool, line("three"), line(" four")].join("\n");
    assert_eq!(progress("gemini", stream.as_bytes()).said, "three four");
    let endless = vec![line(&"x".repeat(100_000)); 100].join("\n");
    assert!(progress("gemini", endless.as_bytes()).said.len() < 1_200_000);
}

#[test]
fn limits_are_told_apart_from_other_errors() {
    let limited = |agent: &str, line: &str| progress(agent, line.as_bytes()).limit;
    let event = |status: &str, paid: bool| {
        format!(
            r#"{{"type":"rate_limit_event","rate_limit_info":{{"status":"{status}","resetsAt":1778565600,"rateLimitType":"five_hour","isUsingOverage":{paid}}}}}"#
        )
    };
    let reached = Limit { until: Some(Until::At(1_778_565_600)), words: "five_hour limit reached".to_owned() };
    assert_eq!(limited("claude", &event("rejected", false)), Some(reached));
    for line in [event("allowed", false), event("allowed_warning", false), event("rejected", true)] {
        assert_eq!(limited("claude", &line), None, "{line}");
    }
    let words = r#"{"type":"result","is_error":true,"result":"You've hit your limit · resets 2pm (Asia/Shanghai)"}"#;
    let both = limited("claude", &format!("{}\n{words}", event("rejected", false))).unwrap();
    assert_eq!(both.until, Some(Until::At(1_778_565_600)));
    assert_eq!(both.words, "You've hit your limit · resets 2pm (Asia/Shanghai)");

    let failed = |words: &str| format!(r#"{{"type":"turn.failed","error":{{"message":"{words}"}}}}"#);
    let span = limited("codex", &failed("You've hit your usage limit. Try again in 2 hours 5 minutes.")).unwrap();
    assert_eq!(span.until, Some(Until::After(std::time::Duration::from_secs(7500))));
    assert_eq!(limited("codex", &failed("unexpected status 500")), None);
    // Merely said, it is none.
    let said = r#"{"type":"item.completed","item":{"type":"agent_message","text":"You've hit your usage limit"}}"#;
    assert_eq!(limited("codex", said), None);
    // And it is over when a turn ends well.
    let later = format!("{}\n{}", failed("You've hit your usage limit."), r#"{"type":"turn.completed"}"#);
    assert_eq!(limited("codex", &later), None);
}

#[test]
fn costs_say_where_they_are_from() {
    let prices = Prices { input: 3_000_000, cached: 300_000, output: 15_000_000 };
    let (claude, codex) = (progress("claude", STREAMS[0].1), progress("codex", STREAMS[2].1));
    let cost = |progress: &Progress, prices| progress.usage(prices).and_then(|usage| usage.cost);
    assert_eq!(cost(&claude, Some(&prices)), Some((27_400, "reported")));
    assert_eq!(cost(&codex, Some(&prices)), Some((14_400 + 2040, "computed")));
    assert_eq!(cost(&codex, None), None);
    assert_eq!(codex.usage(None).map(|usage| (usage.input_tokens, usage.output_tokens)), Some((4800, 136)));
    assert_eq!(progress("copilot", STREAMS[4].1).usage(Some(&prices)), None);
}

/// Whoever tells of a session says more each time; whoever says less tells of one process, and a new session of itself.
#[test]
fn what_a_run_tells_never_makes_earlier_ones_cheaper() {
    let result = |input: u64, usd: &str| {
        let usage = format!(r#""m":{{"inputTokens":{input},"outputTokens":1}}"#);
        let end = r#""type":"result","subtype":"success","is_error":false,"num_turns":1,"terminal_reason":"completed""#;
        format!(r#"{{{end},"total_cost_usd":{usd},"modelUsage":{{{usage}}}}}"#).into_bytes()
    };
    let before = op::Usage { input_tokens: 1000, output_tokens: 1, cost: Some((5_000_000, "reported")) };
    let usage = |progress: Progress| {
        let usage = progress.usage(None).unwrap();
        (usage.input_tokens, usage.cost.unwrap())
    };
    let resumed = |input, usd| usage(progress_after(before.clone(), "claude", &result(input, usd)));
    assert_eq!(resumed(1100, "5.3"), (1100, (5_300_000, "reported")));
    assert_eq!(resumed(100, "0.3"), (1100, (5_300_000, "reported")));
    let mut progress = Progress::anew(before.clone());
    for (input, usd) in [(100, "0.3"), (7000, "9.0")] {
        seen("claude", &result(input, usd)).into_iter().for_each(|seen| progress.see(seen));
    }
    assert_eq!(usage(progress), (8000, (14_000_000, "reported")));
}

#[test]
fn a_resumed_session_adds_up() {
    let usage = |cost| op::Usage { input_tokens: 1000, output_tokens: 10, cost };
    // Gemini tells of its process, and has no cost; Codex tells of its session.
    let prices = Prices { input: 1_000_000, cached: 0, output: 0 };
    let gemini = |before| progress_after(before, "gemini", STREAMS[5].1).usage(Some(&prices)).unwrap();
    let sum = |cost| op::Usage { input_tokens: 5800, output_tokens: 146, cost };
    assert_eq!(gemini(usage(Some((600, "reported")))), sum(Some((5400, "computed"))));
    assert_eq!(gemini(usage(Some((600, "computed")))), sum(Some((5400, "computed"))));
    assert_eq!(gemini(usage(None)), sum(None));
    let codex = progress_after(usage(None), "codex", STREAMS[2].1).usage(None).unwrap();
    assert_eq!((codex.input_tokens, codex.output_tokens), (4800, 136));
    // What was used before is known before anything is said.
    assert_eq!(Progress::after(usage(None)).usage(None), Some(usage(None)));
}

#[test]
fn opencode_adds_up_its_steps() {
    let step = |cost: &str| {
        format!(
            r#"{{"type":"step_finish","sessionID":"ses_1","part":{{"reason":"tool-calls","tokens":{{"input":10,"output":2,"reasoning":1,"cache":{{"write":5,"read":100}}}},"cost":{cost}}}}}"#
        ) + "\n"
    };
    let found = progress("opencode", (step("0.0274") + &step("1e-6")).as_bytes());
    assert_eq!(found.run, Used { input_tokens: 230, cached_tokens: 200, output_tokens: 6, cost_micros: Some(27_401) });
    assert_eq!((found.is_acknowledged, found.turns_ended), (false, 0));
    let partly = progress("opencode", (step("0.0274") + &step("0")).as_bytes());
    assert_eq!(partly.run.cost_micros, None);
}

#[test]
fn an_id_that_could_be_an_option_is_none() {
    for id in ["--yolo", "", "a b", "../x", "-", "é", "x\\u0000"] {
        let line = format!(r#"{{"type":"thread.started","thread_id":"{id}"}}"#);
        assert_eq!(seen("codex", line.as_bytes()), [], "{id}");
    }
    let long = format!(r#"{{"type":"thread.started","thread_id":"{}"}}"#, "x".repeat(129));
    assert_eq!(seen("codex", long.as_bytes()), []);
}

#[test]
fn noise_is_nothing() {
    for line in [
        &b""[..],
        b"Loading...",
        b"{",
        b"[]",
        b"null",
        b"3",
        b"{}",
        b"\xff\xfe{}",
        b"{\"type\":3}",
        b"{\"type\":\"new\"}",
    ] {
        for agent in AGENTS {
            assert_eq!(agent.read(line), [], "{} {line:?}", agent.name);
        }
    }
    let deep = "[".repeat(1_000_000);
    assert_eq!(seen("claude", deep.as_bytes()), []);
    let noisy = [b"warning: \xff\n\n", STREAMS[0].1, b"\ntail"].concat();
    assert_eq!(progress("claude", &noisy), progress("claude", STREAMS[0].1));
    // A byte that is no UTF-8 spoils no more than the text it stands in.
    let said = b"{\"type\":\"item.completed\",\"item\":{\"type\":\"agent_message\",\"text\":\"a\xffb\"}}";
    assert_eq!(seen("codex", said), [Seen::Said("a\u{fffd}b".to_owned())]);
}

/// Marsaglia's xorshift: the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end.max(1)).unwrap()).unwrap()
    }
}

/// Puts something else in the place of one value somewhere inside.
fn replace_somewhere(value: &mut Value, numbers: &mut Numbers) {
    let strange = [
        Value::Null,
        true.into(),
        (-1).into(),
        u64::MAX.into(),
        1e300.into(),
        "".into(),
        "-é\u{0}\n".into(),
        Value::Array(vec![Value::Null]),
        serde_json::json!({"type": "text", "text": "x"}),
    ];
    let inner = match value {
        Value::Array(list) => list.iter_mut().collect::<Vec<_>>(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => Vec::new(),
    };
    let (count, turn) = (inner.len(), numbers.below(4));
    match inner.into_iter().nth(numbers.below(count)) {
        Some(inside) if turn > 0 => replace_somewhere(inside, numbers),
        _ => *value = strange[numbers.below(strange.len())].clone(),
    }
}

fn damage(line: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut line = line.to_vec();
    for _ in 0..=numbers.below(4) {
        let (at, byte) = (numbers.below(line.len()), u8::try_from(numbers.below(256)).unwrap());
        match numbers.below(4) {
            0 => line.insert(at, byte),
            1 => line.truncate(at),
            2 if !line.is_empty() => drop(line.remove(at)),
            _ => line.iter_mut().skip(at).take(1).for_each(|old| *old = byte),
        }
    }
    line
}

#[test]
fn nothing_panics_whatever_is_read() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let prices = Prices { input: u64::MAX, cached: 1, output: u64::MAX };
    let lines: Vec<&[u8]> = STREAMS.iter().flat_map(|(_, stream)| stream.split(|byte| *byte == b'\n')).collect();
    let mut understood = 0;
    let mut progress = Progress::default();
    for round in 0..6000 {
        let line = lines[numbers.below(lines.len())];
        let line = match (round % 2, serde_json::from_slice::<Value>(line)) {
            (0, Ok(mut value)) => {
                replace_somewhere(&mut value, &mut numbers);
                value.to_string().into_bytes()
            }
            _ => damage(line, &mut numbers),
        };
        for agent in AGENTS {
            let seen = agent.read(&line);
            understood += seen.len();
            seen.into_iter().for_each(|seen| progress.see(seen));
            drop(agent.limit(&String::from_utf8_lossy(&line)));
        }
        assert!(progress.session.as_deref().is_none_or(is_session));
        assert!(progress.usage(Some(&prices)).is_some() || progress.run == Used::default());
    }
    assert!(understood > 2000, "only {understood} were understood: this test has become empty");
}
