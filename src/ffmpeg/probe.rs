//! What a clip is: its streams, tags and side data, as ffprobe's JSON gives them, validated.
//!
//! ffprobe is the source, not the log of `ffmpeg -i`: the log has no time base of a stream, no
//! rotation as a number, rounds rates to two decimals, and its form changes between versions.

use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ffmpeg_sidecar::command::FfmpegCommand;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::child::{Patience, Pipe};
use super::display::DisplayMatrix;
use super::hdr;
use super::opus;
use super::program::{Programs, file_argument};
use super::stream::{ALPHA_TAG, ColorTags, Stream, StreamKind, Video, alpha_decoder};
use super::time::{Micros, TimeBase};
use crate::error::{Error, Result, shown};
use crate::filter::Dihedral;
use crate::frame::Size;
use crate::link::Cancel;

/// Demuxers that read one file and nothing that it names. Playlists, concat scripts, image
/// patterns, descriptions of streams and scripts are missing on purpose: a file of theirs
/// renamed `.mp4` would make ffmpeg open what it names. `-protocol_whitelist` alone does not
/// stop that for `file:` (5.1 and 9.0).
pub(super) const FORMATS: &str = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpegtsraw,mpeg,\
mpegvideo,flv,live_flv,asf,asf_o,wtv,nut,ogg,gif,apng,webp,webp_anim,h261,h263,h264,hevc,vvc,evc,m4v,\
obu,av1,ivf,vc1,vc1test,avs,avs2,avs3,cavsvideo,dirac,dnxhd,mxf,mxg,gxf,dv,rm,nuv,nsv,lxf,lmlm4,mjpeg,\
mjpeg_2000,ingenient,yuv4mpegpipe,flic,fits,smk,bink,roq,idcin,ea,wc3movie,4xm,film_cpk,cine,r3d,\
smjpeg,swf,thp,tmv,vivo,pva,pmp,moflex,mods,mv,mvi,ipu,ipmovie,ifv,iv8,dxa,cdxl,c93,anm,bfi,\
bethsoftvid,rl2,rpl,yop,xmv,vmd,vividas,tiertexseq,siff,sga,segafilm,psxstr,paf,mm,mlv,jv,hnm,gdv,frm,\
filmstrip,dsicin,cdg,bmv,avr,avi,amv,argo_brp,msf,mtv,nc,viv,ty,v210,v210x";

/// Files may name nothing but themselves.
pub(super) const PROTOCOLS: &str = "file";

/// Options by which ffprobe says who it is.
const PROGRAM: &str = "-show_program_version";
const LIBRARIES: &str = "-show_library_versions";

/// What ffprobe may say: a clip with 100,000 chapters says some 20 MB.
const SAID_BYTES: usize = 64 << 20;

/// A clip: what stays the same while it is rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clip {
    #[serde(with = "crate::event::path_text")]
    path: PathBuf,
    stamp: Stamp,
    formats: String,
    start: Option<Micros>,
    duration: Option<Micros>,
    tags: Map<String, Value>,
    chapters: Vec<Value>,
    streams: Vec<Stream>,
}

/// Which state of a file was probed: size and time of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    bytes: u64,
    /// Seconds since 1970, which may be before it, and nanoseconds.
    changed: (i64, i64),
}

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        Self { bytes: meta.len(), changed: (meta.mtime(), meta.mtime_nsec()) }
    }
}

impl Clip {
    /// Asks ffprobe what `path` is. Nothing that the file names is opened.
    ///
    /// # Errors
    /// `Usage` when it is no regular file (a FIFO can be read only once, and a render reads
    /// twice); `Input` when ffprobe finds no clip in it.
    pub fn probe(programs: &Programs, path: &Path, cancel: &Cancel) -> Result<Self> {
        let meta = fs::metadata(path)
            .map_err(|e| Error::usage(format!("failed to open {}: {e}", shown(path))))?;
        if !meta.is_file() {
            let path = shown(path);
            return Err(Error::usage(format!(
                "{path} is not a regular file; a clip is read twice"
            )));
        }
        let all = ["-show_streams", "-show_format", "-show_chapters", PROGRAM, LIBRARIES];
        let within = |e: Error| e.within(shown(path));
        let said = ask(programs, path, &all, cancel).map_err(within)?;
        let said: Said = parsed(&said).map_err(within)?;
        said.age(programs)?;
        let mut clip = Self::new(path, Stamp::of(&meta), said).map_err(within)?;
        clip.look_into_frames(programs, cancel).map_err(within)?;
        clip.look_into_heads(programs, cancel).map_err(within)?;
        Ok(clip)
    }

