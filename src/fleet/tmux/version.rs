//! Which tmux is installed.

use std::fmt;
use std::time::Duration;

use super::TmuxError;
use crate::fleet::program::Program;

/// A version of tmux. The letter of a patch (`3.3a`) says nothing of what it can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32);

impl Version {
    /// The first that gives a session variables of its own, by `-e`. Of 2021; older ones are in no system that is still kept up.
    pub const OLDEST: Version = Version(3, 2);

    /// From what tmux calls itself: `tmux 3.3a`, `tmux next-3.6`, `tmux openbsd-7.4`.
    fn parse(text: &str) -> Option<Version> {
        let number = text.strip_prefix("tmux ")?.trim().trim_start_matches("next-");
        let (major, minor) = number.split_once('.')?;
        let digits = minor.find(|c: char| !c.is_ascii_digit()).unwrap_or(minor.len());
        Some(Version(major.parse().ok()?, minor[..digits].parse().ok()?))
    }
}

/// The installed one, if it will do. One that was built from its newest source bears no number, and will.
///
/// # Errors
/// When there is none, or an old one.
pub fn version() -> Result<Version, TmuxError> {
    let ran = Program::new("tmux").arg("-V").limit(Duration::from_secs(5)).run()?;
    let named = ran.text();
    match Version::parse(&named) {
        Some(version) if version < Version::OLDEST => Err(TmuxError::TooOld(named)),
        Some(version) => Ok(version),
        None if ["tmux master", "tmux openbsd-"].iter().any(|source| named.starts_with(source)) => Ok(Version::OLDEST),
        None => Err(TmuxError::Failed(format!("it calls itself {named:?}"))),
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tmux {}.{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(Version::parse("tmux 3.3a"), Some(Version(3, 3)));
        assert_eq!(Version::parse("tmux next-3.10"), Some(Version(3, 10)));
        assert_eq!(["tmux master", "screen 3.1", "tmux 3"].map(Version::parse), [None; 3]);
        assert!(Version(3, 1) < Version::OLDEST && Version(10, 0) > Version(3, 9));
    }
}
