//! The content of a file as it is kept: all of it, or the data segments of one with holes.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;

/// Reads what of a file is kept.
pub(super) struct Segments<'f> {
    file: &'f File,
    /// What is left to be read, the last first; `None`: from here to the end.
    left: Option<Vec<(u64, u64)>>,
}

impl<'f> Segments<'f> {
    /// A file that is open at its start, and its data segments where it has holes.
    pub(super) fn of(file: &'f File, data: Option<&[(u64, u64)]>) -> Self {
        Self { file, left: data.map(|data| data.iter().rev().copied().collect()) }
    }
}

impl Read for Segments<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(left) = &mut self.left else { return (&mut self.file).read(buffer) };
        while let Some((at, length)) = left.last_mut() {
            if *length == 0 {
                left.pop();
                continue;
            }
            let most = usize::try_from(*length).unwrap_or(usize::MAX).min(buffer.len());
            let read = self.file.read_at(buffer.get_mut(..most).unwrap_or_default(), *at)?;
            *at += read as u64;
            *length -= read as u64;
            if read == 0 {
                // It was cut off: whoever counts the bytes will see.
                left.clear();
            }
            return Ok(read);
        }
        Ok(0)
    }
}

/// Writes what is kept of a file to where it belongs, and leaves out the holes.
pub(super) struct SegmentWriter<'f> {
    file: &'f File,
    /// What is left to be written, the last first; `None`: from here to the end.
    left: Option<Vec<(u64, u64)>>,
}

impl<'f> SegmentWriter<'f> {
    /// A file that is open at its start, and the data segments that it is to have.
    pub(super) fn of(file: &'f File, data: Option<&[(u64, u64)]>) -> Self {
        Self { file, left: data.map(|data| data.iter().rev().copied().collect()) }
    }
}

impl Write for SegmentWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(left) = &mut self.left else { return (&mut self.file).write(bytes) };
        while let Some((at, length)) = left.last_mut() {
            if *length == 0 {
                left.pop();
                continue;
            }
            let most = usize::try_from(*length).unwrap_or(usize::MAX).min(bytes.len());
            let written = self.file.write_at(bytes.get(..most).unwrap_or_default(), *at)?;
            *at += written as u64;
            *length -= written as u64;
            return Ok(written);
        }
        // More than the segments hold: the content is not the one that they belong to.
        Err(io::ErrorKind::InvalidData.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_file_with_holes_goes_back_to_where_it_was() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(b"abc", 10).unwrap();
        file.write_all_at(b"de", 100).unwrap();
        file.set_len(1000).unwrap();
        let data = [(10, 3), (100, 2)];
        let mut kept = Vec::new();
        Segments::of(&file, Some(&data)).read_to_end(&mut kept).unwrap();
        assert_eq!(kept, b"abcde");
        let again = tempfile::tempfile().unwrap();
        let mut writer = SegmentWriter::of(&again, Some(&data));
        writer.write_all(&kept).unwrap();
        assert!(writer.write_all(b"x").is_err());
        again.set_len(1000).unwrap();
        let bytes = |file: &File| {
            let mut bytes = vec![0; 1000];
            file.read_exact_at(&mut bytes, 0).unwrap();
            bytes
        };
        assert_eq!(bytes(&again), bytes(&file));
    }
}
