//! The native backend: libjpeg-turbo by its TurboJPEG interface.
//!
//! The crate's safe interface has no separate planes and does not stop at a warning, so the
//! functions are called directly. Each call gets buffers of the sizes that the header of the
//! same bytes, as libjpeg-turbo itself reads it, asks for.

use std::ffi::{CStr, c_int};
use std::ptr::NonNull;

use turbojpeg::raw;

use super::segments::{PLANAR, Segments};
use super::{MAX_SCANS, Order, Pixels, encode_bound, interleaved};
use crate::error::{Error, Result};
use crate::frame::{BufferPool, Frame, Layout, Model, Plane, Samples, Size, Subsampling};

/// The library's numbers for [`PLANAR`], in the same order.
const SAMPLINGS: [c_int; 6] = [
    raw::TJSAMP_TJSAMP_444,
    raw::TJSAMP_TJSAMP_422,
    raw::TJSAMP_TJSAMP_420,
    raw::TJSAMP_TJSAMP_440,
    raw::TJSAMP_TJSAMP_411,
    raw::TJSAMP_TJSAMP_441,
];

/// Decodes to planes. Rows and columns of luma are padded to whole chroma samples; the padding
/// is not part of the frame.
pub fn planes(
    bytes: &[u8],
    segments: &Segments<'_>,
    layout: Layout,
    shrink: u8,
    pool: &BufferPool,
) -> Result<Frame> {
    let Model::Ycbcr(y) = layout.model() else {
        return Err(Error::internal(format!("planes of {layout}")));
    };
    let decoder = decoder(bytes, segments, shrink)?;
    if decoder.get(raw::TJPARAM_TJPARAM_SUBSAMP) != sampling(y.subsampling) {
        return Err(Error::internal(format!(
            "libjpeg-turbo sees another subsampling than {layout}"
        )));
    }
    let shapes = padded(&layout, y.subsampling);
    let mut buffers = shapes.map(|(width, height)| pool.take_bytes(width * height));
    let mut pointers = [std::ptr::null_mut(); 3];
    for (pointer, buffer) in pointers.iter_mut().zip(&mut buffers) {
        *pointer = buffer.as_mut_ptr();
    }
    let mut strides = shapes.map(|(width, _)| width as c_int);
    // SAFETY: `decoder` checked that the library reads this size and subsampling from these
    // bytes, so it writes planes of `padded` shape, and each buffer holds one at its stride.
    let result = unsafe {
        raw::tj3DecompressToYUVPlanes8(
            decoder.pointer(),
            bytes.as_ptr(),
            bytes.len() as raw::size_t,
            pointers.as_mut_ptr(),
            strides.as_mut_ptr(),
        )
    };
    decoder.check(result)?;
    let planes = buffers
        .into_iter()
        .zip(shapes)
        .map(|(buffer, (width, _))| Plane::new(Samples::U8(buffer), width))
        .collect();
    Frame::new(layout, planes)
}

/// Decodes a grey picture, or the luma of YCbCr without work on chroma.
pub fn luma(
    bytes: &[u8],
    segments: &Segments<'_>,
    layout: Layout,
    shrink: u8,
    pool: &BufferPool,
) -> Result<Frame> {
    let gray = pixels(bytes, segments, Pixels::Gray, layout.size(), shrink, pool)?;
    interleaved(layout, gray)
}

/// Decodes to interleaved pixels of `size`, which is the file's divided by `shrink`, without
/// padding.
pub fn pixels(
    bytes: &[u8],
    segments: &Segments<'_>,
    kind: Pixels,
    size: Size,
    shrink: u8,
    pool: &BufferPool,
) -> Result<Vec<u8>> {
    let decoder = decoder(bytes, segments, shrink)?;
    let row = size.width as usize * kind.components();
    let mut buffer = pool.take_bytes(row * size.height as usize);
    let format = match kind {
        Pixels::Gray => raw::TJPF_TJPF_GRAY,
        Pixels::Rgb => raw::TJPF_TJPF_RGB,
        Pixels::Cmyk => raw::TJPF_TJPF_CMYK,
    };
    // SAFETY: `decoder` checked that the library reads this size from these bytes; the buffer
    // holds its rows at this pitch and format.
    let result = unsafe {
        raw::tj3Decompress8(
            decoder.pointer(),
            bytes.as_ptr(),
            bytes.len() as raw::size_t,
            buffer.as_mut_ptr(),
            row as c_int,
            format,
        )
    };
    decoder.check(result)?;
    Ok(buffer)
}

