//! The decoder: one ffmpeg that writes raw frames to its stdout and their timestamps to its log.

use std::ffi::OsString;
use std::sync::{Arc, OnceLock};

use crossbeam_channel::{Receiver, TryRecvError, TrySendError, bounded};
use ffmpeg_sidecar::command::FfmpegCommand;
use serde::{Deserialize, Serialize};

use super::child::{Child, PIPE_BYTES, Patience, Pipe};
use super::named::has_alpha;
use super::pixels::Pixels;
use super::probe::{Clip, FORMATS, PROTOCOLS};
use super::program::{Log, Programs, file_argument, words};
use super::showinfo::{self, Line, Record, Scan};
use super::stream::{StreamKind, alpha_decoder};
use super::time::{Micros, TimeBase};
use crate::error::{Error, Result, shown};
use crate::frame::{BufferPool, Frame};
use crate::link::Cancel;

/// What is decoded, and how.
#[derive(Clone, Debug)]
pub struct Decode<'a> {
    /// The programs.
    pub programs: &'a Programs,
    /// The clip.
    pub clip: &'a Clip,
    /// The index of its video stream that is rendered.
    pub stream: usize,
    /// How its frames cross the pipe.
    pub pixels: &'a Pixels,
    /// Which of them.
    pub window: Window,
    /// Seconds per frame to come to, by dropping and repeating frames (`--r`); `None` keeps
    /// the frames as they are.
    pub rate: Option<TimeBase>,
    /// ffmpeg's `-threads`; `None` leaves it to ffmpeg.
    pub threads: Option<usize>,
    /// What `--input-args` says: options in front of the input.
    pub extra: Vec<OsString>,
    /// Filters of ffmpeg's that frames go through first, as in `-vf`: to deinterlace.
    pub filters: Option<String>,
    /// How long it may hang.
    pub patience: Patience,
}

/// From when to when, counted from the clip's start as ffmpeg's `-ss` and `-to` do: a frame
/// belongs to it if `from <= time < until`, compared without rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// `--ss`.
    pub from: Option<Micros>,
    /// `--to`, or `--ss` plus `--t`.
    pub until: Option<Micros>,
}

impl Window {
    /// The same on the clock of a clip that starts then.
    pub(super) fn on_clock(self, start: Micros) -> Self {
        let Self { from, until } = self;
        Self { from: from.map(|m| start.plus(m)), until: until.map(|m| start.plus(m)) }
    }
}

/// A decoded frame and when it is shown.
#[derive(Debug)]
pub struct Timed {
    /// 0.., no holes: the frames given out, not those before the window.
    pub number: u64,
    /// When, in ticks of [`Decoder::time_base`], on the clip's own clock; a tick later than the
    /// frame before where the clip says the same time of both.
    pub ticks: i64,
    /// Whether it can be decoded without others.
    pub key: bool,
    /// How its rows were taken.
    pub scan: Scan,
    /// The samples.
    pub frame: Frame,
}

/// A running decoder. Dropping it ends it.
#[derive(Debug)]
pub struct Decoder<'a> {
    job: Decode<'a>,
    child: Child,
    lines: Receiver<Said>,
    cut_off: Arc<OnceLock<String>>,
    time_base: Option<TimeBase>,
    /// Frames since the last configuration: what the next record has to be numbered.
    expected: u64,
    /// The last frame's time, as its record has it and as it was taken.
    last: Option<(i64, i64)>,
    /// Ticks between the last two frames.
    gap: i64,
    /// The least that there were between two.
    step: i64,
    /// Frames read, those before the window included.
    read: u64,
    given: u64,
    seek: Seek,
    over: bool,
}

/// A line of its log that matters, and how many errors there were up to it.
type Said = (Line, u64);

/// A frame, and what its log said up to it.
struct Decoded {
    record: Record,
    errors: u64,
    frame: Frame,
}