    /// Adds what only the head of a stream says of its sound.
    fn look_into_heads(&mut self, programs: &Programs, cancel: &Cancel) -> Result<()> {
        if !programs.is_5() {
            return Ok(());
        }
        for stream in self.streams.iter_mut().filter(|s| s.codec.as_deref() == Some("opus")) {
            let index = stream.index.to_string();
            let keys = "stream=extradata";
            let head = ["-select_streams", &index, "-show_entries", keys, "-show_data"];
            let said = ask(programs, &self.path, &head, cancel)?;
            let said = parsed::<SaidHeads>(&said)?.streams.into_iter().next();
            stream.preskip = said.and_then(|said| opus::preskip(&said.extradata?));
        }
        Ok(())
    }

    /// Adds what only the first frame of a stream says of its picture.
    fn look_into_frames(&mut self, programs: &Programs, cancel: &Cancel) -> Result<()> {
        for stream in &mut self.streams {
            let StreamKind::Video(video) = &mut stream.kind else { continue };
            if !hdr::hides_in_frames(video) {
                continue;
            }
            let index = stream.index.to_string();
            // Where an edit list cuts into a group of pictures, what comes first is not shown.
            for packets in ["%+#1", "%+#250"] {
                let first = ["-select_streams", &index, "-read_intervals", packets, "-show_frames"];
                let said = ask(programs, &self.path, &first, cancel)?;
                let Some(frame) = parsed::<SaidFrames>(&said)?.frames.into_iter().next() else {
                    continue;
                };
                let data = frame.side_data_list.into_iter();
                video.side_data.extend(data.filter(hdr::is_of_frames));
                break;
            }
        }
        Ok(())
    }

    fn new(path: &Path, stamp: Stamp, said: Said) -> Result<Self> {
        let streams = said.streams.into_iter().enumerate();
        let streams = streams.map(|(at, stream)| stream.checked(at)).collect::<Result<Vec<_>>>()?;
        let path = std::path::absolute(path).map_err(|e| Error::io("find", path, &e))?;
        let micros = |text: &Option<String>| text.as_deref().and_then(Micros::parse_seconds);
        Ok(Self {
            path,
            stamp,
            start: micros(&said.format.start_time),
            duration: micros(&said.format.duration),
            formats: said.format.format_name,
            tags: said.format.tags,
            chapters: said.chapters,
            streams,
        })
    }

    /// Where it is, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// ffmpeg's names of the container, like `mov,mp4,m4a,3gp,3g2,mj2`.
    pub fn formats(&self) -> &str {
        &self.formats
    }

    /// The earliest timestamp of all streams; ffmpeg's `-ss` counts from here.
    pub fn start(&self) -> Micros {
        self.start.unwrap_or_default()
    }

    /// What is added to the times of an MPEG stream that is read in part, too little to reach its
    /// next tick. 5.1 takes an offset that is exactly the start of the whole file, 0 included,
    /// for one to correct, and moves what it reads to the start: a picture that begins 1 s after
    /// its sound would begin with it.
    pub(super) fn nudge(&self) -> Option<Micros> {
        self.formats.starts_with("mpeg").then_some(Micros(1))
    }

    /// Its length, where the container knows it.
    pub fn duration(&self) -> Option<Micros> {
        self.duration
    }

    /// The file's metadata.
    pub fn tags(&self) -> &Map<String, Value> {
        &self.tags
    }

    /// The chapters, as ffprobe gives them.
    pub fn chapters(&self) -> &[Value] {
        &self.chapters
    }

    /// All streams, by index.
    pub fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// The video stream that ffmpeg itself would take: the most pixels, where a default stream
    /// counts 5 million more; cover art only where there is nothing else.
    ///
    /// # Errors
    /// When there is no video stream.
    pub fn main_video(&self) -> Result<(&Stream, &Video)> {
        let mut best: Option<(u64, &Stream, &Video)> = None;
        for (stream, video) in self.videos() {
            let preferred = if stream.is("default") { 5_000_000 } else { 0 };
            let score =
                if stream.is("attached_pic") { 1 } else { 2 + video.size.pixels() + preferred };
            if best.is_none_or(|(high, ..)| score > high) {
                best = Some((score, stream, video));
            }
        }
        best.map(|(_, stream, video)| (stream, video))
            .ok_or_else(|| Error::input(format!("{} has no video stream", shown(&self.path))))
    }

