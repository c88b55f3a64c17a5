//! The catalogue: the families' filters as one table, and the lookup in it.

use std::fmt;
use std::sync::Arc;

use super::algebra::{Context, Filter, Op, ProfileChange};
use super::args::{Args, RawArg};
use super::spec::{Formula, Spec};
use super::text::{ArgError, Text};
use super::{area, blur, color, curves, geometry, icc, lut, resize, suggest, time, tone, turn};
use crate::error::Result;

/// A filter from the catalogue with its arguments.
struct Call {
    text: String,
    name: &'static str,
    formula: Formula,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Filter for Call {
    fn compile(&self, context: &Context<'_>) -> Result<Vec<Op>> {
        (self.formula.compile)(context).map_err(|e| e.within(self.name))
    }

    fn profile(&self) -> ProfileChange {
        self.formula.profile
    }

    fn over_time(&self) -> bool {
        self.formula.over_time
    }
}

static FAMILIES: [&[Spec]; 11] = [
    tone::SPECS,
    color::SPECS,
    icc::SPECS,
    curves::SPECS,
    lut::SPECS,
    blur::SPECS,
    area::SPECS,
    resize::SPECS,
    geometry::SPECS,
    turn::SPECS,
    time::SPECS,
];

/// Names that people try and that we lack, each with what to use instead.
const ELSEWHERE: [(&str, &str); 49] = [
    ("atadenoise", "use hqdn3d"),
    ("auto-orient", "pictures are turned upright without asking"),
    ("autorotate", "pictures are turned upright without asking"),
    ("avgblur", "use boxblur with lp=1"),
    ("bilateral", "use median, which keeps edges as well"),
    ("blend", "use tblend or tmix"),
    ("blur", "use gblur=sigma=..."),
    ("brightness", "use eq=brightness=..."),
    ("cas", "use unsharp"),
    ("colorbalance", "use curves with red, green and blue"),
    ("colorlevels", "use levels, or curves for one channel"),
    ("colormatrix", "the frame's own matrix is used; see --colorspace"),
    ("colorspace", "use icc=srgb for pictures; clips keep their tags"),
    ("contrast", "use eq=contrast=..."),
    ("copy", "leave it out: without filters pixels pass unchanged"),
    ("edgedetect", "use sobel"),
    ("flip", "use vflip"),
    ("flop", "use hflip"),
    ("format", "use --format for pictures, --pix-fmt for clips"),
    ("fps", "use --r"),
    ("geq", "use lutrgb or lutyuv where the place of a pixel does not matter"),
    ("huesaturation", "use hue"),
    ("kirsch", "use sobel, or convolution with its matrices"),
    ("lut", "use lutrgb or lutyuv"),
    ("mix", "use tmix"),
    ("modulate", "use hue=h=...:s=..."),
    ("monochrome", "use gray"),
    ("nlmeans", "use hqdn3d for clips, median or gblur for pictures"),
    ("noformat", "use --format for pictures, --pix-fmt for clips"),
    ("normalize", "use levels"),
    ("null", "leave it out: without filters pixels pass unchanged"),
    ("prewitt", "use sobel"),
    ("quality", "use --quality"),
    ("roberts", "use sobel"),
    ("scharr", "use sobel"),
    ("setdar", "use resize"),
    ("setpts", "timestamps pass unchanged"),
    ("setsar", "use resize"),
    ("sharpen", "use unsharp"),
    ("smartblur", "use gblur, or unsharp with a negative amount"),
    ("strip", "use --strip-metadata"),
    ("thumbnail", "use resize"),
    ("tmedian", "use tblend=mode=median"),
    ("trim", "use --ss, --to and --t"),
    ("vibrance", "use saturation"),
    ("yadif", "deinterlace in the decoder: --input-args '-vf yadif'"),
    ("bwdif", "deinterlace in the decoder: --input-args '-vf bwdif'"),
    ("zoompan", "use crop and resize"),
    ("zscale", "use resize"),
];

/// Every filter, family by family.
pub fn all() -> impl Iterator<Item = &'static Spec> {
    FAMILIES.iter().flat_map(|specs| specs.iter())
}

/// The filter that answers to `name`.
pub fn find(name: &str) -> Option<&'static Spec> {
    all().find(|spec| spec.answers_to(name))
}

/// The filter that answers to `name`, or a fragment that says what may have been meant.
pub fn lookup(name: &str) -> Result<&'static Spec, String> {
    find(name).ok_or_else(|| {
        if let Some((_, advice)) = ELSEWHERE.iter().find(|(n, _)| *n == name) {
            return format!("there is no filter \"{name}\"; {advice}");
        }
        let known = all().flat_map(|s| [s.name].into_iter().chain(s.aliases.iter().copied()));
        let hint = suggest::hint(name, known);
        format!("there is no filter \"{name}\"{hint}")
    })
}

/// The filter called `name` with these arguments. Errors point at columns of the chain.
pub fn build(name: &Text, raw: Vec<RawArg>) -> Result<Arc<dyn Filter>, ArgError> {
    let at = name.column(0);
    let spec = lookup(name.as_str()).map_err(|message| ArgError::new(message, at))?;
    let args = Args::bind(spec.signature(), at, raw)?;
    let formula = (spec.build)(&args)?;
    Ok(Arc::new(Call { text: args.canonical()?, name: spec.name, formula }))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_name_is_taken_twice() {
        let mut seen = HashSet::new();
        for spec in all() {
            for name in [spec.name].iter().chain(spec.aliases) {
                assert!(seen.insert(*name), "{name}");
            }
            let mut params = HashSet::new();
            for param in spec.params {
                for name in [param.name].iter().chain(param.aliases) {
                    assert!(params.insert(*name), "{}: {name}", spec.name);
                }
            }
            for (name, _) in spec.refused {
                assert!(params.insert(*name), "{}: {name}", spec.name);
            }
        }
        for (name, _) in ELSEWHERE {
            assert!(seen.insert(name), "{name} is a filter or listed twice");
        }
    }

    #[test]
    fn texts_are_single_fragments() {
        for spec in all() {
            assert!(!spec.examples.is_empty(), "{}", spec.name);
            for text in [spec.summary].into_iter().chain(spec.params.iter().map(|p| p.doc)) {
                assert!(!text.is_empty() && !text.ends_with('.'), "{}: {text}", spec.name);
                assert!(!text.contains('\n'), "{}: {text}", spec.name);
            }
        }
    }

    #[test]
    fn unknown_names_get_advice() {
        assert_eq!(lookup("scale").unwrap().name, "resize");
        for (name, part) in [
            ("gbulr", "did you mean \"gblur\"?"),
            ("sharpen", "use unsharp"),
            ("fps", "--r"),
            ("quux", "there is no filter \"quux\""),
        ] {
            let message = lookup(name).unwrap_err();
            assert!(message.contains(part), "{message}");
        }
    }
}
