//! Disks of a test's own: file systems on files, and memory, mounted where no other test and nothing
//! of the machine sees them; gone with the thread that mounted them, however the test ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::disk::privately;

/// Runs a test on a thread with mounts of its own. What hitl and other programs that are started by
/// it see is mounted there too.
pub fn with_own_mounts(test: impl FnOnce() + Send) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    if !crate::world::can_have_a_world(&name) {
        return;
    }
    privately(test);
}

/// A mounted disk. Dropped, it is no longer mounted.
pub struct Disk(PathBuf);

impl Disk {
    /// An empty disk in memory, of a size such as `2m`.
    pub fn in_memory(size: &str, at: &Path) -> Self {
        mounted(&["-t", "tmpfs", "-o", &format!("size={size},mode=755"), "tmpfs"], at)
    }

    /// Makes a file system (`ext4`, `btrfs`) on a new file and mounts it.
    pub fn of_kind(kind: &str, megabytes: u64, image: &Path, at: &Path) -> Self {
        make(kind, megabytes, image);
        Self::on_image(kind, image, at)
    }

    /// Mounts what is on a file. Nothing is written to it but what somebody has asked to be durable,
    /// or has waited long for: ext4 would by itself make up for some syncs that a program forgot.
    pub fn on_image(kind: &str, image: &Path, at: &Path) -> Self {
        let options = if kind == "ext4" { "loop,noauto_da_alloc,commit=300" } else { "loop" };
        mounted(&["-t", kind, "-o", options, &image.display().to_string()], at)
    }

    /// Makes it read-only, or writable again.
    pub fn set_writable(&self, writable: bool) {
        let options = if writable { "remount,rw" } else { "remount,ro" };
        run(Command::new("mount").args(["-o", options]).arg(&self.0));
    }

    /// Fills it up to the last byte, but for this many bytes; the file that takes the room.
    pub fn fill_but(&self, bytes: u64) -> PathBuf {
        let filler = self.0.join("filler");
        let mut file = fs::File::create(&filler).unwrap();
        let mut piece = vec![1_u8; 1 << 20];
        let mut written = 0;
        while !piece.is_empty() {
            match std::io::Write::write(&mut file, &piece) {
                Ok(length) if length > 0 => written += length as u64,
                _ => piece.truncate(piece.len() / 2),
            }
        }
        file.set_len(written.saturating_sub(bytes)).unwrap();
        file.sync_all().unwrap();
        filler
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
        assert!(
            unmounted.is_ok_and(|status| status.success()) || std::thread::panicking(),
            "{:?} stays mounted",
            self.0
        );
    }
}

fn make(kind: &str, megabytes: u64, image: &Path) {
    fs::File::create(image).unwrap().set_len(megabytes << 20).unwrap();
    let mut command = Command::new(format!("mkfs.{kind}"));
    if kind == "ext4" {
        // Nothing is kept back for root, and nothing is left to be made while it is mounted.
        command.args(["-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0"]);
    }
    run(command.arg("-q").arg(image));
}

fn mounted(arguments: &[&str], at: &Path) -> Disk {
    run(Command::new("mount").args(arguments).arg(at));
    Disk(at.to_owned())
}

/// Runs a tool that has to succeed.
#[track_caller]
pub fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
}
