//! The stage that computes. Which job it works for, the stream says.

use std::ffi::OsString;
use std::sync::Arc;

use lumaloom::error::{Error, Result, Stop};
use lumaloom::event::StageName;
use lumaloom::exec::{self, OnError, Settings};
use lumaloom::frame::BufferPool;
use lumaloom::link::Cancel;
use lumaloom::link::pipe::{self, Checksum, Header};
use lumaloom::stage::{Computing, Order, Work, pool, run_work};

use super::super::args::{ModeArg, StageWorkArgs};
use super::super::clip::{Target, Upright, Wish};
use super::super::job::{Pool, Recipe, word};
use super::super::{assemble, clip as clips};
use super::{
    Ear, News, at_signals, clip, epoch, images, of_job, pipe_end, receive, stage_settings,
};

/// Computes what comes.
pub fn run(args: &StageWorkArgs, arguments: &[OsString]) -> Result<u8> {
    let joins = "stage work takes packets from stdin and writes packets to stdout";
    let input = pipe_end(&std::io::stdin(), joins)?;
    let output = pipe_end(&std::io::stdout(), joins)?;
    let recipe = Recipe::new(&args.pixels)?;
    let threads = Pool::new(&args.pool, args.memory.mem, ModeArg::Threads)?;
    let settings = assemble::settings(&recipe, &threads, 1, OnError::Continue, epoch(&args.events));
    let settings = stage_settings(&args.events, settings);
    let ear = Ear::new(StageName::Work, &args.events, arguments, Default::default())?;
    let cancel = Cancel::default();
    let _signals = at_signals(StageName::Work, &cancel)?;
    let ended = ear.run(&settings, &cancel, |context| {
        let (header, rx) = receive(input, &settings, context)?;
        if let Some(job) = args.job {
            of_job(&header, &word(job))?;
        }
        let (work, header, settings) = work(args, &recipe, header, settings.clone(), &ear)?;
        let tx = pipe::writer(output, &header, Checksum::Heads)?.with_cancel(&cancel);
        let frames = exec::budget_of(StageName::Work, &settings, &cancel);
        let computing = Computing {
            pool: &pool(settings.threads)?,
            split: settings.split,
            order: if header.strict { Order::Strict } else { Order::Any },
            budget: &frames,
            started: &|| Ok(()),
        };
        run_work(&*work, rx, tx, &computing, context)
    });
    ear.finish(ended)
}

/// The work for a stream, what the next stage is told of it, and how it is run.
fn work(
    args: &StageWorkArgs,
    recipe: &Recipe,
    header: Header,
    settings: Settings,
    ear: &Ear,
) -> Result<(Box<dyn Work>, Header, Settings), Stop> {
    let threads = settings.threads;
    match header.job.as_str() {
        images::JOB => {
            recipe.chain.suits_stills()?;
            Ok((Box::new(assemble::work(recipe, threads)), header, settings))
        }
        clip::JOB => {
            let (facts, layout) = clip::told(&header)?;
            let buffers = Arc::new(BufferPool::new(6 * threads));
            let upright = if args.upright { Upright::Always } else { Upright::IfNeeded };
            let target = Target::of(
                recipe.encode.clone(),
                Wish::new(args.pix_fmt.as_deref(), args.colorspace, args.color_range),
            );
            ear.notes(&target.notes(layout, &facts), News::Person);
            let planned = clips::work(
                &recipe.chain,
                (layout, &facts),
                (&target, upright),
                threads,
                &buffers,
            )?;
            let facts = planned.after(facts);
            let layout = Some(*planned.work.score().output());
            let header = Header { layout, facts: Some(clip::said(&facts)?), ..header };
            let settings = planned.kept_apart(settings)?;
            Ok((Box::new(planned.work), header, settings))
        }
        job => {
            Err(Error::usage(format!("the stream is of a {job} job, which is not known")).into())
        }
    }
}
