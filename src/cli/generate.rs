//! What is generated from the table of options: completion scripts and manual pages.

use clap::CommandFactory;
use clap_complete::Shell;
use lumaloom::error::{Error, Result};

use super::args::Cli;
use super::say;

/// Prints the completion script for a shell.
///
/// # Errors
/// `System` when stdout cannot be written.
pub fn completions(shell: Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "lumaloom", &mut script);
    say::data(&String::from_utf8_lossy(&script))
}

/// Prints the manual page of the program, or of one command.
///
/// # Errors
/// `Usage` for a name that is no command.
pub fn man(command: Option<&str>) -> Result<()> {
    say::data(&page(command)?)
}

fn page(command: Option<&str>) -> Result<String> {
    let mut cli = Cli::command();
    cli.build();
    let command = match command {
        None => cli,
        Some(name) => {
            let names: Vec<String> =
                cli.get_subcommands().map(|c| c.get_name().to_owned()).collect();
            let found = cli.find_subcommand(name).cloned().ok_or_else(|| {
                Error::usage(format!("{name:?} is no command; there are {}", names.join(", ")))
            })?;
            found.display_name(format!("lumaloom-{name}"))
        }
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(|e| Error::internal(format!("failed to make a manual page: {e}")))?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_name_their_command() {
        assert!(page(None).unwrap().contains("lumaloom"));
        let images = page(Some("images")).unwrap();
        assert!(images.contains("lumaloom\\-images") && images.contains("shrink"), "{images}");
        let error = page(Some("imges")).unwrap_err().to_string();
        assert!(error.contains("images"), "{error}");
    }
}
