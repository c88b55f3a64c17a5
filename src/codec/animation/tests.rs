//! Tests of the three formats together: round trips, each way of disposing and blending in files
//! made by hand or by other encoders, and broken files.

use std::io::Cursor;

use super::super::{Calibration, EncodeOptions, Encoded, Header, Means, encode, fit, packed};
use super::*;
use crate::error::Kind as Fault;
use crate::frame::{Plane, Samples};

const FORMATS: [Format; 3] = [Format::Gif, Format::Png, Format::WebP];

fn layout(size: Size, model: Model, depth: Depth) -> Layout {
    Layout::new(size, model, depth).unwrap()
}

/// A frame of noise in few colours that differs with the seed; alpha is all or nothing.
fn noise(layout: Layout, seed: u32) -> Frame {
    let components = layout.model().components();
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = |levels: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % levels
    };
    let row = layout.plane(0).row();
    let codes = (0..row * layout.size().height as usize).map(|i| {
        let is_alpha = layout.model().has_alpha() && i % components == components - 1;
        if is_alpha { next(2) * 65_535 } else { next(4) * 21_845 }
    });
    let samples = match layout.depth() {
        Depth::U8 => Samples::U8(codes.map(|code| (code >> 8) as u8).collect()),
        _ => Samples::U16(codes.map(|code| code as u16).collect()),
    };
    Frame::new(layout, vec![Plane::new(samples, row)]).unwrap()
}

/// What an opaque or clear RGBA frame shows: all clear pixels are one.
fn normal(frame: &Frame) -> Vec<u16> {
    let plane = &frame.planes()[0];
    let codes: Vec<u16> = match plane.data::<u8>() {
        Some(bytes) => bytes.iter().map(|code| u16::from(*code) * 257).collect(),
        None => plane.data::<u16>().expect("no format has floats").to_vec(),
    };
    let pixel = |p: &[u16]| match *p {
        [g] => [g, g, g, 65_535],
        [_, 0] | [_, _, _, 0] => [0; 4],
        [g, a] => [g, g, g, a],
        [r, g, b] => [r, g, b, 65_535],
        [r, g, b, a] => [r, g, b, a],
        _ => panic!("1 to 4 components"),
    };
    codes.chunks(frame.layout().model().components()).flat_map(pixel).collect()
}

fn still(frame: &Frame, metadata: &Metadata, format: Format) -> Encoded {
    let source = Header {
        format,
        layout: *frame.layout(),
        orientation: Dihedral::IDENTITY,
        icc: None,
        losses: Vec::new(),
    };
    let lossless = (format == Format::WebP).then(|| "lossless".to_owned());
    let options = EncodeOptions { compression: lossless, ..EncodeOptions::default() };
    encode(frame.clone(), metadata, &source, &options, Means::alone(&BufferPool::new(1))).unwrap()
}

/// An animation of frames with their delays, as the program makes it.
fn joined(
    frames: &[(Frame, u64)],
    format: Format,
    tick: Fraction,
    plays: Plays,
    metadata: &Metadata,
) -> Cursor<Vec<u8>> {
    let layout = *frames[0].0.layout();
    let mut joiner = Joiner::new(Cursor::new(Vec::new()), format, &layout, tick, plays).unwrap();
    for (number, (frame, delay)) in frames.iter().enumerate() {
        let none = Metadata::default();
        let still = still(frame, if number == 0 { metadata } else { &none }, format);
        joiner.write(&still.bytes, *delay).unwrap();
    }
    joiner.finish().unwrap()
}

fn opened(bytes: &[u8]) -> Animation {
    Animation::open(bytes.to_vec(), &Limits::default()).unwrap().unwrap()
}

/// All frames, or those before the error.
fn all(animation: &mut Animation) -> (Vec<Shown>, Option<Error>) {
    let pool = BufferPool::new(2);
    let mut frames = Vec::new();
    loop {
        match animation.next(&pool) {
            Ok(Some(shown)) => frames.push(shown),
            Ok(None) => return (frames, None),
            Err(error) => return (frames, Some(error)),
        }
    }
}

