//! ffmpeg's options among the words that a user gives.

use std::ffi::{OsStr, OsString};

use crate::error::{Error, Result};

/// The name of an option and the streams that it is for: `b` and `v:0` of `-b:v:0`. `None` for
/// what is none: a value, which a negative number is, too.
pub fn option(word: &OsStr) -> Option<(&str, &str)> {
    let word = word.to_str()?.strip_prefix('-')?;
    word.starts_with(|c: char| c.is_ascii_alphabetic())
        .then(|| word.split_once(':').unwrap_or((word, "")))
}

/// Takes some options out of words: their values, and the rest. What misses its value stays.
pub(super) fn parted(
    words: &[OsString],
    meant: impl Fn(&str, &str) -> bool,
) -> (Vec<OsString>, Vec<OsString>) {
    let (mut values, mut rest) = (Vec::new(), Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let taken = option(word).is_some_and(|(name, streams)| meant(name, streams));
        match words.as_slice().first().filter(|_| taken) {
            Some(value) => {
                values.push(value.clone());
                words.next();
            }
            None => rest.push(word.clone()),
        }
    }
    (values, rest)
}

/// Takes the filters of the pictures out of words, as one chain, and gives the rest. `place` is
/// where the words stand.
///
/// # Errors
/// `Usage`: one of them is empty or missing.
pub fn video_filters(words: &[OsString], place: &str) -> Result<(Option<String>, Vec<OsString>)> {
    let meant = |name: &str, streams: &str| match name {
        "vf" => true,
        "filter" => ["", "v", "v:0"].contains(&streams),
        _ => false,
    };
    let (values, rest) = parted(words, meant);
    let chains = values.iter().map(|value| value.to_str().filter(|chain| !chain.is_empty()));
    let chains: Option<Vec<&str>> = chains.collect();
    let left = rest.iter().filter_map(|word| option(word)).any(|(name, of)| meant(name, of));
    match chains.filter(|_| !left) {
        Some(chains) => Ok(((!chains.is_empty()).then(|| chains.join(",")), rest)),
        None => Err(Error::usage(format!("-vf {place} wants filters"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn an_option_has_a_name_and_streams() {
        let of = |word: &'static str| option(OsStr::new(word));
        assert_eq!(of("-b:v:0"), Some(("b", "v:0")));
        assert_eq!(of("-crf"), Some(("crf", "")));
        assert_eq!([of("-1"), of("x"), of("-")], [None, None, None]);
    }

    #[test]
    fn filters_are_parted_from_the_rest() {
        let of = |line: &str| video_filters(&words(line), "here");
        let (chain, rest) = of("-g 5 -vf a=1 -filter:a b -filter:v:0 c,d -x").unwrap();
        assert_eq!((chain.as_deref(), rest), (Some("a=1,c,d"), words("-g 5 -filter:a b -x")));
        assert_eq!(of("-g 5").unwrap(), (None, words("-g 5")));
        assert!(of("-g 5 -vf").unwrap_err().to_string().contains("-vf here"));
    }
}