/// Encodes after `head`, which begins with start of image and a JFIF segment of 20 bytes in all
/// and replaces what the library writes there.
pub fn encode(
    frame: &Frame,
    quality: u8,
    order: Order,
    mut head: Vec<u8>,
    pool: &BufferPool,
) -> Result<Vec<u8>> {
    /// Start of image and JFIF, as the library writes them.
    const OWN: usize = 20;
    let layout = frame.layout();
    let subsampling = match layout.model() {
        Model::Ycbcr(y) => y.subsampling,
        _ => Subsampling::S444,
    };
    let shapes = padded(layout, subsampling);
    let luma = padded_luma(frame, shapes[0], pool);
    let mut pointers = [std::ptr::null(); 3];
    let mut strides = [0; 3];
    for (i, plane) in frame.planes().iter().enumerate() {
        let data = plane.data::<u8>().ok_or_else(|| Error::internal(format!("{layout}")))?;
        pointers[i] = data.as_ptr();
        strides[i] = plane.stride() as c_int;
    }
    if let Some(luma) = &luma {
        pointers[0] = luma.as_ptr();
        strides[0] = shapes[0].0 as c_int;
    }
    let handle = Handle::new(raw::TJINIT_TJINIT_COMPRESS)?;
    let kind = match layout.model() {
        Model::Ycbcr(y) => sampling(y.subsampling),
        _ => raw::TJSAMP_TJSAMP_GRAY,
    };
    let progressive = c_int::from(order == Order::Progressive);
    handle.set(raw::TJPARAM_TJPARAM_QUALITY, c_int::from(quality))?;
    handle.set(raw::TJPARAM_TJPARAM_SUBSAMP, kind)?;
    handle.set(raw::TJPARAM_TJPARAM_PROGRESSIVE, progressive)?;
    handle.set(raw::TJPARAM_TJPARAM_NOREALLOC, 1)?;

    let bound = usize::try_from(encode_bound(layout))
        .map_err(|_| Error::input(format!("{layout} is too large to encode")))?;
    let tail: [u8; OWN] = *head
        .last_chunk()
        .ok_or_else(|| Error::internal("a JPEG head without its JFIF segment"))?;
    let start = head.len() - OWN;
    head.try_reserve_exact(bound)
        .map_err(|_| Error::system(format!("no memory for {bound} bytes of JPEG")))?;
    let (width, height) = (layout.size().width as c_int, layout.size().height as c_int);
    let mut length = bound as raw::size_t;
    // SAFETY: the planes hold `padded` rows at their strides: chroma always, luma because it is
    // copied where the frame's own is too small. `start + bound` bytes are within the capacity,
    // and without reallocation the library stops at `length`.
    let result = unsafe {
        let mut target = head.as_mut_ptr().add(start);
        raw::tj3CompressFromYUVPlanes8(
            handle.pointer(),
            pointers.as_ptr(),
            width,
            strides.as_ptr(),
            height,
            &raw mut target,
            &raw mut length,
        )
    };
    handle.check(result)?;
    let length = length as usize;
    if length < OWN || length > bound {
        return Err(Error::internal(format!("libjpeg-turbo wrote {length} of {bound} bytes")));
    }
    // SAFETY: the library wrote `length` bytes from `start` on, and what lies before was there.
    unsafe { head.set_len(start + length) };
    if head[start..start + 6] != [0xff, 0xd8, 0xff, 0xe0, 0, 16] {
        return Err(Error::internal("libjpeg-turbo wrote no JFIF segment"));
    }
    head[start..start + OWN].copy_from_slice(&tail);
    head.shrink_to_fit();
    if let Some(luma) = luma {
        pool.give_bytes(luma);
    }
    Ok(head)
}

/// Memory that decoding takes beside what both backends need, for a picture of so many samples:
/// a few rows.
pub const fn scratch_bytes(_samples: u64) -> u64 {
    1 << 20
}