/// How far a decoder that was told to seek can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seek {
    /// It began at the beginning, or is known to have begun early enough.
    Sure,
    /// It began somewhere, and has given no key frame yet.
    Hoped,
}

impl Decode<'_> {
    /// The decoder that it has to be, where ffmpeg's own would lose alpha that is wanted.
    fn decoder(&self) -> Option<&'static str> {
        let stream = self.clip.streams().get(self.stream)?;
        let StreamKind::Video(video) = &stream.kind else { return None };
        let both = [video.pix_fmt.as_deref()?, self.pixels.format().name()].map(has_alpha);
        alpha_decoder(stream.codec.as_deref()?).filter(|_| both == [true; 2])
    }

    /// The command as words, for a person to read.
    ///
    /// # Errors
    /// None in practice: the clip's folder was found when it was probed.
    pub fn words(&self) -> Result<Vec<OsString>> {
        let seek = if self.window.from.is_some() { Seek::Hoped } else { Seek::Sure };
        Ok(words(command(self, seek)?))
    }
}

impl<'a> Decoder<'a> {
    /// Starts it. The calling thread has to outlive it.
    ///
    /// # Errors
    /// When it cannot be started; what the clip does wrong is seen with the first frame.
    pub fn start(job: Decode<'a>) -> Result<Self> {
        let seek = if job.window.from.is_some() { Seek::Hoped } else { Seek::Sure };
        let Running { child, lines, cut_off } = Running::start(&job, seek)?;
        Ok(Self {
            job,
            child,
            lines,
            cut_off,
            time_base: None,
            expected: 0,
            last: None,
            gap: 0,
            step: i64::MAX,
            read: 0,
            given: 0,
            seek,
            over: false,
        })
    }

    /// The tick of the frames' times. Known once a frame was read.
    pub fn time_base(&self) -> Option<TimeBase> {
        self.time_base
    }

    /// The next frame, with buffers of the pool; `None` after the last.
    ///
    /// # Errors
    /// When ffmpeg fails, ends in the middle of a frame, gives a frame without a timestamp or a
    /// timestamp without a frame, changes the size of its frames, or hangs; and when `cancel`
    /// says to stop now.
    pub fn next(&mut self, pool: &BufferPool, cancel: &Cancel) -> Result<Option<Timed>> {
        if self.over {
            return Ok(None);
        }
        let next = self.wanted(pool, cancel).map_err(|e| e.within(shown(self.job.clip.path())));
        self.over = !matches!(next, Ok(Some(_)));
        next
    }

    /// The next frame inside the window.
    fn wanted(&mut self, pool: &BufferPool, cancel: &Cancel) -> Result<Option<Timed>> {
        let Window { from, until } = self.job.window.on_clock(self.job.clip.start());
        loop {
            let Some(Decoded { record, mut errors, frame }) = self.decoded(pool, cancel)? else {
                match (self.given, self.seek) {
                    (0, Seek::Hoped) => self.restart()?,
                    (0, Seek::Sure) if self.read > 0 => return Err(empty(self.job.window)),
                    _ => return Ok(None),
                }
                continue;
            };
            let (Some(base), Some(own)) = (self.time_base, record.ticks) else {
                let number = self.read - 1;
                return Err(self.child.fail(&format!("frame {number} has no timestamp")));
            };
            // Broken recordings have two frames at a time, and broken files go back in it. No
            // container takes that.
            let ticks = match self.last {
                Some((before, last)) if own <= last => {
                    if own < before {
                        let number = self.read - 1;
                        errors = self.child.complain(&format!(
                            "frame {number} goes back in time: it is shown a tick after the one before"
                        ));
                    }
                    last + 1
                }
                _ => own,
            };
            if let Some((_, last)) = self.last {
                self.gap = ticks.saturating_sub(last);
                self.step = self.step.min(self.gap);
            }
            self.last = Some((own, ticks));
            let early = from.is_some_and(|from| base.is_before(ticks, from));
            let entry = record.key && (early || from.is_some_and(|f| base.micros_down(ticks) == f));
            if entry {
                // What was wrong before it is not of the window. Of its own errors and those of
                // frames that may refer to what a seek has passed over nobody can tell which are
                // which, and after most seeks there are some of the latter.
                self.child.counted().start = errors;
            }
            if self.seek == Seek::Hoped {
                // A frame before the first key frame may be broken: what it refers to was
                // skipped. Only a key frame at or before the window is early enough.
                if entry {
                    self.seek = Seek::Sure;
                } else if !early {
                    frame.recycle(pool);
                    self.restart()?;
                    continue;
                }
            }
            if early {
                frame.recycle(pool);
                continue;
            }
            if until.is_some_and(|until| !base.is_before(ticks, until)) {
                frame.recycle(pool);
                // One that is missing before it was reported before it was.
                self.child.counted().end = errors;
                self.child.stop();
                if self.given == 0 {
                    return Err(empty(self.job.window));
                }
                return Ok(None);
            }
            // What comes after it may never be asked for.
            self.child.counted().end = errors;
            let number = self.given;
            self.given += 1;
            let Record { key, scan, .. } = record;
            return Ok(Some(Timed { number, ticks, key, scan, frame }));
        }
    }

