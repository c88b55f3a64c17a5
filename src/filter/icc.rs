//! Colour profiles: samples to sRGB, relative colorimetric with black-point compensation.

use std::fmt;
use std::sync::Arc;

use moxcms::{
    ColorProfile, DataColorSpace, RenderingIntent, ToneReprCurve, TransformF64Executor,
    TransformOptions,
};

use super::algebra::{Context, Op, Point, Space};
use super::args::Args;
use super::map::{Affine3, Curve, Map, PixelFunction};
use super::param::{Kind, Param};
use super::spec::{Family, Formula, Spec};
use super::text::ArgError;
use super::transfer::{linear_to_srgb, odd_power, srgb_to_linear};
use crate::error::{Error, Result};

pub(super) static SPECS: &[Spec] = &[Spec {
    name: "icc",
    aliases: &[],
    summary: "samples from the embedded colour profile to sRGB",
    family: Family::Color,
    space: "RGB",
    formula: "light = matrix * trc(v), black point to 0, then the sRGB curve; relative \
              colorimetric.\nProfiles with tables go through the tables. No profile: unchanged",
    params: &[Param::new("to", Kind::Choice(&[&["srgb", "sRGB"]]), "srgb", "the profile wanted")],
    refused: &[],
    differs: None,
    examples: &["icc=srgb"],
    build: icc,
}];

/// A profile that moves no colour of a coarse grid by more than this, a code of 8 bits, is sRGB
/// under another name. Copies of sRGB in use move dark channels of pure colours by up to 0.0035,
/// and a JPEG in one of them should not have to leave its planes for that.
const SAME: f64 = 1.0 / 256.0;

fn icc(args: &Args) -> Result<Formula, ArgError> {
    args.choice("to")?;
    Ok(Formula::per_frame(|context| {
        let Some(bytes) = context.icc else { return Ok(Vec::new()) };
        to_srgb(bytes, context)
    })
    .to_srgb())
}

fn to_srgb(bytes: &[u8], context: &Context<'_>) -> Result<Vec<Op>> {
    let profile = ColorProfile::new_from_slice(bytes)
        .map_err(|e| Error::input(format!("the colour profile is broken: {e}")))?;
    let maps = match profile.color_space {
        DataColorSpace::Gray => gray(&profile)?,
        DataColorSpace::Rgb if has_tables(&profile) => vec![tables(&profile)?],
        DataColorSpace::Rgb if profile.is_matrix_shaper() => matrix(&profile)?,
        DataColorSpace::Rgb => {
            return Err(Error::input("the colour profile has neither a matrix nor tables"));
        }
        other => {
            return Err(Error::input(format!("the colour profile is for {other:?} samples")));
        }
    };
    let neutrals =
        profile.color_space == DataColorSpace::Rgb && !context.layout.model().has_color();
    let maps = if neutrals { neutral(maps) } else { maps };
    if is_identity(&maps) {
        return Ok(Vec::new());
    }
    Ok(maps.into_iter().map(|map| Op::Point(Point { space: Space::Rgb, map })).collect())
}

fn has_tables(profile: &ColorProfile) -> bool {
    profile.lut_a_to_b_colorimetric.is_some()
        || profile.lut_a_to_b_perceptual.is_some()
        || profile.lut_a_to_b_saturation.is_some()
}

/// Curves, matrix, curves; the black point of curves that do not start at 0 goes into the
/// matrix.
fn matrix(profile: &ColorProfile) -> Result<Vec<Map>> {
    let trc = [&profile.red_trc, &profile.green_trc, &profile.blue_trc];
    let mut curves = [Curve::IDENTITY, Curve::IDENTITY, Curve::IDENTITY];
    for i in 0..3 {
        curves[i] = match trc[i] {
            // Shared where the profile repeats itself.
            t if i > 0 && t == trc[0] => curves[0].clone(),
            Some(t) => tone_curve(t)?,
            None => return Err(Error::input("the colour profile lacks a tone curve")),
        };
    }
    let colorants = profile.colorant_matrix().v;
    let to_xyz = Affine3(colorants.map(|[r, g, b]| [r, g, b, 0.0]));
    let black = to_xyz.apply([0, 1, 2].map(|i| curves[i].eval(0.0)));
    let to_linear = to_linear_srgb(&to_xyz).then(&compensate(black[1])?);
    Ok(vec![Map::Curves(curves), Map::Matrix(to_linear), encode()])
}

