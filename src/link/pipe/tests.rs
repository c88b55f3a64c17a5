//! The pipe from both ends: what goes in comes out, and nothing else ever does.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::thread;

use rustix::pipe::pipe;

use super::*;
use crate::error::{Error, Kind};
use crate::event::Loss;
use crate::frame::{Depth, Frame, Model, Plane, Sample, Samples, Size, Subsampling, Ycbcr};
use crate::link::{Ended, Item, Packet, Part, Payload, Received, channel};

fn item() -> Item {
    Item { input: "a.jpg".into(), rel: "a.jpg".into(), number: 1, size: 3, mtime_ns: 5 }
}

/// A padded grey frame, a 16-bit one, and planes of 10 bits.
fn frames() -> Vec<Part> {
    let size = Size::new(3, 2);
    let gray = crate::frame::Layout::new(size, Model::Gray, Depth::U8).unwrap();
    let padded = vec![Plane::new(Samples::U8(vec![1, 2, 3, 99, 4, 5, 6]), 4)];
    let rgb = crate::frame::Layout::new(size, Model::Rgb, Depth::U16).unwrap();
    let words = vec![Plane::new(Samples::U16((0..18).map(|i| i * 1000).collect()), 9)];
    let yuv = Model::Ycbcr(Ycbcr::jpeg(Subsampling::S420));
    let yuv = crate::frame::Layout::new(size, yuv, Depth::U10).unwrap();
    let float = crate::frame::Layout::new(size, Model::Gray, Depth::F32).unwrap();
    let reals = vec![Plane::new(Samples::F32(vec![-0.5, 0.0, 0.25, 1.0, 2.0, 1e9]), 3)];
    [
        Frame::new(gray, padded).unwrap(),
        Frame::new(rgb, words).unwrap(),
        Frame::zeroed(yuv),
        Frame::new(float, reals).unwrap(),
    ]
    .into_iter()
    .enumerate()
    .map(|(i, frame)| Part { key: (1, i as u64), payload: Payload::Frame(Arc::new(frame)) })
    .collect()
}

fn packets() -> Vec<Packet> {
    let mut noted = Packet::bytes(0, item(), b"xyz".to_vec());
    noted.notes.losses = vec![Loss::Exif];
    noted.notes.format = Some("png".into());
    let failed = Packet::failed(2, item(), Error::input("not an image"));
    vec![noted, Packet::new(1, item(), Ok(frames())), failed, Packet::new(3, item(), Ok(vec![]))]
}

/// All bytes of a stream with these packets.
fn stream(packets: Vec<Packet>, checksum: Checksum) -> Vec<u8> {
    let (from, to) = pipe().unwrap();
    let reading = thread::spawn(move || {
        let mut bytes = Vec::new();
        File::from(from).read_to_end(&mut bytes).unwrap();
        bytes
    });
    let mut tx = writer(to, &Header::new("images"), checksum).unwrap();
    for packet in packets {
        tx.send(packet).unwrap();
    }
    tx.finish(Ended::All).unwrap();
    reading.join().unwrap()
}

/// Feeds bytes to a reader and takes everything out.
fn take(bytes: &[u8], limit: u64) -> Result<Vec<Packet>, Stop> {
    let (from, to): (OwnedFd, OwnedFd) = pipe().unwrap();
    thread::scope(|scope| {
        // The reader may close early; then the rest has nowhere to go.
        scope.spawn(move || drop(File::from(to).write_all(bytes)));
        let (_, mut rx) = reader(from, limit, &Cancel::default(), &Arc::default())?;
        let mut packets = Vec::new();
        while let Some(packet) = rx.recv()?.packet() {
            packets.push(packet);
        }
        assert!(rx.recv().unwrap().packet().is_none(), "an end stays an end");
        Ok(packets)
    })
}

/// Frames without their padding, so that they compare by what was sent.
fn compact(part: &Part) -> Vec<Vec<u8>> {
    match &part.payload {
        Payload::Bytes(bytes) => vec![bytes.clone()],
        Payload::Frame(frame) => {
            let one = |index: usize| match frame.layout().depth() {
                Depth::U8 => rows(frame, index, |v: u8| vec![v]),
                Depth::U10 | Depth::U16 => rows(frame, index, |v: u16| v.to_le_bytes().into()),
                Depth::F32 => rows(frame, index, |v: f32| v.to_le_bytes().into()),
            };
            (0..frame.planes().len()).map(one).collect()
        }
    }
}

/// The samples of a plane, row after row.
fn rows<T: Sample>(frame: &Frame, index: usize, bytes: impl Fn(T) -> Vec<u8>) -> Vec<u8> {
    let height = frame.layout().plane(index).height;
    let rows = (0..height).flat_map(|y| frame.row::<T>(index, y).unwrap());
    rows.flat_map(|&v| bytes(v)).collect()
}

#[test]
fn every_kind_of_packet_comes_out_as_it_went_in() {
    for checksum in [Checksum::Heads, Checksum::Payloads] {
        let got = take(&stream(packets(), checksum), MAX_PAYLOAD).unwrap();
        assert_eq!(got.len(), packets().len());
        for (got, want) in got.iter().zip(&packets()) {
            assert_eq!((got.seq, &got.item, &got.notes), (want.seq, &want.item, &want.notes));
            match (&got.outcome, &want.outcome) {
                (Ok(got), Ok(want)) => {
                    assert_eq!(got.len(), want.len());
                    for (got, want) in got.iter().zip(want) {
                        assert_eq!((got.key, compact(got)), (want.key, compact(want)));
                    }
                }
                (got, want) => assert_eq!(got.as_ref().err(), want.as_ref().err()),
            }
        }
    }
}