    /// From the beginning of the clip, since the seek went too far.
    fn restart(&mut self) -> Result<()> {
        self.seek = Seek::Sure;
        *self.child.counted() = 0..0;
        self.child.stop();
        let Running { child, lines, cut_off } = Running::start(&self.job, self.seek)?;
        (self.child, self.lines, self.cut_off) = (child, lines, cut_off);
        (self.time_base, self.expected, self.read) = (None, 0, 0);
        (self.last, self.gap, self.step) = (None, 0, i64::MAX);
        Ok(())
    }

    /// The next frame of the pipe and what was said of it.
    fn decoded(&mut self, pool: &BufferPool, cancel: &Cancel) -> Result<Option<Decoded>> {
        let mut frame = Frame::from_pool(*self.job.pixels.layout(), pool);
        let (got, whole) = fill(&mut self.child, &mut frame, cancel)?;
        if got == 0 {
            frame.recycle(pool);
            return self.end(cancel).map(|()| None);
        }
        let number = self.read;
        if got < whole {
            let what = format!("frame {number} has {got} bytes of {whole}");
            return Err(self.child.fail(&what));
        }
        let (record, errors) = self.record(cancel)?;
        self.read += 1;
        Ok(Some(Decoded { record, errors, frame }))
    }

    /// What was said of the frame just read. It is waited for as long as the log goes on.
    fn record(&mut self, cancel: &Cancel) -> Result<(Record, u64)> {
        let number = self.read;
        loop {
            let line = crossbeam_channel::select! {
                recv(self.lines) -> line => line,
                recv(cancel.now()) -> _ => {
                    self.child.stop();
                    return Err(cancel.error());
                }
                default(self.job.patience.idle) => {
                    let seconds = self.job.patience.idle.as_secs();
                    return Err(self.child.fail(
                        &format!("the time of frame {number} was not said within {seconds} s")));
                }
            };
            match line {
                Err(_) => {
                    return Err(self
                        .child
                        .fail(&format!("the time of frame {number} was not said")));
                }
                Ok((Line::Config(base), _)) => self.configure(base)?,
                Ok((Line::Frame(record), errors)) => {
                    self.check(&record)?;
                    self.expected += 1;
                    return Ok((record, errors));
                }
            }
        }
    }

    fn configure(&mut self, base: TimeBase) -> Result<()> {
        if let Some(before) = self.time_base.filter(|before| *before != base) {
            let (number, before) = (self.read, before);
            let what = format!("the time base changes from {before} to {base} at frame {number}");
            return Err(self.child.fail(&what));
        }
        self.time_base = Some(base);
        self.expected = 0;
        Ok(())
    }