/// Linear sRGB to XYZ at D50, with the digits that sRGB profiles carry (s15Fixed16 of
/// IEC 61966-2-1's primaries, adapted by Bradford's matrix).
const SRGB_TO_XYZ: Affine3 = Affine3([
    [0.436_065_674, 0.385_147_095, 0.143_066_406, 0.0],
    [0.222_488_403, 0.716_873_169, 0.060_607_910, 0.0],
    [0.013_916_016, 0.097_076_416, 0.714_096_069, 0.0],
]);

/// The profile's linear light to linear sRGB, white to white.
fn to_linear_srgb(to_xyz: &Affine3) -> Affine3 {
    let from_xyz = SRGB_TO_XYZ.inverse().expect("the primaries of sRGB are independent");
    let mut rows = to_xyz.then(&from_xyz).0;
    for row in &mut rows {
        // Colorants are rounded to 16 bits, so that their sum misses the white by some 1e-4:
        // enough to tint greys. Profiles that miss it by more mean it.
        let white: f64 = row[..3].iter().sum();
        if (white - 1.0).abs() < 2e-3 {
            row[..3].iter_mut().for_each(|v| *v /= white);
        }
    }
    Affine3(rows)
}

/// A grey profile: its curve gives luminance, or lightness if it connects through Lab.
fn gray(profile: &ColorProfile) -> Result<Vec<Map>> {
    let trc = profile.gray_trc.as_ref();
    let trc =
        tone_curve(trc.ok_or_else(|| Error::input("the colour profile lacks a tone curve"))?)?;
    let linear = match profile.pcs {
        DataColorSpace::Lab => trc.then(&Curve::function(lightness_to_luminance)),
        _ => trc,
    };
    let black = compensate(linear.eval(0.0))?;
    let [scale, offset] = [black.0[0][0], black.0[0][3]];
    let curve = Curve::function(move |v| linear_to_srgb(scale * linear.eval(v) + offset));
    Ok(vec![Map::Curves([curve.clone(), curve.clone(), curve])])
}

/// CIE L* / 100 to luminance.
fn lightness_to_luminance(l: f64) -> f64 {
    let f = (100.0 * l + 16.0) / 116.0;
    if f > 6.0 / 29.0 { f * f * f } else { (f - 4.0 / 29.0) * 3.0 * (6.0_f64 / 29.0).powi(2) }
}

/// What a profile for colour makes of a grey frame: the luminance of its neutrals, so that
/// rounding in the profile does not tint them.
fn neutral(maps: Vec<Map>) -> Vec<Map> {
    let curve = Curve::function(move |v| {
        let [r, g, b] = run(&maps, [v; 3]).map(srgb_to_linear);
        linear_to_srgb(luminance([r, g, b]))
    });
    vec![Map::Curves([curve.clone(), curve.clone(), curve])]
}