fn fraction(num: u32, den: u32) -> Fraction {
    Fraction::new(num, den).unwrap()
}

fn times(plays: u32) -> Plays {
    NonZeroU32::new(plays)
}

#[test]
fn frames_delays_and_plays_survive_every_format_and_layout() {
    let sizes = [Size::new(1, 1), Size::new(17, 5), Size::new(64, 33)];
    let models = [Model::Gray, Model::GrayAlpha, Model::Rgb, Model::Rgba];
    let delays = [4, 0, 12, 100];
    for format in FORMATS {
        for (size, model) in sizes.iter().flat_map(|size| models.map(|model| (*size, model))) {
            for depth in [Depth::U8, Depth::U16] {
                let layout = layout(size, model, depth);
                if fit(format, layout, &EncodeOptions::default()) != layout {
                    continue;
                }
                let what = format!("{} {layout}", format.name());
                let frames: Vec<(Frame, u64)> =
                    (0..).zip(delays).map(|(seed, delay)| (noise(layout, seed), delay)).collect();
                for plays in [times(0), times(1), times(7)] {
                    let tick = fraction(1, 25);
                    let file = joined(&frames, format, tick, plays, &Metadata::default());
                    let mut animation = opened(file.get_ref());
                    assert_eq!(animation.format(), format);
                    assert_eq!(animation.plays(), plays, "{what}");
                    assert_eq!(animation.frames(), 4, "{what}");
                    let (model, is) = (animation.layout().model(), animation.layout());
                    assert_eq!((is.size(), is.depth()), (size, depth), "{what}");
                    assert_eq!(model == Model::Rgba, layout.model().has_alpha(), "{what}");
                    let per_second = u64::from(animation.tick().den());
                    let (shown, error) = all(&mut animation);
                    assert_eq!(error, None, "{what}");
                    let found: Vec<u64> = shown.iter().map(|s| s.delay * 25 / per_second).collect();
                    assert_eq!(found, delays, "{what}");
                    for (shown, (frame, _)) in shown.iter().zip(&frames) {
                        assert_eq!(*shown.frame.layout(), *animation.layout());
                        assert_eq!(normal(&shown.frame), normal(frame), "{what}");
                    }
                }
            }
        }
    }
}

#[test]
fn stills_are_animations_of_one_frame() {
    for format in FORMATS {
        for model in [Model::Rgb, Model::Rgba] {
            let frame = noise(layout(Size::new(9, 7), model, Depth::U8), 3);
            let bytes = still(&frame, &Metadata::default(), format).bytes;
            let mut animation = opened(&bytes);
            assert_eq!((animation.frames(), animation.plays()), (1, times(1)), "{format:?}");
            let (shown, error) = all(&mut animation);
            assert_eq!((shown.len(), shown[0].delay, error), (1, 0, None));
            let header = probe(&bytes, &Limits::default()).unwrap();
            let decoded = decode(&bytes, &header, DecodeHint::FULL, &BufferPool::new(1)).unwrap();
            assert_eq!(shown[0].frame.layout(), decoded.frame.layout(), "{format:?}");
            assert_eq!(normal(&shown[0].frame), normal(&decoded.frame), "{format:?}");
        }
    }
    for other in [&b"\xff\xd8\xff\xe0"[..], b"BM..", b""] {
        assert!(Animation::open(other.to_vec(), &Limits::default()).unwrap().is_none());
    }
}

