//! Chain text to filters: ffmpeg's filtergraph syntax for one linear chain.

use std::sync::Arc;

use super::algebra::Filter;
use super::args::RawArg;
use super::catalogue;
use super::text::{ArgError, Text};

/// A character and its column in the chain, 0 for the first.
type Placed = (char, usize);

/// The filters of a chain, or what is wrong and at which character of `text`.
pub fn parse(text: &str) -> Result<Vec<Arc<dyn Filter>>, ArgError> {
    let placed: Vec<Placed> = text.chars().enumerate().map(|(i, c)| (c, i)).collect();
    let mut cursor = Cursor { placed: &placed, at: 0, end: placed.len() };
    let mut filters = Vec::new();
    if cursor.peek().is_none() {
        return Ok(filters);
    }
    loop {
        filters.push(filter(&mut cursor)?);
        match cursor.next() {
            None => return Ok(filters),
            Some((',', _)) => {}
            Some((c, at)) => return Err(stray(c, at)),
        }
    }
}

/// One filter: its name and, after `=`, its arguments.
fn filter(cursor: &mut Cursor<'_>) -> Result<Arc<dyn Filter>, ArgError> {
    let start = cursor.column();
    let name = cursor.token("=,;[]:")?;
    if name.as_str().is_empty() {
        return Err(match cursor.peek() {
            Some((c, at)) if c != ',' && c != '=' && c != ':' => stray(c, at),
            _ => ArgError::new("expected the name of a filter", start),
        });
    }
    let raw = match cursor.peek() {
        Some((':', at)) => {
            let message = "arguments follow '=', and ':' stands between them";
            return Err(ArgError::new(message, at));
        }
        Some(('=', _)) => {
            cursor.next();
            let (inner, end) = cursor.unquoted("[],;")?;
            arguments(Cursor { placed: &inner, at: 0, end })?
        }
        _ => Vec::new(),
    };
    catalogue::build(&name, raw)
}

/// Arguments between colons, each `value` or `name=value`.
fn arguments(mut cursor: Cursor<'_>) -> Result<Vec<RawArg>, ArgError> {
    let mut raw = Vec::new();
    loop {
        let name = cursor.key();
        let start = cursor.column();
        let value = cursor.token(":")?;
        if value.as_str().is_empty() {
            return Err(ArgError::new("expected a value", start));
        }
        raw.push(RawArg { name, value });
        if cursor.next().is_none() {
            return Ok(raw);
        }
    }
}

fn stray(c: char, at: usize) -> ArgError {
    let message = match c {
        ';' => "';' would start a second chain; a chain here is one line of filters".to_owned(),
        '[' => "labels in '[ ]' join branches; a chain here is one line of filters".to_owned(),
        c => format!("'{c}' has no meaning here; put it in quotes if it belongs to a value"),
    };
    ArgError::new(message, at)
}

/// Reads tokens off placed characters. A chain is read twice: first split into filters, then
/// each filter's arguments; every reading takes one level of quotes and backslashes away, as
/// ffmpeg's does.
struct Cursor<'a> {
    placed: &'a [Placed],
    at: usize,
    /// The column after the last character.
    end: usize,
}

