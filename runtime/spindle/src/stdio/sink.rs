//! Where one stream of one component goes, and how much of it waits.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, PoisonError};

/// What one component has said and is not written yet.
pub(super) struct Queue {
    pub(super) component: String,
    pub(super) waiting: AtomicUsize,
    pub(super) dropped: AtomicU64,
}

/// Where a stream of Spindle's own goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Own {
    Stdout,
    Stderr,
}

/// Where one stream of one component goes. Lines come after the component's id in Spindle's own output, and alone in a file.
pub(super) struct Sink {
    pub(super) queue: Arc<Queue>,
    pub(super) prefix: Box<str>,
    pub(super) own: Option<Own>,
    pub(super) file: Option<Mutex<LogFile>>,
}

impl Sink {
    pub(super) fn write(&self, lines: &[u8]) {
        // There is nowhere to report a failure to write to.
        if let Some(file) = &self.file {
            let _ = file.lock().unwrap_or_else(PoisonError::into_inner).write(lines);
        }
        let Some(own) = self.own else { return };
        let mut text = Vec::with_capacity(lines.len() + self.prefix.len() * 8);
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            text.extend_from_slice(self.prefix.as_bytes());
            text.extend_from_slice(line);
        }
        let _ = match own {
            Own::Stdout => std::io::stdout().lock().write_all(&text),
            Own::Stderr => std::io::stderr().lock().write_all(&text),
        };
    }
}

/// A file that is renamed when it has become large.
pub(super) struct LogFile {
    pub(super) file: File,
    pub(super) path: PathBuf,
    pub(super) size: u64,
    pub(super) max: u64,
}

impl LogFile {
    pub(super) fn open(path: PathBuf, truncate: bool, max: u64) -> std::io::Result<Self> {
        if truncate {
            File::create(&path)?;
        }
        let file = OpenOptions::new().append(true).create(true).open(&path)?;
        let size = file.metadata()?.len();
        Ok(Self { file, path, size, max })
    }

    pub(super) fn write(&mut self, lines: &[u8]) -> std::io::Result<()> {
        if self.size > 0 && self.size + lines.len() as u64 > self.max {
            let mut old = self.path.clone().into_os_string();
            old.push(".1");
            std::fs::rename(&self.path, old)?;
            *self = Self::open(self.path.clone(), false, self.max)?;
        }
        self.size += lines.len() as u64;
        self.file.write_all(lines)
    }
}
