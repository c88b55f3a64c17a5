//! Tests of the JPEG codec. The recorded hashes are those of the native backend; a run with
//! `--no-default-features --features pure-rust` proves that the other one gives the same.

use xxhash_rust::xxh3::Xxh3;

use super::specimen::{Part, cmyk_profile, flat, frame, ycbcr};
use super::*;
use crate::codec::{Density, DensityUnit};
use crate::error::Kind;

const LIMITS: Limits = Limits { max_pixels: 100_000_000 };
const S441: Subsampling = Subsampling { h: 0, v: 2 };

fn pool() -> BufferPool {
    BufferPool::new(4)
}

fn coded(frame: &Frame, options: &EncodeOptions) -> Vec<u8> {
    encode(frame, &Metadata::default(), options, &pool()).unwrap().bytes
}

fn decoded(bytes: &[u8], hint: DecodeHint<'_>) -> Result<Frame> {
    let header = header(bytes, &LIMITS)?;
    let still = decode(bytes, &header, hint, &pool())?;
    assert_eq!(*still.frame.layout(), hinted(&header.layout, hint)?);
    Ok(still.frame)
}

/// A hash of the samples without padding.
fn hash(frame: &Frame) -> u64 {
    let mut hash = Xxh3::new();
    for (i, shape) in frame.layout().planes().enumerate() {
        (0..shape.height).for_each(|y| hash.update(frame.row::<u8>(i, y).unwrap()));
    }
    hash.digest()
}

fn hash_bytes(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}

fn largest_difference(a: &Frame, b: &Frame) -> u8 {
    assert_eq!(a.layout(), b.layout());
    let rows =
        a.layout().planes().enumerate().flat_map(|(i, p)| (0..p.height).map(move |y| (i, y)));
    rows.flat_map(|(i, y)| {
        let (a, b) = (a.row::<u8>(i, y).unwrap(), b.row::<u8>(i, y).unwrap());
        a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).collect::<Vec<_>>()
    })
    .max()
    .unwrap()
}

#[test]
fn every_subsampling_and_odd_size_survives_a_round_trip() {
    for (width, height) in [(1, 1), (1, 37), (40, 1), (17, 16), (321, 421)] {
        for subsampling in PLANAR {
            let before = ycbcr(Size::new(width, height), subsampling);
            for progressive in [false, true] {
                let options =
                    EncodeOptions { quality: Some(100), progressive, ..EncodeOptions::default() };
                let bytes = coded(&before, &options);
                let after = decoded(&bytes, DecodeHint::FULL).unwrap();
                let difference = largest_difference(&before, &after);
                assert!(difference <= 4, "{} {subsampling}: {difference}", before.layout());
            }
        }
    }
}

#[test]
fn grey_survives_a_round_trip() {
    let before = frame(Size::new(321, 421), Model::Gray);
    for progressive in [false, true] {
        let options = EncodeOptions { quality: Some(100), progressive, ..EncodeOptions::default() };
        let bytes = coded(&before, &options);
        assert!(largest_difference(&before, &decoded(&bytes, DecodeHint::FULL).unwrap()) <= 4);
    }
}

#[test]
fn both_orders_hold_the_same_planes() {
    let before = ycbcr(Size::new(100, 75), Subsampling::S420);
    let baseline = coded(&before, &EncodeOptions::default());
    let progressive =
        coded(&before, &EncodeOptions { progressive: true, ..EncodeOptions::default() });
    let [a, b] = [baseline, progressive].map(|b| decoded(&b, DecodeHint::FULL).unwrap());
    assert_eq!(hash(&a), hash(&b));
}

