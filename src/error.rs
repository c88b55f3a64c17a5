//! Errors, sorted by who can mend them, and `Stop`: why a stage ended early. Also how a path is
//! shown, since most errors name one.

mod shown;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use shown::{Shown, harmless, shown};

/// Who can mend an error. The command line turns it into an exit code; nothing else reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The caller: wrong arguments, found before anything was touched. Exit 2.
    Usage,
    /// The owner of an input: broken, unsupported, too large. Exit 1.
    Input,
    /// The owner of the machine: full disk, missing rights, I/O error. Exit 1.
    System,
    /// Nobody has to: something is busy or a neighbour went away; try again. Exit 75.
    Temporary,
    /// The user stopped the run. Exit 130.
    Interrupted,
    /// We: a fault in this program. Exit 70.
    Internal,
}

/// An error: who can mend it, and a lower-case fragment that names the file, the number and
/// the flag that would help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    kind: Kind,
    message: String,
}

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of the given kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Wrong usage; nothing was touched.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// One input is at fault; the others are not.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(Kind::Input, message)
    }

    /// The machine is at fault.
    pub fn system(message: impl Into<String>) -> Self {
        Self::new(Kind::System, message)
    }

    /// This program is at fault.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// A failed call to the operating system: what was tried, on which path, and its answer.
    pub fn io(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::system(format!("failed to {doing} {}: {error}", shown(path)))
    }

    /// Who can mend it.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The same error with what was being done put in front: `"{context}: {message}"`.
    #[must_use]
    pub fn within(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Why a stage stopped before its end. An echo is not a cause: a stage whose neighbour went
/// away says `Echo`, and the executor reports the first `Cause`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The stage failed by itself.
    Cause(Error),
    /// The stage only saw that a neighbour had gone.
    Echo,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Cause(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_goes_in_front_and_the_kind_stays() {
        let e = Error::input("not a JPEG").within("a.jpg");
        assert_eq!(e.to_string(), "a.jpg: not a JPEG");
        assert_eq!(e.kind(), Kind::Input);
    }
}
