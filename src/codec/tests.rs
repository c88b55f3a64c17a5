//! Tests of all formats together: what goes in comes out, and what is broken is refused.

use super::table::CODECS;
use super::*;
use crate::frame::{Depth, Model, Plane, Sample, Samples, Size};

const SIZES: [Size; 5] =
    [Size::new(1, 1), Size::new(3, 2), Size::new(17, 5), Size::new(1, 9), Size::new(64, 33)];

/// A frame of noise with few colours, so that palettes hold it; alpha is all or nothing there.
fn noise(layout: Layout, levels: u32) -> Frame {
    let row = layout.plane(0).row();
    let count = row * layout.size().height as usize;
    let components = layout.model().components();
    let alpha = layout.model().has_alpha();
    let mut state = 0x9e37_79b9u32;
    let values = (0..count).map(|i| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let is_alpha = alpha && i % components == components - 1;
        let levels = if is_alpha { 2 } else { levels };
        f64::from((state >> 16) % levels) / f64::from(levels - 1)
    });
    fn scaled<T: Sample>(values: impl Iterator<Item = f64>, to: impl Fn(f64) -> T) -> Samples {
        T::wrap(values.map(to).collect())
    }
    let samples = match layout.depth() {
        Depth::U8 => scaled(values, |v| (v * 255.0) as u8),
        Depth::U10 | Depth::U16 => scaled(values, |v| (v * 65_535.0) as u16),
        Depth::F32 => scaled(values, |v| v as f32),
    };
    Frame::new(layout, vec![Plane::new(samples, row)]).unwrap()
}

fn source(format: Format, layout: Layout) -> Header {
    Header { format, layout, orientation: Dihedral::IDENTITY, icc: None, losses: Vec::new() }
}

fn options(compression: Option<&str>) -> EncodeOptions {
    EncodeOptions { compression: compression.map(str::to_owned), ..EncodeOptions::default() }
}

fn written(frame: &Frame, metadata: &Metadata, format: Format, options: &EncodeOptions) -> Encoded {
    let pool = BufferPool::new(1);
    encode(frame.clone(), metadata, &source(format, *frame.layout()), options, Means::alone(&pool))
        .unwrap()
}

fn read(bytes: &[u8]) -> Result<(Header, Still)> {
    let header = probe(bytes, &Limits::default())?;
    let still = decode(bytes, &header, DecodeHint::FULL, &BufferPool::new(1))?;
    Ok((header, still))
}

/// Every layout that a row holds, at every size.
fn layouts(codec: &Codec) -> impl Iterator<Item = Layout> + '_ {
    let of = |size| {
        let with = move |model: &Model| (size, *model);
        codec.models.iter().map(with)
    };
    let shapes = SIZES.into_iter().flat_map(of);
    shapes.flat_map(|(size, model)| {
        codec.depths.iter().map(move |depth| Layout::new(size, model, *depth).unwrap())
    })
}

/// The ways of writing a format that lose nothing.
fn lossless(codec: &Codec) -> Vec<Option<&'static str>> {
    match codec.format {
        Format::Jpeg | Format::Hdr => Vec::new(),
        Format::WebP => vec![Some("lossless")],
        _ if codec.compressions.is_empty() => vec![None],
        _ => codec.compressions.iter().copied().map(Some).collect(),
    }
}

#[test]
fn every_layout_survives_every_lossless_format() {
    for codec in &CODECS {
        for compression in lossless(codec) {
            for layout in layouts(codec) {
                let what = format!("{} {compression:?} {layout}", codec.name);
                let frame = noise(layout, 4);
                let file =
                    written(&frame, &Metadata::default(), codec.format, &options(compression));
                assert!(file.losses.is_empty(), "{what}: {:?}", file.losses);
                assert_eq!(sniff(&file.bytes), Some(codec.format), "{what}");
                assert!(file.bytes.len() as u64 <= encode_bound(codec.format, &layout), "{what}");
                let (header, still) = read(&file.bytes).unwrap_or_else(|e| panic!("{what}: {e}"));
                assert!(header.orientation.is_identity() && header.icc.is_none(), "{what}");
                let opaque = layout.model() == header.layout.model();
                assert!(opaque || codec.format == Format::Gif, "{what}: {}", header.layout);
                if opaque {
                    assert_eq!(header.layout, layout, "{what}");
                    assert!(same(&still.frame, &frame, codec.format), "{what}");
                }
                let again =
                    written(&frame, &Metadata::default(), codec.format, &options(compression));
                assert_eq!(again.bytes, file.bytes, "{what}: the same bytes every time");
            }
        }
    }
}

