//! OpenEXR: flat RGB, RGBA and grey of half and single floats, proportional to light.

use std::io::Cursor;

use exr::block::UncompressedBlock;
use exr::block::reader::ChunksReader;
use exr::meta::attribute::SampleType;
use exr::meta::header::Header as Part;
use exr::prelude::{
    AnyChannel, AnyChannels, Encoding, FlatSamples, Image, Vec2, WritableImage, f16,
};

use super::{
    DecodeHint, EncodeOptions, Encoded, Format, Header, Limits, Means, Metadata, Still, packed,
};
use crate::error::{Error, Result};
use crate::event::Loss;
use crate::filter::Dihedral;
use crate::frame::{BufferPool, Depth, Frame, Layout, Model};

const EXR: Format = Format::OpenExr;

/// Channel names in the order of a pixel's components. Alpha is there or not.
const COLOR: [&str; 4] = ["R", "G", "B", "A"];
const GRAY: [&str; 2] = ["Y", "A"];

/// The header: the display window of the first part with colour or grey.
pub fn header(bytes: &[u8], limits: &Limits) -> Result<Header> {
    let reader = exr::block::read(Cursor::new(bytes), false).map_err(broken)?;
    let (_, part, model) = chosen(reader.headers())?;
    let window = part.shared_attributes.display_window.size;
    let size = limits.check(window.width() as u64, window.height() as u64)?;
    // What is stored may be larger or smaller than what is shown; both are held to the limit.
    limits.check(part.layer_size.width() as u64, part.layer_size.height() as u64)?;
    let parts = reader.headers().len();
    Ok(Header {
        format: EXR,
        layout: Layout::new(size, model, Depth::F32)?,
        orientation: Dihedral::IDENTITY,
        icc: None,
        losses: if parts > 1 { vec![Loss::Pages] } else { Vec::new() },
    })
}

/// The pixels of the display window, zero where nothing is stored. Colour is divided by alpha,
/// which OpenEXR stores multiplied.
pub fn decode(
    bytes: &[u8],
    header: &Header,
    _: DecodeHint<'_>,
    pool: &BufferPool,
) -> Result<Still> {
    let reader = exr::block::read(Cursor::new(bytes), false).map_err(broken)?;
    let (index, part, _) = chosen(reader.headers())?;
    let part = part.clone();
    let mut frame = Frame::from_pool(header.layout, pool);
    let mut canvas = Canvas::new(&part, &header.layout, packed::samples_mut(&mut frame)?)?;
    let largest = |_: &exr::meta::MetaData, _, block: exr::block::BlockIndex| {
        block.layer == index && block.level == Vec2(0, 0)
    };
    let chunks = reader.filter_chunks(false, largest).map_err(broken)?;
    let mut blocks = chunks.sequential_decompressor(false);
    while let Some(block) = blocks.decompress_next_block() {
        canvas.put(&block.map_err(broken)?, &part)?;
    }
    if header.layout.model().has_alpha() {
        divide_by_alpha(packed::samples_mut(&mut frame)?, header.layout.model().components());
    }
    Ok(Still { frame, metadata: Metadata::default() })
}

/// The first flat part with R, G and B or with Y, at full resolution in each.
fn chosen(parts: &[Part]) -> Result<(usize, &Part, Model)> {
    let has = |part: &Part, name: &str| {
        let found = part.channels.list.iter().find(|channel| channel.name == *name);
        found.is_some_and(|channel| channel.sampling == Vec2(1, 1))
    };
    let model = |part: &Part| match (COLOR[..3].iter().all(|name| has(part, name)), has(part, "A"))
    {
        (true, false) => Some(Model::Rgb),
        (true, true) => Some(Model::Rgba),
        (false, false) if has(part, "Y") => Some(Model::Gray),
        (false, true) if has(part, "Y") => Some(Model::GrayAlpha),
        _ => None,
    };
    let flat = parts.iter().enumerate().filter(|(_, part)| !part.deep);
    let mut usable = flat.filter_map(|(index, part)| Some((index, part, model(part)?)));
    usable.next().ok_or_else(|| {
        Error::input("this kind of exr is not read: no flat part with R, G, B or Y at full size")
    })
}

/// Where stored samples go in the frame.
struct Canvas<'a> {
    samples: &'a mut [f32],
    /// For each channel of the part, in its order: the component, if it is one.
    components: Vec<Option<usize>>,
    per_pixel: usize,
    size: [i64; 2],
    /// From stored to shown coordinates.
    offset: [i64; 2],
}

