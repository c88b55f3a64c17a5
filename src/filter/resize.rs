//! Resizing: what size a frame gets, from expressions, ImageMagick geometry and fit words.

use super::algebra::{Context, Geometry, Kernel, Op, Point, Space};
use super::args::Args;
use super::expr::Expr;
use super::geometry::{SIZES, Values, no_functions};
use super::map::{Curve, Map};
use super::param::{Kind, Param};
use super::spec::{Family, Formula, Spec};
use super::text::{ArgError, Text};
use super::transfer::{linear_to_srgb, srgb_to_linear};
use crate::error::{Error, Result};
use crate::frame::Size;

const SIDE: Kind = Kind::Size(&SIZES);
const OWN_COLOR: &str = "the frame's own matrix and range are kept";

const FITS: &[&[&str]] = &[
    &["fill", "disable", "0"],
    &["inside", "contain", "decrease", "1"],
    &["cover", "increase", "2"],
];

const KERNELS: &[&[&str]] = &[
    &["lanczos3", "lanczos"],
    &["bilinear"],
    &["bicubic", "catrom"],
    &["mitchell"],
    &["area"],
    &["nearest", "neighbor", "point"],
];

pub(super) static SPECS: &[Spec] = &[Spec {
    name: "resize",
    aliases: &["scale"],
    summary: "another size",
    family: Family::Geometry,
    space: "each component of the frame's own model",
    formula: "resampling with the kernel, stretched when reducing; alpha premultiplied; edges \
              replicated",
    params: &[
        Param::new(
            "w",
            SIDE,
            "",
            "width, or geometry such as 512x512 or 50%; 0 is iw, -1 keeps the aspect, -n as a \
             multiple of n",
        )
        .alias(&["width", "size", "s"]),
        Param::new("h", SIDE, "", "height, likewise; without it -1").alias(&["height"]),
        Param::new(
            "fit",
            Kind::Choice(FITS),
            "",
            "w and h as a box: inside it, covering it (nothing is cut), or filling it exactly; \
             fill unless geometry says otherwise",
        )
        .alias(&["force_original_aspect_ratio"]),
        Param::new(
            "enlarge",
            Kind::Choice(&[&["1"], &["0"], &["only"]]),
            "",
            "0 never enlarges, only never reduces",
        ),
        Param::new("kernel", Kind::Choice(KERNELS), "lanczos3", "the interpolation")
            .alias(&["flags"]),
        Param::new(
            "linear",
            Kind::Choice(&[&["0"], &["1"]]),
            "0",
            "1 averages light instead of sRGB codes",
        ),
    ],
    refused: &[
        ("eval", "expressions are computed once for each frame size"),
        ("interl", "frames are taken as progressive"),
        ("in_range", OWN_COLOR),
        ("out_range", OWN_COLOR),
        ("in_color_matrix", OWN_COLOR),
        ("out_color_matrix", OWN_COLOR),
        ("force_divisible_by", "write -n for one of the sides"),
        ("param0", "the kernels have no parameters"),
        ("param1", "the kernels have no parameters"),
    ],
    differs: Some(
        "Lanczos is the default (ffmpeg: bicubic); a lone 512x512 is ImageMagick geometry and \
         fits inside; bicubic is Catmull-Rom; fit=contain is inside and fit=cover cuts nothing, \
         pad and crop after it do the rest",
    ),
    examples: &[
        "resize=1920:-1",
        "resize=512x512",
        "resize=w=800:h=800:fit=inside:enlarge=0",
        "scale=iw/2:ih/2:flags=area",
        "resize=50%:linear=1",
        "resize='1024x1024^>'",
    ],
    build: resize,
}];

/// One side of the size that is asked for.
#[derive(Clone, Debug)]
enum Side {
    /// From the other side and the aspect.
    Free,
    /// As the expression says; negative keeps the aspect.
    Expression(Expr),
    /// Of the frame's own side, rounded half up.
    Percent(f64),
}