/// Equal, where it shows: GIF has one clear colour, OpenEXR multiplies by alpha.
fn same(a: &Frame, b: &Frame, format: Format) -> bool {
    if format != Format::Gif || a.layout().model() != Model::Rgba {
        return a.bytes() == b.bytes();
    }
    let (a, b) = (a.planes()[0].data::<u8>().unwrap(), b.planes()[0].data::<u8>().unwrap());
    let mut pixels = a.chunks(4).zip(b.chunks(4));
    pixels.all(|(a, b)| a == b || (a[3] == 0 && b[3] == 0))
}

/// Where the value of a tag with `count` LONGs or SHORTs stands in a TIFF of ours.
fn tiff_value(file: &[u8], tag: u16, kind: u16, count: u32) -> usize {
    let entry = [&tag.to_ne_bytes()[..], &kind.to_ne_bytes(), &count.to_ne_bytes()].concat();
    file.windows(entry.len()).position(|bytes| bytes == entry).expect("the tag is there") + 8
}

#[test]
fn samples_that_lie_in_the_file_as_they_are_stay_there() {
    let pool = BufferPool::new(1);
    let owned = |file: &[u8]| {
        let file = file.to_vec();
        let (start, end) = (file.as_ptr() as usize, file.as_ptr() as usize + file.len());
        let header = probe(&file, &Limits::default()).unwrap();
        let still = decode_owned(file, &header, DecodeHint::FULL, &pool).unwrap();
        let first = still.frame.bytes()[0].as_ptr() as usize;
        (still, (start..end).contains(&first))
    };
    // Four strips, the last one shorter.
    let tall = Layout::new(Size::new(1000, 1111), Model::Rgb, Depth::U8).unwrap();
    let gray = Layout::new(Size::new(7, 3), Model::Gray, Depth::U8).unwrap();
    let metadata =
        Metadata { density: Some(Density::from_per_metre(3000, 3000)), ..Metadata::default() };
    for layout in [tall, gray, Layout::new(Size::new(7, 3), Model::Rgba, Depth::U8).unwrap()] {
        for (compression, stays) in [("none", true), ("lzw", false), ("packbits", false)] {
            let frame = noise(layout, 256);
            let file = written(&frame, &metadata, Format::Tiff, &options(Some(compression))).bytes;
            let (still, there) = owned(&file);
            assert_eq!(still.frame.bytes(), frame.bytes(), "{layout} {compression}");
            assert_eq!(there, stays, "{layout} {compression}");
            assert_eq!(still.metadata, read(&file).unwrap().1.metadata, "{layout} {compression}");
        }
    }
    // Strips in another order, and grey that counts from white.
    let mut swapped =
        written(&noise(tall, 256), &metadata, Format::Tiff, &options(Some("none"))).bytes;
    let list = tiff_value(&swapped, 273, 4, 4);
    let list = u32::from_ne_bytes(*swapped[list..].first_chunk().unwrap()) as usize;
    // Not the first: from there on the file would be too short.
    let (second, third) = swapped[list + 4..list + 12].split_at_mut(4);
    second.swap_with_slice(third);
    let mut inverted =
        written(&noise(gray, 256), &metadata, Format::Tiff, &options(Some("none"))).bytes;
    let photometric = tiff_value(&inverted, 262, 3, 1);
    inverted[photometric..photometric + 2].copy_from_slice(&0u16.to_ne_bytes());
    for file in [swapped, inverted] {
        let (still, there) = owned(&file);
        assert!(!there);
        assert_eq!(still.frame.bytes(), read(&file).unwrap().1.frame.bytes());
    }
}

