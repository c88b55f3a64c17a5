//! Three processes joined by pipes. The parent starts them, listens and reports; pixels never
//! pass through it.
//!
//! The children form a process group of their own, so that a terminal's Ctrl-C reaches the
//! parent alone, which passes the wish on. The first is a SIGINT to reader and worker: they
//! begin nothing more, and the end of their streams says so to the writer, which is not told
//! (`stage` has the whole of it). The second kills reader and worker; the writer sees the broken
//! stream, removes what is not finished and ends, or is killed too if it takes too long.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::Builder;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::{Listening, OnError, gone, interrupted, system};
use crate::error::{Error, Kind, Result};
use crate::event::{Event, Observer, StageName};
use crate::link::{Cancel, Ended, Level, Reason};
use crate::process::tie;

/// The command lines of the three stages, the program first.
#[derive(Clone, Debug)]
pub struct StageCommands {
    /// Writes a stream to stdout.
    pub read: Vec<OsString>,
    /// Reads one from stdin and writes one to stdout.
    pub work: Vec<OsString>,
    /// Reads one from stdin.
    pub write: Vec<OsString>,
}

/// How the parent treats its children.
#[derive(Clone, Copy, Debug)]
pub struct Care {
    /// Whether a failed item ends the run.
    pub on_error: OnError,
    /// How long the user's stop may take before it becomes one at once.
    pub drain: Duration,
    /// How long the children may go on once one of them failed or a stop was asked for.
    pub grace: Duration,
}

impl Default for Care {
    fn default() -> Self {
        Self {
            on_error: OnError::Continue,
            drain: Duration::from_secs(10),
            grace: Duration::from_secs(2),
        }
    }
}

/// Time between two looks at the children and the cancel flag.
const TICK: Duration = Duration::from_millis(20);

/// What a stage that only saw a neighbour go ends with.
const ECHO: i32 = 75;
/// What a stage that was told to stop ends with.
const INTERRUPTED: i32 = 130;

/// Runs the stages to their end; all are gone and all threads joined when it returns. To be
/// called from the main thread: the system ends the children when the calling thread dies.
///
/// `lock` is what makes this process the owner of the output folder. The writer holds it too,
/// so the folder is never free in between, and stays owned until the last of both is gone.
///
/// `Stopped` if a failed item was to stop the run and others were not begun.
///
/// # Errors
/// The first cause that a stage had, a crash included (stage, process and signal are named);
/// `Interrupted` if `cancel` stopped the run before its end; `Temporary` if there are only
/// echoes.
pub fn run(
    commands: &StageCommands,
    lock: Option<BorrowedFd<'_>>,
    care: &Care,
    observer: &dyn Observer,
    cancel: &Cancel,
) -> Result<Ended> {
    let listening = Listening { observer, cancel, on_error: care.on_error };
    let (mut family, events) = Family::spawn(commands, lock)?;
    let (news, heard) = unbounded();
    std::thread::scope(|scope| {
        let listening = &listening;
        for (stage, events) in family.stages.iter().zip(events) {
            let (name, command, news) = (stage.name, stage.command.clone(), news.clone());
            let builder = Builder::new().name(format!("events-{}", name.as_str()));
            let listener = move || listen(name, &command, events, listening, &news);
            if let Err(e) = builder.spawn_scoped(scope, listener) {
                // The listeners that there are end with their children.
                family.kill_all();
                return Err(Error::system(format!("failed to start a thread: {e}")));
            }
        }
        drop(news);
        family.wait(care, cancel, &heard);
        Ok::<_, Error>(())
    })?;
    // The listeners have ended, so what they heard last is here.
    family.hear(&heard);
    family.verdict(cancel)
}

/// One child.
struct Stage {
    name: StageName,
    command: String,
    child: Child,
    ended: Option<ExitStatus>,
    /// It was told to begin nothing more.
    told: bool,
    /// We ended it ourselves, so its signal is no news.
    killed: bool,
}

/// The children. Dropping them ends them: no way out leaves one behind.
struct Family {
    stages: Vec<Stage>,
    /// Causes in the order in which they became known.
    causes: Vec<Error>,
    /// Someone was told to stop early and did.
    interrupted: bool,
}

