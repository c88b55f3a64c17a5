//! The INPUT arguments: what each names, and the base that output paths are relative to.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Component, Path, PathBuf};

use super::glob::Pattern;
use crate::error::{Error, Result, shown};

/// A path that is there, in the three forms that are needed of it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// As typed: what people are shown and what is opened.
    pub typed: PathBuf,
    /// Absolute, with symlinks resolved above the last component but not in it: what is
    /// mirrored. So a link that is named keeps its name.
    pub place: PathBuf,
    /// Absolute and for folders without symlinks: two ways to one file agree in it.
    pub real: PathBuf,
}

/// One INPUT.
#[derive(Clone, Debug)]
pub(super) enum Argument {
    File(Place),
    Folder(Place),
    Glob(Place, Pattern),
}

impl Argument {
    /// Looks at what the argument names. What exists is taken as it is, whatever characters
    /// its name has; only then can it be a glob.
    ///
    /// # Errors
    /// `Usage`: it does not exist, or is neither a file nor a folder.
    pub fn parse(typed: &Path) -> Result<Self> {
        let shown = shown(typed);
        match fs::metadata(typed) {
            Ok(data) if data.is_dir() => Ok(Self::Folder(Place::of_folder(typed)?)),
            Ok(data) if data.is_file() => Ok(Self::File(Place::of_file(typed)?)),
            Ok(data) => Err(Error::usage(format!(
                "input {shown} is a {}; inputs are regular files and folders",
                special(data.file_type())
            ))),
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(Error::usage(format!("failed to open input {shown}: {e}")))
            }
            Err(_) if fs::symlink_metadata(typed).is_ok() => {
                Err(Error::usage(format!("input {shown} is a symlink to nothing")))
            }
            Err(_) => match Pattern::parse(typed)? {
                None => Err(Error::usage(format!("input {shown} does not exist"))),
                Some(pattern) => {
                    let root = Place::of_folder(&pattern.root).map_err(|_| {
                        Error::usage(format!("no file matches {shown}: its folder does not exist"))
                    })?;
                    Ok(Self::Glob(root, pattern))
                }
            },
        }
    }

    /// The place that it names; of a glob, the folder in front of the first wildcard.
    fn place(&self) -> &Path {
        match self {
            Self::File(place) | Self::Folder(place) | Self::Glob(place, _) => &place.place,
        }
    }

    /// The deepest folder that holds the argument itself.
    fn holder(&self) -> &Path {
        match self {
            Self::File(place) | Self::Folder(place) => place.place.parent().unwrap_or(&place.place),
            // Not the matches' own: the tree that is mirrored would depend on what is there.
            Self::Glob(place, _) => &place.place,
        }
    }
}

/// The folder that output paths are relative to. One folder is its own base; several arguments
/// have the deepest folder that holds them all.
pub(super) fn base(arguments: &[Argument]) -> PathBuf {
    let Some((first, rest)) = arguments.split_first() else { return PathBuf::from("/") };
    let alone = rest.iter().all(|other| other.place() == first.place());
    if let (true, Argument::Folder(place)) = (alone, first) {
        return place.place.clone();
    }
    let shared = |a: &Path, b: &Path| -> PathBuf {
        a.components().zip(b.components()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
    };
    rest.iter().fold(first.holder().to_owned(), |base, other| shared(&base, other.holder()))
}

impl Place {
    fn of_file(typed: &Path) -> Result<Self> {
        let place = place(typed)?;
        // A named link is an input of its own beside its target, so it is not resolved here.
        Ok(Self { typed: typed.to_owned(), real: place.clone(), place })
    }

    /// A folder; the empty path is the working folder.
    pub fn of_folder(typed: &Path) -> Result<Self> {
        let found = if typed.as_os_str().is_empty() { Path::new(".") } else { typed };
        let real = resolve(found)?;
        Ok(Self { typed: typed.to_owned(), place: place(found)?, real })
    }

    /// Something below this folder.
    pub fn join(&self, below: &Path) -> Self {
        Self {
            typed: self.typed.join(below),
            place: self.place.join(below),
            real: self.real.join(below),
        }
    }
}

/// What a file is that is neither regular nor a folder.
pub(super) fn special(kind: fs::FileType) -> &'static str {
    let kinds: [(bool, &'static str); 5] = [
        (kind.is_symlink(), "symlink"),
        (kind.is_fifo(), "fifo"),
        (kind.is_socket(), "socket"),
        (kind.is_block_device(), "block device"),
        (kind.is_char_device(), "character device"),
    ];
    kinds.iter().find(|(is, _)| *is).map_or("special file", |(_, name)| name)
}

/// Absolute, symlinks resolved above the last component.
fn place(typed: &Path) -> Result<PathBuf> {
    let parts: Vec<Component<'_>> = typed.components().collect();
    match parts.as_slice() {
        [above @ .., Component::Normal(name)] => {
            let above: PathBuf = above.iter().collect();
            let above = if above.as_os_str().is_empty() { ".".into() } else { above };
            Ok(resolve(&above)?.join(OsString::from(name)))
        }
        // `.`, `..` and `/` have no name to keep.
        _ => resolve(typed),
    }
}

fn resolve(path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|e| Error::usage(format!("failed to resolve {}: {e}", shown(path))))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn parse(paths: &[PathBuf]) -> Vec<Argument> {
        paths.iter().map(|path| Argument::parse(path).unwrap()).collect()
    }

    #[test]
    fn bases() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for folder in ["photos/a", "photos/b", "elsewhere"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::write(root.join("photos/a/x.jpg"), "").unwrap();
        symlink(root.join("elsewhere"), root.join("photos/link")).unwrap();
        let found = |paths: &[&str]| {
            let paths: Vec<PathBuf> = paths.iter().map(|path| root.join(path)).collect();
            base(&parse(&paths)).strip_prefix(&root).unwrap().to_owned()
        };
        assert_eq!(found(&["photos"]), Path::new("photos"));
        assert_eq!(found(&["photos/"]), Path::new("photos"));
        assert_eq!(found(&["photos", "photos/b/.."]), Path::new("photos"));
        assert_eq!(found(&["photos/a", "photos/b"]), Path::new("photos"));
        assert_eq!(found(&["photos/a/x.jpg"]), Path::new("photos/a"));
        assert_eq!(found(&["photos/a/x.jpg", "photos/b"]), Path::new("photos"));
        // The folder that holds both arguments holds `photos` itself.
        assert_eq!(found(&["photos", "photos/a"]), Path::new(""));
        assert_eq!(found(&["photos/a/*.jpg"]), Path::new("photos/a"));
        assert_eq!(found(&["photos/*/x.jpg", "photos/a/x.jpg"]), Path::new("photos"));
        // A link that is named is mirrored under its own name.
        assert_eq!(found(&["photos/link", "photos/b"]), Path::new("photos"));
    }

    #[test]
    fn what_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        symlink("nowhere", dir.path().join("broken.jpg")).unwrap();
        for (name, said) in [
            ("missing.jpg", "does not exist"),
            ("missing/*.jpg", "no file matches"),
            ("broken.jpg", "symlink to nothing"),
        ] {
            let error = Argument::parse(&dir.path().join(name)).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
        }
        let error = Argument::parse(Path::new("/dev/null")).unwrap_err();
        assert!(error.to_string().contains("character device"), "{error}");
    }

    #[test]
    fn a_name_with_wildcards_that_exists_is_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a[1]*.jpg");
        fs::write(&path, "").unwrap();
        assert!(matches!(Argument::parse(&path).unwrap(), Argument::File(_)));
    }
}
