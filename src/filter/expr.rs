//! Arithmetic in arguments: ffmpeg's expression syntax, parsed once and evaluated on reals.

use super::functions::{BUILTINS, Builtin};
use super::suggest;
use super::text::ArgError;

/// Brackets and signs may nest this deep; deeper text is refused instead of overflowing.
const MAX_DEPTH: usize = 100;

/// Characters in one expression. It bounds the depth of a long sum's tree as well.
const MAX_LENGTH: usize = 4096;

/// What an expression may refer to, beside the constants and functions that all of them have.
#[derive(Debug, PartialEq, Eq)]
pub struct Names {
    /// Variables, by their index in the values given to [`Expr::eval`].
    pub variables: &'static [&'static str],
    /// Functions of one argument that the caller computes, by index.
    pub functions: &'static [&'static str],
}

/// No variables: what a plain number may be written with.
pub const CONSTANT: Names = Names { variables: &[], functions: &[] };

const CONSTANTS: [(&str, f64); 3] =
    [("PI", std::f64::consts::PI), ("E", std::f64::consts::E), ("PHI", 1.618_033_988_749_895)];

/// A parsed expression. Two are equal if they were written the same.
#[derive(Clone, Debug)]
pub struct Expr {
    text: String,
    root: Node,
}

#[derive(Clone, Debug)]
enum Node {
    Number(f64),
    Variable(usize),
    Negative(Box<Node>),
    Binary(char, Box<[Node; 2]>),
    Builtin(&'static Builtin, Vec<Node>),
    Caller(usize, Box<Node>),
}

impl Expr {
    /// Parses `text`. An error's `at` counts characters from the start of `text`.
    pub fn parse(text: &str, names: &Names) -> Result<Self, ArgError> {
        let chars: Vec<char> = text.chars().collect();
        if chars.len() > MAX_LENGTH {
            let message = format!("an expression has at most {MAX_LENGTH} characters");
            return Err(ArgError::new(message, MAX_LENGTH));
        }
        let mut parser = Parser { chars: &chars, at: 0, depth: 0, names };
        let root = parser.sum()?;
        match parser.peek() {
            None => Ok(Self { text: text.trim().to_owned(), root }),
            Some(')') => Err(ArgError::new("')' without a '('", parser.at)),
            Some(c) => Err(ArgError::new(format!("expected an operator, not '{c}'"), parser.at)),
        }
    }

    /// The value, with `variables` in the order of [`Names::variables`] and the caller's
    /// functions by their index in [`Names::functions`]. Not a number where the arithmetic
    /// has no answer.
    pub fn eval(&self, variables: &[f64], functions: &dyn Fn(usize, f64) -> f64) -> f64 {
        eval(&self.root, variables, functions)
    }

    /// True if one of these variables or of the caller's functions occurs, by index.
    pub fn mentions(&self, variables: &[usize], functions: &[usize]) -> bool {
        mentions(&self.root, variables, functions)
    }

    /// The text it was parsed from, trimmed.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// The value of an expression without variables.
pub fn constant(text: &str) -> Result<f64, ArgError> {
    Ok(Expr::parse(text, &CONSTANT)?.eval(&[], &|_, _| f64::NAN))
}

fn eval(node: &Node, variables: &[f64], functions: &dyn Fn(usize, f64) -> f64) -> f64 {
    match node {
        Node::Number(v) => *v,
        Node::Variable(i) => variables.get(*i).copied().unwrap_or(f64::NAN),
        Node::Negative(x) => -eval(x, variables, functions),
        Node::Binary(op, sides) => {
            let [x, y] = [0, 1].map(|i| eval(&sides[i], variables, functions));
            match op {
                '+' => x + y,
                '-' => x - y,
                '*' => x * y,
                '/' => x / y,
                _ => libm::pow(x, y),
            }
        }
        // Both branches of an `if` are computed: nothing here has side effects.
        Node::Builtin(builtin, nodes) => {
            let mut values = [0.0; 3];
            for (value, node) in values.iter_mut().zip(nodes) {
                *value = eval(node, variables, functions);
            }
            (builtin.eval)(values)
        }
        Node::Caller(i, x) => functions(*i, eval(x, variables, functions)),
    }
}

fn mentions(node: &Node, variables: &[usize], functions: &[usize]) -> bool {
    let inner = |node: &Node| mentions(node, variables, functions);
    match node {
        Node::Number(_) => false,
        Node::Variable(i) => variables.contains(i),
        Node::Negative(x) => inner(x),
        Node::Binary(_, sides) => sides.iter().any(inner),
        Node::Builtin(_, nodes) => nodes.iter().any(inner),
        Node::Caller(i, x) => functions.contains(i) || inner(x),
    }
}

/// Recursive descent. Precedence as in ffmpeg: sums, products, then powers, which group from
/// the left; a sign belongs to the whole power, so `-2^2` is -4.
struct Parser<'a> {
    chars: &'a [char],
    at: usize,
    depth: usize,
    names: &'a Names,
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<char> {
        while self.chars.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
        self.chars.get(self.at).copied()
    }

