//! A topic's list, as it stands on disk.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

use igentai_core::ids::Seq;
use igentai_core::key::{Fingerprint, Key};

use super::RepairError;

/// The whole lines of a list, in order, with the fingerprints of their keys.
#[derive(Debug, Default)]
pub(super) struct List {
    text: String,
    lines: Vec<(usize, usize)>,
    pub(super) fingerprints: Vec<Fingerprint>,
}

impl List {
    /// Reads a list of which the files say that it had come to the number `written`. What stands behind the last end of a line was being written when its writer died, and is
    /// no item; unless it was whole before.
    pub(super) fn read(path: &Path, written: Seq) -> Result<Self, RepairError> {
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            bytes => bytes?,
        };
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let text = String::from_utf8(bytes[..whole].to_vec()).map_err(|error| {
            let before = &bytes[..error.utf8_error().valid_up_to()];
            wrong(path, before.split(|byte| *byte == b'\n').count(), "it is no text in UTF-8")
        })?;
        let mut list = Self::default();
        let mut numbers: HashMap<Fingerprint, usize> = HashMap::new();
        let mut begin = 0;
        for (index, line) in text.split_terminator('\n').enumerate() {
            if line.ends_with('\r') {
                return Err(wrong(
                    path,
                    index + 1,
                    "it ends with CR LF, as editors on Windows write it, and a list with LF alone",
                ));
            }
            if line.is_empty() {
                return Err(wrong(path, index + 1, "it is blank"));
            }
            let Some(key) = Key::of(line) else { return Err(wrong(path, index + 1, "it names nothing")) };
            let fingerprint = Fingerprint::of(&key);
            if let Some(before) = numbers.insert(fingerprint, index + 1) {
                return Err(wrong(path, index + 1, &format!("it names the item of line {before} again")));
            }
            list.lines.push((begin, begin + line.len()));
            list.fingerprints.push(fingerprint);
            begin += line.len() + 1;
        }
        list.text = text;
        if whole < bytes.len() && list.len() < written {
            return Err(wrong(path, list.lines.len() + 1, "its end is gone, though it was whole before"));
        }
        Ok(list)
    }

    pub(super) fn len(&self) -> u64 {
        u64::try_from(self.lines.len()).unwrap_or(u64::MAX)
    }

    /// The line of a number, from 0 on.
    pub(super) fn line(&self, index: usize) -> Option<&str> {
        let (begin, end) = *self.lines.get(index)?;
        self.text.get(begin..end)
    }
}

fn wrong(path: &Path, line: usize, what: &str) -> RepairError {
    RepairError::List(format!(
        "{}:{line}: {what}; the list was changed by hand, and cannot be taken for what a registry held: put it right, or use --from registry",
        path.display()
    ))
}

/// A text as it stands in a list.
pub(super) fn as_line(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect()
}
