//! The two ways out: data to stdout, words to stderr.

use std::io::Write;

use lumaloom::error::{Error, Result, harmless};

/// Prints data on stdout. A reader that went away (`| head`) is no error.
///
/// # Errors
/// `System` when stdout cannot be written.
pub fn data(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::system(format!("failed to write to stdout: {e}")))
        }
        _ => Ok(()),
    }
}

/// Prints a line on stderr. A stderr that is gone is no reason to stop working. What decoders,
/// other programs and the user's files put into the text gives no orders to the terminal.
pub fn line(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", harmless(text));
}

/// Prints what went wrong.
pub fn error(error: &Error) {
    line(&format!("lumaloom: {error}"));
}
