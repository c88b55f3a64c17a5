//! The source of a clip job whose frames are picture files with numbers in their names.

use std::fs;
use std::path::PathBuf;

use super::argument::special;
use super::folder::FolderSource;
use super::pattern::Pattern;
use crate::error::{Error, Result, shown};
use crate::journal::mtime_ns;
use crate::link::{Item, Packet};
use crate::stage::{Order, Source, Ticket};

/// Reads the files of a sequence, in order; each is one tick long.
#[derive(Debug)]
pub struct SequenceSource {
    files: FolderSource,
}

/// Which numbers of a sequence.
#[derive(Clone, Copy, Debug, Default)]
pub struct Part {
    /// The first; without it the lowest that there is.
    pub first: Option<u64>,
    /// How many at most.
    pub most: Option<u64>,
}

/// The files of a sequence, without a gap.
///
/// # Errors
/// `Usage`: there is none, the first is missing, or there is a gap: a clip that lacks frames in
/// the middle would be taken for whole.
pub fn find(pattern: &Pattern, part: Part) -> Result<Vec<Item>> {
    let present = pattern.present()?;
    let first = part.first.or(present.first().copied()).ok_or_else(|| {
        Error::usage(format!("there is no {}", shown(&pattern.path(part.first.unwrap_or(1)))))
    })?;
    let at = present.binary_search(&first).map_err(|at| {
        let next = present.get(at).map(|next| format!("; the next is {next} (--start-number)"));
        Error::usage(format!(
            "there is no {}{}",
            shown(&pattern.path(first)),
            next.unwrap_or_default()
        ))
    })?;
    let most = usize::try_from(part.most.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    let wanted = present[at..].iter().take(most);
    let run = wanted.clone().zip(first..).take_while(|(number, due)| *number == due).count();
    if run < wanted.len() {
        let (missing, next) = (first + run as u64, present[at + run]);
        return Err(Error::usage(format!(
            "there is no {}, but there is {}; --frames {run} ends before the gap",
            shown(&pattern.path(missing)),
            shown(&pattern.path(next)),
        )));
    }
    (first..).take(run).map(|number| item(pattern.path(number), number)).collect()
}

/// A file as picture `number`.
///
/// # Errors
/// `Usage`: it is not there, or is no regular file; a pipe would be waited for.
pub fn item(input: PathBuf, number: u64) -> Result<Item> {
    let meta = fs::metadata(&input)
        .map_err(|e| Error::usage(format!("failed to open {}: {e}", shown(&input))))?;
    if !meta.is_file() {
        let what = special(meta.file_type());
        return Err(Error::usage(format!("{} is a {what}, not a picture", shown(&input))));
    }
    let (size, mtime_ns) = (meta.len(), mtime_ns(&meta));
    Ok(Item { rel: input.clone(), input, number, size, mtime_ns })
}

impl SequenceSource {
    /// A source of these files.
    pub fn new(items: Vec<Item>) -> Self {
        Self { files: FolderSource::new(items) }
    }
}

impl Source for SequenceSource {
    fn order(&self) -> Order {
        Order::Strict
    }

    fn total(&self) -> Option<u64> {
        self.files.total()
    }

    fn next(&self) -> Option<Ticket> {
        self.files.next()
    }

    fn item(&self, ticket: &Ticket) -> Item {
        self.files.item(ticket)
    }

    fn read(&self, ticket: Ticket) -> Packet {
        let mut packet = self.files.read(ticket);
        packet.notes.pts = i64::try_from(ticket.seq).ok();
        packet.notes.lasts = Some(1);
        packet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_has_no_gap_and_begins_where_it_is_told_to() {
        let room = tempfile::tempdir().unwrap();
        for number in [3, 4, 5, 8] {
            fs::write(room.path().join(format!("{number:03}.png")), [number]).unwrap();
        }
        let pattern = Pattern::parse(&room.path().join("%03d.png")).unwrap().unwrap();
        let numbers = |first, most| {
            find(&pattern, Part { first, most })
                .map(|items| items.iter().map(|item| item.number).collect::<Vec<_>>())
                .map_err(|e| e.to_string())
        };
        assert_eq!(numbers(None, Some(3)), Ok(vec![3, 4, 5]));
        assert_eq!(numbers(Some(4), Some(2)), Ok(vec![4, 5]));
        assert_eq!(numbers(Some(8), None), Ok(vec![8]));
        let gap = numbers(None, None).unwrap_err();
        assert!(gap.contains("006.png") && gap.contains("--frames 3"), "{gap}");
        let early = numbers(Some(1), None).unwrap_err();
        assert!(early.contains("001.png") && early.contains("next is 3"), "{early}");
        let none =
            find(&Pattern::parse(&room.path().join("x%d")).unwrap().unwrap(), Part::default());
        assert!(none.unwrap_err().to_string().contains("x1"));

        let source =
            SequenceSource::new(find(&pattern, Part { first: None, most: Some(2) }).unwrap());
        let packet = source.read(source.next().unwrap());
        assert_eq!((packet.notes.pts, packet.item.number), (Some(0), 3));
        assert_eq!(packet.payload_bytes(), 1);
    }
}