#[test]
fn a_tiff_with_its_bits_in_reverse_is_refused() {
    let layout = Layout::new(Size::new(7, 3), Model::Gray, Depth::U8).unwrap();
    let metadata =
        Metadata { density: Some(Density::from_per_metre(3000, 3000)), ..Metadata::default() };
    let mut file =
        written(&noise(layout, 256), &metadata, Format::Tiff, &options(Some("none"))).bytes;
    // The unit of the density becomes the order of the bits.
    let at = tiff_value(&file, 296, 3, 1);
    file[at - 8..at - 6].copy_from_slice(&266u16.to_ne_bytes());
    for (order, said) in [(1, None), (2, Some("FillOrder 2"))] {
        file[at..at + 2].copy_from_slice(&u16::to_ne_bytes(order));
        let error = read(&file).err().map(|error| error.to_string());
        assert_eq!(error.is_some(), said.is_some(), "{error:?}");
        assert!(said.is_none_or(|said| error.unwrap().contains(said)));
    }
}

#[test]
fn strips_are_the_same_side_by_side() {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let pool = BufferPool::new(2);
    let none = Metadata::default();
    let many = DecodeHint { bands: Bands::Many, ..DecodeHint::FULL };
    for (model, depth) in
        [(Model::Rgb, Depth::U8), (Model::Gray, Depth::U8), (Model::Rgba, Depth::U16)]
    {
        // Strips of 334 to 1000 rows, so two or more of them.
        let layout = Layout::new(Size::new(1000, 1111), model, depth).unwrap();
        let frame = noise(layout, 16);
        for compression in ["lzw", "deflate", "packbits"] {
            let what = format!("{layout} {compression}");
            let (options, source) = (options(Some(compression)), source(Format::Tiff, layout));
            let alone = written(&frame, &none, Format::Tiff, &options).bytes;
            let means = Means { pool: &pool, bands: Bands::Many };
            let shared =
                threads.install(|| encode(frame.clone(), &none, &source, &options, means)).unwrap();
            assert!(alone == shared.bytes, "{what}");
            let header = probe(&alone, &Limits::default()).unwrap();
            let decoded = |file: &[u8], hint| {
                threads
                    .install(|| decode(file, &header, hint, &pool))
                    .map(|still| still.frame.bytes().concat())
                    .map_err(|error| error.to_string())
            };
            assert!(decoded(&alone, many).unwrap() == frame.bytes().concat(), "{what}");
            for at in [alone.len() / 3, alone.len() * 2 / 3] {
                let mut broken = alone.clone();
                broken[at..at + 400].fill(0xff);
                assert!(
                    decoded(&broken, many) == decoded(&broken, DecodeHint::FULL),
                    "{what} {at}"
                );
            }
        }
    }
}

#[test]
fn sixteen_bits_are_kept_to_the_last() {
    for format in [Format::Png, Format::Tiff, Format::Pnm] {
        let layout = Layout::new(Size::new(19, 7), Model::Rgba, Depth::U16).unwrap();
        let frame = noise(layout, 60_000);
        let file = written(&frame, &Metadata::default(), format, &options(None));
        assert_eq!(read(&file.bytes).unwrap().1.frame, frame, "{format:?}");
    }
}

#[test]
fn radiance_keeps_eight_bits_of_the_brightest_component() {
    let layout = Layout::new(Size::new(40, 9), Model::Rgb, Depth::F32).unwrap();
    let frame = noise(layout, 1000);
    let file = written(&frame, &Metadata::default(), Format::Hdr, &options(None));
    let (header, still) = read(&file.bytes).unwrap();
    assert_eq!(header.layout, layout);
    let (a, b) = (still.frame.planes()[0].data::<f32>(), frame.planes()[0].data::<f32>());
    for (a, b) in a.unwrap().chunks(3).zip(b.unwrap().chunks(3)) {
        let most = b.iter().fold(0.0f32, |m, v| m.max(*v));
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() <= most / 127.0), "{a:?} {b:?}");
    }
}

