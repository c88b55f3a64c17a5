//! The command lines of the three stages in process mode: what a person could type.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use lumaloom::error::{Error, Result};
use lumaloom::exec::child::{EVENTS_FD, LOCK_FD};
use lumaloom::exec::processes::StageCommands;
use lumaloom::ffmpeg::Takes;
use lumaloom::journal::{Others, Run};
use lumaloom::sink::{Clobber, Durable, Template};
use lumaloom::stage::Epoch;

use super::clip::{ClipOut, Seam, Target, Upright};
use super::clip_job::ClipJob;
use super::job::{Earlier, Job, Out, Pool, Recipe};
use super::words::{filter, memory, option};

/// The manifests of a run into a folder.
pub struct Lists {
    /// The inputs.
    pub todo: PathBuf,
    /// Those whose outputs stay; a run that is not resumed has no such list.
    pub standing: Option<PathBuf>,
}

/// The stages of this job over the inputs of a list; without one, over its own inputs.
///
/// # Errors
/// `System` when this program cannot find itself.
pub fn of(job: &Job, lists: Option<&Lists>, run: &Run, epoch: Epoch) -> Result<StageCommands> {
    let mut reader = stage("read", read(job, lists.map(|lists| lists.todo.as_path())), epoch)?;
    if lists.is_none() {
        // Last, since their names may begin like options.
        reader.push("--".into());
        reader.extend(job.inputs.iter().map(OsString::from));
    }
    Ok(StageCommands {
        read: reader,
        work: stage("work", work(&job.recipe, &job.pool), epoch)?,
        write: stage("write", write(job, lists, run), epoch)?,
    })
}

/// The stages of a clip job whose output is decided, and what frames become for it.
///
/// # Errors
/// `System` when this program cannot find itself.
pub fn of_clip(
    job: &ClipJob,
    output: &ClipOut,
    target: &Target,
    epoch: Epoch,
) -> Result<StageCommands> {
    let ClipJob { chain, clip, encoding, pool, .. } = job;
    let mut read: Vec<OsString> = vec!["video".into()];
    read.extend(clip.arguments());
    read.extend(memory(pool.mem));
    let mut read = stage("read", read, epoch)?;
    // Last, since its name may begin like an option.
    read.extend(["--".into(), job.input.clone().into()]);
    let mut work: Vec<OsString> = vec!["video".into()];
    work.extend(filter(chain));
    work.extend((output.upright() == Upright::Always).then(|| "--upright".into()));
    work.extend(target.arguments());
    work.extend(pool.arguments());
    work.extend(memory(pool.mem));
    let mut write: Vec<OsString> = vec!["video".into(), "-o".into(), job.output.clone().into()];
    write.extend((job.clobber == Clobber::Replace).then(|| "-y".into()));
    if let Some(Seam { moved, interlacing }) = output.seam() {
        write.extend(["--segment".into(), moved.to_string().into()]);
        write.extend(option("--interlacing", interlacing.map(|rows| rows.letter().to_string())));
    }
    write.extend(option("--takes", output.takes().map(Takes::to_string)));
    let threads = clip.ffmpeg_threads;
    write.extend(option("--ffmpeg-threads", threads.map(|n| n.to_string())));
    write.extend(encoding.arguments());
    let mut write = stage("write", write, epoch)?;
    if !encoding.more.is_empty() {
        write.push("--".into());
        write.extend(encoding.more.iter().cloned());
    }
    Ok(StageCommands { read, work: stage("work", work, epoch)?, write })
}

/// The same for a measurement: a manifest, and outputs that go to a folder or nowhere.
///
/// # Errors
/// `System` when this program cannot find itself.
pub fn measured(
    manifest: &Path,
    io_threads: usize,
    recipe: &Recipe,
    pool: &Pool,
    out: Option<(&Path, &Template)>,
    epoch: Epoch,
) -> Result<StageCommands> {
    let mut read: Vec<OsString> = vec!["images".into(), "--manifest".into(), manifest.into()];
    read.extend(["--io-threads".into(), io_threads.to_string().into()]);
    read.extend(memory(pool.mem));
    let write = match out {
        None => vec!["null".into()],
        Some((folder, name)) => {
            ["images".into(), "-o".into(), folder.into(), "--name".into(), name.to_string().into()]
                .into()
        }
    };
    Ok(StageCommands {
        read: stage("read", read, epoch)?,
        work: stage("work", work(recipe, pool), epoch)?,
        write: stage("write", write, epoch)?,
    })
}

