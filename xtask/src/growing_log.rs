//! The log of a running process, read line by line as it grows.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::{Context as _, Result};

/// A file that grows.
pub(crate) struct GrowingLog {
    file: BufReader<File>,
    line: Vec<u8>,
}

impl GrowingLog {
    pub(crate) fn open(log: &Path) -> Result<Self> {
        let file = File::open(log).with_context(|| format!("cannot read {}", log.display()))?;
        Ok(Self { file: BufReader::new(file), line: Vec::new() })
    }

    /// Gives `each` the lines that have come since the last call, without their ends.
    pub(crate) fn read(&mut self, mut each: impl FnMut(&str)) -> Result<()> {
        // What was read of a line that is not yet whole stays until the rest comes.
        while self.file.read_until(b'\n', &mut self.line).context("cannot read a log")? > 0 {
            if let Some(line) = self.line.strip_suffix(b"\n") {
                each(&String::from_utf8_lossy(line));
                self.line.clear();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_line_is_given_once_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut file = File::create(&path).unwrap();
        let mut log = GrowingLog::open(&path).unwrap();
        let mut lines = Vec::new();
        for part in ["one\ntw", "o\n\nthree"] {
            file.write_all(part.as_bytes()).unwrap();
            log.read(|line| lines.push(line.to_owned())).unwrap();
        }
        assert_eq!(lines, ["one", "two", ""]);
    }
}
