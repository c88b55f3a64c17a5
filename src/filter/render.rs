//! The catalogue as text, Markdown and JSON. Pure functions; the command line prints them.

use std::fmt::Write;

use serde_json::{Value, json};

use super::catalogue;
use super::param::{Kind, Param};
use super::spec::{Family, Spec};

/// All filters with their summaries, family by family.
pub fn list() -> String {
    let width = catalogue::all().map(|s| s.name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for family in Family::ALL {
        let _ = writeln!(out, "{}:", family.title());
        for spec in catalogue::all().filter(|s| s.family == family) {
            let _ = writeln!(out, "  {:width$}  {}", spec.name, spec.summary);
        }
        out.push('\n');
    }
    out.push_str("filters NAME tells all about one of them\n");
    out
}

/// One filter in full.
pub fn text(spec: &Spec) -> String {
    let mut out = format!("{}: {}\n", spec.name, spec.summary);
    if !spec.aliases.is_empty() {
        let _ = writeln!(out, "also called {}", spec.aliases.join(", "));
    }
    let _ = write!(out, "\nworks on {}\n\n", spec.space);
    for line in spec.formula.lines() {
        let _ = writeln!(out, "  {line}");
    }
    if !spec.params.is_empty() {
        out.push_str("\narguments, in the order of positional ones:\n");
        let names: Vec<String> = spec.params.iter().map(param_names).collect();
        let width = names.iter().map(|n| n.chars().count()).max().unwrap_or(0);
        for (param, name) in spec.params.iter().zip(&names) {
            let _ = writeln!(out, "  {name:width$}  {}", param.doc);
            let _ = writeln!(out, "  {:width$}  {}", "", details(param));
        }
    }
    if let Some(differs) = spec.differs {
        let _ = write!(out, "\ndiffers from ffmpeg: {differs}\n");
    }
    out.push_str("\nexamples:\n");
    for example in spec.examples {
        let _ = writeln!(out, "  {example}");
    }
    out
}

/// The filters as Markdown: a heading for each family, a table of parameters for each filter.
pub fn markdown<'a>(specs: impl IntoIterator<Item = &'a Spec>) -> String {
    let specs: Vec<_> = specs.into_iter().collect();
    let mut out = String::from("# Filters\n");
    for family in Family::ALL {
        let members = specs.iter().filter(|s| s.family == family);
        for (i, spec) in members.enumerate() {
            if i == 0 {
                let _ = write!(out, "\n## {}\n", capital(family.title()));
            }
            filter_markdown(&mut out, spec);
        }
    }
    out
}

fn filter_markdown(out: &mut String, spec: &Spec) {
    let _ = write!(out, "\n### {}\n\n{}.", spec.name, capital(spec.summary));
    if !spec.aliases.is_empty() {
        let _ = write!(out, " Also called {}.", spec.aliases.join(", "));
    }
    let _ = write!(out, " Works on {}.\n\n```text\n{}\n```\n", spec.space, spec.formula);
    if !spec.params.is_empty() {
        out.push_str("\n| argument | default | values | |\n|---|---|---|---|\n");
        for param in spec.params {
            let cells = [
                format!("`{}`", param_names(param)),
                if param.default.is_empty() {
                    String::new()
                } else {
                    format!("`{}`", param.default)
                },
                values(param),
                capital(param.doc),
            ];
            let cells = cells.map(|c| c.replace('|', "\\|"));
            let _ = writeln!(out, "| {} |", cells.join(" | "));
        }
    }
    if let Some(differs) = spec.differs {
        let _ = write!(out, "\nDiffers from ffmpeg: {differs}.\n");
    }
    let _ = write!(out, "\n```text\n{}\n```\n", spec.examples.join("\n"));
}

/// The filters as an array of objects: `name, aliases, summary, family, space, formula, params,
/// differs, examples`; each parameter as `name, aliases, kind, default, min, max, choices, doc`,
/// null where there is none.
pub fn json<'a>(specs: impl IntoIterator<Item = &'a Spec>) -> Value {
    specs.into_iter().map(filter_json).collect()
}

fn filter_json(spec: &Spec) -> Value {
    json!({
        "name": spec.name,
        "aliases": spec.aliases,
        "summary": spec.summary,
        "family": spec.family.title(),
        "space": spec.space,
        "formula": spec.formula,
        "params": spec.params.iter().map(param_json).collect::<Vec<_>>(),
        "differs": spec.differs,
        "examples": spec.examples,
    })
}

fn param_json(param: &Param) -> Value {
    let (low, high) = param.range();
    let finite = |v: f64| v.is_finite().then_some(v);
    let choices = match param.kind {
        Kind::Choice(words) => Some(words.iter().map(|w| w[0]).collect::<Vec<_>>()),
        _ => None,
    };
    json!({
        "name": param.name,
        "aliases": param.aliases,
        "kind": kind(param),
        "default": (!param.default.is_empty()).then_some(param.default),
        "min": finite(low),
        "max": finite(high),
        "choices": choices,
        "doc": param.doc,
    })
}

fn param_names(param: &Param) -> String {
    [param.name].iter().chain(param.aliases).copied().collect::<Vec<_>>().join(", ")
}

const fn kind(param: &Param) -> &'static str {
    match param.kind {
        Kind::Number { .. } => "number",
        Kind::Fraction { .. } => "number or percentage",
        Kind::Integer { .. } => "whole number",
        Kind::Angle => "degrees",
        Kind::Expression(_) => "expression",
        Kind::Size(_) => "expression or geometry",
        Kind::Choice(_) => "choice",
        Kind::Color => "colour",
        Kind::List => "list",
    }
}

/// What a parameter may be: words, or the kind with its range.
fn values(param: &Param) -> String {
    let choices = match param.kind {
        Kind::Choice(words) => words.iter().map(|w| w.join(" or ")).collect::<Vec<_>>().join(", "),
        _ => kind(param).to_owned(),
    };
    match param.range_text() {
        Some(range) => format!("{choices}, {range}"),
        None => choices,
    }
}

fn details(param: &Param) -> String {
    match param.default {
        "" => values(param),
        default => format!("{}; default {default}", values(param)),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_filter_appears_everywhere() {
        let (list, markdown) = (list(), markdown(catalogue::all()));
        let json = json(catalogue::all());
        assert_eq!(json.as_array().map(Vec::len), Some(catalogue::all().count()));
        for spec in catalogue::all() {
            assert!(list.contains(spec.summary), "{}", spec.name);
            assert!(markdown.contains(&format!("### {}\n", spec.name)), "{}", spec.name);
            let text = text(spec);
            for param in spec.params {
                assert!(text.contains(param.doc), "{}: {}", spec.name, param.name);
            }
            assert_eq!(text.contains("differs from ffmpeg"), spec.differs.is_some());
        }
    }

    #[test]
    fn a_filter_in_full() {
        let gamma = text(catalogue::find("gamma").unwrap());
        assert_eq!(
            gamma,
            "gamma: a power curve\n\nworks on RGB\n\n  v' = v^(1/g), odd below 0\n\n\
             arguments, in the order of positional ones:\n  g  over 1 brightens the middle\n     \
             number, 0.01 to 100; default 1\n\nexamples:\n  gamma=1.1\n  gamma=g=1/2.2\n"
        );
    }

    #[test]
    fn json_has_null_where_there_is_nothing() {
        let json = json([catalogue::find("linear").unwrap()]);
        assert_eq!(json[0]["params"][0]["name"], "a");
        assert!(json[0]["params"][0]["min"].is_null() && json[0]["differs"].is_null());
    }
}
