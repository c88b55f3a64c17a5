//! PNG's text chunks, and the metadata that other programs keep in them.

use png::Info;
use png::text_metadata::{ITXtChunk, TEXtChunk};

use super::super::{Metadata, exif, photoshop};
use crate::event::Loss;

/// The keyword of XMP (Adobe's XMP specification, part 3).
const XMP: &str = "XML:com.adobe.xmp";
/// Keywords of whole metadata blocks in hexadecimal, as ImageMagick and ExifTool write them.
const PROFILE: &str = "Raw profile type ";
/// Keywords are 1 to 79 bytes long.
const MOST_KEYWORD: usize = 79;
/// A block over this is not unpacked.
const MOST_TEXT: usize = 16 << 20;

/// The XMP packet.
pub fn xmp(info: &Info<'_>) -> Option<Vec<u8>> {
    let chunk = info.utf8_text.iter().find(|chunk| chunk.keyword == XMP);
    let packet = chunk.and_then(|chunk| readable(chunk.clone())).map(String::into_bytes);
    packet.or_else(|| profile(info, "xmp"))
}

/// Text entries in file order, without those that hold metadata blocks.
pub fn entries(info: &Info<'_>) -> Vec<(String, String)> {
    let plain = info.uncompressed_latin1_text.iter().map(|c| (c.keyword.clone(), c.text.clone()));
    let packed = info.compressed_latin1_text.iter().filter_map(|chunk| {
        let mut chunk = chunk.clone();
        chunk.decompress_text_with_limit(MOST_TEXT).ok()?;
        Some((chunk.keyword.clone(), chunk.get_text().ok()?))
    });
    let wide = info
        .utf8_text
        .iter()
        .filter_map(|chunk| Some((chunk.keyword.clone(), readable(chunk.clone())?)));
    plain
        .chain(packed)
        .chain(wide)
        .filter(|(key, _)| key != XMP && !key.starts_with(PROFILE))
        .collect()
}

/// A metadata block by its name (`exif`, `iptc`, ...), without the framing of its kind.
pub fn profile(info: &Info<'_>, name: &str) -> Option<Vec<u8>> {
    let is_it = |keyword: &str| {
        let rest = keyword.strip_prefix(PROFILE);
        rest.is_some_and(|rest| rest == name || (name == "exif" && rest == "APP1"))
    };
    let plain = info.uncompressed_latin1_text.iter().find(|chunk| is_it(&chunk.keyword));
    let text = match plain {
        Some(chunk) => chunk.text.clone(),
        None => {
            let mut chunk =
                info.compressed_latin1_text.iter().find(|chunk| is_it(&chunk.keyword))?.clone();
            chunk.decompress_text_with_limit(MOST_TEXT).ok()?;
            chunk.get_text().ok()?
        }
    };
    let block = from_hex(&text)?;
    match name {
        "exif" => Some(exif::tiff_of(&block).to_vec()),
        // Some writers leave the list of resources out.
        "iptc" | "8bim" if photoshop::is_list(&block) => {
            photoshop::iptc(&block).map(<[u8]>::to_vec)
        }
        _ => Some(block),
    }
}

/// Puts XMP, IPTC and text entries in; a keyword that PNG does not allow is a loss.
pub fn describe(info: &mut Info<'_>, metadata: &Metadata, losses: &mut Vec<Loss>) {
    match metadata.xmp.as_deref().map(|packet| std::str::from_utf8(packet)) {
        Some(Ok(packet)) => info.utf8_text.push(ITXtChunk::new(XMP, packet)),
        Some(Err(_)) => losses.push(Loss::Xmp),
        None => {}
    }
    match metadata.iptc.as_deref().map(photoshop::with_iptc) {
        Some(Some(list)) => {
            let hex = to_hex("iptc", &list);
            info.uncompressed_latin1_text.push(TEXtChunk::new(format!("{PROFILE}iptc"), hex));
        }
        Some(None) => losses.push(Loss::Iptc),
        None => {}
    }
    for (keyword, text) in &metadata.text {
        let latin = |text: &str| text.chars().all(|c| matches!(c, '\x01'..='\u{ff}'));
        let allowed = (1..=MOST_KEYWORD).contains(&keyword.chars().count()) && latin(keyword);
        if !allowed || text.contains('\0') {
            losses.push(Loss::Text);
        } else if latin(text) {
            info.uncompressed_latin1_text.push(TEXtChunk::new(keyword, text));
        } else {
            info.utf8_text.push(ITXtChunk::new(keyword, text));
        }
    }
}

fn readable(mut chunk: ITXtChunk) -> Option<String> {
    chunk.decompress_text_with_limit(MOST_TEXT).ok()?;
    chunk.get_text().ok()
}

/// The bytes of `"\nNAME\n  LENGTH\nHEX"`.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.trim_start().splitn(3, '\n');
    let (_, length, hex) = (parts.next()?, parts.next()?, parts.next()?);
    let length: usize = length.trim().parse().ok()?;
    let digits: Option<Vec<u8>> = hex
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect();
    let (pairs, _) = digits.as_deref()?.as_chunks::<2>();
    (pairs.len() == length).then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

fn to_hex(name: &str, block: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = format!("\n{name}\n{:8}", block.len());
    for (i, byte) in block.iter().enumerate() {
        if i % 36 == 0 {
            text.push('\n');
        }
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_survive_hexadecimal() {
        let records: Vec<u8> = (0..=100).collect();
        let text = to_hex("iptc", &records);
        assert_eq!(from_hex(&text), Some(records));
        assert_eq!(from_hex("\niptc\n 9\nabcd\n"), None, "a wrong length");
        assert_eq!(from_hex("\niptc\n 1\nzz\n"), None);
    }
}
