//! A clip job: what the options of `video` say, and the way back to the command that means it.

use std::ffi::OsString;
use std::path::PathBuf;

use lumaloom::error::Result;
use lumaloom::plan::Chain;
use lumaloom::sink::Clobber;

use super::args::{ClipArgs, EncodingArgs, ModeArg, VideoArgs};
use super::job::{Pool, word};
use super::words::{filter, memory};

/// `lumaloom video` as typed, read but not yet looked at.
#[derive(Clone)]
pub struct ClipJob {
    /// A clip, a pattern, or stdin.
    pub input: PathBuf,
    /// A clip, a pattern, stdout, or nowhere.
    pub output: PathBuf,
    /// What happens to each frame.
    pub chain: Chain,
    /// Which part of the source, and how it is read.
    pub clip: ClipArgs,
    /// How it is encoded.
    pub encoding: EncodingArgs,
    /// Whether the output may be replaced.
    pub clobber: Clobber,
    /// What stages run on.
    pub mode: ModeArg,
    /// Cores and memory.
    pub pool: Pool,
}

impl ClipJob {
    /// What the options say.
    ///
    /// # Errors
    /// `Usage`: options that contradict each other, a chain with a mistake.
    pub fn new(args: &VideoArgs) -> Result<Self> {
        let mode = args.stages.mode();
        Ok(Self {
            input: args.input.clone(),
            output: args.output.clone(),
            chain: args.chain.chain()?,
            clip: args.clip.clone(),
            encoding: args.encoding.clone(),
            clobber: if args.overwrite { Clobber::Replace } else { Clobber::Never },
            mode,
            pool: Pool::new(&args.pool, args.memory.mem, mode)?,
        })
    }

    /// The command that means this job, for a person to type.
    pub fn words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = ["lumaloom", "video"].map(OsString::from).into();
        words.extend([self.input.clone().into(), "-o".into(), self.output.clone().into()]);
        words.extend(filter(&self.chain));
        words.extend(self.clip.arguments());
        words.extend(self.encoding.arguments());
        words.extend(["--mode".into(), word(self.mode).into()]);
        words.extend(self.pool.arguments());
        words.extend(memory(self.pool.mem));
        words
    }
}
