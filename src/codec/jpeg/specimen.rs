//! Pictures for the tests, made here: frames, and JPEGs that no encoder writes.

use crate::frame::{BufferPool, Depth, Frame, Layout, Model, Size, Subsampling, Ycbcr};

/// Smooth colour with some noise, so that every coefficient matters. The same on every machine.
pub fn frame(size: Size, model: Model) -> Frame {
    let layout = Layout::new(size, model, Depth::U8).unwrap();
    let mut frame = Frame::from_pool(layout, &BufferPool::new(1));
    let mut state = 0x2545_f491u32;
    for (i, shape) in layout.planes().enumerate() {
        let plane = frame.planes_mut()[i].data_mut::<u8>().unwrap();
        for (at, sample) in plane.iter_mut().enumerate() {
            let (x, y) = (at % shape.row(), at / shape.row());
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let wave = (x * (3 + i) + y * 2) % 160;
            *sample = (40 + wave.abs_diff(80) as u32 + (state >> 28)) as u8 + i as u8;
        }
    }
    frame
}

/// A YCbCr specimen.
pub fn ycbcr(size: Size, subsampling: Subsampling) -> Frame {
    frame(size, Model::Ycbcr(Ycbcr::jpeg(subsampling)))
}

/// One component of a flat JPEG.
#[derive(Clone, Copy)]
pub struct Part {
    /// Identifier.
    pub id: u8,
    /// Sampling factors.
    pub factors: (u8, u8),
    /// The value of all its samples.
    pub value: u8,
}

/// A baseline JPEG whose components are flat, with any sampling factors and extra segments
/// `(marker, content)`. All quantisers are 8, so a DC coefficient of n is n above 128.
pub fn flat(size: Size, parts: &[Part], segments: &[(u8, &[u8])]) -> Vec<u8> {
    let mut out = vec![0xff, 0xd8];
    for (marker, content) in segments {
        segment(&mut out, *marker, content);
    }
    segment(&mut out, 0xdb, &[&[0][..], &[8; 64]].concat());
    let side = |v: u32| (v as u16).to_be_bytes();
    let mut sof = [&[8][..], &side(size.height), &side(size.width), &[parts.len() as u8]].concat();
    parts.iter().for_each(|p| sof.extend([p.id, p.factors.0 << 4 | p.factors.1, 0]));
    segment(&mut out, 0xc0, &sof);
    // Categories 0..=8 of DC have codes of four bits; AC knows only the end of block, one bit.
    let dc = [&[0, 0, 0, 0, 9][..], &[0; 12], &[0, 1, 2, 3, 4, 5, 6, 7, 8]].concat();
    segment(&mut out, 0xc4, &dc);
    segment(&mut out, 0xc4, &[&[0x10, 1][..], &[0; 15], &[0]].concat());
    let mut sos = vec![parts.len() as u8];
    parts.iter().for_each(|p| sos.extend([p.id, 0]));
    sos.extend([0, 63, 0]);
    segment(&mut out, 0xda, &sos);

    let most = |f: fn(&Part) -> u8| u32::from(parts.iter().map(f).max().unwrap());
    let (h, v) = (most(|p| p.factors.0), most(|p| p.factors.1));
    let single = parts.len() == 1;
    let (h, v) = if single { (1, 1) } else { (h, v) };
    let mut bits = String::new();
    for mcu in 0..size.width.div_ceil(8 * h) * size.height.div_ceil(8 * v) {
        for part in parts {
            let blocks = if single { 1 } else { part.factors.0 * part.factors.1 };
            for block in 0..blocks {
                let first = mcu == 0 && block == 0;
                let dc = if first { i32::from(part.value) - 128 } else { 0 };
                let category = 32 - dc.unsigned_abs().leading_zeros();
                bits += &format!("{category:04b}");
                let code = if dc < 0 { dc + (1 << category) - 1 } else { dc };
                if category > 0 {
                    bits += &format!("{code:0width$b}", width = category as usize);
                }
                bits += "0";
            }
        }
    }
    bits += &"1".repeat(bits.len().next_multiple_of(8) - bits.len());
    for at in (0..bits.len()).step_by(8) {
        let byte = u8::from_str_radix(&bits[at..at + 8], 2).unwrap();
        out.push(byte);
        if byte == 0xff {
            out.push(0);
        }
    }
    out.extend([0xff, 0xd9]);
    out
}

/// A CMYK profile of two grid points per ink: lightness is what the inks leave of it, colours
/// are ignored. As ICC.1 has it: header, one tag, a table of 8 bits to Lab.
pub fn cmyk_profile() -> Vec<u8> {
    let ramp: Vec<u8> = (0..=255).collect();
    let mut table = [b"mft1\0\0\0\0\x04\x03\x02\0".to_vec(), vec![0; 36]].concat();
    (0..4).for_each(|_| table.extend(&ramp));
    for inks in 0..16u8 {
        let lightness = if inks & 1 == 1 { 0 } else { 255 - 80 * inks.count_ones() as u8 };
        table.extend([lightness, 128, 128]);
    }
    (0..3).for_each(|_| table.extend(&ramp));

    let mut profile = vec![0; 128];
    profile[8] = 2;
    profile[12..24].copy_from_slice(b"prtrCMYKLab ");
    profile[36..40].copy_from_slice(b"acsp");
    // The illuminant, D50, in 16.16 fixed point.
    profile[68..80].copy_from_slice(&[0, 0, 0xf6, 0xd6, 0, 1, 0, 0, 0, 0, 0xd3, 0x2d]);
    profile.extend([0, 0, 0, 1]);
    profile.extend(b"A2B0\0\0\0\x90");
    profile.extend((table.len() as u32).to_be_bytes());
    profile.extend(table);
    let length = (profile.len() as u32).to_be_bytes();
    profile[..4].copy_from_slice(&length);
    profile
}

fn segment(out: &mut Vec<u8>, marker: u8, content: &[u8]) {
    out.extend([0xff, marker]);
    out.extend((content.len() as u16 + 2).to_be_bytes());
    out.extend(content);
}
