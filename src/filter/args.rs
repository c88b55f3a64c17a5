//! The arguments of one filter: bound to parameters and read with types, so that every error
//! points at the character that caused it.

use super::color_name;
use super::expr::Expr;
use super::param::Param;
use super::suggest;
use super::text::{ArgError, Text};

/// One argument as it was typed.
#[derive(Clone, Debug)]
pub struct RawArg {
    /// What stands before `=`; none for a positional argument.
    pub name: Option<Text>,
    /// The value.
    pub value: Text,
}

/// What arguments are bound to: the part of a filter's description that says how it is called.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// The filter's name.
    pub name: &'static str,
    /// Parameters in the order of positional arguments.
    pub params: &'static [Param],
    /// Parameters of ffmpeg's that are refused, each with what to do instead.
    pub refused: &'static [(&'static str, &'static str)],
    /// A call that works.
    pub example: &'static str,
}

impl Signature {
    /// The index of the parameter that answers to `name`, or a fragment that says why none.
    fn index(&self, name: &str) -> Result<usize, String> {
        let found = self.params.iter().position(|p| p.name == name || p.aliases.contains(&name));
        if let Some(index) = found {
            return Ok(index);
        }
        if name == "enable" {
            return Err("enable= is not supported: a filter works on every frame".to_owned());
        }
        if let Some((_, reason)) = self.refused.iter().find(|(n, _)| *n == name) {
            return Err(format!("{} has no {name}: {reason}", self.name));
        }
        let names = || {
            self.params.iter().flat_map(|p| [p.name].into_iter().chain(p.aliases.iter().copied()))
        };
        let hint = suggest::hint(name, names());
        let list: Vec<_> = self.params.iter().map(|p| p.name).collect();
        let rest = match (hint.is_empty(), list.is_empty()) {
            (false, _) => hint,
            (true, true) => "; it takes no arguments".to_owned(),
            (true, false) => format!("; it has {}", list.join(", ")),
        };
        Err(format!("{} has no parameter \"{name}\"{rest}", self.name))
    }
}

/// Arguments bound to the parameters of a filter.
#[derive(Clone, Debug)]
pub struct Args {
    signature: Signature,
    at: usize,
    values: Vec<Option<Text>>,
}

impl Args {
    /// Binds positional arguments in the order of the parameters and named ones by name or
    /// alias. `at` is the column of the filter's name.
    pub fn bind(signature: Signature, at: usize, raw: Vec<RawArg>) -> Result<Self, ArgError> {
        let mut values = vec![None; signature.params.len()];
        let mut named = false;
        for (position, RawArg { name, value }) in raw.into_iter().enumerate() {
            let start = name.as_ref().unwrap_or(&value).column(0);
            let index = match &name {
                Some(name) => {
                    signature.index(name.as_str()).map_err(|m| ArgError::new(m, start))?
                }
                None if named => {
                    let message = "a positional argument cannot follow a named one";
                    return Err(ArgError::new(message, start));
                }
                None => position,
            };
            named |= name.is_some();
            let Some(slot) = values.get_mut(index) else {
                let message = match signature.params.len() {
                    0 => format!("{} takes no arguments", signature.name),
                    1 => format!("{} takes at most 1 argument", signature.name),
                    n => format!("{} takes at most {n} arguments", signature.name),
                };
                return Err(ArgError::new(message, start));
            };
            if slot.is_some() {
                let message = format!("{} is given twice", signature.params[index].name);
                return Err(ArgError::new(message, start));
            }
            *slot = Some(value);
        }
        Ok(Self { signature, at, values })
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
        let param = &self.signature.params[self.position(name)];
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
        let mut text = self.signature.name.to_owned();
        let mut separator = '=';
        for (param, value) in self.signature.params.iter().zip(&self.values) {
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
        let found = self.signature.params.iter().position(|p| p.name == name);
        found.expect("a filter asks only for parameters that it declares")
    }

    /// The given text or the default; an error if there is neither.
    fn value(&self, name: &str) -> Result<(&'static Param, Text), ArgError> {
        let param = &self.signature.params[self.position(name)];
        match self.given(name) {
            Some(text) => Ok((param, text.clone())),
            None if param.default.is_empty() => Err(ArgError::new(
                format!("{} needs {name}, as in {}", self.signature.name, self.signature.example),
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
