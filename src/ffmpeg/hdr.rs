//! What HDR10 says of the screen that a picture was graded on and of its brightest pixels: read
//! from side data, and said to the encoders that can write it.

use std::ffi::OsString;

use serde_json::{Map, Value};

use super::option::parted;
use super::stream::Video;

/// Side data of frames that says something of the picture, by how ffprobe's names begin. Streams
/// have it too, where the container has a place of its own for it.
const OF_FRAMES: &[&str] =
    &["Mastering display", "Content light level", "HDR Dynamic Metadata", "Dolby Vision"];

/// The transfer of HDR10: only there the first frame is looked at, which costs a second ffprobe.
const PQ: &str = "smpte2084";

/// An encoder that is told by one option that holds a list of `key=value`.
struct Carrier {
    codec: &'static str,
    option: &'static str,
    say: fn(&Light) -> Vec<String>,
}

/// Checked with 5.1 and 9.0.
const CARRIERS: &[Carrier] = &[
    Carrier { codec: "libx265", option: "-x265-params", say: Light::x265 },
    Carrier { codec: "libsvtav1", option: "-svtav1-params", say: Light::svt },
];

/// The static metadata of HDR10.
#[derive(Clone, Debug, Default, PartialEq)]
struct Light {
    mastering: Option<Mastering>,
    /// The brightest pixel and the brightest frame on average, in cd/m2.
    content: Option<(u64, u64)>,
}

/// SMPTE ST 2086.
#[derive(Clone, Debug, PartialEq)]
struct Mastering {
    /// x and y of green, blue, red and the white point, 0 to 1.
    points: [[f64; 2]; 4],
    /// The most and the least, in cd/m2.
    luminance: [f64; 2],
}

/// Names of the points in ffprobe's JSON, and the letters of both encoders.
const POINTS: [(&str, &str); 4] =
    [("green", "G"), ("blue", "B"), ("red", "R"), ("white_point", "WP")];

/// Whether the first frame may have what the stream does not say.
pub(super) fn hides_in_frames(video: &Video) -> bool {
    video.color.transfer.as_deref() == Some(PQ) && !video.side_data.iter().any(is_of_frames)
}

/// Whether side data of a frame is said of the picture, not of the coding.
pub(super) fn is_of_frames(data: &Map<String, Value>) -> bool {
    let kind = data.get("side_data_type").and_then(Value::as_str).unwrap_or_default();
    OF_FRAMES.iter().any(|name| kind.starts_with(name))
}

/// Whether an encoder of this name is told of side data of this kind.
pub(super) fn carries(codec: Option<&str>, kind: &str) -> bool {
    CARRIERS.iter().any(|carrier| codec == Some(carrier.codec))
        && (kind.starts_with("Mastering display") || kind.starts_with("Content light level"))
}

/// Words for an encoder of one stream, with those that tell it of an HDR picture.
pub fn told_words(codec: &str, video: &Video, words: Vec<OsString>) -> Vec<OsString> {
    match told(Some(codec), video, &words) {
        None => words,
        Some((option, list, rest)) => [vec![option.into(), list], rest].concat(),
    }
}

/// The option that tells the encoder, and what stands after `--` without it: a user's own list
/// of that option comes last in ours, so that it wins.
pub(super) fn told(
    codec: Option<&str>,
    video: &Video,
    extra: &[OsString],
) -> Option<(String, OsString, Vec<OsString>)> {
    let carrier = CARRIERS.iter().find(|carrier| codec == Some(carrier.codec))?;
    let ours = (carrier.say)(&Light::of(video));
    if ours.is_empty() {
        return None;
    }
    let mut list = OsString::from(ours.join(":"));
    let (theirs, rest) = parted(extra, |name, _| carrier.option.strip_prefix('-') == Some(name));
    for value in theirs {
        list.push(":");
        list.push(value);
    }
    Some((carrier.option.to_owned(), list, rest))
}

impl Light {
    fn of(video: &Video) -> Self {
        let with = |name: &str| {
            let kind = |data: &&Map<String, Value>| {
                data.get("side_data_type")
                    .and_then(Value::as_str)
                    .is_some_and(|k| k.starts_with(name))
            };
            video.side_data.iter().find(kind)
        };
        let content = with("Content light level").and_then(|data| {
            let number = |key: &str| data.get(key).and_then(Value::as_u64);
            Some((number("max_content")?, number("max_average")?))
        });
        Self { mastering: with("Mastering display").and_then(Mastering::of), content }
    }

    /// For libx265: in steps of 1/50000 and of 1/10000 cd/m2, as they are coded.
    fn x265(&self) -> Vec<String> {
        let steps = |value: f64, per: f64| (value * per).round();
        let mastering = self.mastering.as_ref().map(|mastering| {
            let text = mastering.text(|v| steps(v, 50_000.0).to_string());
            let [most, least] = mastering.luminance.map(|v| steps(v, 10_000.0));
            format!("master-display={text}L({most},{least})")
        });
        let content = self.content.map(|(most, average)| format!("max-cll={most},{average}"));
        let said: Vec<String> = mastering.into_iter().chain(content).collect();
        // It also repeats the headers before each key frame, where players look for them.
        let head = (!said.is_empty()).then(|| "hdr10=1".to_owned());
        head.into_iter().chain(said).collect()
    }

