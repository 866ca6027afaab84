//! In tmux: the same, with a long task pasted.

use super::headless::{comes_home, was_told};
use super::*;

/// What would not survive a shell, a key binding or a completion: 20 KB of lines that begin in every way that agents know.
fn awkward_task() -> String {
    let start = "-rf --help \"double\" 'single' `tick` $HOME ${HOME} \\n %s {prompt} <b>&amp;\n\n\tsecond line, é 漢字 🎉\n\
                 /help\n!ls\n#memory\n@src/free.txt\n?\n> quoted \\\n";
    let long = (0..480).map(|line| format!("line {line} of a long task with \"quotes\" in it\n")).collect::<String>();
    format!("{start}{long}the end; no line break")
}

#[test]
fn three_agents_work_in_terminals_and_are_brought_home() {
    let fleet = Fleet::new(&THREE, |agent, turn| diligent(agent, turn, &format!("src/{}.txt", agent.name()), "made\n"));
    let task = awkward_task();
    assert!(task.len() > 20_000);
    fleet.launch(&["--tmux", "l:1", "c:1", "g:1", "--", &task]);
    for agent in THREE {
        fleet.once(agent, "review");
        was_told(&fleet, agent, &task);
    }
    comes_home(&fleet, &THREE.map(|agent| fleet.id(agent)));
}
