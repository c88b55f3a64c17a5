//! Parameters of filters: what their text may be, and reading it.

use super::expr::{self, Expr, Names};
use super::suggest;
use super::text::ArgError;

/// One parameter of a filter.
#[derive(Debug)]
pub struct Param {
    /// The name that is printed.
    pub name: &'static str,
    /// Other names it answers to.
    pub aliases: &'static [&'static str],
    /// What its text may be.
    pub kind: Kind,
    /// The text it has when not given; empty if there is none.
    pub default: &'static str,
    /// One line, no full stop.
    pub doc: &'static str,
}

/// What the text of a parameter may be.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A real within a closed range; arithmetic on constants is allowed.
    Number {
        /// Smallest.
        low: f64,
        /// Largest.
        high: f64,
    },
    /// The same, where `50%` may be written for 0.5.
    Fraction {
        /// Smallest.
        low: f64,
        /// Largest.
        high: f64,
    },
    /// A whole number, never negative.
    Integer {
        /// Smallest.
        low: u32,
        /// Largest.
        high: u32,
    },
    /// Any number of degrees. `PI` in it is refused: it would mean radians.
    Angle,
    /// Arithmetic on variables.
    Expression(&'static Names),
    /// The same, or ImageMagick geometry.
    Size(&'static Names),
    /// One of some words; each entry lists its spellings, the canonical one first.
    Choice(&'static [&'static [&'static str]]),
    /// A colour's name or code.
    Color,
    /// Words separated by spaces.
    List,
}

impl Param {
    /// A parameter without aliases.
    pub const fn new(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        doc: &'static str,
    ) -> Self {
        Self { name, aliases: &[], kind, default, doc }
    }

    /// The same with other names.
    #[must_use]
    pub const fn alias(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// Smallest and largest value; infinite where the kind has no range.
    pub fn range(&self) -> (f64, f64) {
        match self.kind {
            Kind::Number { low, high } | Kind::Fraction { low, high } => (low, high),
            Kind::Integer { low, high } => (f64::from(low), f64::from(high)),
            _ => (f64::NEG_INFINITY, f64::INFINITY),
        }
    }

    /// The range in words; none if any value will do.
    pub fn range_text(&self) -> Option<String> {
        match self.range() {
            (low, high) if low.is_finite() && high.is_finite() => Some(format!("{low} to {high}")),
            (low, _) if low.is_finite() => Some(format!("{low} and up")),
            (_, high) if high.is_finite() => Some(format!("up to {high}")),
            _ => None,
        }
    }

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
    pub(super) fn choice(&self, text: &str) -> Result<&'static str, ArgError> {
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
    pub(super) fn names(&self) -> Option<&'static Names> {
        match self.kind {
            Kind::Expression(names) | Kind::Size(names) => Some(names),
            _ => None,
        }
    }

    /// One spelling for all texts that mean the same, as far as the kind says.
    pub(super) fn canonical(&self, text: &str) -> Result<String, ArgError> {
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
