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

/// Whether an option is for all streams, or for the first one with pictures.
fn of_pictures(streams: &str) -> bool {
    ["", "v", "V", "v:0", "V:0"].contains(&streams)
}

/// Takes the filters of the pictures out of words, as one chain, and gives the rest. `place` is
/// where the words stand.
///
/// # Errors
/// `Usage`: one of them is empty or missing, is no plain chain, or is said in another way than `-vf`
/// and `-filter:v`.
pub fn video_filters(words: &[OsString], place: &str) -> Result<(Option<String>, Vec<OsString>)> {
    let meant = |name: &str, streams: &str| match name {
        "vf" => true,
        "filter" => of_pictures(streams),
        _ => false,
    };
    let (values, rest) = parted(words, meant);
    let chains = values.iter().map(|value| value.to_str().filter(|chain| !chain.is_empty()));
    let chains: Option<Vec<&str>> = chains.collect();
    for (name, streams) in rest.iter().filter_map(|word| option(word)) {
        if meant(name, streams) {
            return Err(Error::usage(format!("-vf {place} wants filters")));
        }
        // They would take the place of what frames have to go through.
        let numbered = name == "filter" && !streams.starts_with(['a', 's']);
        if numbered || name == "filter_script" && !streams.starts_with('a') {
            let colon = if streams.is_empty() { "" } else { ":" };
            return Err(Error::usage(format!(
                "-{name}{colon}{streams} {place}: filters of the pictures are given by -vf"
            )));
        }
    }
    let chains = chains.ok_or_else(|| Error::usage(format!("-vf {place} wants filters")))?;
    if let Some(graph) = chains.iter().find(|chain| is_graph(chain)) {
        return Err(Error::usage(format!(
            "-vf {graph:?} {place} is to be one chain: filters with commas between them, without \
             labels in brackets, \";\" and sws_flags"
        )));
    }
    Ok(((!chains.is_empty()).then(|| chains.join(",")), rest))
}

/// Takes the filters of packets of the pictures out of words, as one list, and gives the rest. One
/// without a value stays, for ffmpeg to complain of.
pub(super) fn packet_filters(words: &[OsString]) -> (Option<OsString>, Vec<OsString>) {
    let meant = |name: &str, streams: &str| match name {
        "vbsf" => true,
        // Without streams it is for sound as well.
        "bsf" => !streams.is_empty() && of_pictures(streams),
        _ => false,
    };
    // Of several of ffmpeg's options the last one counts.
    let (mut values, rest) = parted(words, meant);
    (values.pop(), rest)
}

/// Whether filters are more than a chain that may stand behind another one.
fn is_graph(chain: &str) -> bool {
    let mut bare = String::new();
    let (mut quoted, mut chars) = (false, chain.chars());
    while let Some(c) = chars.next() {
        match c {
            '\\' if !quoted => drop(chars.next()),
            '\'' => quoted = !quoted,
            _ if !quoted => bare.push(c),
            _ => {}
        }
    }
    let bare = bare.trim();
    bare.contains(';')
        || bare.starts_with('[')
        || bare.ends_with(']')
        || bare.starts_with("sws_flags")
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
        assert_eq!(of("-filter:V a").unwrap().0.as_deref(), Some("a"));
        let refused = |line: &str| of(line).unwrap_err().to_string();
        assert!(refused("-g 5 -vf").contains("-vf here"));
        for line in ["-filter:0 null", "-filter_script:v file", "-filter:v:1 null"] {
            assert!(refused(line).contains("given by -vf"), "{line}");
        }
        for line in ["-vf [in]hflip[out]", "-vf split;hflip", "-vf sws_flags=bicubic;hflip"] {
            assert!(refused(line).contains("one chain"), "{line}");
        }
        let quoted = r"-vf drawtext=text='[a;b]',drawtext=text=\[c\]";
        assert_eq!(of(quoted).unwrap().0.as_deref(), Some(&quoted[4..]));
    }

    #[test]
    fn filters_of_packets_are_parted_from_the_rest() {
        let of = |line: &str| packet_filters(&words(line));
        assert_eq!(of("-bsf:v a -bsf:a b -bsf:v:0 c"), (Some("c".into()), words("-bsf:a b")));
        assert_eq!(of("-g 5 -bsf:v"), (None, words("-g 5 -bsf:v")));
    }
}
