//! What an export is written to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Links followed before they are taken for a circle, as Linux does.
const MOST_LINKS: u32 = 40;

/// Names tried for the file beside.
const ATTEMPTS: u32 = 100;

/// What becomes of the file that was opened. A file gets its name, and its new content, only when it is whole; what cannot be
/// replaced without becoming something else (a pipe, a device) is written as it is.
#[derive(Debug)]
pub(super) enum Target {
    Direct,
    Beside(Beside),
}

/// A file beside the one that it is to become; dropped, it goes away.
#[derive(Debug)]
pub(super) struct Beside {
    temporary: PathBuf,
    place: PathBuf,
    kept: bool,
}

/// Whether `-o` names what is written to without it. Replacing the file behind it would not reach whoever redirected it.
pub(super) fn is_standard_output(path: &Path) -> bool {
    path == Path::new("-") || path == Path::new("/dev/stdout")
}

impl Target {
    /// Opens what is to be written.
    pub(super) fn open(path: &Path) -> io::Result<(File, Self)> {
        match fs::metadata(path) {
            Ok(found) if !found.is_file() => {
                // Not created: what went away meanwhile is not to be replaced by a file either.
                Ok((OpenOptions::new().write(true).open(path)?, Self::Direct))
            }
            Ok(found) => {
                // Who may not write a file may not replace it.
                drop(OpenOptions::new().write(true).open(path)?);
                let (file, beside) = Beside::create(fs::canonicalize(path)?)?;
                file.set_permissions(found.permissions())?;
                Ok((file, Self::Beside(beside)))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let (file, beside) = Beside::create(end_of_links(path)?)?;
                Ok((file, Self::Beside(beside)))
            }
            Err(error) => Err(error),
        }
    }

    /// The file is whole.
    pub(super) fn keep(self, file: &File) -> io::Result<()> {
        match self {
            Self::Direct => Ok(()),
            Self::Beside(mut beside) => {
                file.sync_all()?;
                fs::rename(&beside.temporary, &beside.place)?;
                beside.kept = true;
                Ok(())
            }
        }
    }
}

impl Beside {
    /// A new file, whatever else lies there.
    fn create(place: PathBuf) -> io::Result<(File, Self)> {
        if place.file_name().is_none() {
            return Err(ErrorKind::IsADirectory.into());
        }
        for attempt in 0..ATTEMPTS {
            let name = format!(".igentai-export-{}-{attempt}.partial", std::process::id());
            let temporary = place.with_file_name(name);
            match OpenOptions::new().write(true).create_new(true).open(&temporary) {
                Ok(file) => return Ok((file, Self { temporary, place, kept: false })),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if !self.kept {
            drop(fs::remove_file(&self.temporary));
        }
    }
}

/// Where the links lead that begin at `path`, though nothing is there.
fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    let mut place = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&place) {
            Ok(next) => place = place.parent().unwrap_or(Path::new("")).join(next),
            Err(_) => return Ok(place),
        }
    }
    Err(ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::io::{Read, Write};
    use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};

    use super::*;

    fn write(path: &Path, text: &str) -> io::Result<()> {
        let (mut file, target) = Target::open(path)?;
        file.write_all(text.as_bytes())?;
        target.keep(&file)
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn a_pipe_stays_a_pipe_and_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let text = std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut text = String::new();
                File::open(&pipe).unwrap().read_to_string(&mut text).unwrap();
                text
            });
            write(&pipe, "a\nb\n").unwrap();
            assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
            reader.join().unwrap()
        });
        assert_eq!(text, "a\nb\n");
        assert_eq!(names(folder.path()), ["pipe"]);
    }

    #[test]
    fn a_link_is_followed_to_the_file_that_is_there_or_is_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let (there, to_be) = (folder.path().join("there"), folder.path().join("to be"));
        fs::write(&there, "old").unwrap();
        fs::set_permissions(&there, fs::Permissions::from_mode(0o640)).unwrap();
        for (link, end) in [("first", &there), ("second", &to_be)] {
            let (link, between) = (folder.path().join(link), folder.path().join(format!("{link} on")));
            symlink(between.file_name().unwrap(), &link).unwrap();
            symlink(end, &between).unwrap();
            write(&link, "new").unwrap();
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert_eq!(fs::read_to_string(end).unwrap(), "new");
        }
        assert_eq!(fs::metadata(&there).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(names(folder.path()), ["first", "first on", "second", "second on", "there", "to be"]);
        let circle = folder.path().join("circle");
        symlink("circle", &circle).unwrap();
        assert!(write(&circle, "x").is_err());
    }

    #[test]
    fn nothing_that_lies_beside_is_overwritten_and_nothing_is_left_of_what_was_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        let taken = format!(".igentai-export-{}-0.partial", std::process::id());
        for name in ["x.partial", &taken] {
            fs::write(folder.path().join(name), "mine").unwrap();
        }
        fs::write(&file, "old").unwrap();
        drop(Target::open(&file).unwrap());
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        write(&file, "new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(names(folder.path()), [taken.as_str(), "x", "x.partial"]);
        for name in ["x.partial", &taken] {
            assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), "mine");
        }
    }

    #[test]
    fn a_folder_and_what_is_below_a_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        fs::write(&file, "old").unwrap();
        for path in [folder.path(), &file.join("y"), &folder.path().join("nowhere/y"), Path::new("")] {
            assert!(write(path, "new").is_err(), "{}", path.display());
        }
        assert_eq!(names(folder.path()), ["x"]);
    }
}