    /// The video streams, cover art included.
    pub fn videos(&self) -> impl Iterator<Item = (&Stream, &Video)> {
        self.streams.iter().filter_map(|stream| match &stream.kind {
            StreamKind::Video(video) => Some((stream, &**video)),
            _ => None,
        })
    }

    /// Checks that the file is still the one that was probed: to be asked before a commit.
    ///
    /// # Errors
    /// When its size or its time of change is another.
    pub fn unchanged(&self) -> Result<()> {
        let meta = fs::metadata(&self.path).map_err(|e| Error::io("look at", &self.path, &e))?;
        if Stamp::of(&meta) == self.stamp {
            return Ok(());
        }
        let path = shown(&self.path);
        Err(Error::input(format!(
            "{path} was changed while it was read (it had {} bytes, and has {})",
            self.stamp.bytes,
            meta.len()
        )))
    }
}

/// What ffprobe's JSON says.
fn parsed<T: DeserializeOwned>(said: &[u8]) -> Result<T> {
    serde_json::from_slice(said)
        .map_err(|e| Error::input(format!("ffprobe's answer cannot be read: {e}")))
}

/// Asks ffprobe for `what` and gives its JSON.
fn ask(programs: &Programs, path: &Path, what: &[&str], cancel: &Cancel) -> Result<Vec<u8>> {
    let mut command = programs.ffprobe();
    command.args(["-v", "level+error", "-print_format", "json"]).args(what);
    command.args(["-protocol_whitelist", PROTOCOLS]);
    command.args(["-format_whitelist", FORMATS, "-i"]).arg(file_argument(path)?);
    let (command, patience) = (FfmpegCommand::from(command), Patience::default());
    let mut child = programs.start("probe", command, Pipe::Out, patience, |_, _| {})?;
    let said = child.read_to_end(SAID_BYTES, cancel)?;
    match child.finish(cancel) {
        Ok(()) => Ok(said),
        // In the words of 5.1 and 9.0.
        Err(e) if e.to_string().contains("not on whitelist") => Err(Error::input(
            "it is no clip but a list or a script that names other files, which are not opened",
        )),
        Err(e) if cancel.is_now() => Err(e),
        Err(e) => Err(no_clip(path).map_or(e, Error::input)),
    }
}

/// What a file is that ffprobe cannot read, where that is plain.
fn no_clip(path: &Path) -> Option<&'static str> {
    let mut head = Vec::new();
    File::open(path).ok()?.take(512).read_to_end(&mut head).ok()?;
    let text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace() || *byte >= 0x80;
    match head.is_empty() {
        true => Some("the file is empty"),
        false => head.iter().all(text).then_some("it is text and no clip"),
    }
}

/// ffprobe's JSON.
#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    streams: Vec<SaidStream>,
    #[serde(default)]
    chapters: Vec<Value>,
    format: SaidFormat,
    #[serde(default)]
    program_version: SaidProgram,
    #[serde(default)]
    library_versions: Vec<SaidLibrary>,
}

