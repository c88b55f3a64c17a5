//! Packets through a link, from one thread to another. Bytes are those of the payload.

use std::sync::Arc;
use std::thread;

use divan::Bencher;
use divan::counter::BytesCount;
use lumaloom::link::pipe::{self, Checksum, Header, MAX_PAYLOAD};
use lumaloom::link::{self, Cancel, Ended, Item, Packet, Rx, Tx};

/// A small file, a photograph, and a decoded frame of 24 megapixels.
const SIZES: &[usize] = &[20_000, 6_000_000, 36_000_000];

/// Packets per sample.
const PACKETS: u64 = 16;

fn through(bencher: Bencher<'_, '_>, size: usize, pair: impl Fn() -> (Tx, Rx) + Sync) {
    bencher
        .counter(BytesCount::new(size as u64 * PACKETS))
        .with_inputs(|| {
            let packet = |seq| Packet::bytes(seq, Item::default(), vec![1; size]);
            (pair(), (0..PACKETS).map(packet).collect::<Vec<_>>())
        })
        .bench_local_values(|((mut tx, mut rx), packets)| {
            thread::scope(|scope| {
                scope.spawn(move || {
                    for packet in packets {
                        tx.send(packet).expect("the receiver lives");
                    }
                    tx.finish(Ended::All).expect("the receiver lives");
                });
                let mut got = 0;
                while rx.recv().expect("a clean link").packet().is_some() {
                    got += 1;
                }
                assert_eq!(got, PACKETS);
            });
        });
}

#[divan::bench(args = SIZES, sample_count = 10)]
fn channel(bencher: Bencher<'_, '_>, size: usize) {
    through(bencher, size, || link::channel(4));
}

fn ends(checksum: Checksum) -> (Tx, Rx) {
    let (from, to) = rustix::pipe::pipe().expect("descriptors are left");
    // The header fits into the pipe, so one thread can make both ends.
    let tx = pipe::writer(to, &Header::new("bench"), checksum).expect("the reader is there");
    let (cancel, queue) = (Cancel::default(), Arc::default());
    let (_, rx) = pipe::reader(from, pipe::MAX_PAYLOAD, &cancel, &queue).expect("a header");
    (tx, rx)
}

#[divan::bench(args = SIZES, sample_count = 10)]
fn pipe_heads(bencher: Bencher<'_, '_>, size: usize) {
    through(bencher, size, || ends(Checksum::Heads));
}

#[divan::bench(args = SIZES, sample_count = 10)]
fn pipe_payloads(bencher: Bencher<'_, '_>, size: usize) {
    through(bencher, size, || ends(Checksum::Payloads));
}

#[divan::bench(args = SIZES, sample_count = 10)]
fn pipe(bencher: Bencher<'_, '_>, size: usize) {
    through(bencher, size, || {
        let (read, write) = rustix::pipe::pipe().expect("two descriptors");
        // The header is smaller than a pipe, so writing it does not wait for the reader.
        let tx = pipe::writer(write, &Header::new("bench"), Checksum::Heads).expect("a pipe");
        let cancel = Cancel::default();
        let (_, rx) = pipe::reader(read, MAX_PAYLOAD, &cancel, &Default::default()).expect("ours");
        (tx, rx)
    });
}