impl Family {
    /// Starts the children and gives the reading ends of their events.
    fn spawn(
        commands: &StageCommands,
        lock: Option<BorrowedFd<'_>>,
    ) -> Result<(Self, Vec<OwnedFd>)> {
        let (from_read, read_out) = pipe()?;
        let (from_work, work_out) = pipe()?;
        let mut family = Self { stages: Vec::new(), causes: Vec::new(), interrupted: false };
        let plan = [
            (StageName::Read, &commands.read, None, Some(read_out)),
            (StageName::Work, &commands.work, Some(from_read), Some(work_out)),
            (StageName::Write, &commands.write, Some(from_work), None),
        ];
        let mut listening = Vec::new();
        for (name, words, input, output) in plan {
            let (events, told) = pipe()?;
            listening.push(events);
            let lock = lock.filter(|_| name == StageName::Write);
            family.add(name, words, [input, output], told.as_fd(), lock)?;
        }
        Ok((family, listening))
    }

    fn add(
        &mut self,
        name: StageName,
        words: &[OsString],
        [input, output]: [Option<OwnedFd>; 2],
        events: BorrowedFd<'_>,
        lock: Option<BorrowedFd<'_>>,
    ) -> Result<()> {
        let (program, arguments) = words.split_first().ok_or_else(|| {
            Error::internal(format!("the {} stage has no command", name.as_str()))
        })?;
        let mut command = Command::new(program);
        // The outer ends are the parent's own: `-` as an input or an output works as usual.
        let stdio = |fd: Option<OwnedFd>| fd.map_or_else(Stdio::inherit, Stdio::from);
        command.args(arguments).stdin(stdio(input)).stdout(stdio(output));
        command.process_group(self.group().map_or(0, Pid::as_raw_pid));
        // The writer may have something to remove; the end of its stream tells it to.
        let at_death = if name == StageName::Write { Signal::TERM } else { Signal::KILL };
        tie(&mut command, at_death);
        system::hand(&mut command, events, lock);
        let child = command.spawn().map_err(|e| {
            Error::system(format!("failed to start the {} stage: {e}", name.as_str()))
        })?;
        let command = quoted(words);
        self.stages.push(Stage { name, command, child, ended: None, told: false, killed: false });
        Ok(())
    }

    /// The process group, named after its first member. Once that was waited for, the number
    /// is the group's alone while another member lives.
    fn group(&self) -> Option<Pid> {
        self.stages.first().and_then(|stage| pid(&stage.child))
    }

    /// Waits for all children, passing on what `cancel` says.
    fn wait(&mut self, care: &Care, cancel: &Cancel, heard: &Receiver<Error>) {
        let (mut told, mut ending) = (Level::None, None);
        loop {
            self.hear(heard);
            self.reap();
            if self.stages.iter().all(|stage| stage.ended.is_some()) {
                return;
            }
            let too_long = cancel.elapsed().is_some_and(|time| time > care.drain);
            if too_long && cancel.reason() == Reason::User {
                cancel.raise(Level::Now, Reason::User);
            }
            let level = cancel.level();
            if level >= Level::Drain && told == Level::None {
                self.tell(StageName::Read);
                self.tell(StageName::Work);
                told = Level::Drain;
            }
            if level == Level::Now && told != Level::Now {
                self.kill(StageName::Read);
                self.kill(StageName::Work);
                told = Level::Now;
            }
            if told == Level::Now || !self.causes.is_empty() {
                let since: &mut Instant = ending.get_or_insert_with(Instant::now);
                if since.elapsed() > care.grace {
                    self.kill_all();
                }
            }
            // An error comes when the last listener has ended; then only time passes.
            if let Err(e) = heard.recv_timeout(TICK).map(|cause| self.causes.push(cause))
                && e.is_disconnected()
            {
                std::thread::sleep(TICK);
            }
        }
    }

    fn hear(&mut self, heard: &Receiver<Error>) {
        self.causes.extend(heard.try_iter());
    }

    /// Takes note of children that have ended.
    fn reap(&mut self) {
        for stage in &mut self.stages {
            if stage.ended.is_some() {
                continue;
            }
            let Ok(Some(status)) = stage.child.try_wait() else { continue };
            stage.ended = Some(status);
            self.interrupted |= status.code() == Some(INTERRUPTED);
            let signal = status.signal();
            if stage.told && signal == Some(Signal::INT.as_raw()) {
                // It had not come to listen for signals yet, and begun nothing.
                self.interrupted = true;
            } else if let Some(signal) = signal
                && !stage.killed
            {
                let (name, id) = (stage.name.as_str(), stage.child.id());
                self.causes.push(Error::internal(format!(
                    "the {name} stage (process {id}) was ended by signal {signal}"
                )));
            }
        }
    }

    fn signal(&self, name: StageName, signal: Signal) {
        let running = |stage: &&Stage| stage.name == name && stage.ended.is_none();
        if let Some(pid) = self.stages.iter().find(running).and_then(|stage| pid(&stage.child)) {
            // It may be gone already.
            let _ = kill_process(pid, signal);
        }
    }

