//! A long file on its way to the disk while it is still being written, so that the sync at its end has
//! little left to wait for.
#![allow(unsafe_code)] // sync_file_range(2) has no safe form.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;

/// After how many bytes the disk is set to work.
const STRETCH: u64 = 32 << 20;

/// Writes to a file that is open at its start.
#[derive(Debug)]
pub struct WriteBehind<'f> {
    file: &'f File,
    written: u64,
    begun: u64,
}

impl<'f> WriteBehind<'f> {
    /// Begins to write.
    pub fn new(file: &'f File) -> Self {
        Self { file, written: 0, begun: 0 }
    }
}

impl Write for WriteBehind<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.written += written as u64;
        let waiting = self.written - self.begun;
        if waiting >= STRETCH {
            let range = (i64::try_from(self.begun), i64::try_from(waiting));
            if let (Ok(begun), Ok(waiting)) = range {
                let flags = libc::SYNC_FILE_RANGE_WRITE;
                // SAFETY: numbers and a descriptor that is borrowed for the whole call. It only starts
                // the writing: where it fails the sync at the end does all of it, and says what is wrong.
                unsafe { libc::sync_file_range(self.file.as_raw_fd(), begun, waiting, flags) };
            }
            self.begun = self.written;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn what_is_written_is_what_was_given() {
        let file = tempfile::tempfile().unwrap();
        let piece: Vec<u8> = (0..1_000_003_u32).map(|number| number as u8).collect();
        let mut behind = WriteBehind::new(&file);
        for _ in 0..40 {
            behind.write_all(&piece).unwrap();
        }
        assert_eq!(file.metadata().unwrap().len(), 40 * piece.len() as u64);
        let mut last = vec![0; piece.len()];
        file.read_exact_at(&mut last, 39 * piece.len() as u64).unwrap();
        assert_eq!(last, piece);
    }
}
