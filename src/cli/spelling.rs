//! ffmpeg's spelling of options: one dash before a whole word, as in `-vf` and `-ss`.
//!
//! `video` understands the words that have a counterpart here. Any other is an error that
//! names what to use instead, since half an understood command line is worse than none.

use std::ffi::{OsStr, OsString};

use clap::{Arg, ArgAction, Command};
use lumaloom::error::{Error, Result};
use lumaloom::filter::suggest;

/// ffmpeg's word and ours; `-i` comes before the input, which needs no word here.
const WORDS: [(&str, &str); 14] = [
    ("ss", "--ss"),
    ("to", "--to"),
    ("t", "--t"),
    ("r", "--r"),
    ("vf", "--filter"),
    ("filter:v", "--filter"),
    ("c:v", "--codec"),
    ("codec:v", "--codec"),
    ("vcodec", "--codec"),
    ("crf", "--crf"),
    ("preset", "--preset"),
    ("pix_fmt", "--pix-fmt"),
    ("an", "--an"),
    ("sn", "--sn"),
];

/// What people type in ffmpeg and get here in another way.
const INSTEAD: [(&str, &str); 12] = [
    ("threads", "-j N for the filters, --ffmpeg-threads N for the codecs"),
    ("start_number", "--start-number N"),
    ("frames:v", "--frames N"),
    ("vframes", "--frames N"),
    ("framerate", "--r RATE"),
    ("colorspace", "--colorspace NAME"),
    ("color_range", "--color-range NAME"),
    ("filter_complex", "-f CHAIN, one linear chain"),
    ("c:a", "nothing: sound is copied; --an leaves it out"),
    ("acodec", "nothing: sound is copied; --an leaves it out"),
    ("c", "nothing: all but the rendered stream is copied; --codec NAME for that one"),
    ("vsync", "nothing: timestamps are kept; --r RATE changes the rate"),
];

/// The arguments with ffmpeg's words replaced by ours. What follows an option that takes a
/// value, and what stands after `--`, is left alone.
///
/// # Errors
/// `Usage`: a word with one dash that is none of these.
pub fn ours(arguments: &[OsString], command: &Command) -> Result<Vec<OsString>> {
    let mut words = Vec::with_capacity(arguments.len());
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        if word == "--" {
            words.push(word.clone());
            break;
        }
        let word = match one_dash(word, command) {
            None => word.clone(),
            Some("i") => match rest.next() {
                // A name that begins with a dash would be taken for an option.
                Some(input) if input.as_encoded_bytes().starts_with(b"-") && input != "-" => {
                    words.push(OsStr::new("./").to_owned());
                    words.last_mut().expect("just pushed").push(input);
                    continue;
                }
                Some(input) => input.clone(),
                None => return Err(Error::usage("-i has no input after it")),
            },
            Some(name) => translate(name)?.into(),
        };
        let takes_value = takes_value(&word, command);
        words.push(word);
        if takes_value && let Some(value) = rest.next() {
            words.push(value.clone());
        }
    }
    words.extend(rest.cloned());
    Ok(words)
}

/// The word behind a single dash, if it is ffmpeg's way and not one of our short options or a
/// cluster of them.
fn one_dash<'a>(word: &'a OsStr, command: &Command) -> Option<&'a str> {
    let name = word.to_str()?.strip_prefix('-')?;
    let first = name.chars().next().filter(|c| *c != '-')?;
    let ours = |c: char| command.get_arguments().find(|arg| arg.get_short() == Some(c));
    let known = WORDS.iter().any(|(theirs, _)| *theirs == name) || name == "i";
    match ours(first) {
        _ if known => Some(name),
        // `-j4`, `-fgray`: a value may touch its short option, unless that spells another word.
        Some(arg) if arg.get_action().takes_values() => {
            INSTEAD.iter().any(|(theirs, _)| *theirs == name).then_some(name)
        }
        Some(_) if name.chars().all(|c| ours(c).is_some()) => None,
        _ => Some(name),
    }
}

fn translate(name: &str) -> Result<&'static str> {
    if let Some((_, ours)) = WORDS.iter().find(|(theirs, _)| *theirs == name) {
        return Ok(ours);
    }
    let help = match INSTEAD.iter().find(|(theirs, _)| *theirs == name) {
        Some((_, instead)) => format!("; here it is {instead}"),
        None => {
            let hint = suggest::hint(name, WORDS.iter().map(|(theirs, _)| *theirs));
            format!("{hint}; options of the encoder's ffmpeg go after --")
        }
    };
    Err(Error::usage(format!("-{name} is not known here{help}")))
}

/// Whether the next word is this one's value.
fn takes_value(word: &OsStr, command: &Command) -> bool {
    let Some(text) = word.to_str() else { return false };
    let named = |arg: &&Arg| match (text.strip_prefix("--"), text.strip_prefix('-')) {
        (Some(long), _) => {
            let aliases = arg.get_all_aliases().unwrap_or_default();
            arg.get_long() == Some(long) || aliases.contains(&long)
        }
        (None, Some(short)) => {
            let mut letters = short.chars();
            arg.get_short().is_some() && arg.get_short() == letters.next() && short.len() == 1
        }
        (None, None) => false,
    };
    command.get_arguments().find(named).is_some_and(|arg| {
        matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
            && arg.get_num_args().is_none_or(|n| n.min_values() > 0)
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::args::Cli;
    use super::*;

    fn video() -> Command {
        let mut cli = Cli::command();
        cli.build();
        cli.find_subcommand("video").expect("the command exists").clone()
    }

    fn typed(line: &str) -> Result<String> {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let words = ours(&words, &video())?;
        Ok(words.iter().map(|w| w.to_str().unwrap()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_command_line_of_ffmpeg_is_understood() {
        assert_eq!(
            typed("-i in.mp4 -ss 3 -t 5.5 -r 25 -vf eq=contrast=1.2 -c:v libx264 -crf 20 -an -y -o out.mkv")
                .unwrap(),
            "in.mp4 --ss 3 --t 5.5 --r 25 --filter eq=contrast=1.2 --codec libx264 --crf 20 --an -y -o out.mkv"
        );
        assert_eq!(typed("-i -odd.mp4 -pix_fmt yuv420p").unwrap(), "./-odd.mp4 --pix-fmt yuv420p");
        assert_eq!(typed("-i - -o -").unwrap(), "- -o -");
    }

    #[test]
    fn our_own_words_and_values_pass() {
        for line in [
            "in.mp4 -o out.mp4 -f gray -j4 -y",
            "in.mp4 -o out.mp4 -fgray -qy --mode processes",
            "in.mp4 -o -ss --filter -vf",
            "in.mp4 -o out.mp4 -- -tune film -x264-params a=b",
            "--c:v libx264 --duration 5 in.mp4",
        ] {
            assert_eq!(typed(line).unwrap(), line);
        }
    }

    #[test]
    fn other_words_are_errors_that_say_what_to_do() {
        for (word, said) in [
            ("-threads", "--ffmpeg-threads"),
            ("-framerate", "--r RATE"),
            ("-map", "after --"),
            ("-tune", "after --"),
            ("-crt", "crf"),
            ("-filter_complex", "one linear chain"),
        ] {
            let error = typed(&format!("in.mp4 {word} 4 -o out.mp4")).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{word} is not known")), "{error}");
            assert!(error.contains(said), "{word}: {error}");
        }
        assert!(typed("-o out.mp4 -i").is_err());
    }
}
