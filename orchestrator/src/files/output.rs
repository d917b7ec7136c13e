//! `output.txt`: one attribute a line, in the order of their numbers.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use igentai_core::ids::Seq;

use super::atomic::sync_folder;

/// The list of one topic's run. It is built beside the one that is there and takes its place at the first sync, so that a paused
/// predecessor writes to a file that is no longer there.
#[derive(Debug)]
pub(super) struct OutputFile {
    path: PathBuf,
    building: Option<PathBuf>,
    file: File,
    /// Bytes of whole lines that are in the file.
    length: u64,
    last: Seq,
    /// Lines that are not in the file yet.
    waiting: Vec<u8>,
    waiting_lines: u64,
    unsynced: u64,
    /// Number of the last line that was heard of, there or not.
    heard: Seq,
}

impl OutputFile {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let building = path.with_extension("txt.new");
        let file = File::create(&building)?;
        Ok(Self {
            path: path.to_owned(),
            building: Some(building),
            file,
            length: 0,
            last: 0,
            waiting: Vec::new(),
            waiting_lines: 0,
            unsynced: 0,
            heard: 0,
        })
    }

    /// Takes lines in. Those that are there already are passed over; those that do not follow are not taken, see [`OutputFile::is_behind`].
    pub(super) fn push(&mut self, first: Seq, texts: &[String]) {
        let next = self.last + self.waiting_lines + 1;
        let end = first + u64::try_from(texts.len()).unwrap_or(u64::MAX);
        self.heard = self.heard.max(end - 1);
        if first > next {
            return;
        }
        let known = usize::try_from(next - first).unwrap_or(usize::MAX);
        for text in texts.iter().skip(known) {
            self.waiting.extend(text.bytes().filter(|byte| *byte != b'\n' && *byte != b'\r'));
            self.waiting.push(b'\n');
            self.waiting_lines += 1;
        }
    }

    /// Whether lines are missing that were heard of.
    pub(super) const fn is_behind(&self) -> bool {
        self.last + self.waiting_lines < self.heard
    }

    /// Lines that are not on disk for sure.
    pub(super) const fn unsynced(&self) -> u64 {
        self.waiting_lines + self.unsynced
    }

    /// Writes what waits, and makes it durable. When that fails the file holds whole lines still, and [`OutputFile::last`] tells how many; what waited is
    /// dropped.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        let (lines, count) = (std::mem::take(&mut self.waiting), std::mem::take(&mut self.waiting_lines));
        if let Err(error) = self.file.write_all(&lines) {
            self.file.set_len(self.length)?;
            self.file.seek(SeekFrom::End(0))?;
            return Err(error);
        }
        self.length += u64::try_from(lines.len()).unwrap_or(u64::MAX);
        self.last += count;
        self.unsynced += count;
        if self.unsynced > 0 || self.building.is_some() {
            self.file.sync_data()?;
            self.unsynced = 0;
        }
        if let Some(building) = &self.building {
            fs::rename(building, &self.path)?;
            sync_folder(&self.path)?;
            self.building = None;
        }
        Ok(())
    }

    /// Number of the last line in the file.
    pub(super) const fn last(&self) -> Seq {
        self.last
    }
}
