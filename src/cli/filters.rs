//! `lumaloom filters`: the catalogue as a list, one filter in full, JSON or Markdown.

use std::fmt::Write;

use lumaloom::error::{Error, Result};
use lumaloom::filter::catalogue;
use lumaloom::filter::param::{Kind, Param};
use lumaloom::filter::spec::{Family, Spec};
use serde_json::{Value, json};

use super::args::FiltersArgs;
use super::say;

/// Prints what was asked for.
///
/// # Errors
/// `Usage` for a name that is no filter.
pub fn run(args: &FiltersArgs) -> Result<()> {
    let one = args.name.as_deref().map(catalogue::lookup).transpose().map_err(Error::usage)?;
    let text = match (one, args.json, args.markdown) {
        (None, true, _) => pretty(&Value::Array(catalogue::all().map(to_json).collect())),
        (Some(spec), true, _) => pretty(&to_json(spec)),
        (None, _, true) => markdown_list(),
        (Some(spec), _, true) => markdown(spec),
        (None, _, _) => list(),
        (Some(spec), _, _) => full(spec),
    };
    say::data(&text)
}

fn pretty(value: &Value) -> String {
    // A tree of strings and numbers: this cannot fail.
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

fn of_family(family: Family) -> impl Iterator<Item = &'static Spec> {
    catalogue::all().filter(move |spec| spec.family == family)
}

/// One line per filter, under headings. Writing to a `String` cannot fail, here and below.
fn list() -> String {
    let width = catalogue::all().map(|spec| spec.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (i, family) in Family::ALL.into_iter().enumerate() {
        let gap = if i == 0 { "" } else { "\n" };
        let _ = writeln!(text, "{gap}# {}", family.title());
        for spec in of_family(family) {
            let _ = writeln!(text, "{:width$}  {}", spec.name, spec.summary);
        }
    }
    text
}

/// All that is known of one filter.
fn full(spec: &Spec) -> String {
    let mut text = format!("{}: {}\n", spec.name, spec.summary);
    if !spec.aliases.is_empty() {
        let _ = writeln!(text, "also called {}", spec.aliases.join(", "));
    }
    let _ = writeln!(text, "\nworks in: {}", spec.space);
    for line in spec.formula.lines() {
        let _ = writeln!(text, "    {line}");
    }
    if !spec.params.is_empty() {
        text.push_str("\nparameters, in the order of positional arguments\n");
        let rows: Vec<[String; 3]> = spec.params.iter().map(row).collect();
        // A long list of words stands on a line of its own.
        let short = |row: &&[String; 3]| row[1].chars().count() <= 40;
        let width = |i: usize| rows.iter().filter(short).map(|row| row[i].chars().count()).max();
        let (names, kinds) = (width(0).unwrap_or(0), width(1).unwrap_or(0));
        for row in &rows {
            let [name, kind, doc] = row;
            let _ = match short(&row) {
                true => writeln!(text, "  {name:names$}  {kind:kinds$}  {doc}"),
                false => writeln!(text, "  {name:names$}  {doc}:\n      {kind}"),
            };
        }
    }
    for (name, reason) in spec.refused {
        let _ = writeln!(text, "  {name} is refused: {reason}");
    }
    if let Some(differs) = spec.differs {
        let _ = writeln!(text, "\ndiffers from ffmpeg: {differs}");
    }
    text.push_str("\nexamples\n");
    for example in spec.examples {
        let _ = writeln!(text, "  {example}");
    }
    text
}

/// Name with aliases, values with default, meaning.
fn row(param: &Param) -> [String; 3] {
    let names: Vec<&str> = [param.name].into_iter().chain(param.aliases.iter().copied()).collect();
    let mut kind = values(param);
    if !param.default.is_empty() {
        let _ = write!(kind, " [{}]", param.default);
    }
    [names.join(", "), kind, param.doc.to_owned()]
}

/// What may be given, in words.
fn values(param: &Param) -> String {
    let word = match param.kind {
        Kind::Number { .. } => "number",
        Kind::Angle => "degrees",
        Kind::Fraction { .. } => "number or %",
        Kind::Integer { .. } => "whole number",
        Kind::Expression(_) => return "expression".to_owned(),
        Kind::Size(_) => return "expression or geometry".to_owned(),
        Kind::Choice(words) => {
            let first = words.iter().filter_map(|spellings| spellings.first().copied());
            return first.collect::<Vec<_>>().join("|");
        }
        Kind::Color => return "colour".to_owned(),
        Kind::List => return "list".to_owned(),
    };
    match param.range_text() {
        Some(range) => format!("{word}, {range}"),
        None => word.to_owned(),
    }
}

fn to_json(spec: &Spec) -> Value {
    let param = |param: &Param| {
        json!({"name": param.name, "aliases": param.aliases, "values": values(param),
            "default": param.default, "doc": param.doc})
    };
    let refused = |(name, reason): &(&str, &str)| json!({"name": name, "reason": reason});
    json!({
        "name": spec.name,
        "aliases": spec.aliases,
        "summary": spec.summary,
        "family": spec.family.title(),
        "space": spec.space,
        "formula": spec.formula,
        "params": spec.params.iter().map(param).collect::<Vec<_>>(),
        "refused": spec.refused.iter().map(refused).collect::<Vec<_>>(),
        "differs": spec.differs,
        "examples": spec.examples,
    })
}

fn markdown_list() -> String {
    let mut text = String::from("# Filters\n");
    for family in Family::ALL {
        let title = family.title();
        let _ = write!(text, "\n## {}{}\n", title[..1].to_uppercase(), &title[1..]);
        for spec in of_family(family) {
            let _ = write!(text, "\n{}", markdown(spec).replacen("# ", "### ", 1));
        }
    }
    text
}

fn markdown(spec: &Spec) -> String {
    let mut text = format!("# `{}`\n\n{}. Works in: {}.\n", spec.name, spec.summary, spec.space);
    if !spec.aliases.is_empty() {
        let _ = write!(text, "\nAlso called `{}`.\n", spec.aliases.join("`, `"));
    }
    let _ = write!(text, "\n```text\n{}\n```\n", spec.formula);
    if !spec.params.is_empty() {
        text.push_str("\n| parameter | values | default | meaning |\n|---|---|---|---|\n");
        for param in spec.params {
            let names: Vec<&str> =
                [param.name].into_iter().chain(param.aliases.iter().copied()).collect();
            let default = match param.default {
                "" => String::new(),
                default => format!("`{}`", default.replace('|', "\\|")),
            };
            let _ = writeln!(
                text,
                "| `{}` | {} | {default} | {} |",
                names.join("`, `"),
                values(param).replace('|', " \\| "),
                param.doc.replace('|', "\\|")
            );
        }
    }
    if let Some(differs) = spec.differs {
        let _ = write!(text, "\nDiffers from ffmpeg: {differs}\n");
    }
    let _ = write!(text, "\nExamples: `{}`\n", spec.examples.join("`, `"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_filter_is_in_each_listing() {
        let (list, markdown) = (list(), markdown_list());
        for spec in catalogue::all() {
            assert!(list.contains(spec.summary), "{}", spec.name);
            assert!(markdown.contains(&format!("### `{}`", spec.name)), "{}", spec.name);
            let full = full(spec);
            for param in spec.params {
                assert!(full.contains(param.doc), "{}: {}", spec.name, param.name);
            }
            assert_eq!(full.contains("differs from ffmpeg"), spec.differs.is_some());
            assert_eq!(to_json(spec)["name"], spec.name);
        }
    }
}
