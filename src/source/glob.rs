//! Globs: patterns as inputs, and `--include` and `--exclude`.

use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use crate::error::{Error, Result};

/// Compiles a pattern in which `*` and `?` stop at slashes and `**` does not.
fn compile(pattern: &str) -> Result<GlobMatcher> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher())
        .map_err(|e| Error::usage(format!("{pattern:?} is no glob: {}", e.kind())))
}

/// A pattern given as INPUT, because the shell did not expand it.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// As typed.
    pub typed: PathBuf,
    /// The folder that the search starts in: the components in front of the first wildcard.
    pub root: PathBuf,
    /// What is matched against paths below the root.
    matcher: GlobMatcher,
    /// Folders deeper than this cannot match; `None` with a `**`.
    depth: Option<usize>,
}

impl Pattern {
    /// `None` if the text has no wildcard or is not UTF-8, which globs cannot be.
    ///
    /// # Errors
    /// `Usage`: a wildcard that is not closed.
    pub fn parse(argument: &Path) -> Result<Option<Self>> {
        let Some(text) = argument.to_str() else { return Ok(None) };
        let Some(wild) = text.find(['*', '?', '[', '{']) else { return Ok(None) };
        let cut = text[..wild].rfind('/').map_or(0, |slash| slash + 1);
        let (root, pattern) = text.split_at(cut);
        let pattern = pattern.trim_end_matches('/');
        let depth = (!pattern.contains("**")).then(|| pattern.split('/').count());
        let (typed, matcher) = (argument.to_owned(), compile(pattern)?);
        Ok(Some(Self { typed, root: root.into(), matcher, depth }))
    }

    /// Whether the pattern names this path or a folder above it, as after a shell's expansion.
    pub fn takes(&self, below_root: &Path) -> bool {
        below_root.ancestors().any(|path| self.matcher.is_match(path))
    }

    /// Whether something below this folder may match.
    pub fn may_hold(&self, folder: &Path) -> bool {
        self.depth.is_none_or(|depth| folder.components().count() < depth) || self.takes(folder)
    }
}

/// `--include` and `--exclude`. A pattern without a slash is matched against names, one with a
/// slash against the path relative to the base; either takes a folder with all that it holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    include: Vec<Rule>,
    exclude: Vec<Rule>,
}

#[derive(Clone, Debug)]
enum Rule {
    Name(GlobMatcher),
    Path(GlobMatcher),
}

impl Selection {
    /// # Errors
    /// `Usage`: not a glob.
    pub fn new(include: &[String], exclude: &[String]) -> Result<Self> {
        let rules = |option: &str, patterns: &[String]| -> Result<Vec<Rule>> {
            let rule = |pattern: &String| Rule::parse(pattern).map_err(|e| e.within(option));
            patterns.iter().map(rule).collect()
        };
        Ok(Self { include: rules("--include", include)?, exclude: rules("--exclude", exclude)? })
    }

    /// Whether the file is wanted. Without `--include` all are.
    pub fn wants(&self, rel: &Path) -> bool {
        let any = |rules: &[Rule]| rules.iter().any(|rule| rule.takes(rel));
        (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }
}

impl Rule {
    fn parse(pattern: &str) -> Result<Self> {
        let trimmed = pattern.strip_prefix("./").unwrap_or(pattern);
        let path = trimmed.trim_end_matches('/');
        // A slash in front anchors a name to the base, as in .gitignore.
        let anchored = path.strip_prefix('/').unwrap_or(path);
        let matcher = compile(anchored)?;
        Ok(if path.contains('/') { Self::Path(matcher) } else { Self::Name(matcher) })
    }

    fn takes(&self, rel: &Path) -> bool {
        let mut above = rel.ancestors().filter(|path| !path.as_os_str().is_empty());
        match self {
            Self::Name(glob) => above.filter_map(Path::file_name).any(|name| glob.is_match(name)),
            Self::Path(glob) => above.any(|path| glob.is_match(path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_split_at_the_first_wildcard() {
        let root = |text: &str| Pattern::parse(Path::new(text)).unwrap().map(|p| p.root);
        assert_eq!(root("photos/2024/*.jpg"), Some("photos/2024/".into()));
        assert_eq!(root("*.jpg"), Some("".into()));
        assert_eq!(root("/*/x"), Some("/".into()));
        assert_eq!(root("photos/a.jpg"), None);
        assert!(Pattern::parse(Path::new("photos/[a.jpg")).is_err());
    }

    #[test]
    fn stars_stop_at_slashes_and_two_do_not() {
        let pattern = |text: &str| Pattern::parse(Path::new(text)).unwrap().unwrap();
        let flat = pattern("in/*.jpg");
        assert!(flat.takes(Path::new("a.jpg")) && !flat.takes(Path::new("sub/a.jpg")));
        assert!(!flat.may_hold(Path::new("sub")));
        let deep = pattern("in/**/*.jpg");
        assert!(deep.takes(Path::new("a.jpg")) && deep.takes(Path::new("x/y/a.jpg")));
        assert!(deep.may_hold(Path::new("x/y/z")));
        let folder = pattern("in/2024-*");
        assert!(
            folder.takes(Path::new("2024-05/x/a.jpg")) && folder.may_hold(Path::new("2024-05/x"))
        );
        assert!(!folder.may_hold(Path::new("2023-05")));
    }

    #[test]
    fn selections() {
        let wants = |include: &[&str], exclude: &[&str], rel: &str| {
            let owned =
                |list: &[&str]| -> Vec<String> { list.iter().map(|s| (*s).into()).collect() };
            Selection::new(&owned(include), &owned(exclude)).unwrap().wants(Path::new(rel))
        };
        assert!(wants(&[], &[], "a.jpg"));
        assert!(wants(&["*.png"], &[], "sub/a.png") && !wants(&["*.png"], &[], "a.jpg"));
        assert!(
            !wants(&[], &["thumbs"], "x/thumbs/a.png") && wants(&[], &["thumbs"], "thumbs2/a.png")
        );
        assert!(
            wants(&["sub/*.png"], &[], "sub/a.png") && !wants(&["sub/*.png"], &[], "x/sub/a.png")
        );
        assert!(
            wants(&["sub/"], &["*.tif"], "sub/x/a.png")
                && !wants(&["sub/"], &["*.tif"], "sub/a.tif")
        );
        assert!(wants(&["/a*"], &[], "a.png") && !wants(&["/a*"], &[], "x/a.png"));
        assert!(Selection::new(&["[".into()], &[]).unwrap_err().to_string().contains("--include"));
    }
}
