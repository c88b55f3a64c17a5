//! `--dry-run`: what would be read, written and computed, and nothing more.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use lumaloom::codec::{self, Format};
use lumaloom::error::{Error, Result, shown};
use lumaloom::journal::Remaining;
use lumaloom::link::Item;
use lumaloom::plan::Bands;
use lumaloom::sink::check::Outputs;
use lumaloom::source::Inputs;
use lumaloom::work::still::StillWork;

use super::args::SayArgs;
use super::assemble;
use super::job::{Job, Out, word};
use super::say;
use super::value::{count, show_bytes};

/// Inputs and outputs that are shown without `-v`.
const FIRST: usize = 5;

/// Bytes that are read of each input first: profile, thumbnail and XMP of most cameras fit.
const HEAD: u64 = 256 << 10;

/// Says it all on stderr, what would fail too, and how many inputs would.
pub fn run(
    job: &Job,
    inputs: &Inputs,
    left: &Remaining,
    outputs: &Outputs,
    args: &SayArgs,
) -> usize {
    let most = if args.verbose || args.explain { usize::MAX } else { FIRST };
    let bytes = left.todo.iter().map(|item| item.size).sum();
    let folder = match &job.out {
        Out::Folder(folder) => folder.as_path(),
        Out::File(file) => file.parent().unwrap_or(Path::new("")),
    };
    let items = count(left.todo.len() as u64, "input");
    say::line(&format!("{items}, {}", show_bytes(bytes)));
    for (item, output) in outputs.of(&left.todo, &inputs.items).take(most) {
        let output = output.map_or_else(
            || shown(&folder.join(job.writing.name.to_string())).to_string(),
            |path| shown(&folder.join(path)).to_string(),
        );
        say::line(&format!("  {} -> {output}", shown(&item.input)));
    }
    let rest = left.todo.len().saturating_sub(most);
    if rest > 0 {
        say::line(&format!("  and {rest} more; -v lists all"));
    }
    for (before, what) in [
        (left.done, "finished before"),
        (left.failed.len() as u64, "failed before; --retry-failed tries again"),
        (
            left.edited.len() as u64,
            "left alone: outputs were changed after they were made; -y makes them anew",
        ),
    ] {
        if before > 0 {
            say::line(&format!("{} {what}", count(before, "input")));
        }
    }
    if inputs.skipped.values().sum::<u64>() > 0 {
        let kinds: Vec<String> =
            inputs.skipped.iter().map(|(name, n)| format!("{n} {name}")).collect();
        say::line(&format!("skipped  {}", kinds.join(", ")));
    }
    let would_fail = plans(job, &left.todo);
    say::line("nothing written (dry run)");
    would_fail
}

/// One plan per distinct layout, with how many pictures have it; what would fail, and how many;
/// memory.
fn plans(job: &Job, items: &[Item]) -> usize {
    let work = assemble::work(&job.recipe, job.pool.threads);
    let bands = assemble::split(&job.pool).widest();
    let mut groups: BTreeMap<(String, Vec<String>), Group> = BTreeMap::new();
    let (mut most, mut would_fail) = (0, 0);
    let memory = assemble::memory(job.pool.mem);
    for item in items {
        let refused = match planned(&work, item, bands) {
            Ok((picture, plan, peak)) => {
                most = most.max(peak);
                let group = groups.entry((picture, plan)).or_default();
                group.pictures += 1;
                group.peak_bytes = group.peak_bytes.max(peak);
                memory.over.admits(peak, memory.mem)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = refused {
            would_fail += 1;
            say::line(&format!("would fail {}: {error}", shown(&item.input)));
        }
    }
    for ((picture, plan), group) in &groups {
        say::line(&format!(
            "{picture}: {}, {} each",
            count(group.pictures, "picture"),
            show_bytes(group.peak_bytes)
        ));
        for line in plan {
            say::line(&format!("  {line}"));
        }
    }
    let pool = &job.pool;
    say::line(&format!(
        "memory   at most {} for one picture; {} in flight on {} ({})",
        show_bytes(most),
        show_bytes(memory.mem),
        count(pool.threads as u64, "thread"),
        word(job.mode),
    ));
    would_fail
}

/// The picture's kind, its plan in lines, and its peak in bytes.
type Planned = (String, Vec<String>, u64);

/// All that a JPEG's header says stands in front of its pixels, so its first bytes are enough;
/// if they are not, and for other formats, whose metadata may stand at the end, all is read.
fn planned(work: &StillWork, item: &Item, bands: Bands<'_>) -> Result<Planned> {
    let plan = |bytes: &[u8]| {
        let (header, plan) = work.plan(bytes)?;
        let peak = work.peak_bytes((bytes, item.size), &header, &plan, bands);
        let picture = format!("{} {}", header.format.name(), header.layout);
        Ok::<Planned, Error>((picture, plan.explain(), peak))
    };
    let failed = |e| Error::io("read", &item.input, &e);
    let mut bytes = Vec::new();
    let mut file = File::open(&item.input).map_err(failed)?;
    (&mut file).take(HEAD).read_to_end(&mut bytes).map_err(failed)?;
    if (bytes.len() as u64) < HEAD || codec::sniff(&bytes) == Some(Format::Jpeg) {
        let planned = plan(&bytes);
        if planned.is_ok() || (bytes.len() as u64) < HEAD {
            return planned;
        }
    }
    file.read_to_end(&mut bytes).map_err(failed)?;
    plan(&bytes)
}

#[derive(Default)]
struct Group {
    pictures: u64,
    peak_bytes: u64,
}