    fn take(&mut self, any: &str) -> Option<char> {
        let c = self.peek().filter(|c| any.contains(*c))?;
        self.at += 1;
        Some(c)
    }

    fn sum(&mut self) -> Result<Node, ArgError> {
        self.chain("+-", Self::product)
    }

    fn product(&mut self) -> Result<Node, ArgError> {
        self.chain("*/", |p| p.signed(|p| p.chain("^", |p| p.signed(Self::primary))))
    }

    /// Operands of one precedence, grouped from the left.
    fn chain(
        &mut self,
        operators: &str,
        operand: impl Fn(&mut Self) -> Result<Node, ArgError>,
    ) -> Result<Node, ArgError> {
        let mut left = operand(self)?;
        while let Some(op) = self.take(operators) {
            left = Node::Binary(op, Box::new([left, operand(self)?]));
        }
        Ok(left)
    }

    fn signed(
        &mut self,
        operand: impl Fn(&mut Self) -> Result<Node, ArgError>,
    ) -> Result<Node, ArgError> {
        let mut negative = false;
        while let Some(sign) = self.take("+-") {
            negative ^= sign == '-';
        }
        let node = operand(self)?;
        Ok(if negative { Node::Negative(Box::new(node)) } else { node })
    }

    fn primary(&mut self) -> Result<Node, ArgError> {
        match self.peek() {
            Some('(') => {
                self.at += 1;
                let node = self.nested()?;
                self.close()?;
                Ok(node)
            }
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(c) if c.is_alphabetic() || c == '_' => self.named(),
            Some(c) => {
                Err(ArgError::new(format!("expected a number or a name, not '{c}'"), self.at))
            }
            None => Err(ArgError::new("expected a number or a name", self.at)),
        }
    }

