//! The arguments of one filter: text that knows its columns, bound to parameters and read with
//! types, so that every error points at the character that caused it.

use super::catalogue::{Kind, Param, Spec};
use super::color_name;
use super::expr::{self, Expr, Names};
use super::suggest;

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

/// One argument as it was typed.
#[derive(Clone, Debug)]
pub struct RawArg {
    /// What stands before `=`; none for a positional argument.
    pub name: Option<Text>,
    /// The value.
    pub value: Text,
}

/// Arguments bound to the parameters of a filter.
#[derive(Clone, Debug)]
pub struct Args {
    spec: &'static Spec,
    at: usize,
    values: Vec<Option<Text>>,
}

impl Args {
    /// Binds positional arguments in the order of the parameters and named ones by name or
    /// alias. `at` is the column of the filter's name.
    pub fn bind(spec: &'static Spec, at: usize, raw: Vec<RawArg>) -> Result<Self, ArgError> {
        let mut values = vec![None; spec.params.len()];
        let mut named = false;
        for (position, RawArg { name, value }) in raw.into_iter().enumerate() {
            let start = name.as_ref().unwrap_or(&value).column(0);
            let index = match &name {
                Some(name) => spec.index(name.as_str()).map_err(|m| ArgError::new(m, start))?,
                None if named => {
                    let message = "a positional argument cannot follow a named one";
                    return Err(ArgError::new(message, start));
                }
                None => position,
            };
            named |= name.is_some();
            let Some(slot) = values.get_mut(index) else {
                let message = match spec.params.len() {
                    0 => format!("{} takes no arguments", spec.name),
                    1 => format!("{} takes at most 1 argument", spec.name),
                    n => format!("{} takes at most {n} arguments", spec.name),
                };
                return Err(ArgError::new(message, start));
            };
            if slot.is_some() {
                let message = format!("{} is given twice", spec.params[index].name);
                return Err(ArgError::new(message, start));
            }
            *slot = Some(value);
        }
        Ok(Self { spec, at, values })
    }

    /// The argument as typed, if it was given.
    pub fn given(&self, name: &str) -> Option<&Text> {
        self.values[self.position(name)].as_ref()
    }

    /// A number: a constant expression within the parameter's range.
    pub fn number(&self, name: &str) -> Result<f64, ArgError> {
        let (param, text) = self.value(name)?;
        param.number(text.as_str()).map_err(|e| self.placed(name, e))
    }

    /// A whole number within the parameter's range, which is never negative.
    pub fn count(&self, name: &str) -> Result<usize, ArgError> {
        self.number(name).map(|v| v as usize)
    }

    /// An expression of the parameter's variables; none if it is not given and has no default.
    pub fn expr(&self, name: &str) -> Result<Option<Expr>, ArgError> {
        let param = &self.spec.params[self.position(name)];
        if self.given(name).is_none() && param.default.is_empty() {
            return Ok(None);
        }
        let (_, text) = self.value(name)?;
        let names = param.names().expect("the parameter is an expression");
        Expr::parse(text.as_str(), names).map(Some).map_err(|e| self.placed(name, e))
    }

    /// One of the parameter's words, by its canonical spelling.
    pub fn choice(&self, name: &str) -> Result<&'static str, ArgError> {
        let (param, text) = self.value(name)?;
        param.choice(text.as_str()).map_err(|e| self.placed(name, e))
    }

    /// A colour: R, G, B and alpha, 0 to 1.
    pub fn color(&self, name: &str) -> Result<[f64; 4], ArgError> {
        let (_, text) = self.value(name)?;
        color_name::parse(text.as_str()).map_err(|e| self.placed(name, e))
    }

    /// An error that points at the argument, or at the filter's name if it was not given.
    pub fn error(&self, name: &str, message: impl Into<String>) -> ArgError {
        let at = self.given(name).map_or(self.at, |text| text.column(0));
        ArgError::new(message, at)
    }

    /// The call as text that parses to the same: given arguments that differ from their
    /// defaults, by name, in the order of the parameters.
    pub fn canonical(&self) -> Result<String, ArgError> {
        let mut text = self.spec.name.to_owned();
        let mut separator = '=';
        for (param, value) in self.spec.params.iter().zip(&self.values) {
            let Some(value) = value else { continue };
            let plain = param.canonical(value.as_str()).map_err(|e| value.locate(e))?;
            if param.canonical(param.default).is_ok_and(|default| default == plain) {
                continue;
            }
            text.push(separator);
            text.push_str(param.name);
            text.push('=');
            text.push_str(&quote(&plain));
            separator = ':';
        }
        Ok(text)
    }

    fn position(&self, name: &str) -> usize {
        let found = self.spec.params.iter().position(|p| p.name == name);
        found.expect("a filter asks only for parameters that it declares")
    }

    /// The given text or the default; an error if there is neither.
    fn value(&self, name: &str) -> Result<(&'static Param, Text), ArgError> {
        let param = &self.spec.params[self.position(name)];
        match self.given(name) {
            Some(text) => Ok((param, text.clone())),
            None if param.default.is_empty() => Err(ArgError::new(
                format!("{} needs {name}, as in {}", self.spec.name, self.spec.examples[0]),
                self.at,
            )),
            None => {
                let placed: Vec<_> = param.default.chars().map(|c| (c, self.at)).collect();
                Ok((param, Text::new(&placed, self.at)))
            }
        }
    }

    fn placed(&self, name: &str, error: ArgError) -> ArgError {
        match self.given(name) {
            Some(text) => text.locate(error),
            None => ArgError { at: self.at, ..error },
        }
    }
}