#[test]
fn many_colours_in_a_gif_are_said_to_be_reduced() {
    let layout = Layout::new(Size::new(64, 64), Model::Rgb, Depth::U8).unwrap();
    let file = written(&noise(layout, 200), &Metadata::default(), Format::Gif, &options(None));
    assert_eq!(file.losses, [Loss::Colors]);
    assert_eq!(read(&file.bytes).unwrap().0.layout, layout);
}

#[cfg(feature = "native")]
#[test]
fn lossy_webp_is_near_and_quality_matters() {
    let layout = Layout::new(Size::new(64, 64), Model::Rgba, Depth::U8).unwrap();
    let frame = noise(layout, 3);
    let sized = |quality| {
        let options = EncodeOptions { quality: Some(quality), ..options(Some("lossy")) };
        let file = written(&frame, &Metadata::default(), Format::WebP, &options);
        let (header, still) = read(&file.bytes).unwrap();
        assert_eq!(header.layout, layout);
        assert!(!still.metadata.coding.lossless);
        file.bytes.len()
    };
    assert!(sized(95) > sized(20));
}

#[test]
fn truncated_files_are_errors_and_never_panics() {
    for codec in &CODECS {
        let format = codec.format;
        let Some(layout) = layouts(codec).find(|layout| layout.size() == Size::new(17, 5)) else {
            continue;
        };
        let compression = lossless(codec).first().copied().flatten();
        let frame = noise(fit(format, layout, &options(None)), 4);
        if matches!(frame.layout().model(), Model::Ycbcr(_)) {
            continue;
        }
        let file = written(&frame, &Metadata::default(), format, &options(compression)).bytes;
        for cut in 0..file.len() {
            let result = read(&file[..cut]);
            // Marks of the end behind the last pixel may be missing without harm.
            let harmless = match format {
                Format::Png => 12,
                _ => 8,
            };
            assert!(result.is_err() || cut + harmless >= file.len(), "{} at {cut}", codec.name);
        }
    }
}

#[test]
fn damaged_files_never_panic() {
    for codec in &CODECS {
        let layout = Layout::new(Size::new(17, 5), Model::Rgb, codec.depths[0]).unwrap();
        if codec.format == Format::Jpeg {
            continue;
        }
        let compression = lossless(codec).last().copied().flatten();
        let frame = noise(layout, 4);
        let file = written(&frame, &Metadata::default(), codec.format, &options(compression)).bytes;
        let limits = Limits { max_pixels: 1 << 20 };
        for at in 0..file.len().min(400) {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut damaged = file.clone();
                damaged[at] = value;
                if let Ok(header) = probe(&damaged, &limits) {
                    // Any answer will do.
                    let _ = decode(&damaged, &header, DecodeHint::FULL, &BufferPool::new(1));
                }
            }
        }
    }
}

#[test]
fn a_header_bomb_is_refused_by_number_before_any_allocation() {
    let tiny = noise(Layout::new(Size::new(1, 1), Model::Gray, Depth::U8).unwrap(), 2);
    let mut png = written(&tiny, &Metadata::default(), Format::Png, &options(None)).bytes;
    png[16..20].copy_from_slice(&60_000u32.to_be_bytes());
    png[20..24].copy_from_slice(&60_000u32.to_be_bytes());
    // CRC-32 of the header chunk with these sides.
    let crc = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    let started = std::time::Instant::now();
    let error = probe(&png, &Limits::default()).unwrap_err().to_string();
    assert!(error.contains("3600000000") && error.contains("--max-pixels"), "{error}");
    assert!(started.elapsed().as_millis() < 50, "{:?}", started.elapsed());
}

/// The checksum of PNG's chunks, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}

