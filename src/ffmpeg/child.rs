//! One ffmpeg under care: its own process group, ended with us, its log always drained, its
//! pipe read or written without ever waiting for more than it is given time for.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{self, Command, ExitStatus, Stdio};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use ffmpeg_sidecar::command::FfmpegCommand;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, read, write};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::cost::{Ledger, Meter, own_ticks};
use super::log::Tail;
use crate::error::{Error, Kind, Result, shown};
use crate::link::Cancel;
use crate::process::tie;

/// How often a wait looks at the wish to stop.
const TICK: Duration = Duration::from_millis(50);
/// What the pipe is asked to hold: one system call then moves 1 MiB instead of 64 KiB.
pub(super) const PIPE_BYTES: usize = 1 << 20;

/// How much of a text is read at a time.
const PIECE: usize = 64 << 10;

/// What to do about a program that is missing or too old.
pub(super) const INSTALL: &str = "install ffmpeg 5.1 or later, which brings ffprobe \
                                  (`apt-get install ffmpeg`, `brew install ffmpeg`)";

/// How long an ffmpeg that moves no byte is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// While it uses no CPU time either: it hangs.
    pub idle: Duration,
    /// While it computes: one frame of a slow encoder may take minutes.
    pub busy: Duration,
}

impl Default for Patience {
    /// 30 s, and 10 minutes.
    fn default() -> Self {
        Self { idle: Duration::from_secs(30), busy: Duration::from_secs(600) }
    }
}

/// Which end of its pipe is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pipe {
    /// We read what it writes to stdout; its stdin is empty.
    Out,
    /// We write what it reads from stdin; its stdout goes nowhere.
    In,
}

/// A running ffmpeg. Dropping it kills it, waits for it and joins the thread of its log.
///
/// It dies with the *thread* that started it (on Linux), so that thread has to outlive it.
#[derive(Debug)]
pub(super) struct Child {
    /// `decoder`, `encoder`, `probe`, ..., for errors and for what it costs.
    name: &'static str,
    process: process::Child,
    ended: Option<ExitStatus>,
    pipe: Option<OwnedFd>,
    tail: Tail,
    log: Option<JoinHandle<()>>,
    /// The numbers of its errors that count.
    counted: Range<u64>,
    watch: Watch,
    meter: Meter,
}

impl Child {
    /// Starts it; `ledger` gets what it cost when it has ended. `on_line` gets each line of its log
    /// and how many errors there were up to it, on the log's own thread, and must not block: while
    /// it does, ffmpeg may block on its stderr.
    pub(super) fn start(
        name: &'static str,
        command: FfmpegCommand,
        ledger: &Ledger,
        pipe: Pipe,
        patience: Patience,
        on_line: impl FnMut(&str, u64) + Send + 'static,
    ) -> Result<Self> {
        let mut command = Command::from(command);
        let (stdin, stdout) = match pipe {
            Pipe::Out => (Stdio::null(), Stdio::piped()),
            Pipe::In => (Stdio::piped(), Stdio::null()),
        };
        command.stdin(stdin).stdout(stdout).stderr(Stdio::piped());
        // A terminal's Ctrl-C is for us: ffmpeg would end its file there, short but valid.
        command.process_group(0);
        tie(&mut command, Signal::KILL);
        let process =
            command.spawn().map_err(|e| not_started(command.get_program().as_ref(), &e))?;
        let watch = Watch::new(patience, process.id());
        let meter = Meter::new(name, process.id(), ledger);
        let tail = Tail::default();
        // From here on dropping it cleans up.
        let mut child = Self {
            name,
            process,
            ended: None,
            pipe: None,
            tail,
            log: None,
            counted: 0..u64::MAX,
            watch,
            meter,
        };
        let ours: Option<OwnedFd> = match pipe {
            Pipe::Out => child.process.stdout.take().map(OwnedFd::from),
            Pipe::In => child.process.stdin.take().map(OwnedFd::from),
        };
        if let Some(fd) = &ours {
            // A pipe above the user's limit stays small; that costs speed only.
            #[cfg(target_os = "linux")]
            let _ = rustix::pipe::fcntl_setpipe_size(fd, PIPE_BYTES);
            let flags = fcntl_getfl(fd).and_then(|f| fcntl_setfl(fd, f | OFlags::NONBLOCK));
            flags
                .map_err(|e| Error::system(format!("failed to prepare the {name}'s pipe: {e}")))?;
        }
        child.pipe = ours;
        let stderr = child.process.stderr.take().map(|fd| File::from(OwnedFd::from(fd)));
        let tail = child.tail.clone();
        let drain = move || {
            if let Some(log) = stderr {
                tail.drain(log, on_line);
            }
        };
        let log = Builder::new().name(format!("{name}-log")).spawn(drain);
        child.log = Some(log.map_err(|e| {
            Error::system(format!("failed to start the thread of the {name}'s log: {e}"))
        })?);
        Ok(child)
    }

