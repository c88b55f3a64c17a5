//! `video --dry-run`: the streams, the plan, the memory and both ffmpegs' commands.

use lumaloom::error::{Result, shown};
use lumaloom::exec::processes::quoted;
use lumaloom::ffmpeg::{Stream, StreamKind};
use lumaloom::source::Turn;
use lumaloom::work::ClipWork;

use super::clip::{self, ClipIn, ClipOut};
use super::job::Pool;
use super::value::{count, show_bytes};
use super::{assemble, say};

/// Says it all on stderr. Nothing is started but what asks about the clip.
///
/// # Errors
/// When a folder cannot be found.
pub fn run(
    input: &ClipIn,
    output: &ClipOut,
    (work, turn): (&ClipWork, Turn),
    pool: &Pool,
) -> Result<u8> {
    let copies = input.copies(output.without())?;
    let clip = copies.clip();
    say::line(&format!("{} -> {}", shown(clip.path()), shown(output.path())));
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
    let turned = input.display_matrix().map(|display| clip::turned(display, turn));
    for text in input.notes().iter().cloned().chain(turned).chain(input.losses(output)?) {
        say::line(&format!("  {text}"));
    }
    let frames = input.total().map_or_else(|| "frames".to_owned(), |n| count(n, "frame"));
    let bytes = work.plan().peak_bytes(1);
    say::line(&format!("{}: {frames}, {} each", input.layout(), show_bytes(bytes)));
    for line in work.plan().explain() {
        say::line(&format!("  {line}"));
    }
    say::line(&format!(
        "memory   at most {} for one frame; {} in flight on {}",
        show_bytes(bytes),
        show_bytes(assemble::memory(pool.mem).mem),
        count(pool.threads as u64, "thread"),
    ));
    let [decoder, encoder] = input.commands(output, (work, turn))?;
    say::line(&format!("decoder  {}", quoted(&decoder)));
    say::line(&format!("encoder  {}", quoted(&encoder)));
    say::line("nothing written (dry run)");
    Ok(0)
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