/// How the two sides bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    Fill,
    Inside,
    Cover,
}

/// Which way a size may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    Any,
    ReduceOnly,
    EnlargeOnly,
}

/// The size that is asked for.
#[derive(Clone, Debug)]
struct Target {
    width: Side,
    height: Side,
    fit: Fit,
    limit: Limit,
}

fn resize(args: &Args) -> Result<Formula, ArgError> {
    let mut target = match (args.given("w"), args.given("h")) {
        (Some(text), None) => geometry(text)?,
        _ => None,
    }
    .map_or_else(
        || {
            let side = |name| Ok(args.expr(name)?.map_or(Side::Free, Side::Expression));
            Ok(Target { width: side("w")?, height: side("h")?, fit: Fit::Fill, limit: Limit::Any })
        },
        Ok,
    )?;
    if args.given("fit").is_some() {
        target.fit = match args.choice("fit")? {
            "inside" => Fit::Inside,
            "cover" => Fit::Cover,
            _ => Fit::Fill,
        };
    }
    if args.given("enlarge").is_some() {
        target.limit = match args.choice("enlarge")? {
            "0" => Limit::ReduceOnly,
            "only" => Limit::EnlargeOnly,
            _ => Limit::Any,
        };
    }
    let kernel = match args.choice("kernel")? {
        "bilinear" => Kernel::Bilinear,
        "bicubic" => Kernel::Bicubic,
        "mitchell" => Kernel::Mitchell,
        "area" => Kernel::Area,
        "nearest" => Kernel::Nearest,
        _ => Kernel::Lanczos3,
    };
    let [before, after] = match args.choice("linear")? {
        "1" => {
            [srgb_to_linear, linear_to_srgb].map(|f| Some(Op::Point(curves(Curve::function(f)))))
        }
        _ => [None, None],
    };
    Ok(Formula::per_frame(move |context| {
        let to = target.size(context)?;
        if to == context.layout.size() {
            return Ok(Vec::new());
        }
        let resize = Op::Geometry(Geometry::Resize { to, kernel });
        Ok(before.iter().cloned().chain([resize]).chain(after.iter().cloned()).collect())
    }))
}

fn curves(curve: Curve) -> Point {
    Point { space: Space::Rgb, map: Map::Curves([curve.clone(), curve.clone(), curve]) }
}

/// ImageMagick geometry: `512x512`, `512x`, `x512`, `50%`, `50x25%`, then any of `>` (only
/// reduce), `<` (only enlarge), `^` (cover), `!` (fill). None if the text is something else.
fn geometry(text: &Text) -> Result<Option<Target>, ArgError> {
    let body = text.as_str().trim();
    let number = |c: char| c.is_ascii_digit() || c == '.';
    if !body.chars().all(|c| number(c) || "xX%<>^!".contains(c)) || !body.contains(number) {
        return Ok(None);
    }
    let flags = body.trim_end_matches(['%', '<', '>', '^', '!']);
    let (sides, flags) = (flags, &body[flags.len()..]);
    let (width, height) = sides.split_once(['x', 'X']).map_or((sides, None), |(w, h)| (w, Some(h)));
    if flags.is_empty() && height.is_none() {
        return Ok(None);
    }
    let fault = |message: &str| Err(text.locate(ArgError::new(message, 0)));
    let percent = body.contains('%');
    let side = |part: &str| -> Result<Side, ArgError> {
        let part = part.trim_end_matches('%');
        if part.is_empty() {
            return Ok(Side::Free);
        }
        match part.parse::<f64>() {
            Ok(value) if percent && value > 0.0 && value <= 1e6 => Ok(Side::Percent(value)),
            Ok(value) if !percent && value >= 1.0 => {
                Expr::parse(part, &SIZES).map(Side::Expression)
            }
            _ => Err(text.locate(ArgError::new("geometry is WxH, as in 512x512 or 50%", 0))),
        }
    };
    let (width, height) = match height {
        Some(height) => (side(width)?, side(height)?),
        // A lone percentage holds for both sides.
        None if percent => (side(width)?, side(width)?),
        None => (side(width)?, Side::Free),
    };
    let limit = match (flags.contains('>'), flags.contains('<')) {
        (true, true) => return fault("'>' only reduces and '<' only enlarges; give one"),
        (true, false) => Limit::ReduceOnly,
        (false, true) => Limit::EnlargeOnly,
        (false, false) => Limit::Any,
    };
    let fit = match (flags.contains('!') || percent, flags.contains('^')) {
        (true, _) => Fit::Fill,
        (false, true) => Fit::Cover,
        (false, false) => Fit::Inside,
    };
    Ok(Some(Target { width, height, fit, limit }))
}

