//! Agents as a fleet starts them without a terminal: by the command lines of their profiles, with the task on stdin.
//!
//! No hooks are set up: a launch does not depend on them.

use std::fs::File;
use std::process::{Command, Stdio};

use aio::fleet::agents::{self, Manner};
use aio::fleet::profile::Profile;
use aio::fleet::stream::{Lines, Progress};

use crate::agent::{self, Agent};
use crate::model::{Model, Reply, Turn, done, steps};
use crate::stage::{Ended, Stage};

/// What would not survive a shell, an option parser or one argument: those hold less than 128 KiB.
fn awkward_task() -> String {
    let start =
        "-rf --help \"double\" 'single' `tick` $HOME ${HOME} \\n %s {prompt} <b>&amp;\n\n\tsecond line, é 漢字 🎉\n";
    let long = (0..4000).map(|line| format!("line {line} of a long task with \"quotes\"\n")).collect::<String>();
    format!("{start}{long}the end; no line break")
}

/// The agent's profile as a person would have it who uses the scripted model.
fn profile(agent: Agent, port: u16) -> Profile {
    let mut profile = Profile::built_in(agents::Agent::find(agent.name()).unwrap());
    profile.program = Some(agent.program().to_str().unwrap().to_owned());
    profile.args = match agent {
        Agent::Codex => {
            vec!["-c".to_owned(), format!("model_providers.scripted.base_url=\"http://127.0.0.1:{port}/v1\"")]
        }
        Agent::Gemini => ["-m", "gemini-2.5-pro"].map(str::to_owned).into(),
        _ => Vec::new(),
    };
    profile
}

/// What came of a run.
struct Job {
    ended: Ended,
    progress: Progress,
}

fn launch(
    stage: &Stage,
    agent: Agent,
    manner: Manner<'_>,
    task: &str,
    script: impl Fn(&Turn) -> Reply + Send + Sync + 'static,
) -> Job {
    let model = Model::start(script);
    let profile = profile(agent, model.port);
    let launch = profile.launch(manner, &[]).unwrap();
    let mut command = Command::new(&launch.program);
    // Where the model is, says the environment that the other tests use.
    let there = agent.command(model.port, agent::Manner::default());
    command.envs(there.get_envs().filter_map(|(key, value)| Some((key, value?))));
    command.args(&launch.args).envs(launch.variables);
    let input = stage.world.home.join("task");
    std::fs::write(&input, task).unwrap();
    let ended = stage.begin(agent, command, model, Stdio::from(File::open(input).unwrap())).end();

    let (mut lines, mut progress) = (Lines::default(), Progress::default());
    let mut read = |line: &[u8]| profile.agent.read(line).into_iter().for_each(|seen| progress.see(seen));
    lines.push(ended.ran.out.as_bytes(), &mut read);
    lines.finish(&mut read);
    Job { ended, progress }
}

fn takes_its_task_from_stdin(agent: Agent) {
    let stage = Stage::unguarded(&[agent]);
    let task = awkward_task();
    let Job { ended, progress } = launch(&stage, agent, Manner::Headless, &task, |_| done());
    assert_eq!(ended.ran.code, 0, "{:?}", ended.ran);
    assert!(ended.turns[0].told.contains(&task), "it did not arrive as it was: {:?}", ended.ran);
    assert!(progress.session.is_some(), "{progress:?}");
    assert_eq!((progress.is_acknowledged, progress.is_working, progress.turns_ended), (true, false, 1));
    assert_eq!((&*progress.said, &progress.error, &progress.limit), ("All done.", &None, &None));
    let tokens = progress.usage(None).map(|usage| (usage.input_tokens, usage.output_tokens));
    // Copilot does not tell.
    assert_eq!(tokens, (agent != Agent::Copilot).then_some((1000, 30)));
}

fn works_without_asking(agent: Agent) {
    let stage = Stage::unguarded(&[agent]);
    let made = stage.path("src/made.txt");
    let calls = vec![vec![agent.write(&made, "made\n")], vec![agent.shell("cat src/made.txt > src/copied.txt")]];
    let Job { ended, progress } = launch(&stage, agent, Manner::Headless, "Do the work.", steps(calls));
    assert_eq!(ended.ran.code, 0, "{:?}", ended.ran);
    assert_eq!((stage.text("src/made.txt").trim_end(), stage.text("src/copied.txt").trim_end()), ("made", "made"));
    assert_eq!((progress.is_acknowledged, progress.turns_ended), (true, 1), "{progress:?}");
    assert!(progress.tool.is_some(), "{progress:?}");
}

fn goes_on_with_a_session(agent: Agent) {
    let stage = Stage::unguarded(&[agent]);
    let first = launch(&stage, agent, Manner::Headless, "-1 The first task.", |_| done()).progress;
    let session = first.session.clone().unwrap();
    // A session that began later: the last one is not the one that is meant.
    launch(&stage, agent, Manner::Headless, "Another task.", |_| done());
    let resumed = Manner::HeadlessResumed(&session);
    let Job { ended, progress } = launch(&stage, agent, resumed, "--2 \"The second\" task.\nMore.", |_| done());
    assert_eq!(ended.ran.code, 0, "{:?}", ended.ran);
    let told = &ended.turns[0].told;
    assert_eq!(ended.turns[0].index, 1, "{told}");
    assert!(told.contains("-1 The first task.") && told.contains("--2 \"The second\" task.\nMore."), "{told}");
    assert!(!told.contains("Another task."), "{told}");
    assert_eq!((progress.session, progress.turns_ended, &*progress.said), (Some(session), 1, "All done."));
}

macro_rules! each_agent {
    ($proof:ident: $($name:ident $agent:ident),*) => {
        $(#[test] fn $name() { $proof(Agent::$agent); })*
    };
}

each_agent!(takes_its_task_from_stdin: claude_takes_its_task_from_stdin Claude, codex_takes_its_task_from_stdin Codex,
    gemini_takes_its_task_from_stdin Gemini, copilot_takes_its_task_from_stdin Copilot,
    opencode_takes_its_task_from_stdin OpenCode);
each_agent!(works_without_asking: claude_works_without_asking Claude, codex_works_without_asking Codex,
    gemini_works_without_asking Gemini, copilot_works_without_asking Copilot, opencode_works_without_asking OpenCode);
each_agent!(goes_on_with_a_session: claude_goes_on_with_a_session Claude, codex_goes_on_with_a_session Codex,
    gemini_goes_on_with_a_session Gemini, copilot_goes_on_with_a_session Copilot,
    opencode_goes_on_with_a_session OpenCode);
