//! Puts the parts of a run together: the library's settings from the job's.

use std::path::{Path, PathBuf};

use lumaloom::codec::Limits;
use lumaloom::error::{Error, Result};
use lumaloom::event::Observer;
use lumaloom::exec::{self, LastResort, OnError, Settings};
use lumaloom::link::{Cancel, Item, Over};
use lumaloom::observe::Monitor;
use lumaloom::source::folder::largest_first;
use lumaloom::source::{Inputs, WalkOptions, plan_inputs};
use lumaloom::stage::{Ended, Epoch, Sink, Source, Split, Work};
use lumaloom::work::still::{StillOptions, StillWork};

use super::args::{ModeArg, SplitArg, WalkArgs};
use super::job::{Pool, Recipe};
use super::value::Mem;
use super::{code, machine, say};

/// The job list. `out` is left out of the walk.
///
/// # Errors
/// `Usage` for inputs that do not exist.
pub fn inputs(arguments: &[PathBuf], walk: &WalkArgs, out: Option<&Path>) -> Result<Inputs> {
    let options = WalkOptions {
        base: walk.base.clone(),
        include: walk.include.clone(),
        exclude: walk.exclude.clone(),
        shard: walk.shard,
        out: out.map(Path::to_owned),
    };
    plan_inputs(arguments, &options)
}

/// The pictures in the order in which they are best read. A run that stops at its first failure
/// meets them as they are listed.
pub fn in_turn(
    mut items: Vec<Item>,
    (mode, pool): (ModeArg, &Pool),
    on_error: OnError,
) -> Vec<Item> {
    let beside = mode != ModeArg::Inline && pool.threads > 1;
    if beside && on_error == OnError::Continue {
        largest_first(&mut items, pool.threads);
    }
    items
}

/// The work on each picture, for this many threads.
pub fn work(recipe: &Recipe, threads: usize) -> StillWork {
    let options = StillOptions {
        encode: recipe.encode.clone(),
        limits: Limits { max_pixels: recipe.max_pixels },
        shrink: recipe.shrink,
        timeout: Some(recipe.timeout),
    };
    StillWork::new(recipe.chain.clone(), options, threads)
}

/// What the threads of the pool share out.
pub fn split(pool: &Pool) -> Split {
    match pool.split {
        SplitArg::Auto => Split::Auto,
        SplitArg::Frames => Split::Frames,
        SplitArg::Bands => Split::Bands,
    }
}

/// How the stages are run. One picture may take as long as the recipe allows, which is looked
/// at between passes only, so twice as long is not yet a stall.
pub fn settings(
    recipe: &Recipe,
    pool: &Pool,
    io_threads: usize,
    on_error: OnError,
    epoch: Epoch,
) -> Settings {
    let settings = pool_settings(pool, on_error, epoch);
    let stall = settings.stall.max(recipe.timeout.saturating_mul(2));
    Settings { stall, io_threads, ..settings }
}

/// Settings that know the pool and its memory.
pub fn pool_settings(pool: &Pool, on_error: OnError, epoch: Epoch) -> Settings {
    Settings {
        threads: pool.threads,
        split: split(pool),
        on_error,
        epoch,
        last_resort: last_resort(),
        ..memory(pool.mem)
    }
}

/// Settings that know the memory alone.
pub fn memory(mem: Mem) -> Settings {
    let (mem, over) = match mem {
        Mem::Auto => (machine::memory_budget(), Over::Alone),
        Mem::Part(parts) => (machine::memory_budget() / parts, Over::Alone),
        Mem::Bytes(bytes) => (bytes, Over::Refuse),
    };
    Settings { mem, over, ..Settings::default() }
}

/// Runs a job in this process, under the monitor. Stages in processes have a parent instead.
///
/// # Errors
/// Those of the run, and `System` when there is no thread for the monitor.
pub fn run(
    mode: ModeArg,
    source: &dyn Source,
    work: &dyn Work,
    sink: Box<dyn Sink>,
    settings: &Settings,
    observer: &dyn Observer,
    cancel: &Cancel,
) -> Result<Ended> {
    let run = match mode {
        ModeArg::Inline => exec::inline::run,
        ModeArg::Threads | ModeArg::Processes => exec::threads::run,
    };
    std::thread::scope(|scope| {
        let _monitor = Monitor::start(scope, &settings.gauges, observer)
            .map_err(|e| Error::system(format!("failed to start a thread: {e}")))?;
        run(source, work, sink, settings, observer, cancel)
    })
}

/// What helps when a thread cannot be ended.
pub fn last_resort() -> LastResort {
    LastResort::new(leave)
}

/// Ends the process when a thread cannot be ended. Outputs appear by rename, and the journal is
/// written line by line, so nothing that was finished is lost.
fn leave(error: &Error) {
    say::error(error);
    std::process::exit(i32::from(code(error.kind())));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::SplitArg;

    #[test]
    fn the_largest_come_first_where_several_threads_share_a_run_that_goes_on() {
        let item = |size| Item { size, ..Item::default() };
        let sizes = |mode, threads, on_error| -> Vec<u64> {
            let pool = Pool { threads, asked: threads, split: SplitArg::Auto, mem: Mem::Auto };
            let items = in_turn(vec![item(1), item(3), item(2)], (mode, &pool), on_error);
            items.iter().map(|item| item.size).collect()
        };
        let (by_size, listed) = ([3, 2, 1], [1, 3, 2]);
        for (mode, threads, on_error, due) in [
            (ModeArg::Threads, 2, OnError::Continue, by_size),
            (ModeArg::Processes, 2, OnError::Continue, by_size),
            (ModeArg::Inline, 2, OnError::Continue, listed),
            (ModeArg::Threads, 1, OnError::Continue, listed),
            (ModeArg::Threads, 2, OnError::Stop, listed),
        ] {
            assert_eq!(sizes(mode, threads, on_error), due, "{mode:?} {threads} {on_error:?}");
        }
    }
}