/// A decoder set to `shrink` that agrees with the header as we read it. All warnings are errors.
fn decoder(bytes: &[u8], segments: &Segments<'_>, shrink: u8) -> Result<Handle> {
    let handle = Handle::new(raw::TJINIT_TJINIT_DECOMPRESS)?;
    handle.set(raw::TJPARAM_TJPARAM_STOPONWARNING, 1)?;
    handle.set(raw::TJPARAM_TJPARAM_SCANLIMIT, c_int::from(MAX_SCANS))?;
    handle.set(raw::TJPARAM_TJPARAM_SAVEMARKERS, 0)?;
    // SAFETY: the pointer and length are those of one slice, which is only read.
    let result = unsafe {
        raw::tj3DecompressHeader(handle.pointer(), bytes.as_ptr(), bytes.len() as raw::size_t)
    };
    handle.check(result)?;
    let size = segments.sof.size;
    let seen = [raw::TJPARAM_TJPARAM_JPEGWIDTH, raw::TJPARAM_TJPARAM_JPEGHEIGHT]
        .map(|parameter| handle.get(parameter));
    if seen != [size.width as c_int, size.height as c_int] {
        return Err(Error::internal(format!(
            "libjpeg-turbo sees {}x{} where the header says {size}",
            seen[0], seen[1]
        )));
    }
    let factor = raw::tjscalingfactor { num: 1, denom: c_int::from(shrink) };
    // SAFETY: the handle is a live decompressor; the factor is passed by value.
    let result = unsafe { raw::tj3SetScalingFactor(handle.pointer(), factor) };
    handle.check(result)?;
    Ok(handle)
}

/// The library's number for a subsampling of [`PLANAR`].
fn sampling(subsampling: Subsampling) -> c_int {
    PLANAR
        .iter()
        .position(|s| *s == subsampling)
        .map_or(raw::TJSAMP_TJSAMP_UNKNOWN, |at| SAMPLINGS[at])
}

/// Width and height of the planes as the library reads and writes them: luma in whole chroma
/// samples.
fn padded(layout: &Layout, subsampling: Subsampling) -> [(usize, usize); 3] {
    let (h, v) = (u32::from(subsampling.h), u32::from(subsampling.v));
    let chroma = subsampling.chroma(layout.size());
    let (width, height) = (chroma.width as usize, chroma.height as usize);
    [(width << h, height << v), (width, height), (width, height)]
}

/// The luma plane with its last column and row repeated, if the frame's own has no room for the
/// library's padding.
fn padded_luma(frame: &Frame, shape: (usize, usize), pool: &BufferPool) -> Option<Vec<u8>> {
    let (width, height) = shape;
    let own = frame.layout().plane(0);
    if (own.width, own.height) == shape {
        return None;
    }
    let mut out = pool.take_bytes(width * height);
    for (y, to) in out.chunks_exact_mut(width).enumerate() {
        let from = frame.row::<u8>(0, y.min(own.height - 1))?;
        to[..own.width].copy_from_slice(from);
        to[own.width..].fill(from[own.width - 1]);
    }
    Some(out)
}

/// An instance of the library.
struct Handle(NonNull<std::ffi::c_void>);

impl Handle {
    fn new(kind: raw::TJINIT) -> Result<Self> {
        // SAFETY: no preconditions; a null pointer says that there is no memory.
        let pointer = unsafe { raw::tj3Init(kind as c_int) };
        NonNull::new(pointer.cast())
            .map(Self)
            .ok_or_else(|| Error::system("libjpeg-turbo: no memory for an instance"))
    }

    fn pointer(&self) -> raw::tjhandle {
        self.0.as_ptr().cast()
    }

    fn set(&self, parameter: raw::TJPARAM, value: c_int) -> Result<()> {
        // SAFETY: the handle is live.
        let result = unsafe { raw::tj3Set(self.pointer(), parameter as c_int, value) };
        self.check(result)
    }

    fn get(&self, parameter: raw::TJPARAM) -> c_int {
        // SAFETY: the handle is live.
        unsafe { raw::tj3Get(self.pointer(), parameter as c_int) }
    }

    /// The library's own words if a call failed.
    fn check(&self, result: c_int) -> Result<()> {
        if result == 0 {
            return Ok(());
        }
        // SAFETY: the handle is live, and the text lasts until its next call in this thread.
        let text = unsafe { CStr::from_ptr(raw::tj3GetErrorStr(self.pointer())) };
        Err(Error::input(format!("libjpeg-turbo: {}", text.to_string_lossy())))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle is live and not used again.
        unsafe { raw::tj3Destroy(self.pointer()) }
    }
}
