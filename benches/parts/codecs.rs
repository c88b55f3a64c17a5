//! Decoding and encoding, by format. Items are pixels.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use lumaloom::codec::{
    self, DecodeHint, EncodeOptions, Encoded, Format, Header, Limits, Means, Metadata,
};
use lumaloom::filter::Dihedral;
use lumaloom::frame::BufferPool;

use crate::picture::{Kind, SIZE};

/// What is coded: the format and the layout that its files usually have.
const CODED: &[(Format, Kind)] = &[
    (Format::Jpeg, Kind::Gray8),
    (Format::Jpeg, Kind::Jpeg420),
    (Format::Png, Kind::Rgb8),
    (Format::Png, Kind::Rgb16),
    (Format::Tiff, Kind::Rgb16),
    (Format::Bmp, Kind::Rgb8),
    (Format::Pnm, Kind::Rgb8),
    (Format::Qoi, Kind::Rgb8),
];

fn encoded(&(format, kind): &(Format, Kind), pool: &BufferPool) -> Encoded {
    let frame = kind.frame();
    let source = Header {
        format,
        layout: *frame.layout(),
        orientation: Dihedral::IDENTITY,
        icc: None,
        losses: vec![],
    };
    codec::encode(
        frame,
        &Metadata::default(),
        &source,
        &EncodeOptions::default(),
        Means::alone(pool),
    )
    .expect("a made-up picture can be written")
}

#[divan::bench(args = CODED, sample_count = 10)]
fn encode(bencher: Bencher<'_, '_>, what: &(Format, Kind)) {
    let pool = BufferPool::new(8);
    bencher.counter(ItemsCount::new(SIZE.pixels())).bench(|| encoded(black_box(what), &pool));
}

#[divan::bench(args = CODED, sample_count = 10)]
fn decode(bencher: Bencher<'_, '_>, what: &(Format, Kind)) {
    let pool = BufferPool::new(8);
    let bytes = encoded(what, &pool).bytes;
    let limits = Limits { max_pixels: u64::MAX };
    bencher.counter(ItemsCount::new(SIZE.pixels())).bench(|| {
        let bytes = black_box(&bytes);
        let header = codec::probe(bytes, &limits).expect("our own file");
        let still = codec::decode(bytes, &header, DecodeHint::FULL, &pool).expect("our own file");
        still.frame.recycle(&pool);
    });
}