/// What ffprobe's JSON says of itself.
#[derive(Default, Deserialize)]
struct SaidProgram {
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
struct SaidLibrary {
    name: String,
    major: u32,
    minor: u32,
}

impl Said {
    /// Whether the ffprobe that says it is new enough.
    fn age(&self, programs: &Programs) -> Result<()> {
        let library = self.library_versions.iter().find(|library| library.name == "libavutil");
        let library = library.map_or((0, 0), |library| (library.major, library.minor));
        programs.check_ffprobe(&self.program_version.version, library)
    }
}

/// ffprobe's JSON of frames.
#[derive(Deserialize)]
struct SaidFrames {
    #[serde(default)]
    frames: Vec<SaidFrame>,
}

#[derive(Deserialize)]
struct SaidFrame {
    #[serde(default)]
    side_data_list: Vec<Map<String, Value>>,
}

/// ffprobe's JSON of heads.
#[derive(Deserialize)]
struct SaidHeads {
    #[serde(default)]
    streams: Vec<SaidHead>,
}

#[derive(Deserialize)]
struct SaidHead {
    extradata: Option<String>,
}

#[derive(Deserialize)]
struct SaidFormat {
    format_name: String,
    start_time: Option<String>,
    duration: Option<String>,
    #[serde(default)]
    tags: Map<String, Value>,
}

#[derive(Deserialize)]
struct SaidStream {
    index: usize,
    codec_type: Option<String>,
    codec_name: Option<String>,
    codec_tag_string: Option<String>,
    pix_fmt: Option<String>,
    width: Option<i64>,
    height: Option<i64>,
    sample_aspect_ratio: Option<String>,
    color_range: Option<String>,
    color_space: Option<String>,
    color_primaries: Option<String>,
    color_transfer: Option<String>,
    chroma_location: Option<String>,
    field_order: Option<String>,
    r_frame_rate: Option<String>,
    avg_frame_rate: Option<String>,
    time_base: Option<String>,
    start_pts: Option<i64>,
    duration_ts: Option<i64>,
    nb_frames: Option<String>,
    #[serde(default)]
    disposition: Map<String, Value>,
    #[serde(default)]
    tags: Map<String, Value>,
    #[serde(default)]
    side_data_list: Vec<Map<String, Value>>,
}

impl SaidStream {
    fn checked(self, at: usize) -> Result<Stream> {
        if self.index != at {
            return Err(Error::input(format!("stream {at} calls itself {}", self.index)));
        }
        let kind = match self.codec_type.as_deref() {
            Some("video") => StreamKind::Video(Box::new(self.video()?)),
            Some("audio") => StreamKind::Audio,
            Some("subtitle") => StreamKind::Subtitle,
            Some("attachment") => StreamKind::Attachment,
            _ => StreamKind::Data,
        };
        let time_base = TimeBase::parse(self.time_base.as_deref().unwrap_or_default());
        let set = self.disposition.iter().filter(|(_, v)| v.as_i64().is_some_and(|n| n != 0));
        Ok(Stream {
            index: at,
            kind,
            codec: said(self.codec_name),
            tag: said(self.codec_tag_string),
            dispositions: set.map(|(name, _)| name.clone()).collect(),
            tags: self.tags,
            time_base: time_base.map_err(|e| e.within(format!("stream {at}")))?,
            start: self.start_pts,
            duration: self.duration_ts,
            packets: self.nb_frames.and_then(|n| n.parse().ok()),
            preskip: None,
        })
    }

    /// The format with the alpha that VP8 and VP9 have beside their frames, as far as the container
    /// says: ffmpeg's own decoders pass it over.
    fn unveiled(&self, format: String) -> String {
        let beside = self.codec_name.as_deref().is_some_and(|codec| alpha_decoder(codec).is_some());
        let says = |(name, value): (&String, &Value)| {
            name.eq_ignore_ascii_case(ALPHA_TAG) && value.as_str() == Some("1")
        };
        if beside && format == "yuv420p" && self.tags.iter().any(says) {
            return "yuva420p".to_owned();
        }
        format
    }