/// Of linear sRGB, ITU-R BT.709.
fn luminance([r, g, b]: [f64; 3]) -> f64 {
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

fn encode() -> Map {
    let curve = Curve::function(linear_to_srgb);
    Map::Curves([curve.clone(), curve.clone(), curve])
}

/// Black-point compensation in linear sRGB, whose black is 0: grey light of `luminance`
/// becomes 0 and white stays. In XYZ it is Adobe's scaling of each coordinate.
fn compensate(luminance: f64) -> Result<Affine3> {
    let black = luminance.clamp(0.0, 1.0);
    if black > 0.5 || luminance.is_nan() {
        return Err(Error::input(format!("the colour profile's black has luminance {luminance}")));
    }
    let (scale, offset) = (1.0 / (1.0 - black), -black / (1.0 - black));
    let mut rows = Affine3::IDENTITY.0;
    for (i, row) in rows.iter_mut().enumerate() {
        row[i] = scale;
        row[3] = offset;
    }
    Ok(Affine3(rows))
}

/// A tone curve of ICC.1:2022 (10.6 and 10.18) as a function of all reals.
fn tone_curve(trc: &ToneReprCurve) -> Result<Curve> {
    match trc {
        ToneReprCurve::Lut(table) => sampled(table),
        ToneReprCurve::Parametric(p) => parametric(p),
    }
}

/// `curveType`: empty is the identity, one entry a gamma in 256ths, more a table.
fn sampled(table: &[u16]) -> Result<Curve> {
    let table: Arc<[f64]> = match *table {
        [] => return Ok(Curve::IDENTITY),
        [gamma] => {
            let gamma = f64::from(gamma) / 256.0;
            return Ok(Curve::function(move |v| odd_power(v, gamma)));
        }
        _ => table.iter().map(|v| f64::from(*v) / 65_535.0).collect(),
    };
    Ok(Curve::function(move |v| {
        let at = v.clamp(0.0, 1.0) * (table.len() - 1) as f64;
        let below = (at.floor() as usize).min(table.len() - 2);
        let t = at - below as f64;
        table[below] * (1.0 - t) + table[below + 1] * t
    }))
}

/// `parametricCurveType`, its five forms by the number of their parameters.
fn parametric(parameters: &[f32]) -> Result<Curve> {
    let p: Vec<f64> = parameters.iter().map(|p| f64::from(*p)).collect();
    let [g, a, b, c, d, e, f] = match p[..] {
        [g] => [g, 1.0, 0.0, 0.0, f64::NEG_INFINITY, 0.0, 0.0],
        [g, a, b] => [g, a, b, 0.0, -b / a, 0.0, 0.0],
        [g, a, b, c] => [g, a, b, 0.0, -b / a, c, c],
        [g, a, b, c, d] => [g, a, b, c, d, 0.0, 0.0],
        [g, a, b, c, d, e, f] => [g, a, b, c, d, e, f],
        _ => return Err(Error::input("the colour profile has a curve of no known form")),
    };
    if ![g, a, b, c, e, f].iter().all(|p| p.is_finite()) || d.is_nan() {
        return Err(Error::input("the colour profile has a curve without values"));
    }
    Ok(Curve::function(move |v| if v < d { c * v + f } else { odd_power(a * v + b, g) + e }))
}

fn tables(profile: &ColorProfile) -> Result<Map> {
    let options = TransformOptions {
        rendering_intent: RenderingIntent::RelativeColorimetric,
        prefer_fixed_point: false,
        ..TransformOptions::default()
    };
    let layout = moxcms::Layout::Rgb;
    let transform = profile
        .create_transform_f64(layout, &ColorProfile::new_srgb(), layout, options)
        .map_err(|e| Error::input(format!("the colour profile's tables cannot be used: {e}")))?;
    let mut tables = Tables { transform, black: Affine3::IDENTITY };
    tables.black = compensate(luminance(tables.map([0.0; 3]).map(srgb_to_linear)))?;
    Ok(Map::Pixel(Arc::new(tables)))
}

/// A profile's tables, computed by moxcms, and then the black point.
struct Tables {
    transform: Arc<TransformF64Executor>,
    black: Affine3,
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "profile tables, black {:?}", self.black.0[0])
    }
}

impl PixelFunction for Tables {
    fn map(&self, v: [f64; 3]) -> [f64; 3] {
        let mut out = [0.0; 3];
        // One pixel in, one out: the only error, a wrong length, cannot happen; were it to,
        // the pixel would stay as it is.
        if self.transform.transform(&v.map(|v| v.clamp(0.0, 1.0)), &mut out).is_err() {
            return v;
        }
        self.black.apply(out.map(srgb_to_linear)).map(linear_to_srgb)
    }
}

fn run(maps: &[Map], v: [f64; 3]) -> [f64; 3] {
    maps.iter().fold(v, |v, map| match map {
        Map::Curves(c) => [0, 1, 2].map(|i| c[i].eval(v[i])),
        Map::Matrix(m) => m.apply(v),
        Map::Pixel(f) => f.map(v),
    })
}

