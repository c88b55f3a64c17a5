//! The command line: parses, builds the job, picks the executor, prints, and gives the exit
//! code. The only room that prints or exits.

mod args;
mod assemble;
mod bench;
mod chunks;
mod clip;
mod clip_job;
mod commands;
mod dry_run;
mod filters;
mod generate;
mod images;
mod job;
mod machine;
mod manifest;
mod progress;
mod recipe;
mod rehearse;
mod render;
mod report;
mod runs;
mod say;
mod signals;
mod spelling;
mod stage;
mod summary;
mod value;
mod verify;
mod video;
mod watch;
mod words;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use lumaloom::error::{Error, Kind, Result, harmless, shown};

use args::{Cli, Command};

/// Runs the program with these arguments, the first of which is its own name.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let code = match parse(&arguments) {
        Ok(cli) => run(&cli, &arguments).unwrap_or_else(|error| {
            say::error(&error);
            code(error.kind())
        }),
        Err(Refusal::Usage(error)) => {
            say::error(&error);
            code(error.kind())
        }
        Err(Refusal::Clap(error)) => refuse(&error),
    };
    ExitCode::from(code)
}

/// The exit code for an error of this kind.
fn code(kind: Kind) -> u8 {
    match kind {
        Kind::Input | Kind::System => 1,
        Kind::Usage => 2,
        Kind::Internal => 70,
        Kind::Temporary => 75,
        Kind::Interrupted => 130,
    }
}

fn run(cli: &Cli, arguments: &[OsString]) -> Result<u8> {
    signals::catch_file_limit()
        .map_err(|e| Error::system(format!("failed to set up signals: {e}")))?;
    let fine = |result: Result<()>| result.map(|()| 0);
    match &cli.command {
        Command::Images(args) => images::run(args, arguments),
        Command::Video(args) => video::run(args, arguments),
        Command::Bench(args) => bench::run(args, arguments),
        Command::Filters(args) => fine(filters::run(args)),
        Command::Stage(args) => stage::run(&args.stage, arguments),
        Command::Report(args) => fine(report::run(args)),
        Command::Manifest(args) => fine(manifest::run(args)),
        Command::Completions { shell } => fine(generate::completions(*shell)),
        Command::Man { command } => fine(generate::man(command.as_deref())),
    }
}

/// Arguments that could not be taken.
enum Refusal {
    Clap(clap::Error),
    Usage(Error),
}

impl From<clap::Error> for Refusal {
    fn from(error: clap::Error) -> Self {
        Self::Clap(error)
    }
}

/// Parses, twice where a recipe adds arguments.
fn parse(arguments: &[OsString]) -> Result<Cli, Refusal> {
    let arguments = &spelled(arguments).map_err(Refusal::Usage)?;
    let matches = Cli::command().try_get_matches_from(arguments)?;
    let typed = Cli::from_arg_matches(&matches)?;
    let recipe = match &typed.command {
        Command::Images(args) => args.recipe.as_deref(),
        Command::Video(args) => args.recipe.as_deref(),
        _ => None,
    };
    let (Some(path), Some((name, typed_matches))) = (recipe, matches.subcommand()) else {
        return Ok(typed);
    };
    let mut command = Cli::command();
    command.build();
    let options = command.find_subcommand(name).ok_or_else(|| {
        Refusal::Usage(Error::internal(format!("no subcommand {name} in the table")))
    })?;
    let more = recipe::arguments(path, options, typed_matches).map_err(Refusal::Usage)?;
    // After the program and the subcommand, before what was typed.
    let mut all = arguments.to_vec();
    all.splice(2..2, more);
    let matches = Cli::command().try_get_matches_from(all).map_err(|e| {
        // A value that only the recipe can have brought: what was typed parsed above.
        let text = e.to_string();
        let first = text.lines().next().unwrap_or_default();
        let what = first.strip_prefix("error: ").unwrap_or(first);
        Refusal::Usage(Error::usage(format!("--recipe {}: {what}", shown(path))))
    })?;
    Ok(Cli::from_arg_matches(&matches)?)
}

/// The arguments with ffmpeg's spelling of `video`'s options replaced by ours.
fn spelled(arguments: &[OsString]) -> Result<Vec<OsString>> {
    let mut cli = Cli::command();
    cli.build();
    let video = cli.find_subcommand("video");
    let names = |word: &OsString| word == "video" || word == "videos";
    let (Some(video), true) = (video, arguments.get(1).is_some_and(names)) else {
        return Ok(arguments.to_vec());
    };
    let (head, rest) = arguments.split_at(2);
    Ok([head.to_vec(), spelling::ours(rest, video)?].concat())
}

/// Prints what clap has to say. Help and version are data and exit 0.
fn refuse(error: &clap::Error) -> u8 {
    if error.use_stderr() {
        // Coloured, unless an argument itself holds orders to the terminal: a shell's glob may
        // have made it of a file's name.
        let text = error.render().to_string();
        if harmless(&text) == text {
            let _ = error.print();
        } else {
            say::line(text.trim_end());
        }
        if error.kind() == ErrorKind::InvalidSubcommand {
            let cli = Cli::command();
            let names: Vec<&str> = cli.get_subcommands().map(clap::Command::get_name).collect();
            say::line(&format!("\ncommands: {}", names.join(", ")));
        }
        return code(Kind::Usage);
    }
    match say::data(&error.render().to_string()) {
        Ok(()) => 0,
        Err(error) => {
            say::error(&error);
            code(error.kind())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_the_contract() {
        for (kind, expected) in [
            (Kind::Input, 1),
            (Kind::System, 1),
            (Kind::Usage, 2),
            (Kind::Internal, 70),
            (Kind::Temporary, 75),
            (Kind::Interrupted, 130),
        ] {
            assert_eq!(code(kind), expected, "{kind:?}");
        }
    }
}