impl<'a> Canvas<'a> {
    fn new(part: &Part, layout: &Layout, samples: &'a mut [f32]) -> Result<Self> {
        let names: &[&str] = if layout.model().has_color() { &COLOR } else { &GRAY };
        let channels = &part.channels.list;
        let component = |name: &exr::prelude::Text| names.iter().position(|known| *name == **known);
        let (stored, shown) =
            (part.own_attributes.layer_position, part.shared_attributes.display_window.position);
        let apart = |stored: i32, shown: i32| i64::from(stored) - i64::from(shown);
        let size = layout.size();
        samples.fill(0.0);
        Ok(Self {
            samples,
            components: channels.iter().map(|channel| component(&channel.name)).collect(),
            per_pixel: layout.model().components(),
            size: [size.width.into(), size.height.into()],
            offset: [apart(stored.x(), shown.x()), apart(stored.y(), shown.y())],
        })
    }

    fn put(&mut self, block: &UncompressedBlock, part: &Part) -> Result<()> {
        for line in block.lines(&part.channels) {
            let at = line.location;
            let Some(component) = self.components.get(at.channel).copied().flatten() else {
                continue;
            };
            let y = at.position.y() as i64 + self.offset[1];
            if !(0..self.size[1]).contains(&y) {
                continue;
            }
            let mut x = at.position.x() as i64 + self.offset[0];
            let mut put = |value: f32| {
                if (0..self.size[0]).contains(&x) {
                    let pixel = (y * self.size[0] + x) as usize;
                    self.samples[pixel * self.per_pixel + component] = value;
                }
                x += 1;
            };
            match part.channels.list[at.channel].sample_type {
                SampleType::F32 => {
                    line.read_samples::<f32>().try_for_each(|v| v.map(&mut put)).map_err(broken)?;
                }
                SampleType::F16 => line
                    .read_samples::<f16>()
                    .try_for_each(|v| v.map(|v| put(v.to_f32())))
                    .map_err(broken)?,
                SampleType::U32 => line
                    .read_samples::<u32>()
                    .try_for_each(|v| v.map(|v| put(v as f32)))
                    .map_err(broken)?,
            }
        }
        Ok(())
    }
}

/// Undoes the multiplication; where alpha is 0, colour stays as it is (light without matter).
fn divide_by_alpha(samples: &mut [f32], components: usize) {
    for pixel in samples.chunks_exact_mut(components) {
        if let [color @ .., alpha] = pixel
            && *alpha > 0.0
        {
            color.iter_mut().for_each(|v| *v /= *alpha);
        }
    }
}

/// The file: single floats, ZIP in blocks of 16 rows.
pub fn encode(
    frame: &Frame,
    _: &Metadata,
    _: &Header,
    _: &EncodeOptions,
    _: Means<'_>,
) -> Result<Encoded> {
    let layout = frame.layout();
    let names: &[&str] = match layout.model() {
        Model::Gray => &GRAY[..1],
        Model::Rgb => &COLOR[..3],
        Model::Rgba => &COLOR,
        _ => return Err(packed::wrong_type(layout)),
    };
    let samples = packed::contiguous::<f32>(frame)?;
    let pixels = || samples.chunks_exact(names.len());
    let channel = |(component, name): (usize, &&str)| {
        let values = match (layout.model().has_alpha(), component) {
            (true, 0..3) => {
                pixels().map(|p| p[component] * if p[3] > 0.0 { p[3] } else { 1.0 }).collect()
            }
            _ => pixels().map(|p| p[component]).collect(),
        };
        AnyChannel::new(*name, FlatSamples::F32(values))
    };
    let channels = AnyChannels::sort(names.iter().enumerate().map(channel).collect());
    let size = (layout.size().width as usize, layout.size().height as usize);
    let mut image = Image::from_channels(size, channels);
    image.layer_data.encoding = Encoding::SMALL_LOSSLESS;
    let mut out = Cursor::new(Vec::new());
    let written = image.write().non_parallel().to_buffered(&mut out);
    written.map_err(|e| packed::unwritten(EXR, e))?;
    Ok(Encoded { bytes: out.into_inner(), losses: Vec::new() })
}

fn broken(error: exr::error::Error) -> Error {
    packed::broken(EXR, error)
}
