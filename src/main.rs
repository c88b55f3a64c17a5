//! The program: hands its arguments to the command line and ends with its exit code.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main(std::env::args_os().collect())
}