impl Cursor<'_> {
    /// The next character that is no space.
    fn peek(&mut self) -> Option<Placed> {
        while self.placed.get(self.at).is_some_and(|(c, _)| c.is_whitespace()) {
            self.at += 1;
        }
        self.placed.get(self.at).copied()
    }

    fn next(&mut self) -> Option<Placed> {
        let next = self.peek()?;
        self.at += 1;
        Some(next)
    }

    /// The column of the next character that is no space, or of the end.
    fn column(&mut self) -> usize {
        self.peek().map_or(self.end, |(_, column)| column)
    }

    /// `name=`, if that is what comes next; its `=` is consumed.
    fn key(&mut self) -> Option<Text> {
        self.peek();
        let rest = &self.placed[self.at..];
        let length = rest.iter().take_while(|(c, _)| c.is_alphanumeric() || *c == '_').count();
        let spaces = rest[length..].iter().take_while(|(c, _)| c.is_whitespace()).count();
        let (c, column) = *rest.get(length + spaces)?;
        if length == 0 || c != '=' {
            return None;
        }
        self.at += length + spaces + 1;
        Some(Text::new(&rest[..length], column))
    }

    fn token(&mut self, stops: &str) -> Result<Text, ArgError> {
        let (placed, end) = self.unquoted(stops)?;
        Ok(Text::new(&placed, end))
    }

    /// Characters up to one of `stops` or the end, without quotes, without backslashes that
    /// escape, and without spaces around; with the column after the last.
    fn unquoted(&mut self, stops: &str) -> Result<(Vec<Placed>, usize), ArgError> {
        self.peek();
        let mut out = Vec::new();
        // Spaces at the end go, unless they were quoted.
        let mut kept = 0;
        while let Some(&(c, column)) = self.placed.get(self.at) {
            if stops.contains(c) {
                break;
            }
            self.at += 1;
            match c {
                '\\' => {
                    let Some(&escaped) = self.placed.get(self.at) else {
                        return Err(ArgError::new("nothing follows the backslash", column));
                    };
                    self.at += 1;
                    out.push(escaped);
                    kept = out.len();
                }
                '\'' => {
                    let rest = &self.placed[self.at..];
                    let Some(length) = rest.iter().position(|(c, _)| *c == '\'') else {
                        return Err(ArgError::new("this quote is never closed", column));
                    };
                    out.extend_from_slice(&rest[..length]);
                    self.at += length + 1;
                    kept = out.len();
                }
                _ => {
                    out.push((c, column));
                    if !c.is_whitespace() {
                        kept = out.len();
                    }
                }
            }
        }
        out.truncate(kept);
        // What is missing is missing after the last character, inside quotes if it has any.
        let stop = self.placed.get(self.at).map_or(self.end, |(_, column)| *column);
        let end = out.last().map_or(stop, |(_, column)| column + 1);
        Ok((out, end))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::filter::algebra::Context;
    use crate::filter::args::quote;
    use crate::filter::param::{Kind, Param};
    use crate::filter::spec::Spec;
    use crate::filter::testing::rgb;

    /// The chain as it prints.
    fn print(filters: &[Arc<dyn Filter>]) -> String {
        filters.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn chains_print_in_one_spelling() {
        for (text, printed) in [
            ("", ""),
            ("  ", ""),
            ("eq=contrast=1.15:saturation=1.2", "eq=contrast=1.15:saturation=1.2"),
            (" eq = 1.15 : 0.1 , hflip ", "eq=contrast=1.15:brightness=0.1,hflip"),
            ("eq=gamma=1.0:contrast=1", "eq"),
            ("scale=640:-1:flags=lanczos", "resize=w=640:h=-1"),
            ("resize=w=min(iw\\,1920):h=-1", "resize=w='min(iw,1920)':h=-1"),
            ("resize=w='min(iw,1920)'", "resize=w='min(iw,1920)'"),
            ("curves=r='0/0.11  0.42/0.51 1/0.95'", "curves=red='0/0.11 0.42/0.51 1/0.95'"),
            ("linear=b=10/255", "linear=b=0.0392156862745098"),
            ("pad=iw+2:color=red@0.5", "pad=w=iw+2:color=red@0.5"),
        ] {
            let chain = parse(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
            assert_eq!(print(&chain), printed, "{text}");
            assert_eq!(print(&parse(printed).unwrap()), printed);
        }
    }

    #[test]
    fn errors_point_at_the_character() {
        for (text, at, part) in [
            ("eqq", 0, "did you mean \"eq\"?"),
            ("hflip,gbulr=3", 6, "did you mean \"gblur\"?"),
            ("eq=contrats=1", 3, "did you mean \"contrast\"?"),
            ("eq=contrast=abc", 12, "\"abc\" is no number"),
            ("eq=contrast=1+", 14, "expected a number"),
            ("eq=contrast=2000", 12, "outside -1000 to 1000"),
            ("eq=saturation='1':gamma='0'", 25, "outside 0.1 to 10"),
            ("eq,", 3, "expected the name"),
            (",eq", 0, "expected the name"),
            ("eq,,eq", 3, "expected the name"),
            ("eq=", 3, "expected a value"),
            ("eq=contrast=", 12, "expected a value"),
            ("eq=1::2", 5, "expected a value"),
            ("eq:contrast=2", 2, "arguments follow '='"),
            ("eq;hflip", 2, "second chain"),
            ("eq=1;hflip", 4, "second chain"),
            ("[in]eq", 0, "labels"),
            ("eq[out]", 2, "labels"),
            ("eq=1[out]", 4, "labels"),
            ("eq]", 2, "no meaning"),
            ("hflip=enable='gt(t,1)'", 6, "enable= is not supported"),
            ("eq=contrast=1:2", 14, "cannot follow a named one"),
            ("eq=1:contrast=2", 5, "given twice"),
            ("hflip=1", 6, "takes no arguments"),
            ("resize=w='min(iw,'", 17, "expected a number"),
            ("resize=w='min(iww,2)'", 14, "did you mean \"iw\"?"),
            ("resize=w=min(iww\\,2)", 13, "did you mean \"iw\"?"),
            ("curves=r='0/0 1/x'", 16, "\"x\" is no number"),
            ("curves=r='0/0", 9, "never closed"),
            ("eq=1\\", 4, "nothing follows"),
            ("gäblur,eqq", 0, "did you mean \"gblur\"?"),
            ("pad=color=rot:w=ö", 16, "\"ö\" is not known here"),
            ("linear=1:20", 9, "20/255"),
            ("rotate=PI/2", 7, "degrees"),
            ("rotate=45:ow=rotw(45*PI/180)", 21, "degrees"),
            ("hue=h=2*PI", 8, "degrees"),
            ("colorchannelmixer=aa=0.5", 21, "alpha"),
            ("posterize", 0, "needs levels"),
            ("fps=25", 0, "use --r"),
            ("hue=H=1", 4, "degrees"),
        ] {
            let e = parse(text).err().unwrap_or_else(|| panic!("{text} parses"));
            assert_eq!(e.at, at, "{text}: {}", e.message);
            assert!(e.message.contains(part), "{text}: {}", e.message);
        }
    }

    #[test]
    fn every_example_parses_prints_and_parses_to_the_same() {
        for spec in catalogue::all() {
            for example in spec.examples {
                let first = parse(example).unwrap_or_else(|e| panic!("{example}: {e:?}"));
                let printed = print(&first);
                let second = parse(&printed).unwrap_or_else(|e| panic!("{printed}: {e:?}"));
                assert_eq!(print(&second), printed, "{example}");
                same_operations(&first, &second);
            }
        }
    }

    /// Asserts that two chains compile to operations that print the same, or fail the same.
    fn same_operations(a: &[Arc<dyn Filter>], b: &[Arc<dyn Filter>]) {
        let context = Context { layout: rgb(321, 421), icc: None };
        for (a, b) in a.iter().zip(b) {
            let [a, b] = [a, b].map(|f| format!("{:?}", f.compile(&context)));
            assert_eq!(a, b);
        }
    }

    /// Text that is valid for the parameter, as far as its kind says.
    fn value(param: &'static Param) -> BoxedStrategy<String> {
        let (low, high) = param.range();
        match param.kind {
            Kind::Number { .. } | Kind::Fraction { .. } => {
                let low = low.max(-1.0);
                (low..=high.min(low + 2.5)).prop_map(|v| v.to_string()).boxed()
            }
            Kind::Angle => (-400i32..400).prop_map(|v| v.to_string()).boxed(),
            Kind::Integer { low, high } => {
                (low..=high.min(low + 9)).prop_map(|v| v.to_string()).boxed()
            }
            Kind::Expression(names) | Kind::Size(names) => {
                let first = names.variables.first().copied().unwrap_or("1");
                prop::sample::select(vec![
                    "16".to_owned(),
                    format!("{first}/2"),
                    format!("max({first}, 16) + (3 * 2)"),
                ])
                .boxed()
            }
            Kind::Choice(words) => {
                let all: Vec<_> = words.iter().flat_map(|w| w.iter().copied()).collect();
                prop::sample::select(all).prop_map(str::to_owned).boxed()
            }
            Kind::Color => prop::sample::select(vec!["red", "#102030", "0x10203040", "tan@0.25"])
                .prop_map(str::to_owned)
                .boxed(),
            Kind::List => prop::sample::select(vec!["0/0.1  1/0.9", "1 2 1 2 4 2 1 2 1"])
                .prop_map(str::to_owned)
                .boxed(),
        }
    }

    fn call(spec: &'static Spec) -> impl Strategy<Value = String> {
        let values: Vec<_> =
            spec.params.iter().map(|p| prop::option::weighted(0.4, value(p))).collect();
        values.prop_map(move |values| {
            let given: Vec<_> = spec
                .params
                .iter()
                .zip(&values)
                .filter_map(|(p, v)| v.as_ref().map(|v| format!("{}={}", p.name, quote(v))))
                .collect();
            if given.is_empty() {
                spec.name.to_owned()
            } else {
                format!("{}={}", spec.name, given.join(":"))
            }
        })
    }

    fn any_call() -> impl Strategy<Value = String> {
        prop::sample::select(catalogue::all().collect::<Vec<_>>()).prop_flat_map(call)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn random_arguments_print_and_parse_to_the_same(
            calls in prop::collection::vec(any_call(), 1..4)
        ) {
            let text = calls.join(",");
            // Some combinations are refused (a crop's matrix is no list of points); those that
            // parse must survive printing.
            if let Ok(chain) = parse(&text) {
                let printed = print(&chain);
                let again = parse(&printed).map_err(|e| TestCaseError::fail(e.message))?;
                prop_assert_eq!(print(&again), printed);
                same_operations(&chain, &again);
            }
        }

        #[test]
        fn no_text_panics_and_every_error_lies_in_the_text(text in "[a-z=:,;'\\\\ 0-9.\\[\\]()ä+*/-]{0,40}") {
            if let Err(e) = parse(&text) {
                prop_assert!(e.at <= text.chars().count(), "{} at {}", e.message, e.at);
            }
        }

        #[test]
        fn any_value_survives_quoting(value in "\\PC{1,12}") {
            let value = value.trim();
            prop_assume!(!value.is_empty());
            let text = format!("k={}", quote(value));
            let placed: Vec<Placed> = text.chars().enumerate().map(|(i, c)| (c, i)).collect();
            let mut outer = Cursor { placed: &placed, at: 0, end: placed.len() };
            let (inner, end) = outer.unquoted("[],;").unwrap();
            prop_assert!(outer.next().is_none());
            let raw = arguments(Cursor { placed: &inner, at: 0, end }).unwrap();
            prop_assert_eq!(raw.len(), 1);
            prop_assert_eq!(raw[0].value.as_str(), value);
        }
    }
}