/// A little EXIF structure: orientation 6, an artist, and an EXIF directory with a width.
fn exif() -> Vec<u8> {
    let mut out = b"II*\0\x08\0\0\0\x03\0".to_vec();
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value.to_le_bytes()]
            .concat()
    };
    out.extend(entry(0x0112, 3, 1, 6));
    out.extend(entry(0x013b, 2, 4, u32::from_le_bytes(*b"Eve\0")));
    out.extend(entry(0x8769, 4, 1, 50));
    out.extend([0; 4]);
    out.extend([1, 0]);
    out.extend(entry(0xa002, 4, 1, 4000));
    out.extend([0; 4]);
    out
}

/// A profile header, which is all that is looked at.
fn profile(space: &[u8; 4]) -> Vec<u8> {
    let mut icc = vec![0; 132];
    icc[16..20].copy_from_slice(space);
    icc[36..40].copy_from_slice(b"acsp");
    icc
}

fn full() -> Metadata {
    Metadata {
        icc: Some(profile(b"RGB ")),
        exif: Some(exif()),
        xmp: Some(b"<x:xmpmeta tiff:Orientation=\"6\"/>".to_vec()),
        iptc: Some(vec![0x1c, 2, 0, 0, 2, 0, 4]),
        density: Some(Density { x: 300.0, y: 300.0, unit: DensityUnit::Inch }),
        text: vec![("Title".into(), "Nächtlich".into()), ("Comment".into(), "日本".into())],
        ..Metadata::default()
    }
}

#[test]
fn metadata_is_kept_where_the_format_can_and_counted_elsewhere() {
    let asked = [Loss::Exif, Loss::Xmp, Loss::Iptc, Loss::Icc, Loss::Density, Loss::Text];
    for codec in CODECS.iter().filter(|codec| codec.format != Format::Jpeg) {
        let layout = Layout::new(Size::new(9, 4), Model::Rgb, codec.depths[0]).unwrap();
        let compression = lossless(codec).first().copied().flatten();
        let file = written(&noise(layout, 3), &full(), codec.format, &options(compression));
        let (header, Still { metadata, .. }) = read(&file.bytes).unwrap();
        let name = codec.name;
        for kind in asked {
            let kept = codec.keeps.contains(&kind);
            assert_eq!(file.losses.contains(&kind), !kept, "{name}: {kind:?}");
        }
        let kept = |kind| codec.keeps.contains(&kind);
        assert_eq!(metadata.icc, full().icc.filter(|_| kept(Loss::Icc)), "{name}");
        assert_eq!(header.icc, metadata.icc, "{name}");
        assert_eq!(metadata.iptc, full().iptc.filter(|_| kept(Loss::Iptc)), "{name}");
        assert_eq!(metadata.density, full().density.filter(|_| kept(Loss::Density)), "{name}");
        let xmp = metadata.xmp.map(|packet| String::from_utf8(packet).unwrap());
        let upright = "<x:xmpmeta tiff:Orientation=\"1\"/>".to_owned();
        assert_eq!(xmp, Some(upright).filter(|_| kept(Loss::Xmp)), "{name}");
        assert_eq!(
            metadata.text,
            if kept(Loss::Text) { full().text } else { Vec::new() },
            "{name}"
        );
        assert_eq!(metadata.exif.is_some(), kept(Loss::Exif), "{name}");
        if let Some(exif) = metadata.exif {
            assert_eq!(exif::orientation(&exif), 1, "{name}");
            assert!(exif.windows(4).any(|w| w == b"Eve\0"), "{name}: the artist");
            assert!(!exif.windows(4).any(|w| w == 4000u32.to_le_bytes()), "{name}: the old width");
        }
        assert!(header.orientation.is_identity(), "{name}");
    }
}