#[test]
fn metadata_of_the_first_still_is_that_of_the_animation() {
    let mut icc = vec![7; 400];
    icc[16..20].copy_from_slice(b"RGB ");
    icc[36..40].copy_from_slice(b"acsp");
    let full = Metadata {
        icc: Some(icc),
        xmp: Some(b"<x:xmpmeta/>".to_vec()),
        calibration: Calibration { gamma: None, ..Calibration::default() },
        ..Metadata::default()
    };
    for model in [Model::Rgb, Model::Rgba] {
        let layout = layout(Size::new(6, 5), model, Depth::U8);
        let frames = [(noise(layout, 1), 1), (noise(layout, 2), 1)];
        for format in [Format::Png, Format::WebP] {
            let file = joined(&frames, format, fraction(1, 10), None, &full);
            let mut animation = opened(file.get_ref());
            assert_eq!(animation.metadata().icc, full.icc, "{format:?}");
            assert_eq!(animation.metadata().xmp, full.xmp, "{format:?}");
            assert_eq!(animation.metadata().coding.lossless, format == Format::WebP);
            assert_eq!(all(&mut animation).0.len(), 2);
            // The still codec sees the first frame of the same file, and its metadata.
            let bytes = file.into_inner();
            let header = probe(&bytes, &Limits::default()).unwrap();
            assert_eq!(header.icc, full.icc);
            let decoded = decode(&bytes, &header, DecodeHint::FULL, &BufferPool::new(1)).unwrap();
            assert_eq!(normal(&decoded.frame), normal(&frames[0].0));
        }
    }
}

#[cfg(feature = "native")]
#[test]
fn lossy_webp_frames_are_those_of_their_stills() {
    for model in [Model::Rgb, Model::Rgba] {
        let layout = layout(Size::new(33, 20), model, Depth::U8);
        let mut joiner =
            Joiner::new(Cursor::new(Vec::new()), Format::WebP, &layout, fraction(1, 25), None);
        let joiner_mut = joiner.as_mut().unwrap();
        let stills: Vec<Vec<u8>> = (0..3)
            .map(|seed| {
                let source = Header {
                    format: Format::WebP,
                    layout,
                    orientation: Dihedral::IDENTITY,
                    icc: None,
                    losses: Vec::new(),
                };
                let options = EncodeOptions::default();
                let pool = BufferPool::new(1);
                let none = Metadata::default();
                encode(noise(layout, seed), &none, &source, &options, Means::alone(&pool))
                    .unwrap()
                    .bytes
            })
            .collect();
        stills.iter().for_each(|still| joiner_mut.write(still, 1).unwrap());
        let mut animation = opened(joiner.unwrap().finish().unwrap().get_ref());
        assert!(!animation.metadata().coding.lossless);
        let (shown, error) = all(&mut animation);
        assert_eq!((shown.len(), error), (3, None));
        for (shown, still) in shown.iter().zip(&stills) {
            let header = probe(still, &Limits::default()).unwrap();
            let pool = BufferPool::new(1);
            let decoded = decode(still, &header, DecodeHint::FULL, &pool).unwrap();
            assert_eq!(shown.frame, decoded.frame);
        }
    }
}

/// Red, green, blue, or clear.
fn color(name: u8) -> [u8; 4] {
    match name {
        b'R' => [255, 0, 0, 255],
        b'G' => [0, 255, 0, 255],
        b'B' => [0, 0, 255, 255],
        _ => [0; 4],
    }
}

/// A frame of one row as the names of its colours.
fn names(frame: &Frame) -> String {
    let codes = normal(frame);
    let name = |pixel: &[u16]| {
        let is = |name: &u8| color(*name).iter().zip(pixel).all(|(a, b)| u16::from(*a) * 257 == *b);
        char::from(b"RGB.".iter().copied().find(is).unwrap_or(b'?'))
    };
    codes.chunks(4).map(name).collect()
}