    /// Asks a stage to begin nothing more.
    fn tell(&mut self, name: StageName) {
        self.signal(name, Signal::INT);
        for stage in self.stages.iter_mut().filter(|stage| stage.name == name) {
            stage.told = true;
        }
    }

    fn kill(&mut self, name: StageName) {
        self.signal(name, Signal::KILL);
        for stage in self.stages.iter_mut().filter(|stage| stage.name == name) {
            stage.killed = true;
        }
    }

    /// Ends everything in the group, programs that the stages started included.
    fn kill_all(&mut self) {
        for stage in &mut self.stages {
            stage.killed |= stage.ended.is_none();
        }
        // With one child left that was not waited for, the group's number is still its own.
        if let Some(group) = self.group()
            && self.stages.iter().any(|stage| stage.ended.is_none())
        {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    /// What the run comes to once all have ended.
    fn verdict(self, cancel: &Cancel) -> Result<Ended> {
        let told = cancel.is_requested() && cancel.reason() == Reason::User;
        let stopped = told && (self.interrupted || cancel.is_now());
        let mut causes = self.causes.iter();
        let cause = causes.find(|error| error.kind() != Kind::Interrupted).cloned();
        // A signal from outside that reached a child alone: the rest was not done.
        let stopped = stopped || (self.interrupted && !cancel.is_requested());
        match cause {
            // What breaks while everything is being ended is no news.
            Some(cause) if !cancel.is_now() || cancel.reason() != Reason::User => Err(cause),
            _ if stopped => Err(interrupted()),
            _ => {
                let ended = if self.interrupted { Ended::Stopped } else { Ended::All };
                self.stages.iter().try_for_each(|stage| clean(stage, ended)).map(|()| ended)
            }
        }
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        self.kill_all();
        for stage in &mut self.stages {
            let _ = stage.child.wait();
        }
    }
}

/// Whether a child ended as one that is through ends: 0, or 1 when inputs failed, or 130 when
/// it was told to stop on behalf of a failure. In such a run the reader may have seen the
/// worker leave before it was told.
fn clean(stage: &Stage, ended: Ended) -> Result<()> {
    let (name, id) = (stage.name.as_str(), stage.child.id());
    match stage.ended.and_then(|status| status.code()) {
        Some(0 | 1 | INTERRUPTED) => Ok(()),
        Some(ECHO) if stage.name == StageName::Read && ended == Ended::Stopped => Ok(()),
        Some(ECHO) | None => Err(gone()),
        Some(code) => Err(Error::internal(format!(
            "the {name} stage (process {id}) ended with code {code} and said no reason"
        ))),
    }
}

/// Reads a child's events until it ends; hands them on and passes causes to the parent.
fn listen(
    name: StageName,
    command: &str,
    events: OwnedFd,
    observer: &dyn Observer,
    causes: &Sender<Error>,
) {
    for line in BufReader::new(File::from(events)).split(b'\n') {
        let Ok(line) = line else { return };
        // A crash may cut the last line short.
        let Ok(mut event) = serde_json::from_slice::<Event>(&line) else { continue };
        match &mut event {
            Event::StageStarted { command: told, .. } if told.is_none() => {
                *told = Some(command.to_owned());
            }
            Event::StageFailed { error, .. } => {
                let error = error.clone().within(format!("{} stage", name.as_str()));
                // The parent listens as long as it lives.
                let _ = causes.send(error);
            }
            _ => {}
        }
        observer.on(&event);
    }
}

/// A pipe whose ends are closed by exec, so that no other child gets them.
fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    let (from, to) =
        std::io::pipe().map_err(|e| Error::system(format!("failed to make a pipe: {e}")))?;
    Ok((from.into(), to.into()))
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// A command as a person could type it in a shell.
pub fn quoted(words: &[OsString]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,%+@".contains(c);
    let word = |word: &OsString| {
        let text = word.to_string_lossy();
        if !text.is_empty() && text.chars().all(plain) {
            return text.into_owned();
        }
        format!("'{}'", text.replace('\'', r"'\''"))
    };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        let words: Vec<OsString> =
            ["lumaloom", "-f", "eq=contrast=1.2,resize=10:-1", "a b", "it's", "", "$HOME"]
                .map(OsString::from)
                .into();
        assert_eq!(
            quoted(&words),
            r"lumaloom -f eq=contrast=1.2,resize=10:-1 'a b' 'it'\''s' '' '$HOME'"
        );
    }
}
