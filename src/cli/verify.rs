//! `video --verify`: source and result side by side.

use lumaloom::error::{Kind, Result};
use lumaloom::ffmpeg::{Row, Verdict};
use lumaloom::link::Cancel;

use super::args::{ProgressArg, SayArgs};
use super::clip::{ClipOut, Movie, Planned};
use super::{code, say};

/// Compares a clip with its finished render of `frames` frames, and gives the exit code. `damage` is
/// what decoders found wrong with the clip.
///
/// # Errors
/// When one of them cannot be read, or stdout cannot be written.
pub fn run(
    (movie, planned): (&Movie, &Planned),
    (output, frames): (&ClipOut, u64),
    damage: Option<String>,
    args: &SayArgs,
    cancel: &Cancel,
) -> Result<u8> {
    let mut rows = movie.verify(output, planned, frames, cancel)?;
    // What a damaged clip lost was never seen: that nothing was lost cannot be said of it.
    rows.extend(damage.map(|damage| Row::lost("decoding", &damage)));
    print(&rows, args)
}

/// Prints the table and gives the exit code: 1 when something was lost. It is data, unless stdout
/// has events on it.
///
/// # Errors
/// `System` when stdout cannot be written.
fn print(rows: &[Row], args: &SayArgs) -> Result<u8> {
    let text = table(rows);
    match args.progress {
        ProgressArg::Jsonl => text.lines().for_each(say::line),
        _ => say::data(&lumaloom::error::harmless(&text))?,
    }
    let lost = rows.iter().any(|row| row.verdict == Verdict::Lost);
    Ok(if lost { code(Kind::Input) } else { 0 })
}

/// One line for each row, in columns.
fn table(rows: &[Row]) -> String {
    let verdicts: Vec<String> = rows.iter().map(|row| row.verdict.to_string()).collect();
    let head = ["", "source", "result", ""];
    let rows = rows.iter().zip(&verdicts);
    let rows = rows.map(|(row, v)| [row.what.as_str(), &row.source, &row.result, v]);
    let rows: Vec<[&str; 4]> = std::iter::once(head).chain(rows).collect();
    let width =
        |column: usize| rows.iter().map(|cells| cells[column].chars().count()).max().unwrap_or(0);
    let [what, source, result] = [width(0), width(1), width(2)];
    let line = |[a, b, c, d]: &[&str; 4]| {
        let line = format!("{a:what$}  {b:source$}  {c:result$}  {d}");
        format!("{}\n", line.trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let row = |what: &str, result: &str, verdict| Row {
            what: what.into(),
            source: "6".into(),
            result: result.into(),
            verdict,
        };
        let rows = [row("frames", "6", Verdict::Same), row("x", "none at all", Verdict::Lost)];
        let expected = "        source  result\n\
                        frames  6       6            same\n\
                        x       6       none at all  lost\n";
        assert_eq!(table(&rows), expected);
    }
}