/// One row of a frame: where it begins, its colours, disposal and blending as the format has
/// them, its delay as the format counts.
type Row = (u32, &'static str, u8, u8, u16);

/// A GIF of rows, with codes that never grow over three bits because the table is cleared often.
fn gif_of(width: u16, rows: &[Row]) -> Vec<u8> {
    let mut out = b"GIF89a".to_vec();
    out.extend(width.to_le_bytes());
    // One row, four colours.
    out.extend([1, 0, 0x81, 0, 0]);
    b"RGB.".iter().for_each(|name| out.extend(&color(*name)[..3]));
    for (x, colors, disposal, _, delay) in rows {
        let key = if colors.contains('.') { 1 } else { 0 };
        out.extend([0x21, 0xf9, 4, disposal << 2 | key]);
        out.extend(delay.to_le_bytes());
        out.extend([3, 0, 0x2c]);
        out.extend((*x as u16).to_le_bytes());
        out.extend([0, 0, colors.len() as u8, 0, 1, 0, 0, 2]);
        let codes = colors
            .bytes()
            .flat_map(|name| [4, b"RGB.".iter().position(|known| *known == name).unwrap() as u32]);
        let mut bits = Vec::new();
        codes.chain([5]).for_each(|code| bits.extend((0..3).map(|bit| code >> bit & 1)));
        let bytes: Vec<u8> = bits
            .chunks(8)
            .map(|byte| byte.iter().rev().fold(0, |sum, bit| sum << 1 | *bit as u8))
            .collect();
        out.push(bytes.len() as u8);
        out.extend(bytes);
        out.push(0);
    }
    out.push(0x3b);
    out
}

/// A PNG of rows by the `png` crate's encoder, if asked with another picture in front of them.
fn png_of(width: u32, rows: &[Row], picture: Option<&str>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut out, width, 1);
    encoder.set_color(::png::ColorType::Rgba);
    encoder.set_animated(rows.len() as u32, 5).unwrap();
    encoder.set_sep_def_img(picture.is_some()).unwrap();
    let mut writer = encoder.write_header().unwrap();
    let pixels = |colors: &str| colors.bytes().flat_map(color).collect::<Vec<u8>>();
    if let Some(picture) = picture {
        writer.write_image_data(&pixels(picture)).unwrap();
    }
    for (number, (x, colors, disposal, blend, delay)) in rows.iter().enumerate() {
        use ::png::{BlendOp, DisposeOp};
        // The first frame fills the picture where there is no other for readers of stills.
        if number > 0 || picture.is_some() {
            writer.reset_frame_position().unwrap();
            writer.set_frame_dimension(colors.len() as u32, 1).unwrap();
            writer.set_frame_position(*x, 0).unwrap();
        }
        let disposals = [DisposeOp::None, DisposeOp::Background, DisposeOp::Previous];
        writer.set_dispose_op(disposals[usize::from(*disposal)]).unwrap();
        writer.set_blend_op([BlendOp::Source, BlendOp::Over][usize::from(*blend)]).unwrap();
        writer.set_frame_delay(*delay, 30).unwrap();
        writer.write_image_data(&pixels(colors)).unwrap();
    }
    writer.finish().unwrap();
    out
}

/// A WebP of rows by the `image-webp` crate's encoder.
fn webp_of(width: u32, rows: &[Row]) -> Vec<u8> {
    let mut chunks = b"WEBPVP8X\x0a\0\0\0\x12\0\0\0".to_vec();
    chunks.extend(&(width - 1).to_le_bytes()[..3]);
    // One row; a background that no player shows; played 5 times.
    chunks.extend(b"\0\0\0ANIM\x06\0\0\0\xff\x80\x40\xff\x05\0");
    for (x, colors, disposal, blend, delay) in rows {
        let mut still = Vec::new();
        let pixels: Vec<u8> = colors.bytes().flat_map(color).collect();
        let encoder = image_webp::WebPEncoder::new(&mut still);
        encoder.encode(&pixels, colors.len() as u32, 1, image_webp::ColorType::Rgba8).unwrap();
        let mut frame = Vec::new();
        for field in [x / 2, 0, colors.len() as u32 - 1, 0, u32::from(*delay)] {
            frame.extend(&field.to_le_bytes()[..3]);
        }
        frame.push(blend << 1 | disposal);
        frame.extend(&still[12..]);
        super::super::webp::push(&mut chunks, *b"ANMF", Some(&frame));
    }
    let mut out = b"RIFF".to_vec();
    out.extend((chunks.len() as u32).to_le_bytes());
    out.extend(chunks);
    out
}

#[track_caller]
fn plays_as(file: &[u8], rows: &[(&str, u64)]) -> Animation {
    let mut animation = opened(file);
    let (shown, error) = all(&mut animation);
    assert_eq!(error, None);
    let found: Vec<(String, u64)> =
        shown.iter().map(|shown| (names(&shown.frame), shown.delay)).collect();
    let due: Vec<(String, u64)> = rows.iter().map(|(row, d)| ((*row).to_owned(), *d)).collect();
    assert_eq!(found, due);
    assert_eq!(animation.frames(), rows.len() as u64);
    animation
}

