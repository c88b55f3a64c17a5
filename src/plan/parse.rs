//! A chain from its text, with errors that show the character.

use super::Chain;
use crate::error::{Error, Result};
use crate::filter::syntax;
use crate::filter::text::ArgError;

impl Chain {
    /// Parses a chain. Empty text is the empty chain, which changes nothing. The error's
    /// message has three lines: what is wrong, the chain, and a caret under the character.
    pub fn parse(text: &str) -> Result<Self> {
        syntax::parse(text).map(Self::new).map_err(|e| Error::usage(render(text, &e)))
    }
}

/// The message, the chain and a caret, on three lines. Control characters in the chain become
/// spaces, so that the caret stands where it should.
fn render(text: &str, error: &ArgError) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("{}\n  {line}\n  {:>2$}", error.message, "^", error.at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_character() {
        let text = "pad=color=ö\t:x=2";
        let shown = Chain::parse(text).err().unwrap().to_string();
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines[0], "no colour is called \"ö\"");
        assert_eq!(lines[1], "  pad=color=ö :x=2");
        assert_eq!(lines[2].chars().position(|c| c == '^'), Some(2 + 10));
    }
}
