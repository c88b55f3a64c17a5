//! The source of a folder job: files, read whole.

use std::cmp::Reverse;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::file::open;
use super::halves;
use crate::error::{Error, Result, shown};
use crate::journal::mtime_ns;
use crate::link::{Item, Packet};
use crate::stage::{Order, Source, Ticket};

/// So many of a list's last items for each thread are read by their size. Not all of them: the rest
/// is read in the order of the list, in which a disk is likely to hold them.
const LAST: usize = 8;

/// Puts the last items of a list in the order in which several threads are through with them first:
/// the largest, which would keep one thread busy when all others have ended, before the others.
pub fn largest_first(items: &mut [Item], threads: usize) {
    let last = items.len().saturating_sub(LAST * threads);
    items[last..].sort_by_key(|item| Reverse(item.size));
}

/// Reads the items of a list, in its order. Nothing is shared between two reads but a counter.
#[derive(Debug)]
pub struct FolderSource {
    items: Vec<Item>,
    next: AtomicUsize,
}

impl FolderSource {
    /// A source of these items; packets are numbered in their order.
    pub fn new(items: Vec<Item>) -> Self {
        Self { items, next: AtomicUsize::new(0) }
    }

    fn known(&self, ticket: &Ticket) -> Option<&Item> {
        usize::try_from(ticket.seq).ok().and_then(|index| self.items.get(index))
    }
}

impl Source for FolderSource {
    fn order(&self) -> Order {
        Order::Any
    }

    fn total(&self) -> Option<u64> {
        Some(self.items.len() as u64)
    }

    fn next(&self) -> Option<Ticket> {
        // Only the number itself is handed on, so no other memory has to become visible.
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let item = self.items.get(index)?;
        Some(Ticket { seq: index as u64, bytes: item.size })
    }

    fn item(&self, ticket: &Ticket) -> Item {
        self.known(ticket).cloned().unwrap_or_default()
    }

    fn read(&self, ticket: Ticket) -> Packet {
        let Some(item) = self.known(&ticket) else {
            let error = Error::internal(format!("item {} was never given out", ticket.seq));
            return Packet::failed(ticket.seq, Item::default(), error);
        };
        let mut item = item.clone();
        match load(&mut item) {
            Ok(bytes) => Packet::bytes(ticket.seq, item, bytes),
            Err(error) => Packet::failed(ticket.seq, item, error),
        }
    }
}

/// Reads the file and notes the size and the time of what was read, which is what the journal
/// must know of it.
fn load(item: &mut Item) -> Result<Vec<u8>> {
    let failed = |doing, e| Error::io(doing, &item.input, &e);
    let file = open(&item.input)?;
    let before = file.metadata().map_err(|e| failed("inspect", e))?;
    // Memory was asked for with the listed size. A file that grows is being written anyway.
    if before.len() > item.size {
        return Err(changed(&item.input, item.size, before.len()));
    }
    let size = usize::try_from(before.len()).unwrap_or(usize::MAX);
    let bytes = halves::read(&file, size).map_err(|e| match e.kind() {
        ErrorKind::OutOfMemory => {
            Error::system(format!("{}: no memory for {size} bytes", shown(&item.input)))
        }
        _ => failed("read", e),
    })?;
    let after = file.metadata().map_err(|e| failed("inspect", e))?;
    if bytes.len() != size || after.len() != before.len() || mtime_ns(&after) != mtime_ns(&before) {
        return Err(changed(&item.input, before.len(), after.len()));
    }
    item.size = before.len();
    item.mtime_ns = mtime_ns(&before);
    Ok(bytes)
}

fn changed(path: &Path, from: u64, to: u64) -> Error {
    Error::input(format!(
        "{} changed after it was listed ({from} bytes then, {to} now); is it still being written?",
        shown(path)
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs::{self, File};
    use std::sync::Mutex;
    use std::time::SystemTime;

    use super::super::walk::{WalkOptions, plan_inputs};
    use super::*;
    use crate::link::Payload;

    fn listed(files: &[(&str, &str)]) -> (tempfile::TempDir, Vec<Item>) {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let inputs = plan_inputs(&[dir.path().to_owned()], &WalkOptions::default()).unwrap();
        (dir, inputs.items)
    }

    fn error_of(source: &FolderSource) -> String {
        source.read(source.next().unwrap()).outcome.unwrap_err().to_string()
    }

    #[test]
    fn many_threads_get_each_item_once() {
        let names: Vec<String> = (0..200).map(|n| format!("{n:03}.jpg")).collect();
        let files: Vec<(&str, &str)> = names.iter().map(|n| (n.as_str(), n.as_str())).collect();
        let (_dir, items) = listed(&files);
        let source = FolderSource::new(items.clone());
        let seen = Mutex::new(BTreeSet::new());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while let Some(ticket) = source.next() {
                        let packet = source.read(ticket);
                        let parts = packet.outcome.unwrap();
                        let Payload::Bytes(bytes) = &parts[0].payload else { panic!("bytes") };
                        assert_eq!(bytes, packet.item.rel.to_str().unwrap().as_bytes());
                        assert_eq!(packet.item, items[packet.seq as usize]);
                        assert!(seen.lock().unwrap().insert(packet.seq));
                    }
                });
            }
        });
        assert_eq!(seen.into_inner().unwrap().len(), 200);
        assert_eq!(source.total(), Some(200));
    }

    #[test]
    fn the_last_items_are_read_by_their_size() {
        let item = |n: u64| Item {
            number: n,
            size: if n.is_multiple_of(3) { 5 } else { n },
            ..Item::default()
        };
        let mut items: Vec<Item> = (0..60).map(item).collect();
        largest_first(&mut items, 2);
        let numbers: Vec<u64> = items.iter().map(|item| item.number).collect();
        assert_eq!(numbers[..44], (0..44).collect::<Vec<u64>>());
        let last = &items[44..];
        let key = |item: &Item| (Reverse(item.size), item.number);
        assert!(last.is_sorted_by_key(key), "equal ones as listed: {numbers:?}");
        assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), 60);
    }

    #[test]
    fn what_cannot_be_read_fails_by_name() {
        let (dir, items) =
            listed(&[("a.jpg", "a"), ("b.jpg", "b"), ("c.jpg", "c"), ("d.jpg", "d")]);
        let at = |name: &str| dir.path().join(name);
        fs::remove_file(at("a.jpg")).unwrap();
        fs::write(at("b.jpg"), "longer").unwrap();
        fs::remove_file(at("c.jpg")).unwrap();
        fs::create_dir(at("c.jpg")).unwrap();
        fs::remove_file(at("d.jpg")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("d.jpg"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        let source = FolderSource::new(items);
        for said in ["a.jpg: No such file", "1 bytes then, 6 now", "is a folder", "is a fifo"] {
            let error = error_of(&source);
            assert!(error.contains(said), "{error}");
        }
        assert!(source.next().is_none());
    }

    #[test]
    fn the_packet_knows_the_size_and_time_of_what_was_read() {
        let (dir, items) = listed(&[("a.jpg", "four")]);
        let path = dir.path().join("a.jpg");
        fs::write(&path, "two").unwrap();
        let later =
            SystemTime::UNIX_EPOCH + std::time::Duration::from_nanos(1_800_000_000_000_000_007);
        File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
        let source = FolderSource::new(items);
        let packet = source.read(source.next().unwrap());
        assert_eq!((packet.item.size, packet.item.mtime_ns), (3, 1_800_000_000_000_000_007));
    }
}