/// This program, the stage's own words, and the line back to the parent.
fn stage(name: &str, own: Vec<OsString>, epoch: Epoch) -> Result<Vec<OsString>> {
    let program = std::env::current_exe()
        .map_err(|e| Error::system(format!("failed to find this program: {e}")))?;
    let mut words: Vec<OsString> = vec![program.into(), "stage".into(), name.into()];
    words.extend(own);
    words.extend(["--events-fd".into(), EVENTS_FD.to_string().into()]);
    words.extend(["--epoch".into(), epoch.as_nanos().to_string().into()]);
    Ok(words)
}

fn work(recipe: &Recipe, pool: &Pool) -> Vec<OsString> {
    let mut words = vec!["images".into()];
    words.extend(recipe.arguments());
    words.extend(pool.arguments());
    words.extend(memory(pool.mem));
    words
}

fn read(job: &Job, manifest: Option<&Path>) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["images".into()];
    words.extend(["--io-threads".into(), job.io_threads.to_string().into()]);
    words.extend(memory(job.pool.mem));
    words.extend(manifest.into_iter().flat_map(|path| ["--manifest".into(), path.into()]));
    words
}

fn write(job: &Job, lists: Option<&Lists>, run: &Run) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["images".into(), "-o".into(), job.out.path().into()];
    if run.others == Others::MayGo {
        words.push("-y".into());
    }
    if job.writing.durable == Durable::Yes {
        words.push("--durable".into());
    }
    if let Out::Folder(_) = job.out {
        words.extend(["--name".into(), job.writing.name.to_string().into()]);
        if job.earlier != Earlier::Ignore {
            words.push("--resume".into());
        }
        let standing = lists.and_then(|lists| lists.standing.as_ref());
        words.extend(standing.into_iter().flat_map(|path| ["--standing".into(), path.into()]));
        words.extend(["--lock-fd".into(), LOCK_FD.to_string().into()]);
        words.extend(["--base".into(), run.base.clone().into()]);
        words.extend(["--recipe-hash".into(), format!("{:016x}", run.recipe.hash).into()]);
        if !run.recipe.chain.is_empty() {
            words.extend(["--chain".into(), run.recipe.chain.clone().into()]);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::args::{Cli, Command, ReadJob, StageCommand, WriteJob};
    use super::super::value::Mem;
    use super::*;

    #[test]
    fn each_command_parses() {
        let line = "lumaloom images in -o out -f negate,gblur=2 --quality 80 --mem 1G -j 3 \
            --durable -y --resume --io-threads 4";
        let Command::Images(args) = Cli::try_parse_from(line.split_whitespace()).unwrap().command
        else {
            panic!("images")
        };
        let job = Job::new(&args).unwrap();
        let epoch = Epoch::start();
        let lists = Lists { todo: "-odd name".into(), standing: Some("-another".into()) };
        let run = job.journal_run(Path::new("/in"));
        let commands = of(&job, Some(&lists), &run, epoch).unwrap();
        let parsed =
            [&commands.read, &commands.work, &commands.write].map(
                |words| match Cli::try_parse_from(words)
                    .unwrap_or_else(|e| panic!("{words:?}: {e}"))
                    .command
                {
                    Command::Stage(args) => args.stage,
                    other => panic!("{other:?}"),
                },
            );
        let [StageCommand::Read(read), StageCommand::Work(work), StageCommand::Write(write)] =
            parsed
        else {
            panic!("read, work, write")
        };
        let (ReadJob::Images(read), WriteJob::Images(write)) = (read.job, write.job) else {
            panic!("of images")
        };
        assert_eq!((read.manifest, write.standing), (Some(lists.todo), lists.standing));
        assert_eq!((read.reading.io_threads(), read.memory.mem), (4, Mem::Bytes(1 << 30)));
        assert_eq!(work.pixels.chain.filter, Some(job.recipe.chain.to_string()));
        assert_eq!(write.lock_fd, Some(LOCK_FD));
        assert_eq!((write.recipe_hash, write.base), (run.recipe.hash, Some(run.base)));
        assert!(write.resume && write.writing.overwrite && write.writing.durable);
        assert_eq!(write.events.epoch, Some(epoch.as_nanos()));
    }
}
