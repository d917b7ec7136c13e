//! `output.txt`: one attribute a line, in the order of their numbers.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use igentai_core::ids::{Epoch, Seq};
use igentai_core::seeded::{Bug, is_on, strikes};

use super::atomic::{building, sync_folder};
use super::changed::{Change, change};
use super::owner::if_there;

/// What lines are written on.
pub(super) trait Sheet: Write {
    /// Takes away what is behind `length`; the next write goes there.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// Brings what was written to disk.
    fn make_durable(&mut self) -> io::Result<()>;
}

impl Sheet for File {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)?;
        self.seek(SeekFrom::Start(length)).map(drop)
    }

    fn make_durable(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Why lines do not stand.
#[derive(Debug)]
pub(super) enum Failed {
    /// The file holds whole lines still; what waits can be tried again.
    Later(io::Error),
    /// Nobody knows what the file holds; it must be built anew.
    Broken(io::Error),
}

/// The list of one topic's run. It is built beside the one that is there, under a name of its term's own, and takes its place when it is complete, so that
/// readers never see less than before, and a paused predecessor writes to a file that is no longer there.
#[derive(Debug)]
pub(super) struct OutputFile<S = File> {
    path: PathBuf,
    building: Option<PathBuf>,
    sheet: S,
    /// Bytes of whole lines that are in the file.
    length: u64,
    last: Seq,
    /// Lines that are not in the file yet.
    waiting: Vec<u8>,
    waiting_lines: u64,
    durable: bool,
}

impl OutputFile {
    pub(super) fn create(path: &Path, epoch: Epoch) -> io::Result<Self> {
        let building = building(path, epoch);
        // One that is there already may be held open by somebody who is paused, and would be written to by both.
        let sheet = match if_there(fs::symlink_metadata(&building))? {
            Some(found) if !found.is_file() => File::create(&building)?,
            Some(_) | None => {
                if_there(fs::remove_file(&building))?;
                // What somebody else does to it in the very moment of a write changes its length.
                File::options().append(true).create_new(true).open(&building)?
            }
        };
        Ok(Self::on(sheet, path, Some(building)))
    }

    /// What somebody else has done to it since it was written to last.
    pub(super) fn change(&self) -> io::Result<Option<Change>> {
        if is_on(Bug::TornTailKept) {
            return Ok(None);
        }
        change(self.building.as_ref().unwrap_or(&self.path), &self.sheet, self.length)
    }
}

impl<S: Sheet> OutputFile<S> {
    pub(super) fn on(sheet: S, path: &Path, building: Option<PathBuf>) -> Self {
        Self {
            path: path.to_owned(),
            building,
            sheet,
            length: 0,
            last: 0,
            waiting: Vec::new(),
            waiting_lines: 0,
            durable: true,
        }
    }

    /// The number after which lines are to be read to get as far as `heard`; `None` while some wait, so that there is never more than one page in memory.
    pub(super) fn wants(&self, heard: Seq) -> Option<Seq> {
        (self.waiting_lines == 0 && self.last < heard).then_some(self.last)
    }

    /// Takes in lines that begin with number `first`. Those that stand already are passed over; those that do not follow are not taken. Returns how
    /// many wait.
    pub(super) fn push<'a>(&mut self, first: Seq, texts: impl IntoIterator<Item = &'a str>) -> u64 {
        let next = self.last + self.waiting_lines + 1;
        if first <= next {
            let known = usize::try_from(next - first).unwrap_or(usize::MAX);
            for text in texts.into_iter().skip(known) {
                self.waiting.extend(text.bytes().filter(|byte| *byte != b'\n' && *byte != b'\r'));
                self.waiting.push(b'\n');
                if strikes(Bug::LineTwice, 100) {
                    self.waiting.extend_from_within(..);
                }
                self.waiting_lines += 1;
            }
        }
        self.waiting_lines
    }

    /// Writes what waits. What could not be written waits on, so that the next try costs no reading.
    pub(super) fn write(&mut self) -> Result<(), Failed> {
        if let Err(error) = self.sheet.write_all(&self.waiting) {
            if is_on(Bug::TornTailKept) {
                return Err(Failed::Later(error));
            }
            return Err(match self.sheet.cut(self.length) {
                Ok(()) => Failed::Later(error),
                Err(_) => Failed::Broken(error),
            });
        }
        self.length += u64::try_from(self.waiting.len()).unwrap_or(u64::MAX);
        self.last += self.waiting_lines;
        self.durable &= self.waiting_lines == 0;
        self.waiting = Vec::new();
        self.waiting_lines = 0;
        Ok(())
    }

    /// Makes durable what was written, and lets the list take its place. What a disk that failed in this has kept cannot be known.
    pub(super) fn settle(&mut self) -> Result<(), Failed> {
        self.try_to_settle().map_err(Failed::Broken)
    }

    fn try_to_settle(&mut self) -> io::Result<()> {
        if !self.durable || self.building.is_some() {
            self.sheet.make_durable()?;
            self.durable = true;
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

    /// Whether it has taken its place.
    pub(super) const fn is_placed(&self) -> bool {
        self.building.is_none()
    }

    /// Whether all that was taken in is where it belongs, on disk.
    pub(super) const fn is_settled(&self) -> bool {
        self.durable && self.waiting_lines == 0 && self.is_placed()
    }
}

#[cfg(test)]
mod tests;
