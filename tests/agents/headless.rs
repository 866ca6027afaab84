//! Agents as a fleet starts them without a terminal: by the command lines of their profiles, with the task on stdin.
//!
//! No hooks are set up: a launch does not depend on them.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use aio::fleet::agents::{self, Manner, written_by_commits};
use aio::fleet::profile::{Launch, Profile};
use aio::fleet::stream::{Lines, Progress};

use crate::agent::{self, Agent};
use crate::harness::git;
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
    start(stage, agent, model, &profile, profile.launch(manner, &[]).unwrap(), task)
}

fn start(stage: &Stage, agent: Agent, model: Model, profile: &Profile, launch: Launch, task: &str) -> Job {
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

/// In the sandbox of Codex, a linked worktree's own repository lies outside of what may be written.
#[test]
fn codex_commits_in_a_linked_worktree_and_writes_nothing_else_there() {
    let stage = Stage::unguarded(&[Agent::Codex]);
    let (main, worktree) = (&stage.world.project, stage.world.home.join("worktree"));
    let work = |folder: &Path, args: &[&str]| assert_eq!(git(folder, args).code, 0, "{args:?}");
    work(main, &["add", "."]);
    work(main, &["commit", "-q", "-m", "first"]);
    work(main, &["worktree", "add", "-q", "-b", "aio/codex-abc123", worktree.to_str().unwrap()]);
    let repository = main.join(".git");
    let folders = written_by_commits(&repository.join("worktrees/worktree"), &repository, "aio/codex-abc123");
    assert!(folders.iter().all(|folder| folder.is_dir()), "{folders:?}");

    let line = format!(
        "echo new > new.txt && git add new.txt && git commit -q -m second; touch '{0}/hooks/pre-commit' '{0}/config'; git \
         branch other",
        repository.display()
    );
    let model = Model::start(steps(vec![vec![Agent::Codex.shell(&line)]]));
    let mut profile = profile(Agent::Codex, model.port);
    profile.args.extend(["-C".to_owned(), worktree.to_str().unwrap().to_owned()]);
    let launch = profile.launch(Manner::Headless, &folders).unwrap();
    let Job { ended, .. } = start(&stage, Agent::Codex, model, &profile, launch, "Commit it.");
    assert_eq!(ended.ran.code, 0, "{:?}", ended.ran);
    let (log, branches) = (git(&worktree, &["log", "--format=%s"]), git(main, &["branch", "--list", "other"]));
    assert_eq!((&*log.out, &*branches.out), ("second\nfirst\n", ""), "{:?}", ended.results(0));
    assert!(!repository.join("hooks/pre-commit").exists());
    assert_eq!(ended.result(0).matches("Read-only file system").count(), 4, "{}", ended.result(0));
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