#[test]
fn gif_is_drawn_over_and_disposed_of_in_every_way() {
    let rows = [
        (0, "RRRR", 0, 0, 9),
        (1, "G.", 1, 0, 0),
        (2, "BB", 2, 0, 1),
        (0, "G", 1, 0, 65_535),
        (2, "RR", 3, 0, 7),
        (3, "B", 4, 0, 7),
        (1, ".B", 0, 0, 2),
        // Of these only what lies on the screen is seen.
        (3, "GBR", 1, 0, 2),
        (9, "RRR", 2, 0, 2),
    ];
    let shown = [
        ("RRRR", 9),
        ("RGRR", 0),
        ("RGBB", 1),
        ("GG..", 65_535),
        ("GGRR", 7),
        ("GG.B", 7),
        ("GGB.", 2),
        ("GGBG", 2),
        ("GGBG", 2),
    ];
    let animation = plays_as(&gif_of(4, &rows), &shown);
    assert_eq!(animation.tick(), fraction(1, 100));
    assert_eq!(animation.layout().model(), Model::Rgba);
    let opaque = plays_as(&gif_of(4, &rows[..2]), &shown[..2]);
    assert_eq!(opaque.layout().model(), Model::Rgb);
}

#[test]
fn png_is_blended_and_disposed_of_in_every_way() {
    let rows = [
        (0, "RRRR", 0, 0, 1),
        (1, "G.", 0, 1, 2),
        (1, "B.", 0, 0, 3),
        (2, "GG", 1, 1, 4),
        (0, ".B", 2, 0, 5),
        (3, "R", 2, 1, 6),
        (0, "G", 0, 1, 0),
    ];
    let shown =
        [("RRRR", 1), ("RGRR", 2), ("RB.R", 3), ("RBGG", 4), (".B..", 5), ("RB.R", 6), ("GB..", 0)];
    let animation = plays_as(&png_of(4, &rows, None), &shown);
    assert_eq!((animation.tick(), animation.plays()), (fraction(1, 30), times(5)));
    // The picture for readers of stills is none of the frames, and the first frame may be small.
    let separate = [[(2, "GB", 2, 1, 8)].as_slice(), &rows].concat();
    let shown = [[("..GB", 8)].as_slice(), &shown].concat();
    plays_as(&png_of(4, &separate, Some("BBBB")), &shown);
}

#[test]
fn webp_is_blended_and_cleared_and_its_background_is_not_shown() {
    let rows = [
        (2, "G.", 0, 0, 40),
        (0, "RRRR", 0, 0, 30),
        (2, "B.", 0, 0, 20),
        (2, "B.", 1, 1, 10),
        (0, ".G", 0, 0, 5),
    ];
    let shown = [("..G.", 40), ("RRRR", 30), ("RRBR", 20), ("RRB.", 10), ("RG..", 5)];
    let animation = plays_as(&webp_of(4, &rows), &shown);
    assert_eq!((animation.tick(), animation.plays()), (fraction(1, 1000), times(5)));
}