    /// Fills `out` from its stdout; the number of bytes, fewer only where its output ended.
    pub(super) fn read(&mut self, out: &mut [u8], cancel: &Cancel) -> Result<usize> {
        let mut have = 0;
        while have < out.len() {
            let Some(fd) = &self.pipe else { break };
            match read(fd, &mut out[have..]) {
                Ok(0) => self.pipe = None,
                Ok(n) => {
                    have += n;
                    self.watch.moved();
                    self.meter.glance();
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait_for(PollFlags::IN, cancel)?,
                Err(e) => return Err(self.fail(&format!("its output cannot be read ({e})"))),
            }
        }
        Ok(have)
    }

    /// All that it writes to its stdout, `most` bytes or a little more.
    pub(super) fn read_to_end(&mut self, most: usize, cancel: &Cancel) -> Result<Vec<u8>> {
        let mut said = Vec::new();
        loop {
            let have = said.len();
            if have > most {
                return Err(self.fail(&format!("it says more than {} MiB", most >> 20)));
            }
            said.resize(have + PIECE, 0);
            let got = self.read(&mut said[have..], cancel)?;
            said.truncate(have + got);
            if got < PIECE {
                return Ok(said);
            }
        }
    }

    /// Writes all of `bytes` to its stdin.
    pub(super) fn write(&mut self, mut bytes: &[u8], cancel: &Cancel) -> Result<()> {
        while !bytes.is_empty() {
            let Some(fd) = &self.pipe else {
                return Err(self.fail("it was given a frame after its end"));
            };
            match write(fd, bytes) {
                Ok(n) => {
                    bytes = &bytes[n..];
                    self.watch.moved();
                    self.meter.glance();
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait_for(PollFlags::OUT, cancel)?,
                // It went away; why is in its log.
                Err(Errno::PIPE) => return Err(self.fail("it ended before the last frame")),
                Err(e) => return Err(self.fail(&format!("its input cannot be written ({e})"))),
            }
        }
        Ok(())
    }

    /// Closes the pipe and waits until it has ended and its log is read.
    ///
    /// # Errors
    /// When it ended with anything but 0, quoting its log, or had to be killed.
    pub(super) fn finish(&mut self, cancel: &Cancel) -> Result<()> {
        self.meter.look();
        self.pipe = None;
        self.watch.finishing();
        while self.ended.is_none() {
            match self.reap(WaitIdOptions::NOHANG) {
                Ok(()) if self.ended.is_some() => {}
                Ok(()) => {
                    self.look(cancel)?;
                    std::thread::sleep(FINISH_TICK);
                }
                Err(e) => return Err(self.fail(&format!("it cannot be waited for ({e})"))),
            }
        }
        self.join_log();
        match self.ended {
            Some(status) if status.success() => Ok(()),
            _ => Err(self.fail("it failed")),
        }
    }

    /// Kills it if it still runs, and says what was wrong, how it ended and what it said last.
    pub(super) fn fail(&mut self, what: &str) -> Error {
        // It may be about to end by itself; then its own code is the news.
        let soon = Instant::now() + LAST_WORDS;
        while self.ended.is_none() && Instant::now() < soon {
            match self.reap(WaitIdOptions::NOHANG) {
                Ok(()) if self.ended.is_some() => {}
                Ok(()) => std::thread::sleep(FINISH_TICK),
                Err(_) => break,
            }
        }
        let by_itself = self.ended;
        self.stop();
        let ended =
            by_itself.map_or_else(String::new, |status| match (status.code(), status.signal()) {
                (Some(code), _) => format!(", exit code {code}"),
                (None, Some(signal)) => format!(", signal {signal}"),
                (None, None) => String::new(),
            });
        let said = match self.tail.complaint() {
            Some(text) => format!(": {text}"),
            None => " and said nothing".to_owned(),
        };
        let (name, id) = (self.name, self.process.id());
        let killed = by_itself.is_some_and(|status| status.signal().is_some());
        let kind = if killed { Kind::System } else { Kind::Input };
        Error::new(kind, format!("the {name} (ffmpeg, process {id}): {what}{ended}{said}"))
    }

    /// Whether it has ended and found nothing wrong.
    pub(super) fn ended_well(&self) -> bool {
        let quiet = self.tail.errors(&(0..u64::MAX)).0 == 0;
        quiet && self.ended.is_some_and(|status| status.success())
    }

    /// Which of its errors count, by their numbers: those of what nobody asked for do not.
    pub(super) fn counted(&mut self) -> &mut Range<u64> {
        &mut self.counted
    }

    /// Counts something that it did wrong and did not say itself; how many errors there are then.
    pub(super) fn complain(&self, what: &str) -> u64 {
        self.tail.note(&format!("[error] {what}"))
    }

    /// Kills it with all that it started, waits for it, and joins the thread of its log.
    pub(super) fn stop(&mut self) {
        if self.ended.is_none() {
            self.meter.look();
            // Not waited for yet, so the number is still its own.
            if let Ok(group) = pid(&self.process) {
                let _ = kill_process_group(group, Signal::KILL);
            }
        }
        // Not before: it would find its pipe broken and call that an error.
        self.pipe = None;
        if self.ended.is_none() {
            // A system without that call has no processor time to tell either.
            let reaped = self.reap(WaitIdOptions::empty());
            self.ended = reaped.map_or_else(|_| self.process.wait().ok(), |()| self.ended);
        }
        self.join_log();
    }

    /// Takes note of its end, if it has come to it, and enters what it cost: that is complete only
    /// now, and gone when it has been waited for.
    fn reap(&mut self, how: WaitIdOptions) -> io::Result<()> {
        let how = how | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let pid = pid(&self.process)?;
        let ended = loop {
            match waitid(WaitId::Pid(pid), how) {
                Err(Errno::INTR) => {}
                ended => break ended?,
            }
        };
        if ended.is_some() {
            self.meter.stop();
            self.ended = Some(self.process.wait()?);
        }
        Ok(())
    }

    fn join_log(&mut self) {
        if let Some(log) = self.log.take() {
            // It holds no lock that a panic could poison, and has nothing to say.
            let _ = log.join();
        }
        self.meter.enter(self.tail.errors(&self.counted));
    }

    fn wait_for(&mut self, ready: PollFlags, cancel: &Cancel) -> Result<()> {
        loop {
            self.look(cancel)?;
            let Some(fd) = &self.pipe else { return Ok(()) };
            let nanos = i64::from(TICK.subsec_nanos());
            let tick = Timespec { tv_sec: 0, tv_nsec: nanos };
            match poll(&mut [PollFd::new(&fd.as_fd(), ready)], Some(&tick)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(e) => return Err(self.fail(&format!("its pipe cannot be polled ({e})"))),
            }
        }
    }

    /// Ends the wait when somebody wishes to stop, or when it has hung for too long.
    fn look(&mut self, cancel: &Cancel) -> Result<()> {
        if cancel.is_now() {
            self.stop();
            return Err(cancel.error());
        }
        self.meter.glance();
        match self.watch.verdict() {
            None => Ok(()),
            Some(what) => {
                self.stop();
                let said = self.tail.complaint().map(|t| format!(": {t}")).unwrap_or_default();
                let (name, id) = (self.name, self.process.id());
                Err(Error::system(format!("the {name} (ffmpeg, process {id}) {what}{said}")))
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.stop();
    }
}

/// How often the end of a process is looked for.
const FINISH_TICK: Duration = Duration::from_millis(2);
/// How long one that closed its pipe may take to end by itself.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Since when nothing has moved.
#[derive(Debug)]
struct Watch {
    patience: Patience,
    pid: u32,
    /// The last byte.
    moved: Instant,
    /// The last sign of life: a byte, or CPU time.
    alive: Instant,
    cpu: Option<u64>,
}

impl Watch {
    fn new(patience: Patience, pid: u32) -> Self {
        let now = Instant::now();
        Self { patience, pid, moved: now, alive: now, cpu: None }
    }

    fn moved(&mut self) {
        self.moved = Instant::now();
        self.alive = self.moved;
    }

    /// No byte of ours moves any more. How long it may compute then only it knows: the last frames
    /// of a slow encoder, or an index that is moved to the front of a file of many gigabytes.
    fn finishing(&mut self) {
        self.moved();
        self.patience.busy = Duration::MAX;
    }

    /// Why it is not to be waited for any longer.
    fn verdict(&mut self) -> Option<String> {
        let cpu = own_ticks(self.pid);
        if cpu != self.cpu {
            self.cpu = cpu;
            self.alive = Instant::now();
        }
        let (idle, busy) = (self.alive.elapsed(), self.moved.elapsed());
        let over = if idle > self.patience.idle { idle } else { busy };
        let stalled = idle > self.patience.idle || busy > self.patience.busy;
        let seconds = over.as_secs_f64();
        stalled.then(|| format!("moved no byte for {seconds:.0} s and was killed"))
    }
}

/// Why a program was not started.
fn not_started(program: &Path, error: &io::Error) -> Error {
    let path = shown(program);
    match error.kind() {
        io::ErrorKind::NotFound => Error::usage(format!("{path} was not found; {INSTALL}")),
        _ => Error::system(format!("failed to start {path}: {error}")),
    }
}

/// A process's number, as the system's calls take it.
fn pid(process: &process::Child) -> io::Result<Pid> {
    let pid = i32::try_from(process.id()).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}