fn is_identity(maps: &[Map]) -> bool {
    (0..9 * 9 * 9).all(|i| {
        let v = [i % 9, i / 9 % 9, i / 81].map(|c| f64::from(c) / 8.0);
        run(maps, v).iter().zip(v).all(|(out, v)| (out.clamp(0.0, 1.0) - v).abs() < SAME)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::ProfileChange;
    use crate::filter::testing::{eval, parse, rgb};
    use crate::frame::{Depth, Layout, Model, Size};

    fn ops(profile: &ColorProfile, layout: Layout) -> Vec<Op> {
        let bytes = profile.encode().unwrap();
        parse("icc=srgb")[0].compile(&Context { layout, icc: Some(&bytes) }).unwrap()
    }

    fn close(got: [f64; 3], want: [f64; 3]) {
        assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 2e-3), "{got:?}, not {want:?}");
    }

    #[test]
    fn srgb_and_no_profile_change_nothing() {
        let filter = &parse("icc=srgb")[0];
        assert_eq!(filter.profile(), ProfileChange::Srgb);
        assert!(filter.compile(&Context { layout: rgb(1, 1), icc: None }).unwrap().is_empty());
        assert!(ops(&ColorProfile::new_srgb(), rgb(1, 1)).is_empty());
    }

    #[test]
    fn known_colours_of_known_profiles() {
        let adobe = ops(&ColorProfile::new_adobe_rgb(), rgb(1, 1));
        assert_eq!(adobe.len(), 3);
        // Neutrals stay neutral; pure Adobe green lies outside sRGB: R is far below 0.
        close(eval(&adobe, [1.0; 3]), [1.0; 3]);
        let grey = eval(&adobe, [0.5; 3]);
        close(grey, [linear_to_srgb(0.5_f64.powf(2.199_218_75)); 3]);
        let green = eval(&adobe, [0.0, 1.0, 0.0]);
        assert!(green[0] < -0.5 && (green[1] - 1.0).abs() < 2e-3, "{green:?}");
        // Display P3 red in sRGB, as CSS Color 4 gives it: 1.093 -0.227 -0.150.
        let p3 = ops(&ColorProfile::new_display_p3(), rgb(1, 1));
        close(eval(&p3, [1.0, 0.0, 0.0]), [1.0931, -0.2267, -0.1501]);
    }

    #[test]
    fn grey_frames_stay_grey() {
        let layout = Layout::new(Size::new(1, 1), Model::Gray, Depth::U8).unwrap();
        for profile in [ColorProfile::new_gray_with_gamma(1.0), ColorProfile::new_adobe_rgb()] {
            let ops = ops(&profile, layout);
            let [r, g, b] = eval(&ops, [0.5; 3]);
            assert!(r == g && g == b && r > 0.49, "{r}");
        }
    }

    #[test]
    fn a_raised_black_goes_to_zero_and_white_stays() {
        let map = compensate(0.02).unwrap();
        close(map.apply([0.02; 3]), [0.0; 3]);
        close(map.apply([1.0; 3]), [1.0; 3]);
        assert!(compensate(0.9).is_err());
    }

    #[test]
    fn curves_follow_the_standard() {
        let at = |trc: ToneReprCurve, v: f64| tone_curve(&trc).unwrap().eval(v);
        assert_eq!(at(ToneReprCurve::Lut(vec![]), 0.3), 0.3);
        assert_eq!(at(ToneReprCurve::Lut(vec![512]), 0.5), 0.25);
        assert_eq!(at(ToneReprCurve::Lut(vec![0, 65_535, 0]), 0.25), 0.5);
        assert_eq!(at(ToneReprCurve::Parametric(vec![2.0]), 0.5), 0.25);
        let srgb = vec![2.4, 1.0 / 1.055, 0.055 / 1.055, 1.0 / 12.92, 0.04045];
        assert!(
            (at(ToneReprCurve::Parametric(srgb.clone()), 0.5) - srgb_to_linear(0.5)).abs() < 1e-6
        );
        assert!((at(ToneReprCurve::Parametric(srgb), 0.02) - srgb_to_linear(0.02)).abs() < 1e-6);
        assert!(tone_curve(&ToneReprCurve::Parametric(vec![1.0, 2.0])).is_err());
    }

    #[test]
    fn broken_profiles_are_refused() {
        let context = Context { layout: rgb(1, 1), icc: Some(b"no profile") };
        let message = parse("icc")[0].compile(&context).unwrap_err().to_string();
        assert!(message.starts_with("icc: the colour profile is broken"), "{message}");
    }
}
