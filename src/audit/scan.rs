//! Raw lines of a segment, one after another, in constant memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;

use super::LINE_LIMIT;

/// How much is read from the file at once.
const READ_SIZE: usize = 1 << 20;

/// One raw line, or one piece of a line that is longer than any entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawLine<'a> {
    /// Where it begins in the segment, in bytes.
    pub(super) offset: u64,
    /// Its bytes, without the line feed.
    pub(super) bytes: &'a [u8],
    /// Whether a line feed ends it: not so for a torn last line, nor for a piece of a longer line.
    pub(super) terminated: bool,
    /// Whether it is a line by itself: terminated, and not the rest of a longer line.
    pub(super) whole: bool,
}

impl RawLine<'_> {
    /// Where the next line begins.
    pub(super) fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64 + u64::from(self.terminated)
    }
}

/// Yields the lines of a reader.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    offset: u64,
    within_line: bool,
}

impl<R: Read> Lines<R> {
    /// The lines of `reader`, which stands at `offset` of its segment.
    pub(super) fn new(reader: R, offset: u64) -> Self {
        let reader = BufReader::with_capacity(READ_SIZE, reader);
        Self { reader, line: Vec::new(), offset, within_line: false }
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// What reading fails with.
    pub(super) fn next(&mut self) -> io::Result<Option<RawLine<'_>>> {
        self.line.clear();
        let read =
            self.reader.by_ref().take(LINE_LIMIT as u64).read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        let terminated = self.line.last() == Some(&b'\n');
        if terminated {
            self.line.pop();
        }
        let whole = terminated && !self.within_line;
        self.within_line = !terminated;
        let line = RawLine { offset: self.offset, bytes: &self.line, terminated, whole };
        self.offset = line.end();
        Ok(Some(line))
    }
}

/// Reads a file from a place of its own, whatever else is done with the same open file.
pub(super) struct ReadFrom<'a> {
    pub(super) file: &'a File,
    pub(super) offset: u64,
}

impl Read for ReadFrom<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}