#[test]
fn the_bytes_are_frozen() {
    let mut header = Header::new("images");
    header.version = "0.1.0".into();
    let header = format::header_bytes(&header).unwrap();
    let packet = Packet::bytes(7, item(), b"xyz".to_vec());
    let meta = format::Meta::bytes_of(&packet).unwrap();
    let head = format::Head::Packet { seq: 7, meta: meta.len() as u32, payload: 3, sum: Some(9) };
    let last = |ended| format::Head::Last { count: 1, ended };
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    assert_eq!(&header[..16], b"LUMALOOM\x02\0\0\0\x59\0\0\0");
    assert_eq!(
        std::str::from_utf8(&header[16..header.len() - 8]).unwrap(),
        r#"{"version":"0.1.0","job":"images","strict":false,"total":null,"layout":null,"facts":null}"#
    );
    assert_eq!(hex(&header[header.len() - 8..]), "16298ec0c7fc2a5d");
    assert_eq!(
        std::str::from_utf8(&meta).unwrap(),
        r#"{"item":{"input":"a.jpg","rel":"a.jpg","number":1,"size":3,"mtime_ns":5},"notes":{"pixels":0,"width":0,"height":0,"format":null,"losses":[]},"parts":[{"key":[1,0],"bytes":3}]}"#
    );
    assert_eq!(
        hex(&head.bytes(&meta)),
        "7061636b010000000700000000000000af0000000000000003000000000000000900000000000000\
         f3e024e932a08d11"
    );
    assert_eq!(
        hex(&last(Ended::All).bytes(&[])),
        "6c61737400000000010000000000000000000000000000000000000000000000000000000000000\
         041b3d65bf21b0c50"
    );
    assert_eq!(
        hex(&last(Ended::Stopped).bytes(&[])),
        "6c61737401000000010000000000000000000000000000000000000000000000000000000000000\
         0f92f63c358fbde9d"
    );
}

#[test]
fn a_stream_that_breaks_off_is_an_echo_wherever_it_breaks() {
    let whole = stream(packets(), Checksum::Payloads);
    assert!(take(&whole, MAX_PAYLOAD).is_ok());
    for cut in 0..whole.len() {
        let got = take(&whole[..cut], MAX_PAYLOAD).map(|p| p.len());
        assert_eq!(got, Err(Stop::Echo), "cut at {cut} of {}", whole.len());
    }
}

#[test]
fn a_damaged_stream_never_ends_well() {
    let whole = stream(packets(), Checksum::Payloads);
    for at in 0..whole.len() {
        let mut bad = whole.clone();
        bad[at] ^= 0x20;
        assert!(take(&bad, MAX_PAYLOAD).is_err(), "byte {at} of {} changed", whole.len());
    }
}

#[test]
fn garbage_and_other_versions_are_causes() {
    let cause = |bytes: &[u8]| match take(bytes, MAX_PAYLOAD) {
        Err(Stop::Cause(error)) => error,
        other => panic!("{:?}", other.map(|p| p.len())),
    };
    assert!(cause(&[b'x'; 64]).to_string().contains("does not begin"));
    let mut newer = stream(vec![], Checksum::Heads);
    newer[8] = 9;
    assert_eq!(cause(&newer).kind(), Kind::Usage);
}

#[test]
fn a_head_that_promises_too_much_is_refused_unread() {
    let bytes = stream(vec![Packet::bytes(0, item(), vec![7; 1000])], Checksum::Heads);
    assert!(take(&bytes, 1000).is_ok());
    assert!(matches!(take(&bytes, 999), Err(Stop::Cause(_))));
}

#[test]
fn a_reader_that_goes_away_is_an_echo() {
    let (from, to) = pipe().unwrap();
    let mut tx = writer(to, &Header::new("images"), Checksum::Heads).unwrap();
    drop(from);
    assert_eq!(tx.send(Packet::bytes(0, item(), vec![])), Err(Stop::Echo));
    assert_eq!(tx.finish(Ended::All), Err(Stop::Echo));
}

#[test]
fn a_stop_ends_the_wait_for_a_silent_writer() {
    let (from, to) = pipe().unwrap();
    let tx = writer(to, &Header::new("images"), Checksum::Heads).unwrap();
    let cancel = Cancel::default();
    // The header is here before the stop, which would end the wait for it as well.
    let (_, mut rx) = reader(from, MAX_PAYLOAD, &cancel, &Arc::default()).unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(move || rx.recv().map(|p| p.packet().is_some()));
        thread::sleep(std::time::Duration::from_millis(20));
        cancel.request();
        cancel.request();
        assert!(matches!(waiting.join().unwrap(), Err(Stop::Cause(_))));
    });
    drop(tx);
}

#[test]
fn both_transports_tell_a_dropped_end_from_a_whole_one_and_from_a_stopped_one() {
    let over_pipe = || {
        let (from, to) = pipe().unwrap();
        let tx = writer(to, &Header::new("images"), Checksum::Heads).unwrap();
        let (_, rx) = reader(from, MAX_PAYLOAD, &Cancel::default(), &Arc::default()).unwrap();
        (tx, rx)
    };
    for pair in [|| channel(1), over_pipe] {
        let (tx, mut rx) = pair();
        drop(tx);
        assert!(matches!(rx.recv(), Err(Stop::Echo)));
        for ended in [Ended::All, Ended::Stopped] {
            let (tx, mut rx) = pair();
            tx.finish(ended).unwrap();
            for _ in 0..2 {
                assert!(matches!(rx.recv(), Ok(Received::End(end)) if end == ended));
            }
        }
    }
    let (mut tx, rx) = channel(1);
    drop(rx);
    assert_eq!(tx.send(Packet::bytes(0, item(), vec![])), Err(Stop::Echo));
}
