//! Recipes: a TOML file with options by their long names. It becomes arguments that stand
//! before the person's own, so one parser checks both, and the command line wins.

use std::ffi::OsString;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use lumaloom::error::{Error, Result, shown};
use lumaloom::filter::suggest;

/// Options that a recipe may not hold: they belong to one run, not to a look.
const NOT_IN_A_RECIPE: [&str; 6] = ["recipe", "output", "dry-run", "explain", "help", "version"];

/// Options that say the same thing: one of them on the command line hides both.
const SAME: [(&str, &str); 2] = [("mode", "processes"), ("quiet", "verbose")];

/// The recipe at `path` as arguments of `command`, without what `typed` says already.
///
/// # Errors
/// `Usage`: the file cannot be read, is no TOML, has a key that is no option, or a value that
/// is neither text, number, truth value nor a list of these.
pub fn arguments(path: &Path, command: &Command, typed: &ArgMatches) -> Result<Vec<OsString>> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Error::usage(format!("--recipe {}: {e}", shown(path))))?;
    parse(&text, command, typed).map_err(|e| e.within(format!("--recipe {}", shown(path))))
}

fn parse(text: &str, command: &Command, typed: &ArgMatches) -> Result<Vec<OsString>> {
    let table: toml::Table =
        toml::from_str(text).map_err(|e| Error::usage(e.to_string().trim_end().to_owned()))?;
    let mut arguments = Vec::new();
    for (key, value) in &table {
        let arg = option(command, key)?;
        if is_typed(command, typed, arg) {
            continue;
        }
        let flag = matches!(arg.get_action(), ArgAction::SetTrue);
        match (flag, value) {
            (true, toml::Value::Boolean(true)) => arguments.push(format!("--{key}").into()),
            (true, toml::Value::Boolean(false)) => {}
            (true, _) => return Err(Error::usage(format!("{key} is true or false"))),
            // A chain may be written as a list of filters.
            (false, toml::Value::Array(items)) if key == "filter" => {
                let filters = items.iter().map(|item| scalar(key, item));
                let chain = filters.collect::<Result<Vec<_>>>()?.join(",");
                arguments.push(format!("--{key}={chain}").into());
            }
            (false, toml::Value::Array(items)) if matches!(arg.get_action(), ArgAction::Append) => {
                for item in items {
                    arguments.push(format!("--{key}={}", scalar(key, item)?).into());
                }
            }
            (false, value) => arguments.push(format!("--{key}={}", scalar(key, value)?).into()),
        }
    }
    Ok(arguments)
}

fn option<'a>(command: &'a Command, key: &str) -> Result<&'a Arg> {
    let known = || {
        command
            .get_arguments()
            .filter(|arg| arg.get_long().is_some_and(|long| !NOT_IN_A_RECIPE.contains(&long)))
    };
    if let Some(arg) = known().find(|arg| arg.get_long() == Some(key)) {
        return Ok(arg);
    }
    let names: Vec<&str> = known().filter_map(Arg::get_long).collect();
    let hint = suggest::hint(key, names.iter().copied());
    let rest = if hint.is_empty() { format!("; there are {}", names.join(", ")) } else { hint };
    Err(Error::usage(format!("{key:?} is no option of a recipe{rest}")))
}

fn is_typed(command: &Command, typed: &ArgMatches, arg: &Arg) -> bool {
    let by_hand = |id: &str| matches!(typed.value_source(id), Some(ValueSource::CommandLine));
    let long = arg.get_long().unwrap_or_default();
    let twin = SAME.iter().find_map(|(a, b)| match long {
        _ if long == *a => Some(*b),
        _ if long == *b => Some(*a),
        _ => None,
    });
    let twin = twin.and_then(|twin| command.get_arguments().find(|a| a.get_long() == Some(twin)));
    by_hand(arg.get_id().as_str()) || twin.is_some_and(|twin| by_hand(twin.get_id().as_str()))
}

fn scalar(key: &str, value: &toml::Value) -> Result<String> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Float(number) => Ok(number.to_string()),
        _ => Err(Error::usage(format!("the value of {key} is neither text nor a number"))),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::super::args::Cli;
    use super::*;

    fn images() -> Command {
        let mut cli = Cli::command();
        cli.build();
        cli.find_subcommand("images").expect("the command exists").clone()
    }

    fn with(recipe: &str, line: &str) -> Result<Vec<String>> {
        let matches = Cli::command().get_matches_from(line.split_whitespace());
        let (_, typed) = matches.subcommand().unwrap();
        let arguments = parse(recipe, &images(), typed)?;
        Ok(arguments.into_iter().map(|a| a.into_string().unwrap()).collect())
    }

    #[test]
    fn keys_become_arguments_and_the_command_line_wins() {
        let recipe = r#"
            filter = ["eq=contrast=1.2", "negate"]
            quality = 85
            progressive = true
            strip-metadata = false
            include = ["*.jpg", "*.png"]
            mode = "processes"
        "#;
        let line = "lumaloom images in -o out";
        assert_eq!(
            with(recipe, line).unwrap(),
            [
                "--filter=eq=contrast=1.2,negate",
                "--include=*.jpg",
                "--include=*.png",
                "--mode=processes",
                "--progressive",
                "--quality=85"
            ]
        );
        let line = "lumaloom images in -o out --quality 50 -f gblur --processes --include x";
        assert_eq!(with(recipe, line).unwrap(), ["--progressive"]);
    }

    #[test]
    fn what_they_become_parses() {
        let arguments = with("threads = 2\nmem = \"1G\"", "lumaloom images in -o out").unwrap();
        let words = ["lumaloom".to_owned(), "images".to_owned()].into_iter().chain(arguments);
        let words = words.chain(["in".to_owned(), "-o".to_owned(), "out".to_owned()]);
        assert!(Cli::try_parse_from(words).is_ok());
    }

    #[test]
    fn errors_name_the_key() {
        let line = "lumaloom images in -o out";
        for (recipe, expected) in [
            ("qualty = 5", "did you mean \"quality\"?"),
            ("output = 'x'", "\"output\" is no option of a recipe"),
            ("progressive = 1", "progressive is true or false"),
            ("quality = { a = 1 }", "the value of quality"),
            ("quality = ", "quality"),
        ] {
            let error = with(recipe, line).unwrap_err().to_string();
            assert!(error.contains(expected), "{recipe}: {error}");
        }
    }
}