    fn nested(&mut self) -> Result<Node, ArgError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ArgError::new("brackets are nested too deep", self.at));
        }
        let node = self.sum()?;
        self.depth -= 1;
        Ok(node)
    }

    fn close(&mut self) -> Result<(), ArgError> {
        self.take(")").map(drop).ok_or_else(|| ArgError::new("expected ')'", self.at))
    }

    fn number(&mut self) -> Result<Node, ArgError> {
        let start = self.at;
        let digits = |p: &mut Self| {
            while p.chars.get(p.at).is_some_and(char::is_ascii_digit) {
                p.at += 1;
            }
        };
        if self.chars[start] == '0' && matches!(self.chars.get(start + 1), Some('x' | 'X')) {
            self.at += 2;
            while self.chars.get(self.at).is_some_and(char::is_ascii_hexdigit) {
                self.at += 1;
            }
            let text: String = self.chars[start + 2..self.at].iter().collect();
            return u64::from_str_radix(&text, 16)
                .map(|v| Node::Number(v as f64))
                .map_err(|_| ArgError::new("expected hexadecimal digits after 0x", start));
        }
        digits(self);
        if self.chars.get(self.at) == Some(&'.') {
            self.at += 1;
            digits(self);
        }
        // An `e` belongs to the number only if digits follow.
        if matches!(self.chars.get(self.at), Some('e' | 'E')) {
            let signed = matches!(self.chars.get(self.at + 1), Some('+' | '-'));
            let first = self.at + 1 + usize::from(signed);
            if self.chars.get(first).is_some_and(char::is_ascii_digit) {
                self.at = first;
                digits(self);
            }
        }
        let text: String = self.chars[start..self.at].iter().collect();
        text.parse()
            .map(Node::Number)
            .map_err(|_| ArgError::new(format!("\"{text}\" is no number"), start))
    }

    fn named(&mut self) -> Result<Node, ArgError> {
        let start = self.at;
        while self.chars.get(self.at).is_some_and(|c| c.is_alphanumeric() || *c == '_') {
            self.at += 1;
        }
        let name: String = self.chars[start..self.at].iter().collect();
        if self.peek() == Some('(') {
            self.at += 1;
            return self.call(&name, start);
        }
        if let Some(i) = self.names.variables.iter().position(|v| *v == name) {
            return Ok(Node::Variable(i));
        }
        if let Some((_, value)) = CONSTANTS.iter().find(|(c, _)| *c == name) {
            return Ok(Node::Number(*value));
        }
        let known = self.names.variables.iter().copied().chain(CONSTANTS.map(|(c, _)| c));
        let hint = suggest::hint(&name, known);
        let what =
            if self.names.variables.is_empty() { "is no number" } else { "is not known here" };
        Err(ArgError::new(format!("\"{name}\" {what}{hint}"), start))
    }

    fn call(&mut self, name: &str, start: usize) -> Result<Node, ArgError> {
        let mut arguments = vec![self.nested()?];
        while self.take(",").is_some() {
            arguments.push(self.nested()?);
        }
        self.close()?;
        let count = arguments.len();
        let caller = self.names.functions.iter().position(|f| *f == name);
        if let (Some(i), 1) = (caller, count) {
            return Ok(Node::Caller(i, Box::new(arguments.swap_remove(0))));
        }
        let Some(builtin) = BUILTINS.iter().find(|b| b.name == name) else {
            let known = self.names.functions.iter().copied().chain(BUILTINS.iter().map(|b| b.name));
            let hint = suggest::hint(name, known);
            return Err(ArgError::new(format!("no function is called \"{name}\"{hint}"), start));
        };
        if !(builtin.least..=builtin.most).contains(&count) {
            let takes = if builtin.least == builtin.most {
                builtin.least.to_string()
            } else {
                format!("{} or {}", builtin.least, builtin.most)
            };
            return Err(ArgError::new(
                format!("{name} takes {takes} arguments, not {count}"),
                start,
            ));
        }
        Ok(Node::Builtin(builtin, arguments))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names = Names { variables: &["iw", "ih"], functions: &["twice", "clip"] };

    fn value(text: &str) -> f64 {
        let e = Expr::parse(text, &NAMES).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        e.eval(&[320.0, 240.0], &|i, x| if i == 0 { 2.0 * x } else { x.clamp(0.0, 1.0) })
    }

    #[test]
    fn arithmetic_follows_ffmpegs_precedence() {
        for (text, want) in [
            ("1+2*3", 7.0),
            ("(1+2)*3", 9.0),
            ("2^3^2", 64.0),
            ("-2^2", -4.0),
            ("2^-1", 0.5),
            ("1--1", 2.0),
            ("8/4/2", 1.0),
            (" iw / 2 - ih ", -80.0),
            ("1e3+.5+0x10", 1016.5),
            ("min(iw,ih)", 240.0),
            ("if(gt(iw,ih),1,2)", 1.0),
            ("if(0,5)", 0.0),
            ("mod(-1,4)", 3.0),
            ("clip(7,1,3)", 3.0),
            ("clip(7)", 1.0),
            ("twice(iw)", 640.0),
            ("round(2.5)+trunc(-2.5)", 1.0),
            ("cos(PI)", -1.0),
            ("gcd(iw,ih)", 80.0),
        ] {
            assert_eq!(value(text), want, "{text}");
        }
    }

    #[test]
    fn errors_point_at_the_character() {
        for (text, at, part) in [
            ("", 0, "expected a number"),
            ("1+", 2, "expected a number"),
            ("1 2", 2, "expected an operator"),
            ("(1+2", 4, "expected ')'"),
            ("1)", 1, "without"),
            ("2*iwx", 2, "did you mean \"iw\"?"),
            ("mim(1,2)", 0, "did you mean \"min\"?"),
            ("1+min(1)", 2, "takes 2 arguments, not 1"),
            ("if(1,2,3,4)", 0, "2 or 3"),
            ("1.2.3", 3, "operator"),
            ("0xg", 0, "hexadecimal"),
            (".", 0, "no number"),
        ] {
            let e = Expr::parse(text, &NAMES).unwrap_err();
            assert_eq!(e.at, at, "{text}: {}", e.message);
            assert!(e.message.contains(part), "{text}: {}", e.message);
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        let deep = format!("{}1{}", "(".repeat(2000), ")".repeat(2000));
        assert!(Expr::parse(&deep, &NAMES).unwrap_err().message.contains("nested"));
        assert_eq!(value(&format!("{}1", "-".repeat(4000))), 1.0);
        assert_eq!(value(&format!("{}1", "1+".repeat(2000))), 2001.0);
        let long = "1+".repeat(100_000) + "1";
        assert!(Expr::parse(&long, &NAMES).unwrap_err().message.contains("at most 4096"));
    }
}
