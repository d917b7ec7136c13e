//! The disk with the output files: a small one of its own, which can be full.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::system::System;

faults! {
    /// What happens to the disk.
    DiskFault {
        /// Not a byte is left.
        Full = "output disk full",
    }
}

/// Unmounts when its standard input ends, which it does with our process, however that ends.
const GUARD: &str = r#"read -r _; umount -l "$0""#;

/// A disk in memory.
pub(crate) struct Disk {
    folder: PathBuf,
    guard: Child,
}

impl Disk {
    /// Mounts one on a folder; `None` where that is not allowed.
    pub(crate) fn mount(folder: &Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2m", "igentai-chaos"]).arg(folder).stderr(Stdio::null());
        if !mount.status().is_ok_and(|status| status.success()) {
            return None;
        }
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD]).arg(folder).stdin(Stdio::piped());
        Some(Self { folder: folder.to_owned(), guard: guard.spawn().unwrap() })
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join(".ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // There is nobody to tell.
        self.guard.wait().ok();
    }
}

impl DiskFault {
    pub(crate) fn begin(self, system: &System) {
        let Self::Full = self;
        let Some(disk) = &system.disk else { return };
        let mut ballast = File::create(disk.ballast()).unwrap();
        while ballast.write_all(&[0; 4096]).is_ok() {}
    }

    pub(crate) fn end(self, system: &System) {
        let Self::Full = self;
        let Some(disk) = &system.disk else { return };
        std::fs::remove_file(disk.ballast()).unwrap();
    }
}