impl Target {
    /// The size that a frame gets.
    fn size(&self, context: &Context<'_>) -> Result<Size> {
        let from = context.layout.size();
        if let (Side::Free, Side::Free) = (&self.width, &self.height) {
            return Ok(from);
        }
        let mut values = Values::new(context);
        // As for crop: the first reading of the width may lack the height.
        if let Ok(w) = self.width.value("w", &values, from.width) {
            values.set_width(w as f64);
        }
        let h = self.height.value("h", &values, from.height)?;
        values.set_height(h as f64);
        let w = self.width.value("w", &values, from.width)?;
        let (w, h) = settle(w, h, from, self.fit);
        let within = |side: i64, own: u32| match self.limit {
            Limit::Any => side,
            Limit::ReduceOnly => side.min(i64::from(own)),
            Limit::EnlargeOnly => side.max(i64::from(own)),
        };
        let (w, h) = (within(w, from.width), within(h, from.height));
        let side = |value: i64| {
            u32::try_from(value.max(1)).map_err(|_| Error::input(format!("{w}x{h} is no size")))
        };
        Ok(context.layout.with_size(Size::new(side(w)?, side(h)?))?.size())
    }
}

impl Side {
    /// Pixels; -1 and below keep the aspect.
    fn value(&self, name: &str, values: &Values, own: u32) -> Result<i64> {
        match self {
            Self::Free => Ok(-1),
            Self::Expression(e) => Ok(match values.whole(name, e, &no_functions)? {
                0 => i64::from(own),
                value => value,
            }),
            Self::Percent(p) => Ok(((f64::from(own) * p / 100.0 + 0.5).floor() as i64).max(1)),
        }
    }
}

