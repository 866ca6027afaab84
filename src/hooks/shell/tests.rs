//! Commands and their effects: a table, what only a look tells, and inputs of every kind.

mod any_input;
mod looking;
mod table;

use super::{Change, Copy, Effects, Extent, Landing, Manner, Place, Surroundings, Sweep, SweepKind, effects};

const CWD: &str = "/w";

fn told(command: &str) -> Effects {
    effects(command, &Surroundings { cwd: CWD, home: Some("/home/u") })
}

/// In the words of `cases.txt`.
fn lines(effects: &Effects) -> Vec<String> {
    let touched = effects.touched.iter().map(|touch| place(touch.change, &touch.place));
    touched.chain(effects.sweeps.iter().map(sweep)).collect()
}

fn short(path: &str) -> &str {
    match path.strip_prefix(CWD) {
        Some("") => ".",
        Some(rest) => rest.strip_prefix('/').unwrap_or(path),
        None => path,
    }
}

fn place(change: Change, place: &Place) -> String {
    let verb = match change {
        Change::Write => "write",
        Change::Remove => "remove",
    };
    match place {
        Place::Certain(part) => format!("{verb} {}", extent(part)),
        Place::Glob { pattern, is_deep } => {
            format!("{verb} glob {}{}", short(pattern), if *is_deep { "/**" } else { "" })
        }
        Place::Copy(part) => copy(part),
    }
}

fn extent(extent: &Extent) -> String {
    match extent {
        Extent::File(path) => short(path).to_owned(),
        Extent::Tree(path) => format!("{}/**", short(path)),
        Extent::Named { folder, name } => format!("{name} below {}", short(folder)),
        Extent::Mirror { to, from } => format!("{} like {}", short(to), short(from)),
    }
}

fn copy(copy: &Copy) -> String {
    let manner = match copy.manner {
        Manner::Files => "copy",
        Manner::Trees => "copy tree",
        Manner::Whole => "put",
    };
    let landing = match copy.landing {
        Landing::Exact => "as",
        Landing::Inside => "into",
        Landing::Either => "to",
    };
    format!("{manner} {} {landing} {}", copy.from.as_deref().map_or("?", short), short(&copy.to))
}

fn sweep(sweep: &Sweep) -> String {
    let kind = match sweep.kind {
        SweepKind::Stash => "stash",
        SweepKind::Reset => "reset",
        SweepKind::Restore => "restore",
        SweepKind::Clean => "clean",
        SweepKind::Switch => "switch",
        SweepKind::Integrate => "integrate",
    };
    let below = if sweep.is_below { " below" } else { "" };
    let unless = sweep.unless.as_deref().map(|path| format!(" unless {}", short(path)));
    format!("sweep {kind}{below} {}{}", short(&sweep.folder), unless.unwrap_or_default())
}