    fn check(&mut self, record: &Record) -> Result<()> {
        let (number, size) = (self.read, self.job.pixels.layout().size());
        if record.number != self.expected {
            let (said, expected) = (record.number, self.expected);
            let what = format!("the time of frame {said} was said where {expected} was due");
            return Err(self.child.fail(&what));
        }
        if record.size != size {
            let what = format!(
                "the clip changes its size from {size} to {} at frame {number}",
                record.size
            );
            return Err(self.child.fail(&what));
        }
        Ok(())
    }

    /// Its output ended between two frames: whether that was the end of the clip.
    fn end(&mut self, cancel: &Cancel) -> Result<()> {
        // All of it is read once more where a seek went wrong.
        let start = self.child.counted().start;
        *self.child.counted() = if self.seek == Seek::Hoped { 0..0 } else { start..u64::MAX };
        self.child.finish(cancel)?;
        // Its log is read to the end by now.
        loop {
            match self.lines.try_recv() {
                Ok((Line::Config(_), _)) => {}
                Ok((Line::Frame(_), _)) => {
                    let (read, said) = (self.read, self.read + 1);
                    return Err(self.child.fail(&format!("it gave {read} frames and said {said}")));
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        // Code 0 proves nothing: it is what half a clip gives,
        if let Some(said) = self.cut_off.get().filter(|_| !self.is_complete()) {
            let (read, rest) = (self.read, self.rest().unwrap_or_default());
            let what = format!("the file is cut off after {read} frames: {said}{rest}");
            return Err(Error::input(what));
        }
        // and a clip without one decodable frame. After a
        // seek there may be none.
        if self.read == 0 && self.seek == Seek::Sure {
            return Err(self.child.fail("it gave no frame"));
        }
        Ok(())
    }
}

impl Decoder<'_> {
    /// Whether all frames of the window have come, although the file does not end there: the next
    /// one would be behind it.
    fn is_complete(&self) -> bool {
        let until = self.job.window.on_clock(self.job.clip.start()).until;
        let last = until.zip(self.time_base).zip(self.last);
        last.is_some_and(|((until, base), (_, last))| {
            !self.has_hole() && !base.is_before(last.saturating_add(self.step), until)
        })
    }

    /// Whether frames may be missing before the last one, as where others refer to what was cut off.
    fn has_hole(&self) -> bool {
        self.gap > self.step.saturating_add(self.step / 2)
    }

    /// What a user may do who wants the frames that have come up to a hole: a time between the last
    /// one and the next.
    fn rest(&self) -> Option<String> {
        let (base, (_, last)) = self.time_base.zip(self.last)?;
        let last = if self.has_hole() { last - self.gap } else { last };
        let [last, next] = [last, last.saturating_add(self.step)]
            .map(|ticks| base.micros(ticks).minus(self.job.clip.start()).0);
        let millis = (last + (next - last) / 2) / 1000;
        let seconds = millis as f64 / 1000.0;
        (millis * 1000 > last).then(|| format!(" (--to {seconds:.3} renders these)"))
    }
}

/// The command.
fn command(job: &Decode<'_>, seek: Seek) -> Result<FfmpegCommand> {
    let mut command = job.programs.ffmpeg(Log::Info);
    // `-copyts` keeps the clip's own clock, `-noautorotate` the frames as they are stored.
    command.args(["-copyts", "-noautorotate"]);
    if let (Seek::Hoped, Some(from)) = (seek, job.window.from) {
        // The key frame before; which frames count is decided by their timestamps here.
        command.arg("-noaccurate_seek").seek(from.to_string());
    }
    if let Some(threads) = job.threads {
        command.args(["-threads", &threads.to_string()]);
    }
    command.args(["-protocol_whitelist", PROTOCOLS, "-format_whitelist", FORMATS]);
    if let Some(decoder) = job.decoder() {
        command.args([format!("-c:{}", job.stream).as_str(), decoder]);
    }
    command.args(&job.extra);
    if let Some(nudge) = job.clip.nudge() {
        command.args(["-itsoffset", &nudge.to_string()]);
    }
    command.input(file_argument(job.clip.path())?);
    command.map(format!("0:{}", job.stream));
    let format = job.pixels.format();
    let last = match job.pixels.filter() {
        Some(filter) => format!(",{filter}"),
        None if format.reorders() => ",setparams=range=limited".to_owned(),
        None => String::new(),
    };
    // After showinfo times are of no use, and the muxer would complain of those that are not those
    // of an even rate.
    let evened = "settb=1/25,setpts=N";
    let rate = job.rate.map(|each| format!("fps={}/{},", each.den(), each.num()));
    let rate = rate.unwrap_or_default();
    let first = job.filters.as_ref().map_or_else(String::new, |filters| format!("{filters},"));
    command.filter(format!("{first}{rate}showinfo=checksum=0,{evened}{last}"));
    command.fps_mode("passthrough").args([
        "-enc_time_base",
        "1/25",
        "-map_metadata",
        "-1",
        "-map_chapters",
        "-1",
    ]);
    command.format("rawvideo").pix_fmt(format.pipe()).output("pipe:1");
    Ok(command)
}

/// How the demuxers of MP4 and Matroska say that a file ends before its contents do (5.1 and 9.0).
/// Streams made for broadcasting have no end that could be missed.
const CUT_OFF: &[&str] = &["partial file", "File ended prematurely"];

/// An ffmpeg with channels for what its log says.
struct Running {
    child: Child,
    /// Of the frames.
    lines: Receiver<Said>,
    /// Why the file is not whole.
    cut_off: Arc<OnceLock<String>>,
}

impl Running {
    fn start(job: &Decode<'_>, seek: Seek) -> Result<Self> {
        // More records than the frames that fit into the pipe and into ffmpeg's own buffers are
        // records of frames that will not come.
        let frame = usize::try_from(job.pixels.layout().bytes()).unwrap_or(usize::MAX);
        let (tell, lines) = bounded(AHEAD + (PIPE_BYTES + OWN_BYTES) / frame.max(1));
        let mut tell = Some(tell);
        let cut_off = Arc::new(OnceLock::new());
        let found = cut_off.clone();
        let on_line = move |line: &str, errors| {
            if let Some(said) = CUT_OFF.iter().find(|said| line.ends_with(**said)) {
                // The first one is enough.
                let _ = found.set((*said).to_owned());
            }
            let Some(line) = showinfo::parse(line) else { return };
            // Never blocks: whoever floods its log ends its own channel, and is drained on.
            if let Some(Err(TrySendError::Full(_) | TrySendError::Disconnected(_))) =
                tell.as_ref().map(|tell| tell.try_send((line, errors)))
            {
                tell = None;
            }
        };
        let command = command(job, seek)?;
        let child = job.programs.start("decoder", command, Pipe::Out, job.patience, on_line)?;
        Ok(Self { child, lines, cut_off })
    }
}

/// The error for a window without a frame.
fn empty(window: Window) -> Error {
    let seconds = |m: Micros| format!("{} s", m.0 as f64 / 1e6);
    let from = window.from.map_or("the start".to_owned(), seconds);
    let until = window.until.map_or("the end".to_owned(), seconds);
    Error::usage(format!("no frame lies between {from} and {until} (--ss, --to, --t)"))
}

/// Frames that ffmpeg may hold between showinfo and its output: 9.0 has queues of 8.
const AHEAD: usize = 1024;
/// What ffmpeg buffers of its output: 32 KiB in 5.1 and 9.0.
const OWN_BYTES: usize = 64 << 10;

/// Reads one frame: the bytes that came, and those of a whole one.
fn fill(child: &mut Child, frame: &mut Frame, cancel: &Cancel) -> Result<(u64, u64)> {
    let whole = frame.layout().bytes();
    let mut got = 0;
    for piece in frame.bytes_mut() {
        let read = child.read(piece, cancel)?;
        got += read as u64;
        if read < piece.len() {
            break;
        }
    }
    Ok((got, whole))
}