    /// For libsvtav1: as decimal fractions, which it rounds to those of AV1.
    fn svt(&self) -> Vec<String> {
        let mastering = self.mastering.as_ref().map(|mastering| {
            let text = mastering.text(|v| format!("{v:.6}"));
            let [most, least] = mastering.luminance;
            format!("mastering-display={text}L({most:.6},{least:.6})")
        });
        let content = self.content.map(|(most, average)| format!("content-light={most},{average}"));
        mastering.into_iter().chain(content).collect()
    }
}

impl Mastering {
    /// All of it, or nothing: an encoder takes no half.
    fn of(data: &Map<String, Value>) -> Option<Self> {
        let number = |key: &str| fraction(data.get(key)?.as_str()?);
        let mut points = [[0.0; 2]; 4];
        for (point, (name, _)) in points.iter_mut().zip(POINTS) {
            *point = [number(&format!("{name}_x"))?, number(&format!("{name}_y"))?];
        }
        Some(Self { points, luminance: [number("max_luminance")?, number("min_luminance")?] })
    }

    /// `G(x,y)B(x,y)R(x,y)WP(x,y)`
    fn text(&self, number: impl Fn(f64) -> String) -> String {
        let point = |([x, y], (_, letter)): (&[f64; 2], (&str, &str))| {
            format!("{letter}({},{})", number(*x), number(*y))
        };
        self.points.iter().zip(POINTS).map(point).collect()
    }
}

/// `34000/50000`
fn fraction(text: &str) -> Option<f64> {
    let (over, under) = text.split_once('/')?;
    let (over, under): (f64, f64) = (over.parse().ok()?, under.parse().ok()?);
    let value = over / under;
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffmpeg::ColorTags;
    use crate::frame::Size;

    fn video(side_data: &str) -> Video {
        Video {
            size: Size::new(8, 8),
            pix_fmt: None,
            aspect: None,
            color: ColorTags { transfer: Some(PQ.into()), ..ColorTags::default() },
            field_order: None,
            average_rate: None,
            base_rate: None,
            display: None,
            side_data: serde_json::from_str(side_data).unwrap(),
        }
    }

    const SCREEN: &str = r#"{"side_data_type": "Mastering display metadata",
        "red_x": "34000/50000", "red_y": "16000/50000", "green_x": "13250/50000",
        "green_y": "34500/50000", "blue_x": "7500/50000", "blue_y": "3000/50000",
        "white_point_x": "15635/50000", "white_point_y": "16450/50000",
        "min_luminance": "500/10000", "max_luminance": "10000000/10000"}"#;
    const LEVEL: &str = r#"{"side_data_type": "Content light level metadata",
        "max_content": 1000, "max_average": 400}"#;

    #[test]
    fn encoders_are_told_in_their_own_words() {
        let both = video(&format!("[{SCREEN}, {LEVEL}]"));
        let told = |codec| told(Some(codec), &both, &[]).map(|(option, list, _)| (option, list));
        let x265 = "hdr10=1:master-display=G(13250,34500)B(7500,3000)R(34000,16000)\
                    WP(15635,16450)L(10000000,500):max-cll=1000,400";
        assert_eq!(told("libx265").unwrap(), ("-x265-params".into(), x265.into()));
        let svt = "mastering-display=G(0.265000,0.690000)B(0.150000,0.060000)\
                   R(0.680000,0.320000)WP(0.312700,0.329000)L(1000.000000,0.050000)\
                   :content-light=1000,400";
        assert_eq!(told("libsvtav1").unwrap(), ("-svtav1-params".into(), svt.into()));
        assert_eq!(told("libx264"), None);
    }

    #[test]
    fn a_users_own_list_comes_last() {
        let level = video(&format!("[{LEVEL}]"));
        let extra = ["-tune", "grain", "-x265-params:v", "max-cll=1,1", "-g", "5"];
        let (_, list, rest) = told(Some("libx265"), &level, &extra.map(OsString::from)).unwrap();
        assert_eq!(list, "hdr10=1:max-cll=1000,400:max-cll=1,1");
        assert_eq!(rest, ["-tune", "grain", "-g", "5"]);
    }

    #[test]
    fn half_a_screen_is_none() {
        let half = video(r#"[{"side_data_type": "Mastering display metadata", "red_x": "1/2"}]"#);
        assert_eq!(told(Some("libx265"), &half, &[]), None);
        let odd = video(&format!("[{}]", SCREEN.replace("34000/50000", "1/0")));
        assert_eq!(told(Some("libx265"), &odd, &[]), None);
        assert!(!hides_in_frames(&half) && hides_in_frames(&video("[]")));
    }
}