impl Param {
    /// The number that `text` stands for; checked against the range.
    pub fn number(&self, text: &str) -> Result<f64, ArgError> {
        let (low, high) = self.range();
        let name = self.name;
        let (text, scale) = match (&self.kind, text.strip_suffix('%')) {
            (Kind::Fraction { .. }, Some(percent)) => (percent, 0.01),
            _ => (text, 1.0),
        };
        if let (Kind::Angle, Some(byte)) = (&self.kind, text.find("PI")) {
            return Err(radians(text, byte));
        }
        let value = expr::constant(text)? * scale;
        if !value.is_finite() {
            return Err(ArgError::new(format!("{name} is no finite number"), 0));
        }
        if value < low || value > high {
            let range = self.range_text().unwrap_or_default();
            return Err(ArgError::new(format!("{name} is {value}, outside {range}"), 0));
        }
        if matches!(self.kind, Kind::Integer { .. }) && value.fract() != 0.0 {
            return Err(ArgError::new(format!("{name} is {value}, not a whole number"), 0));
        }
        // No negative zero: it would print differently.
        Ok(value + 0.0)
    }

    /// The canonical spelling of the word `text`.
    fn choice(&self, text: &str) -> Result<&'static str, ArgError> {
        let Kind::Choice(words) = self.kind else { unreachable!("the parameter is a choice") };
        words.iter().find(|spellings| spellings.contains(&text)).map(|w| w[0]).ok_or_else(|| {
            let list: Vec<_> = words.iter().map(|w| w[0]).collect();
            let hint = suggest::hint(text, words.iter().flat_map(|w| w.iter().copied()));
            ArgError::new(
                format!("{} is \"{text}\", not one of {}{hint}", self.name, list.join(", ")),
                0,
            )
        })
    }

    /// The variables of an expression.
    fn names(&self) -> Option<&'static Names> {
        match self.kind {
            Kind::Expression(names) | Kind::Size(names) => Some(names),
            _ => None,
        }
    }

    /// One spelling for all texts that mean the same, as far as the kind says.
    fn canonical(&self, text: &str) -> Result<String, ArgError> {
        Ok(match self.kind {
            Kind::Number { .. } | Kind::Integer { .. } | Kind::Fraction { .. } | Kind::Angle => {
                self.number(text)?.to_string()
            }
            Kind::Choice(_) => self.choice(text)?.to_owned(),
            Kind::Expression(names) => Expr::parse(text, names)?.text().to_owned(),
            Kind::List => text.split_whitespace().collect::<Vec<_>>().join(" "),
            Kind::Size(_) | Kind::Color => text.trim().to_owned(),
        })
    }
}

/// The error for an angle in radians, whose `PI` starts at `byte` of `text`.
pub(super) fn radians(text: &str, byte: usize) -> ArgError {
    let message = "angles are degrees here: write 90 for PI/2, 180 for PI";
    ArgError::new(message, text[..byte].chars().count())
}

/// `text` so that both levels of a chain's syntax read it back: colons, quotes and backslashes
/// escaped for the arguments, then everything in quotes for the chain.
pub fn quote(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, ':' | '\\' | '\'') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    let plain = |c: char| !(c.is_whitespace() || "[],;'\\".contains(c));
    if !escaped.is_empty() && escaped.chars().all(plain) {
        return escaped;
    }
    format!("'{}'", escaped.replace('\'', r"'\''"))
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

    #[test]
    fn only_what_needs_quotes_gets_them() {
        for (plain, quoted) in [
            ("1.5", "1.5"),
            ("iw/2", "iw/2"),
            ("min(iw,9)", "'min(iw,9)'"),
            ("0 1", "'0 1'"),
            ("a:b", r"'a\:b'"),
            ("it's", r"'it\'\''s'"),
        ] {
            assert_eq!(quote(plain), quoted);
        }
    }
}