#[test]
fn orientation_is_read_wherever_a_format_keeps_it() {
    let layout = Layout::new(Size::new(3, 2), Model::Rgb, Depth::U8).unwrap();
    let frame = noise(layout, 3);
    for format in [Format::Png, Format::WebP] {
        // Without `encode` around it, which would write 1.
        let codec = format.codec();
        let (source, options) = (source(format, layout), options(lossless(codec)[0]));
        let file =
            (codec.encode)(&frame, &full(), &source, &options, Means::alone(&BufferPool::new(1)));
        let header = probe(&file.unwrap().bytes, &Limits::default()).unwrap();
        assert_eq!(header.orientation, Dihedral::from_exif(6), "{format:?}");
    }
    // Two grey pixels behind the directory: size, depth, compression, colour, strip, orientation.
    let entries = [
        (256, 2),
        (257, 1),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8 + 2 + 12 * 9 + 4),
        (274, 6),
        (278, 1),
        (279, 2),
    ];
    let mut tiff = b"MM\0*\0\0\0\x08\0\x09".to_vec();
    for (tag, value) in entries {
        tiff.extend(u16::to_be_bytes(tag));
        tiff.extend([0, 3, 0, 0, 0, 1]);
        tiff.extend(u16::to_be_bytes(value));
        tiff.extend([0, 0]);
    }
    tiff.extend([0, 0, 0, 0, 7, 9]);
    let (header, still) = read(&tiff).unwrap();
    assert_eq!(header.orientation, Dihedral::from_exif(6));
    assert_eq!(still.frame.row::<u8>(0, 0).unwrap(), [7, 9]);
}

#[test]
fn what_is_stripped_is_no_loss() {
    let layout = Layout::new(Size::new(2, 2), Model::Rgb, Depth::U8).unwrap();
    let strip = EncodeOptions { strip_metadata: true, ..EncodeOptions::default() };
    let file = written(&noise(layout, 3), &full(), Format::Png, &strip);
    assert!(file.losses.is_empty(), "{:?}", file.losses);
    let metadata = read(&file.bytes).unwrap().1.metadata;
    assert_eq!(metadata, Metadata { icc: full().icc, ..Metadata::default() });
}

#[test]
fn a_profile_of_another_kind_is_not_written() {
    let layout = Layout::new(Size::new(2, 2), Model::Gray, Depth::U8).unwrap();
    let metadata = Metadata { icc: full().icc, ..Metadata::default() };
    let file = written(&noise(layout, 3), &metadata, Format::Png, &options(None));
    assert_eq!(file.losses, [Loss::Icc]);
    let metadata = Metadata { icc: Some(profile(b"GRAY")), ..Metadata::default() };
    let file = written(&noise(layout, 3), &metadata, Format::Png, &options(None));
    assert!(file.losses.is_empty());
}

#[test]
fn gamma_survives_png_and_is_counted_elsewhere() {
    let layout = Layout::new(Size::new(2, 2), Model::Rgb, Depth::U8).unwrap();
    let calibration = Calibration { gamma: Some(100_000), ..Calibration::default() };
    let metadata = Metadata { calibration, ..Metadata::default() };
    let png = written(&noise(layout, 3), &metadata, Format::Png, &options(None));
    assert!(png.losses.is_empty());
    assert_eq!(read(&png.bytes).unwrap().1.metadata.calibration, calibration);
    let tiff = written(&noise(layout, 3), &metadata, Format::Tiff, &options(None));
    assert_eq!(tiff.losses, [Loss::Icc]);
}

#[test]
fn sources_keep_their_coding() {
    let layout = Layout::new(Size::new(30, 20), Model::Rgb, Depth::U8).unwrap();
    for (word, tag) in [("none", 1), ("lzw", 5), ("deflate", 8), ("packbits", 32_773)] {
        let metadata = Metadata::default();
        let file = written(&noise(layout, 3), &metadata, Format::Tiff, &options(Some(word)));
        let metadata = read(&file.bytes).unwrap().1.metadata;
        assert_eq!(metadata.coding.tiff_compression, Some(tag));
        let again = written(&noise(layout, 3), &metadata, Format::Tiff, &options(None));
        assert_eq!(again.bytes, file.bytes, "{word}");
        assert!(again.losses.is_empty(), "{word}");
    }
    // JPEG and fax are read, and become LZW unless another kind is asked for.
    for tag in [4, 7] {
        let coding = Coding { tiff_compression: Some(tag), ..Coding::default() };
        let metadata = Metadata { coding, ..Metadata::default() };
        for (word, losses) in [(None, vec![Loss::Compression]), (Some("deflate"), vec![])] {
            let file = written(&noise(layout, 3), &metadata, Format::Tiff, &options(word));
            assert_eq!(file.losses, losses, "{tag} {word:?}");
        }
    }
    let file =
        written(&noise(layout, 3), &Metadata::default(), Format::WebP, &options(Some("lossless")));
    let metadata = read(&file.bytes).unwrap().1.metadata;
    assert!(metadata.coding.lossless);
    let again = written(&noise(layout, 3), &metadata, Format::WebP, &options(None));
    assert_eq!(again.bytes, file.bytes);
}