#[test]
fn both_backends_give_the_recorded_bytes_and_planes() {
    let mut wrong = String::new();
    for index in 0..28 {
        let got = fingerprint(index);
        if RECORDED.get(index) != Some(&got) {
            let [baseline, progressive, planes] = got;
            wrong += &format!("[{baseline:#018x}, {progressive:#018x}, {planes:#018x}],\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Hashes for case `index`: bytes at quality 90, bytes in progressive order at quality 35, and of
/// both the planes in full, at 1/2, 1/4 and 1/8, with chroma and without.
fn fingerprint(index: usize) -> [u64; 3] {
    let sizes = [(321, 421), (64, 48), (17, 23), (1, 1)];
    let (width, height) = sizes[index % sizes.len()];
    let before = match PLANAR.get(index / sizes.len()) {
        Some(subsampling) => ycbcr(Size::new(width, height), *subsampling),
        None => frame(Size::new(width, height), Model::Gray),
    };
    let small = EncodeOptions { quality: Some(35), progressive: true, ..EncodeOptions::default() };
    let files = [coded(&before, &EncodeOptions::default()), coded(&before, &small)];
    let mut planes = Xxh3::new();
    for (file, shrink) in files.iter().flat_map(|file| [1, 2, 4, 8].map(|shrink| (file, shrink))) {
        for luma_only in [false, true] {
            let frame =
                decoded(file, DecodeHint { luma_only, shrink, ..DecodeHint::FULL }).unwrap();
            planes.update(&hash(&frame).to_le_bytes());
        }
    }
    [hash_bytes(&files[0]), hash_bytes(&files[1]), planes.digest()]
}

#[test]
fn luma_alone_is_the_luma_plane() {
    let before = ycbcr(Size::new(45, 33), Subsampling::S420);
    let bytes = coded(&before, &EncodeOptions::default());
    for shrink in [1, 2, 4, 8] {
        let all =
            decoded(&bytes, DecodeHint { luma_only: false, shrink, ..DecodeHint::FULL }).unwrap();
        let luma =
            decoded(&bytes, DecodeHint { luma_only: true, shrink, ..DecodeHint::FULL }).unwrap();
        for y in 0..luma.layout().size().height as usize {
            assert_eq!(all.row::<u8>(0, y), luma.row::<u8>(0, y), "row {y} at 1/{shrink}");
        }
    }
}

#[test]
fn a_shrunk_decode_is_the_mean_of_its_pixels() {
    let before = ycbcr(Size::new(64, 64), Subsampling::S422);
    let bytes = coded(&before, &EncodeOptions { quality: Some(100), ..EncodeOptions::default() });
    let shrunk =
        decoded(&bytes, DecodeHint { luma_only: false, shrink: 8, ..DecodeHint::FULL }).unwrap();
    for (i, shape) in shrunk.layout().planes().enumerate() {
        for (y, x) in (0..shape.height).flat_map(|y| (0..shape.width).map(move |x| (y, x))) {
            let block =
                (0..64).map(|at| before.row::<u8>(i, y * 8 + at / 8).unwrap()[x * 8 + at % 8]);
            let mean = block.map(u32::from).sum::<u32>() / 64;
            let got = u32::from(shrunk.row::<u8>(i, y).unwrap()[x]);
            assert!(got.abs_diff(mean) <= 2, "plane {i} at {x},{y}: {got}, mean {mean}");
        }
    }
}

#[test]
fn a_truncated_picture_is_an_error_wherever_it_ends() {
    let before = ycbcr(Size::new(200, 150), Subsampling::S420);
    for progressive in [false, true] {
        let bytes = coded(&before, &EncodeOptions { progressive, ..EncodeOptions::default() });
        let parts = (0..50).map(|part| bytes.len() * part / 50);
        // The last two bytes are the end of image, which no pixel needs.
        for end in parts.chain(bytes.len() - 40..bytes.len() - 2) {
            let cut = &bytes[..end];
            for luma_only in [false, true] {
                let result = decoded(cut, DecodeHint { luma_only, shrink: 1, ..DecodeHint::FULL });
                let error = result.map(|_| "a picture").unwrap_err();
                assert_eq!(error.kind(), Kind::Input, "{end} of {}: {error}", bytes.len());
            }
        }
    }
}

#[test]
fn damage_is_an_error_or_a_picture_but_no_panic() {
    let before = ycbcr(Size::new(60, 60), Subsampling::S420);
    for progressive in [false, true] {
        let bytes = coded(&before, &EncodeOptions { progressive, ..EncodeOptions::default() });
        let mut state = 1u32;
        for at in 0..bytes.len() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (state >> 29);
            // A frame header may now ask for another size; only small ones are tried.
            let limits = Limits { max_pixels: 1 << 20 };
            if let Ok(header) = header(&damaged, &limits) {
                let _ = decode(&damaged, &header, DecodeHint::FULL, &pool());
            }
        }
    }
}

fn part(id: u8, factors: (u8, u8), value: u8) -> Part {
    Part { id, factors, value }
}

#[test]
fn rgb_files_are_rgb() {
    let size = Size::new(20, 10);
    let adobe: &[u8] = b"Adobe\0\x64\0\0\0\0\0";
    let parts = |ids: [u8; 3]| {
        [part(ids[0], (1, 1), 200), part(ids[1], (1, 1), 100), part(ids[2], (1, 1), 50)]
    };
    for bytes in [flat(size, &parts(*b"RGB"), &[]), flat(size, &parts([1, 2, 3]), &[(0xee, adobe)])]
    {
        let frame =
            decoded(&bytes, DecodeHint { luma_only: true, shrink: 1, ..DecodeHint::FULL }).unwrap();
        assert_eq!(frame.layout().model(), Model::Rgb);
        assert_eq!(frame.row::<u8>(0, 9).unwrap()[57..], [200, 100, 50]);
    }
    let plain = decoded(&flat(size, &parts([1, 2, 3]), &[]), DecodeHint::FULL).unwrap();
    assert_eq!(plain.layout().model(), Model::Ycbcr(Ycbcr::jpeg(Subsampling::S444)));
    assert_eq!(plain.row::<u8>(2, 9).unwrap()[19], 50);
}

#[test]
fn unusual_sampling_factors_are_planes_or_rgb() {
    let size = Size::new(37, 21);
    let file =
        |luma, cb, cr| flat(size, &[part(1, luma, 90), part(2, cb, 128), part(3, cr, 128)], &[]);
    for (luma, chroma, want) in [
        ((2, 2), (1, 2), Subsampling::S422),
        ((2, 2), (2, 1), Subsampling::S440),
        ((1, 4), (1, 1), S441),
        ((2, 1), (2, 1), Subsampling::S444),
    ] {
        let frame = decoded(&file(luma, chroma, chroma), DecodeHint::FULL).unwrap();
        assert_eq!(frame.layout().model(), Model::Ycbcr(Ycbcr::jpeg(want)), "{luma:?} {chroma:?}");
        assert_eq!(frame.row::<u8>(0, 20).unwrap()[36], 90);
    }
    for (luma, cb, cr) in
        [((2, 2), (2, 1), (1, 2)), ((4, 2), (1, 1), (1, 1)), ((2, 2), (1, 1), (2, 2))]
    {
        let frame = decoded(&file(luma, cb, cr), DecodeHint::FULL).unwrap();
        assert_eq!(frame.layout().model(), Model::Rgb, "{luma:?} {cb:?} {cr:?}");
        assert_eq!(frame.row::<u8>(0, 20).unwrap()[108..], [90; 3]);
    }
}

#[test]
fn inks_without_a_profile_are_refused_by_name() {
    let parts = [1, 2, 3, 4].map(|id| part(id, (1, 1), 30));
    let error = header(&flat(Size::new(8, 8), &parts, &[]), &LIMITS).unwrap_err();
    assert!(error.to_string().contains("CMYK"), "{error}");
}

#[test]
fn inks_become_colours_through_their_profile() {
    let profile = [&b"ICC_PROFILE\0\x01\x01"[..], &cmyk_profile()].concat();
    let adobe = |transform| [&b"Adobe\0\x64\0\0\0\0"[..], &[transform]].concat();
    let (as_is, with_luma) = (adobe(0), adobe(2));
    // Adobe's are inverted; its YCCK is the YCbCr of the complement.
    let cases: [(&[u8], [u8; 4], u8); 7] = [
        (b"", [0, 0, 0, 0], 255),
        (b"", [0, 0, 0, 255], 0),
        (&as_is, [255; 4], 255),
        (&as_is, [255, 255, 255, 0], 0),
        (&with_luma, [0, 128, 128, 255], 255),
        (&with_luma, [0, 128, 128, 0], 0),
        (b"", [0, 0, 0, 128], 119),
    ];
    for (adobe, values, want) in cases {
        let parts = [0, 1, 2, 3].map(|i| part(i + 1, (1, 1), values[usize::from(i)]));
        let mut segments = vec![(0xe2, &profile[..])];
        segments.extend((!adobe.is_empty()).then_some((0xee, adobe)));
        let bytes = flat(Size::new(17, 9), &parts, &segments);
        let head = header(&bytes, &LIMITS).unwrap();
        assert_eq!((&head.icc, &head.losses[..]), (&None, &[Loss::ColorModel][..]));
        for shrink in [1, 2] {
            let frame = decoded(&bytes, DecodeHint { luma_only: true, shrink, ..DecodeHint::FULL })
                .unwrap();
            let row = frame.row::<u8>(0, frame.layout().size().height as usize - 1).unwrap();
            let even = row.iter().all(|v| v.abs_diff(want) <= 2);
            assert!(even, "{values:?} became {:?}, not {want}", &row[..3]);
        }
    }
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let bytes = flat(Size::new(8, 255), &[part(1, (1, 1), 30)], &[]);
    let sof = bytes.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    let changed = |offset: usize, value: u8| {
        let mut bytes = bytes.clone();
        bytes[sof + offset] = value;
        header(&bytes, &LIMITS).unwrap_err().to_string()
    };
    for (offset, value, name) in [
        (1, 0xc3, "lossless"),
        (1, 0xcf, "hierarchical lossless arithmetic"),
        (4, 12, "12 bits"),
        (5, 0xff, "65500"),
        (6, 0, "8x0"),
        (9, 2, "2 components"),
        (11, 0x51, "factors 5x1"),
    ] {
        let message = changed(offset, value);
        assert!(message.contains(name), "{message}");
    }
    let few = header(&bytes, &Limits { max_pixels: 63 }).unwrap_err();
    assert!(few.to_string().contains("--max-pixels 63"), "{few}");
}

fn full_metadata() -> Metadata {
    let mut icc = vec![7; 70_001];
    icc[36..40].copy_from_slice(b"acsp");
    icc[16..20].copy_from_slice(b"RGB ");
    Metadata {
        icc: Some(icc),
        exif: Some(b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec()),
        xmp: Some(b"<x tiff:Orientation=\"6\"/>".to_vec()),
        iptc: Some(b"\x1c\x02\x78\0\x03abc".to_vec()),
        density: Some(Density { x: 300.0, y: 150.0, unit: DensityUnit::Inch }),
        coding: Coding { subsampling: Some(Subsampling::S422), ..Coding::default() },
        ..Metadata::default()
    }
}

#[test]
fn comments_are_text_whatever_their_character_set() {
    let frame = ycbcr(Size::new(9, 9), Subsampling::S420);
    let plain = encode(&frame, &Metadata::default(), &EncodeOptions::default(), &pool()).unwrap();
    for (comment, text) in [(&b"two words\0"[..], "two words"), (b"caf\xe9", "caf\u{e9}")] {
        let mut bytes = plain.bytes[..2].to_vec();
        bytes.extend([0xff, 0xfe, 0, comment.len() as u8 + 2]);
        bytes.extend(comment);
        bytes.extend(&plain.bytes[2..]);
        let head = header(&bytes, &LIMITS).unwrap();
        let metadata = decode(&bytes, &head, DecodeHint::FULL, &pool()).unwrap().metadata;
        assert_eq!(metadata.text, [("Comment".to_owned(), text.to_owned())]);
    }
}

#[test]
fn metadata_comes_back_and_stands_upright() {
    let frame = ycbcr(Size::new(9, 9), Subsampling::S422);
    let full = full_metadata();
    let coded = encode(&frame, &full, &EncodeOptions::default(), &pool()).unwrap();
    assert_eq!(coded.losses, []);
    let head = header(&coded.bytes, &LIMITS).unwrap();
    assert_eq!((head.orientation, head.losses.len()), (Dihedral::IDENTITY, 0));
    let back = decode(&coded.bytes, &head, DecodeHint::FULL, &pool()).unwrap().metadata;
    assert_eq!(exif::orientation(back.exif.as_deref().unwrap()), 1);
    let upright = Metadata {
        exif: back.exif.clone(),
        xmp: Some(b"<x tiff:Orientation=\"1\"/>".to_vec()),
        ..full.clone()
    };
    assert_eq!(back, upright);

    let strip = EncodeOptions { strip_metadata: true, ..EncodeOptions::default() };
    let coded = encode(&frame, &full, &strip, &pool()).unwrap();
    let head = header(&coded.bytes, &LIMITS).unwrap();
    let back = decode(&coded.bytes, &head, DecodeHint::FULL, &pool()).unwrap().metadata;
    assert_eq!(back, Metadata { exif: None, xmp: None, iptc: None, ..full });
}

#[test]
fn what_does_not_fit_is_a_loss() {
    let frame = frame(Size::new(9, 9), Model::Gray);
    let large = Metadata {
        exif: Some([b"II*\0\x08\0\0\0\0\0\0\0\0\0".to_vec(), vec![0; 66_000]].concat()),
        xmp: Some(vec![b' '; 66_000]),
        iptc: Some(vec![0; 66_000]),
        density: Some(Density { x: 1e6, y: 1.0, unit: DensityUnit::Inch }),
        ..full_metadata()
    };
    let coded = encode(&frame, &large, &EncodeOptions::default(), &pool()).unwrap();
    let want = [Loss::Density, Loss::Exif, Loss::Xmp, Loss::Icc, Loss::Iptc];
    assert_eq!(coded.losses, want, "the profile is one of RGB, the frame grey");
    let head = header(&coded.bytes, &LIMITS).unwrap();
    let back = decode(&coded.bytes, &head, DecodeHint::FULL, &pool()).unwrap().metadata;
    assert_eq!(back, Metadata::default());
}

#[test]
fn a_profile_with_a_missing_chunk_is_a_loss() {
    let gray = |chunks: &[(u8, &[u8])]| flat(Size::new(8, 8), &[part(1, (1, 1), 30)], chunks);
    let chunk = |number: u8, count: u8| [b"ICC_PROFILE\0", &[number, count][..], &[0; 99]].concat();
    let (one, two) = (chunk(1, 2), chunk(2, 2));
    let broken = header(&gray(&[(0xe2, &two)]), &LIMITS).unwrap();
    assert_eq!((broken.icc, broken.losses), (None, vec![Loss::Icc]));
    let bytes = gray(&[(0xe2, &two), (0xe2, &one)]);
    let segments = Segments::parse(&bytes).unwrap();
    assert!(matches!(segments.icc, Profile::Whole(p) if p.len() == 198));
}

/// EXIF as a camera writes it, high bytes first: turned by orientation 6, with a MakerNote of 40
/// bytes at 64.
fn camera_exif() -> Vec<u8> {
    let mut tiff = b"MM\0*\0\0\0\x08\0\x02".to_vec();
    tiff.extend(b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0");
    tiff.extend(b"\x87\x69\0\x04\0\0\0\x01\0\0\0\x26\0\0\0\0");
    tiff.extend(b"\0\x01\x92\x7c\0\x07\0\0\0\x28\0\0\0\x40\0\0\0\0");
    tiff.resize(64, 0);
    tiff.extend(100..140);
    tiff
}

#[test]
fn a_phones_picture_keeps_what_a_jpeg_can_hold_and_says_what_it_loses() {
    let exif = [b"Exif\0\0", &camera_exif()[..]].concat();
    // A gain map by Google's container, and a clip by its motion photo.
    let xmp = [
        &b"http://ns.adobe.com/xap/1.0/\0"[..],
        b"<x GCamera:MotionPhoto=\"1\"><Container:Directory/></x>",
    ]
    .concat();
    let mut profile = [0; 150];
    profile[16..20].copy_from_slice(b"RGB ");
    profile[36..40].copy_from_slice(b"acsp");
    let chunk = |number: u8| {
        let part = &profile[50 * usize::from(number - 1)..][..50];
        [b"ICC_PROFILE\0", &[number, 3][..], part].concat()
    };
    let icc = [3, 1, 2].map(chunk);
    let mut segments = vec![(0xe1, &exif[..]), (0xe1, &xmp)];
    segments.extend(icc.iter().map(|chunk| (0xe2, &chunk[..])));
    let parts = [1, 2, 3].map(|id| part(id, (1, 1), 90));
    let picture = flat(Size::new(16, 8), &parts, &segments);
    // Behind its end: another picture, and a clip.
    let file = [&picture[..], &picture, b"\0\0\0\x18ftypmp42"].concat();

    let head = header(&file, &LIMITS).unwrap();
    assert_eq!((head.orientation, &head.losses[..]), (Dihedral::from_exif(6), &[Loss::Pages][..]));
    assert_eq!(head.icc.as_deref(), Some(&profile[..]));
    let still = decode(&file, &head, DecodeHint::FULL, &pool()).unwrap();
    assert_eq!(still.frame, decoded(&picture, DecodeHint::FULL).unwrap());
    let coded = encode(&still.frame, &still.metadata, &EncodeOptions::default(), &pool()).unwrap();
    assert_eq!(coded.losses, []);
    let again = header(&coded.bytes, &LIMITS).unwrap();
    let after = decode(&coded.bytes, &again, DecodeHint::FULL, &pool()).unwrap().metadata;
    assert_eq!(after.icc.as_deref(), Some(&profile[..]));
    let after_exif = after.exif.unwrap();
    assert_eq!(exif::orientation(&after_exif), 1);
    assert_eq!(after_exif[20..], camera_exif()[20..], "all but the orientation");
    assert!(after.xmp.unwrap().starts_with(b"<x GCamera:MotionPhoto=\"0\">"));
}

#[test]
fn fit_names_what_encode_takes() {
    let rgb = Layout::new(Size::new(8, 8), Model::Rgba, Depth::U16).unwrap();
    let fitted = fit(&rgb, &EncodeOptions::default()).unwrap();
    assert_eq!(fitted.model(), Model::Ycbcr(Ycbcr::jpeg(Subsampling::S420)));
    let wanted = EncodeOptions { subsampling: Some(Subsampling::S411), ..EncodeOptions::default() };
    assert_eq!(fit(&rgb, &wanted).unwrap().model(), Model::Ycbcr(Ycbcr::jpeg(Subsampling::S411)));
    assert!(encode(&Frame::zeroed(rgb), &Metadata::default(), &wanted, &pool()).is_err());
    let video = Ycbcr::video(Subsampling::S410, Matrix::Bt709);
    let video = Layout::new(Size::new(8, 8), Model::Ycbcr(video), Depth::U10).unwrap();
    let fitted = fit(&video, &EncodeOptions::default()).unwrap();
    assert!(encode(&Frame::zeroed(fitted), &Metadata::default(), &wanted, &pool()).is_ok());
    assert_eq!(fit(&fitted, &EncodeOptions::default()).unwrap(), fitted);
}

#[test]
fn decoding_is_charged_for_what_it_keeps_beside_the_frame() {
    let size = Size::new(33, 17);
    let frame = ycbcr(size, Subsampling::S420);
    let bytes = |progressive| {
        let options = EncodeOptions { progressive, ..EncodeOptions::default() };
        let file = coded(&frame, &options);
        decoder_bytes(&file, file.len() as u64).unwrap() - file.len() as u64
    };
    // 3x2 macroblocks of six blocks of 64 coefficients, two bytes each.
    assert_eq!(bytes(true) - bytes(false), 6 * 6 * 64 * 2);
    let inks = [1, 2, 3, 4].map(|id| part(id, (1, 1), 30));
    assert!(decoder_bytes(&flat(size, &inks, &[]), 0).unwrap() >= 4 * size.pixels());
    assert!(encode_bound(frame.layout()) >= coded(&frame, &EncodeOptions::default()).len() as u64);
    assert_eq!(encode_bound(frame.layout()), 48 * 32 * 3 + 2048);
}

/// Four sizes of each subsampling in [`PLANAR`], then of grey.
const RECORDED: [[u64; 3]; 28] = [
    [0x477d_418e_9c78_e82b, 0xb5ee_e30d_ea4d_28fb, 0x91f5_27cb_66cc_2efd],
    [0x8e16_7482_3e67_c9f1, 0xfda4_4721_b3e6_7692, 0xfcde_2f1d_fb59_3147],
    [0x0308_f83d_05fe_0c7f, 0xca1b_b00d_5350_65c7, 0x9168_5277_43fb_a345],
    [0x1694_be1f_c07a_c854, 0x5de9_aebe_a5b3_6ea6, 0xef82_0e06_bbc1_8f38],
    [0xb8fd_9e24_8009_13a1, 0xd339_e9d5_70be_68c9, 0xfa9a_885f_cefc_5bf8],
    [0x99bb_d032_d39c_2ccf, 0xba55_73ef_4a1e_d69d, 0x7214_b41d_1ae1_9ef4],
    [0xac7f_6895_44fb_2944, 0x06e6_5f58_be1d_cb00, 0x55e6_9cb5_aaf8_e112],
    [0x511d_90f4_9f77_63dc, 0xcba1_967f_b79e_fb3d, 0xef82_0e06_bbc1_8f38],
    [0xb00b_0ca8_842f_f285, 0x1f6c_34da_e935_855f, 0xc603_14cd_2f8c_079f],
    [0x0331_df5e_3e3e_f080, 0xb697_9139_d894_a070, 0x8e20_3ec2_5949_f86a],
    [0xde62_0136_287f_b49c, 0x79b1_7e37_0b77_883f, 0xb1dc_42f8_3858_cb80],
    [0xa9e3_9095_a4b2_dfef, 0xfaa6_5c44_0cb5_8fc0, 0xef82_0e06_bbc1_8f38],
    [0x0f9e_a759_a793_0cdd, 0xa344_91de_f090_63f9, 0xf66a_1f7c_30af_92bd],
    [0xa35a_b122_fb9b_57a8, 0x9fe7_990e_604d_268a, 0x820b_3cd5_fc94_f87e],
    [0x8fa3_f925_c468_1442, 0x0a4c_acb0_a8b0_1613, 0xa08d_9ee5_178e_f895],
    [0x935b_9fb2_397f_e816, 0x3d13_50ee_2bd1_4d02, 0xef82_0e06_bbc1_8f38],
    [0x755e_bf64_38ae_1b3f, 0xa459_3778_238d_abf6, 0xe734_e3fd_98da_8945],
    [0x6939_9a94_2920_be3c, 0xd723_593a_2e41_423e, 0x0a62_efcf_8d52_cb9a],
    [0xb845_55d2_b67c_8e2b, 0x0f25_ac05_7139_07ab, 0x19f1_c40c_a50f_9d4c],
    [0xbdac_d655_fc5a_5a4a, 0x4c4a_79fc_9c89_5182, 0xef82_0e06_bbc1_8f38],
    [0x0b9e_95cd_0243_eeb2, 0x8305_6a5a_c630_995f, 0xd0ac_f5c2_c616_900f],
    [0x35c6_8ee0_e70c_ce5b, 0xb458_84d3_fbb2_b811, 0x3ec5_45ee_b9f4_29f9],
    [0x5b12_9ea1_b377_c0cf, 0x42dc_52f7_c526_781d, 0x3279_7719_819c_9733],
    [0xca0f_58fa_94a2_fe73, 0xfb80_8685_7509_f0c4, 0xef82_0e06_bbc1_8f38],
    [0x9432_83dc_8cfe_b0d5, 0xd0ad_8586_0750_0234, 0x3dc1_018c_dd16_d86d],
    [0x3db3_8f70_82a5_6b5b, 0xc744_f775_b9d9_9a28, 0x1263_9076_d53a_ce4a],
    [0x371c_4eae_af3c_5a5a, 0xc486_f76b_2279_174e, 0x2a71_732e_88ad_e6cd],
    [0xe6d2_95dd_98b4_4ba1, 0x7dcd_5fd4_d010_1dd9, 0xf442_5494_dcb9_dd00],
];
