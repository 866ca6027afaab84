//! Whether an agent is logged in, as far as that can be seen without asking it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// How one sees that an agent is logged in.
#[derive(Debug)]
pub struct Login {
    /// Variables that are a login when they are set.
    pub variables: &'static [&'static str],
    /// Files that are a login when they hold a word.
    pub files: &'static [(Place, &'static str)],
    /// Files that send it elsewhere for one, when they hold a word: nothing can be said then.
    pub elsewhere: &'static [(Place, &'static str)],
    /// Whether it may keep a login where we cannot look (a keychain, another program's login), so that none is never certain.
    pub is_hidden: bool,
    /// The command that logs in.
    pub command: &'static str,
}

/// A file of the person's.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Below the home directory.
    pub usual: &'static str,
    /// A variable that holds a folder, and the path below it, which is used instead where the variable is set.
    pub moved: Option<(&'static str, &'static str)>,
}

/// What is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginState {
    /// There is a login, by this variable or file. Whether it is still good only the agent's service knows.
    Present(String),
    /// There is none; this command logs in.
    Absent(&'static str),
    /// It cannot be seen.
    Unknown,
}

impl Login {
    /// Looks at variables and files, and reads nothing else.
    pub fn look(&self, variable: &dyn Fn(&str) -> Option<OsString>, home: &Path) -> LoginState {
        let is_set = |name: &&&str| variable(name).is_some_and(|value| !value.is_empty());
        if let Some(name) = self.variables.iter().find(is_set) {
            return LoginState::Present((*name).to_owned());
        }
        if let Some(file) = holding(self.files, variable, home) {
            return LoginState::Present(file.display().to_string());
        }
        match self.is_hidden || holding(self.elsewhere, variable, home).is_some() {
            true => LoginState::Unknown,
            false => LoginState::Absent(self.command),
        }
    }
}

/// The first of the files that holds its word.
fn holding(files: &[(Place, &str)], variable: &dyn Fn(&str) -> Option<OsString>, home: &Path) -> Option<PathBuf> {
    let mut paths = files.iter().map(|(place, word)| (place.path(variable, home), word));
    let found = paths.find(|(path, word)| std::fs::read_to_string(path).is_ok_and(|text| text.contains(**word)));
    found.map(|(path, _)| path)
}

impl Place {
    fn path(&self, variable: &dyn Fn(&str) -> Option<OsString>, home: &Path) -> PathBuf {
        let moved = self.moved.and_then(|(name, below)| {
            let folder = variable(name).filter(|folder| !folder.is_empty())?;
            Some(PathBuf::from(folder).join(below))
        });
        moved.unwrap_or_else(|| home.join(self.usual))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use super::super::Agent;
    use super::*;

    fn state(agent: &str, home: &Path, variables: &[(&str, &str)]) -> LoginState {
        let variable =
            |name: &str| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| OsString::from(value));
        Agent::find(agent).unwrap().login.look(&variable, home)
    }

    fn write(home: &Path, name: &str, text: &str) -> String {
        let path = home.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    #[test]
    fn a_variable_is_a_login_unless_it_is_empty() {
        let home = tempfile::tempdir().unwrap();
        let present = LoginState::Present("CODEX_API_KEY".to_owned());
        assert_eq!(state("codex", home.path(), &[("CODEX_API_KEY", "k")]), present);
        assert_eq!(state("codex", home.path(), &[("CODEX_API_KEY", "")]), LoginState::Absent("codex login"));
    }

    #[test]
    fn a_file_is_a_login_when_it_holds_one() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(state("codex", home.path(), &[]), LoginState::Absent("codex login"));
        write(home.path(), ".codex/auth.json", "{}");
        assert_eq!(state("codex", home.path(), &[]), LoginState::Absent("codex login"));
        for key in [r#"{"OPENAI_API_KEY":null}"#, r#"{"OPENAI_API_KEY": null}"#] {
            write(home.path(), ".codex/auth.json", key);
            assert_eq!(state("codex", home.path(), &[]), LoginState::Absent("codex login"));
        }
        for key in [r#"{"OPENAI_API_KEY":"x"}"#, r#"{"OPENAI_API_KEY": "x"}"#, r#"{"tokens":{"access_token":"x"}}"#] {
            let file = write(home.path(), ".codex/auth.json", key);
            assert_eq!(state("codex", home.path(), &[]), LoginState::Present(file));
        }

        let elsewhere = home.path().join("elsewhere");
        let moved = [("CODEX_HOME", elsewhere.to_str().unwrap())];
        assert_eq!(state("codex", home.path(), &moved), LoginState::Absent("codex login"));
        let file = write(&elsewhere, "auth.json", r#"{"tokens":{"access_token":"x"}}"#);
        assert_eq!(state("codex", home.path(), &moved), LoginState::Present(file));
    }

    #[test]
    fn what_cannot_be_seen_is_unknown() {
        let home = tempfile::tempdir().unwrap();
        write(home.path(), ".codex/config.toml", "model_provider = \"mine\"\n");
        assert_eq!(state("codex", home.path(), &[]), LoginState::Unknown);
        assert_eq!(state("copilot", home.path(), &[]), LoginState::Unknown);
    }
}