/// Width and height once the aspect is kept where it should be, rounded half up.
fn settle(w: i64, h: i64, from: Size, fit: Fit) -> (i64, i64) {
    let (iw, ih) = (i64::from(from.width), i64::from(from.height));
    // n / d to the nearest multiple of `step`, at least one.
    let share = |n: i128, d: i64, step: i64| {
        let d = i128::from(d) * i128::from(step);
        let count = ((2 * n + d) / (2 * d)).clamp(1, i128::from(u32::MAX));
        count as i64 * step
    };
    let product = |a: i64, b: i64| i128::from(a) * i128::from(b);
    match (w < 0, h < 0) {
        (true, true) => (share(i128::from(iw), 1, -w), share(i128::from(ih), 1, -h)),
        (true, false) => (share(product(h, iw), ih, -w), h),
        (false, true) => (w, share(product(w, ih), iw, -h)),
        (false, false) => {
            // The height that would go with the width tells which side binds.
            let wide = product(w, ih) <= product(h, iw);
            match (fit, wide) {
                (Fit::Fill, _) => (w, h),
                (Fit::Inside, true) | (Fit::Cover, false) => (w, share(product(w, ih), iw, 1)),
                (Fit::Inside, false) | (Fit::Cover, true) => (share(product(h, iw), ih, 1), h),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::testing::{compile, refusal, rgb, unparsed};

    fn to(chain: &str, width: u32, height: u32) -> (u32, u32) {
        match compile(chain, rgb(width, height)).as_slice() {
            [] => (width, height),
            [Op::Geometry(Geometry::Resize { to, .. })] => (to.width, to.height),
            other => panic!("{chain}: {other:?}"),
        }
    }

    #[test]
    fn sizes_follow_expressions_and_the_aspect() {
        for (chain, want) in [
            ("resize", (640, 427)),
            ("resize=320:-1", (320, 214)),
            ("resize=w=320", (320, 214)),
            ("resize=h=100", (150, 100)),
            ("resize=320:-2", (320, 214)),
            ("resize=320:-16", (320, 208)),
            ("resize=-4:100", (148, 100)),
            ("resize=-2:-2", (640, 428)),
            ("resize=0:0", (640, 427)),
            ("resize=iw/2:ih/2", (320, 213)),
            ("resize=w=oh*a:h=100", (149, 100)),
            ("resize=ih:ow", (427, 427)),
            ("scale=1:1", (1, 1)),
            ("resize=1:-1", (1, 1)),
        ] {
            assert_eq!(to(chain, 640, 427), want, "{chain}");
        }
    }

    #[test]
    fn geometry_and_words_say_the_same() {
        for (geometry, words, landscape, portrait) in [
            ("512x512", "512:512:inside", (512, 342), (342, 512)),
            ("512x512^", "512:512:cover", (767, 512), (512, 767)),
            ("512x512!", "512:512:fill", (512, 512), (512, 512)),
            ("1000x1000", "1000:1000:contain", (1000, 667), (667, 1000)),
            ("1000x1000>", "1000:1000:inside:enlarge=0", (640, 427), (427, 640)),
            ("512x512>", "512:512:inside:enlarge=0", (512, 342), (342, 512)),
            ("512x512<", "512:512:inside:enlarge=only", (640, 427), (427, 640)),
            ("1000x1000<", "1000:1000:inside:enlarge=only", (1000, 667), (667, 1000)),
            ("320x", "320:-1", (320, 214), (320, 480)),
            ("x100", "-1:100", (150, 100), (67, 100)),
        ] {
            for chain in [format!("resize='{geometry}'"), format!("resize={words}")] {
                assert_eq!(to(&chain, 640, 427), landscape, "{chain}");
                assert_eq!(to(&chain, 427, 640), portrait, "{chain}");
            }
        }
        assert_eq!(to("resize=50%", 321, 421), (161, 211));
        assert_eq!(to("resize=50x100%", 320, 420), (160, 420));
        assert_eq!(
            to("scale=1280:720:force_original_aspect_ratio=decrease", 640, 427),
            (1079, 720)
        );
        assert_eq!(to("resize=512x512:fit=cover", 640, 427), (767, 512));
        assert_eq!(to("resize=1x1", 65_535, 1), (1, 1));
    }

    #[test]
    fn linear_light_wraps_the_resampling() {
        let ops = compile("resize=50%:linear=1:kernel=area", rgb(8, 8));
        let [Op::Point(_), Op::Geometry(Geometry::Resize { kernel, .. }), Op::Point(_)] = &ops[..]
        else {
            panic!("{ops:?}")
        };
        assert_eq!(*kernel, Kernel::Area);
        assert!(compile("resize=8:8:linear=1", rgb(8, 8)).is_empty());
    }

    #[test]
    fn impossible_sizes_are_refused() {
        for (chain, part) in [
            ("resize=1e12", "no size"),
            ("resize=70000:1", "65535"),
            ("resize=oh:ow", "has no value"),
            ("resize=w=1/0", "no size"),
        ] {
            let message = refusal(chain, rgb(64, 64));
            assert!(message.contains(part), "{chain}: {message}");
        }
        for (chain, part) in [
            ("resize=0x20", "geometry is WxH"),
            ("resize='20x20<>'", "give one"),
            ("resize=2x2x2", "geometry is WxH"),
            ("resize=640:480:flags=lancsoz", "did you mean \"lanczos\"?"),
        ] {
            let message = unparsed(chain);
            assert!(message.contains(part), "{chain}: {message}");
        }
    }
}
