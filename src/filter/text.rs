//! Text that knows its columns in the chain, and errors that point at one.

/// What is wrong with an argument, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgError {
    /// A lower-case fragment.
    pub message: String,
    /// Characters from the start of the text that was parsed.
    pub at: usize,
}

impl ArgError {
    /// An error at character `at`.
    pub fn new(message: impl Into<String>, at: usize) -> Self {
        Self { message: message.into(), at }
    }
}

/// Text with the column in the chain of each of its characters; quotes and escapes are gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    text: String,
    /// One more than characters: the last is where the text ended.
    columns: Vec<usize>,
}

impl Text {
    /// From characters with their columns, and the column after the last.
    pub fn new(placed: &[(char, usize)], end: usize) -> Self {
        Self {
            text: placed.iter().map(|(c, _)| *c).collect(),
            columns: placed.iter().map(|(_, at)| *at).chain([end]).collect(),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The column of character `index`; of the end, if it is past it.
    pub fn column(&self, index: usize) -> usize {
        self.columns[index.min(self.columns.len() - 1)]
    }

    /// An error in this text, moved to the chain's columns.
    pub fn locate(&self, error: ArgError) -> ArgError {
        ArgError { at: self.column(error.at), ..error }
    }

    /// Whitespace-separated words, each with the index of its first character.
    pub fn words(&self) -> Vec<(&str, usize)> {
        let mut words = Vec::new();
        let mut start = None;
        for (index, (byte, c)) in self.text.char_indices().enumerate() {
            match (start, c.is_whitespace()) {
                (None, false) => start = Some((byte, index)),
                (Some((first, at)), true) => {
                    words.push((&self.text[first..byte], at));
                    start = None;
                }
                _ => {}
            }
        }
        if let Some((first, at)) = start {
            words.push((&self.text[first..], at));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_the_index_of_their_first_character() {
        let placed: Vec<_> = " ä bc  d".chars().enumerate().map(|(i, c)| (c, i + 10)).collect();
        let text = Text::new(&placed, 18);
        assert_eq!(text.words(), [("ä", 1), ("bc", 3), ("d", 7)]);
        assert_eq!(text.column(3), 13);
        assert_eq!(text.column(99), 18);
    }
}
