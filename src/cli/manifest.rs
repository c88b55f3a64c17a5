//! `lumaloom manifest`: a frozen list of inputs.

use std::path::Path;

use lumaloom::error::{Result, shown};
use lumaloom::sink::check::file_can_be_made;
use lumaloom::source::manifest::Manifest;

use super::args::ManifestArgs;
use super::assemble;
use super::say;
use super::value::count;

/// Writes the list; `-` is stdout.
///
/// # Errors
/// `Usage` for inputs that do not exist, `System` when the list cannot be written.
pub fn run(args: &ManifestArgs) -> Result<()> {
    if args.output != Path::new("-") {
        file_can_be_made("-o", &args.output)?;
    }
    let inputs = assemble::inputs(&args.inputs, &args.walk, None)?;
    let manifest = Manifest { base: inputs.base, items: inputs.items };
    if args.output == Path::new("-") {
        let mut text = Vec::new();
        manifest.write(&mut text)?;
        return say::data(&String::from_utf8_lossy(&text));
    }
    manifest.save(&args.output)?;
    let items = count(manifest.items.len() as u64, "input");
    say::line(&format!("{items} in {}", shown(&args.output)));
    Ok(())
}