#[test]
fn damage_is_met_behind_the_frames_before_it() {
    let layout = layout(Size::new(20, 9), Model::Rgb, Depth::U8);
    let frames: Vec<(Frame, u64)> = (0..4).map(|seed| (noise(layout, seed), 5)).collect();
    for format in FORMATS {
        let file = joined(&frames, format, fraction(1, 50), None, &Metadata::default());
        let file = file.into_inner();
        let (mut given, mut opened) = (0, 0);
        for cut in 0..file.len() {
            let Ok(Some(mut animation)) = Animation::open(file[..cut].to_vec(), &Limits::default())
            else {
                assert_eq!(opened, 0, "{format:?} {cut}: what opens goes on opening");
                continue;
            };
            opened += 1;
            let (shown, error) = all(&mut animation);
            for (shown, (frame, _)) in shown.iter().zip(&frames) {
                assert_eq!(normal(&shown.frame), normal(frame), "{format:?} {cut}");
            }
            assert!(shown.len() >= given, "{format:?} {cut}: more bytes, fewer frames");
            given = shown.len();
            match error {
                Some(error) => {
                    assert_eq!(error.kind(), Fault::Input);
                    let number = format!("frame {given}: ");
                    assert!(error.to_string().starts_with(&number), "{format:?} {cut}: {error}");
                    assert_eq!(animation.next(&BufferPool::new(1)).unwrap_err(), error);
                }
                // A GIF may end without its mark of the end, a PNG without its last chunk.
                None if format == Format::Gif => assert!(given >= 1),
                None => assert_eq!(given, 4, "{format:?} {cut}"),
            }
        }
        // A WebP file ends with its last frame.
        let due = if format == Format::WebP { 3 } else { 4 };
        assert!(opened > file.len() / 2 && given == due, "{format:?}: {opened}, {given}");
    }
}

