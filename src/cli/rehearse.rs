//! `video --dry-run`: the streams, the plan, the memory and both ffmpegs' commands.

use lumaloom::error::{Result, shown};
use lumaloom::exec::processes::quoted;
use lumaloom::ffmpeg::{Copies, Stream, StreamKind};

use super::clip::{ClipIn, Kind, Planned};
use super::render::Render;
use super::value::{count, show_bytes};
use super::{assemble, say};

/// Says it all on stderr. Nothing is started but what asks about the clip. `parts` are lines about
/// segments, where the clip is rendered in some.
///
/// # Errors
/// When a folder cannot be found.
pub fn run(render: &Render, input: &ClipIn, planned: &Planned, parts: &[String]) -> Result<u8> {
    let output = &render.output;
    let work = &planned.work;
    say::line(&format!("{} -> {}", shown(&render.job.input), shown(output.path())));
    let movie = input.movie().filter(|_| *output.kind() == Kind::Clip);
    if let Some(movie) = movie {
        streams(&movie.copies(output.without())?);
    }
    for text in render.remarks(input, planned)? {
        say::line(&format!("  {text}"));
    }
    let frames = match (input.total(), input.estimate()) {
        (Some(frames), _) => count(frames, "frame"),
        (None, Some(frames)) => format!("about {}", count(frames, "frame")),
        (None, None) => "frames".to_owned(),
    };
    let bytes = work.peak_bytes(1);
    say::line(&format!("{}: {frames}, {} each", input.layout(), show_bytes(bytes)));
    for line in work.score().explain() {
        say::line(&format!("  {line}"));
    }
    say::line(&format!(
        "memory   at most {} for one frame; {} in flight on {}",
        show_bytes(bytes),
        show_bytes(assemble::memory(render.job.pool.mem).mem),
        count(render.job.pool.threads as u64, "thread"),
    ));
    if let Some(movie) = movie {
        let [decoder, encoder] = movie.commands(output, planned)?;
        say::line(&format!("decoder  {}", quoted(&decoder)));
        say::line(&format!("encoder  {}", quoted(&encoder)));
    } else if let Some(movie) = input.movie() {
        say::line(&format!("decoder  {}", quoted(&movie.decode().words()?)));
    } else if *output.kind() == Kind::Clip {
        let facts = planned.after(input.facts()?);
        say::line(&format!("encoder  {}", quoted(&output.alone(&facts, *work.score().output())?)));
    }
    parts.iter().for_each(|line| say::line(line));
    say::line("nothing written (dry run)");
    Ok(0)
}

/// What becomes of each stream of a clip.
fn streams(copies: &Copies<'_>) {
    let clip = copies.clip();
    for stream in clip.streams() {
        let place = copies.kept().iter().position(|kept| kept.index == stream.index);
        let fate = match place {
            None => "left out".to_owned(),
            Some(at) if at == copies.rendered() => format!("rendered, as stream {at}"),
            Some(at) => format!("copied, as stream {at}"),
        };
        say::line(&format!("  stream {}: {}: {fate}", stream.index, described(stream)));
    }
    let chapters = clip.chapters().len();
    if chapters > 0 {
        say::line(&format!("  {}: copied", count(chapters as u64, "chapter")));
    }
}

/// `video h264 1920x1080`
fn described(stream: &Stream) -> String {
    let kind = match &stream.kind {
        StreamKind::Video(_) => "video",
        StreamKind::Audio => "sound",
        StreamKind::Subtitle => "subtitles",
        StreamKind::Attachment => "attachment",
        StreamKind::Data => "data",
    };
    let codec = stream.codec.as_deref().unwrap_or("of no known codec");
    match &stream.kind {
        StreamKind::Video(video) => format!("{kind} {codec} {}", video.size),
        _ => format!("{kind} {codec}"),
    }
}