#[test]
fn fitting_is_settled_after_one_step() {
    let size = Size::new(5, 3);
    let video = Model::Ycbcr(crate::frame::Ycbcr::jpeg(Subsampling::S422));
    let packed = [Model::Gray, Model::GrayAlpha, Model::Rgb, Model::Rgba];
    let depths = [Depth::U8, Depth::U16, Depth::F32];
    let layouts = packed.into_iter().flat_map(|model| depths.map(|depth| (model, depth)));
    for (model, depth) in layouts.chain([(video, Depth::U8), (video, Depth::U10)]) {
        let layout = Layout::new(size, model, depth).unwrap();
        for format in Format::all() {
            let fitted = fit(format, layout, &options(None));
            assert_eq!(fit(format, fitted, &options(None)), fitted, "{format:?} {layout}");
            assert_eq!(fitted.size(), size);
            let colour = model.has_color();
            assert!(!colour || fitted.model().has_color(), "{format:?} {layout} lost colour");
        }
    }
    let rgba = Layout::new(size, Model::Rgba, Depth::F32).unwrap();
    let jpeg = fit(Format::Jpeg, rgba, &options(None));
    assert_eq!(fit_losses(rgba, jpeg), [Loss::Depth, Loss::Alpha]);
    assert_eq!(fit(Format::Png, rgba, &options(None)).depth(), Depth::U16);
    assert!(fit_losses(jpeg, rgba).is_empty());
}

#[test]
fn options_are_checked_before_any_input() {
    let with = |format, compression| EncodeOptions { format, ..options(compression) };
    assert!(check(&with(None, Some("lzw"))).is_ok());
    assert!(check(&with(Some(Format::Tiff), Some("lzw"))).is_ok());
    assert!(check(&with(Some(Format::Png), Some("lzw"))).is_err());
    assert!(check(&with(Some(Format::Bmp), Some("fast"))).is_err());
    assert!(check(&with(None, Some("zip"))).unwrap_err().to_string().contains("packbits"));
    assert_eq!(check(&with(Some(Format::WebP), Some("lossy"))).is_ok(), webp::LOSSY);
    for quality in [0, 101] {
        let options = EncodeOptions { quality: Some(quality), ..EncodeOptions::default() };
        assert!(check(&options).is_err(), "{quality}");
    }
}

#[test]
fn names_and_extensions_lead_back() {
    for format in Format::all() {
        assert_eq!(Format::from_name(format.name()), Some(format));
        assert_eq!(Format::from_extension(&format.extension().to_uppercase()), Some(format));
        for extension in format.extensions() {
            assert!(!RAW_EXTENSIONS.contains(extension), "{extension}");
        }
    }
    assert_eq!(Format::from_name("JPG"), Some(Format::Jpeg));
    assert_eq!(Format::from_extension("xcf"), None);
}

#[test]
fn webp_refuses_sides_that_it_cannot_state() {
    let layout = Layout::new(Size::new(16_384, 1), Model::Rgb, Depth::U8).unwrap();
    let (header, pool) = (source(Format::WebP, layout), BufferPool::new(1));
    let result = encode(
        noise(layout, 3),
        &Metadata::default(),
        &header,
        &options(None),
        Means::alone(&pool),
    );
    assert!(result.unwrap_err().to_string().contains("16383"));
}