#[test]
fn single_wrong_bytes_neither_panic_nor_pass_the_limits() {
    let size = Size::new(20, 9);
    let limits = Limits { max_pixels: 4096 };
    let pool = BufferPool::new(2);
    let mut state = 1u32;
    let mut random = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    for format in FORMATS {
        let layout = layout(size, Model::Rgba, Depth::U8);
        let frames: Vec<(Frame, u64)> = (0..3).map(|seed| (noise(layout, seed), 5)).collect();
        let file = joined(&frames, format, fraction(1, 50), times(3), &Metadata::default());
        let file = file.into_inner();
        let mut refused = 0;
        for _ in 0..500 {
            let mut damaged = file.clone();
            let at = random(file.len());
            damaged[at] ^= 1 + random(255) as u8;
            let Ok(Some(mut animation)) = Animation::open(damaged, &limits) else {
                refused += 1;
                continue;
            };
            assert!(animation.layout().size().pixels() <= limits.max_pixels);
            assert!(animation.frames() <= 4, "{format:?} at {at}");
            let mut given = 0;
            let ended = loop {
                match animation.next(&pool) {
                    Ok(Some(shown)) => {
                        assert_eq!(shown.frame.layout(), animation.layout());
                        shown.frame.recycle(&pool);
                        given += 1;
                    }
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            assert!(given <= 4, "{format:?} at {at}");
            refused += usize::from(ended.is_err());
        }
        assert!(refused > 50, "{format:?}: only {refused} of 500 were noticed");
    }
}

#[test]
fn sizes_over_the_limits_are_refused_by_their_numbers() {
    let row = [(0, "RRRR", 0, 0, 1)];
    let mut gif = gif_of(4, &row);
    gif[6..10].fill(0xff);
    let mut frame = gif_of(4, &row);
    let image = frame.iter().position(|byte| *byte == 0x2c).unwrap();
    frame[image + 5..image + 9].fill(0xff);
    let mut webp = webp_of(4, &row);
    webp[24..30].copy_from_slice(&[0xff, 0xff, 0, 0xff, 0xff, 0]);
    for (file, number) in [(gif, "4294836225"), (frame, "4294836225"), (webp, "65536x65536")] {
        let result = Animation::open(file, &Limits::default());
        let Err(error) = result else { panic!("{number} was opened") };
        assert!(error.to_string().contains(number), "{error}");
    }
    let small = Limits { max_pixels: 3 };
    for file in [gif_of(4, &row), png_of(4, &row, None), webp_of(4, &row)] {
        let Err(error) = Animation::open(file, &small) else { panic!("4 pixels were opened") };
        assert!(error.to_string().contains("--max-pixels"), "{error}");
    }
}

#[test]
fn a_webp_frame_whose_stream_is_larger_than_its_place_is_refused() {
    let mut file = webp_of(4, &[(0, "RRRR", 0, 0, 1), (0, "RR", 0, 0, 1)]);
    let place = file.windows(4).rposition(|kind| kind == b"ANMF").unwrap() + 8;
    file[place + 6] = 0;
    let (shown, error) = all(&mut opened(&file));
    let error = error.unwrap().to_string();
    assert_eq!(shown.len(), 1);
    assert!(error.starts_with("frame 1: ") && error.contains("2x1"), "{error}");
}

#[test]
fn a_colour_that_the_palette_lacks_is_the_same_every_time() {
    let mut file = gif_of(4, &[(0, "RGB.", 0, 0, 1)]);
    // Two colours are left of four, and four bytes of padding keep the rest in its place.
    file[10] = 0x80;
    file.drain(13 + 6..13 + 12);
    let frame = |pool: &BufferPool| opened(&file).next(pool).unwrap().unwrap().frame;
    let first = frame(&BufferPool::new(1));
    let pool = BufferPool::new(4);
    for _ in 0..3 {
        let dirty = layout(Size::new(4, 1), Model::Rgba, Depth::U8);
        let mut dirty = Frame::from_pool(dirty, &pool);
        packed::samples_mut::<u8>(&mut dirty).unwrap().fill(0x55);
        dirty.recycle(&pool);
        assert_eq!(frame(&pool), first);
    }
}

#[test]
fn frames_that_cannot_be_joined_are_refused() {
    let tick = fraction(1, 10);
    let rgb = |side| layout(Size::new(side, side), Model::Rgb, Depth::U8);
    let jpeg = Joiner::new(Cursor::new(Vec::new()), Format::Jpeg, &rgb(4), tick, None);
    let error = jpeg.err().unwrap();
    assert_eq!(error.kind(), Fault::Usage);
    assert!(error.to_string().contains("gif, png, webp"), "{error}");
    let deep = layout(Size::new(4, 4), Model::Rgb, Depth::U16);
    assert!(Joiner::new(Cursor::new(Vec::new()), Format::Gif, &deep, tick, None).is_err());
    for format in FORMATS {
        let begun = || Joiner::new(Cursor::new(Vec::new()), format, &rgb(4), tick, None).unwrap();
        assert!(begun().finish().is_err(), "{format:?} without a frame");
        let none = Metadata::default();
        let other = still(&noise(rgb(5), 1), &none, format).bytes;
        let error = begun().write(&other, 1).unwrap_err().to_string();
        assert!(error.contains("5x5") && error.contains("4x4"), "{error}");
        for cut in 0..other.len() {
            // Any answer will do.
            let _ = begun().write(&other[..cut], 1);
        }
    }
    let mut joiner =
        Joiner::new(Cursor::new(Vec::new()), Format::Png, &rgb(4), tick, None).unwrap();
    let gray = layout(Size::new(4, 4), Model::Gray, Depth::U8);
    let none = Metadata::default();
    joiner.write(&still(&noise(rgb(4), 1), &none, Format::Png).bytes, 1).unwrap();
    assert!(joiner.write(&still(&noise(gray, 1), &none, Format::Png).bytes, 1).is_err());
}

#[test]
fn a_delay_over_the_formats_most_shows_the_frame_again() {
    let layout = layout(Size::new(3, 2), Model::Rgb, Depth::U8);
    let frames = [(noise(layout, 1), 700), (noise(layout, 2), 1)];
    let file = joined(&frames, Format::Gif, fraction(1, 1), None, &Metadata::default());
    let (shown, _) = all(&mut opened(file.get_ref()));
    let delays: Vec<u64> = shown.iter().map(|shown| shown.delay).collect();
    assert_eq!(delays, [65_535, 4_465, 100]);
    assert_eq!(shown[0].frame, shown[1].frame);
}

#[test]
fn what_reading_holds_is_counted() {
    let size = Size::new(200, 100);
    let layout = layout(size, Model::Rgb, Depth::U16);
    let file =
        joined(&[(noise(layout, 1), 1)], Format::Png, fraction(1, 5), None, &Metadata::default());
    let animation = opened(file.get_ref());
    // Canvas, a frame that is unpacked to RGBA at worst, and the one that is given.
    assert!(animation.peak() >= size.pixels() * (8 + 8 + 6), "{}", animation.peak());
    assert!(animation.peak() < 5 << 20, "{}", animation.peak());
    assert!(animation.orientation().is_identity());
}