    fn video(&self) -> Result<Video> {
        let side = |n: Option<i64>| n.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        let matrix = self.side_data_list.iter().find_map(|data| data.get("displaymatrix"));
        let matrix = matrix.and_then(Value::as_str).and_then(DisplayMatrix::parse);
        let rate = |text: &Option<String>| TimeBase::parse(text.as_deref()?).ok();
        Ok(Video {
            size: Size::new(side(self.width), side(self.height)),
            pix_fmt: said(self.pix_fmt.clone()).map(|format| self.unveiled(format)),
            aspect: self.sample_aspect_ratio.as_deref().and_then(aspect),
            color: ColorTags {
                range: said(self.color_range.clone()),
                matrix: said(self.color_space.clone()),
                primaries: said(self.color_primaries.clone()),
                transfer: said(self.color_transfer.clone()),
                siting: said(self.chroma_location.clone()),
            },
            field_order: said(self.field_order.clone()),
            average_rate: rate(&self.avg_frame_rate),
            base_rate: rate(&self.r_frame_rate),
            display: matrix.filter(|matrix| matrix.turn() != Some(Dihedral::IDENTITY)),
            side_data: self.side_data_list.clone(),
        })
    }
}

/// A word that says something.
fn said(word: Option<String>) -> Option<String> {
    word.filter(|w| !matches!(w.as_str(), "" | "unknown" | "unspecified" | "reserved" | "none"))
}

/// `W:H` of a pixel; `0:1` is ffmpeg's "not said".
fn aspect(text: &str) -> Option<(u32, u32)> {
    let (w, h) = text.split_once(':')?;
    let (w, h) = (w.parse().ok()?, h.parse().ok()?);
    (w > 0 && h > 0).then_some((w, h))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffmpeg::Ledger;

    fn parsed(json: &str) -> Result<Clip> {
        let stamp = Stamp { bytes: 0, changed: (0, 0) };
        Clip::new(Path::new("a.mp4"), stamp, serde_json::from_str(json).unwrap())
    }

    fn stream(index: usize, rest: &str) -> String {
        format!(r#"{{"index": {index}, "time_base": "1/12800", {rest}}}"#)
    }

    fn clip(streams: &[String]) -> Result<Clip> {
        let streams = streams.join(", ");
        parsed(&format!(r#"{{"streams": [{streams}], "format": {{"format_name": "mov"}}}}"#))
    }

    fn video(index: usize, width: u32, disposition: &str) -> String {
        let rest = format!(
            r#""codec_type": "video", "width": {width}, "height": 100, "disposition": {{{disposition}}}"#
        );
        stream(index, &rest)
    }

    #[test]
    fn the_rendered_stream_is_the_one_that_ffmpeg_would_take() {
        let main = |streams: &[String]| clip(streams).unwrap().main_video().unwrap().0.index;
        let cover = video(0, 4000, r#""attached_pic": 1"#);
        assert_eq!(main(&[cover.clone(), video(1, 10, "")]), 1);
        assert_eq!(main(&[video(0, 100, ""), video(1, 200, "")]), 1);
        assert_eq!(main(&[video(0, 100, r#""default": 1"#), video(1, 200, "")]), 0);
        assert_eq!(main(&[video(0, 100, ""), video(1, 100, "")]), 0, "the first of equals");
        assert_eq!(main(&[cover]), 0, "cover art is better than nothing");
        let sound = clip(&[stream(0, r#""codec_type": "audio""#)]).unwrap();
        assert!(sound.main_video().unwrap_err().to_string().contains("no video stream"));
    }

    #[test]
    fn an_old_ffprobe_is_found_by_its_library() {
        let programs =
            Programs::find(None, &Ledger::default()).expect("these tests need ffmpeg 5.1");
        let age = |major: u32, minor: u32| {
            let said: serde_json::Result<Said> = serde_json::from_str(&format!(
                r#"{{"format": {{"format_name": "mov"}}, "program_version": {{"version": "4.4.2"}},
                    "library_versions": [{{"name": "libavcodec", "major": 99, "minor": 0}},
                        {{"name": "libavutil", "major": {major}, "minor": {minor}}}]}}"#
            ));
            said.unwrap().age(&programs)
        };
        let old = age(56, 70).unwrap_err();
        assert!(old.to_string().contains("ffprobe is version 4.4.2, too old"), "{old}");
        assert!(age(57, 28).is_ok() && age(60, 0).is_ok());
    }

    #[test]
    fn what_is_not_said_is_none() {
        let rest = r#""codec_type": "video", "width": 8, "height": 6, "pix_fmt": "yuv420p",
            "sample_aspect_ratio": "0:1", "color_range": "unknown", "color_space": "bt709",
            "avg_frame_rate": "0/0", "r_frame_rate": "25/1", "nb_frames": "N/A",
            "side_data_list": [{"side_data_type": "Display Matrix", "rotation": -90, "displaymatrix":
                "\n00000000: 0 65536 0\n00000001: -65536 0 0\n00000002: 0 0 1073741824\n"}]"#;
        let clip = clip(&[stream(0, rest)]).unwrap();
        let (stream, video) = clip.main_video().unwrap();
        assert_eq!((video.aspect, video.average_rate, stream.packets), (None, None, None));
        assert_eq!(video.base_rate, Some(TimeBase::new(25, 1).unwrap()));
        assert_eq!(
            (video.color.range.as_deref(), video.color.matrix.as_deref()),
            (None, Some("bt709"))
        );
        assert_eq!(video.display.unwrap().turn(), Some(Dihedral::from_exif(6)));
    }

    #[test]
    fn an_answer_that_makes_no_sense_is_refused() {
        let holes = [video(0, 8, ""), video(2, 8, "")];
        assert!(clip(&holes).unwrap_err().to_string().contains("stream 1 calls itself 2"));
        let timeless = r#"{"index": 0, "codec_type": "video", "time_base": "0/0"}"#;
        assert!(clip(&[timeless.into()]).unwrap_err().to_string().contains("no time base"));
    }
}
