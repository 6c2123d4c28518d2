//! What two states of one path have in common.

use super::metadata::SET_ID;
use super::{Node, NodeMetadata};

impl Node {
    /// Its metadata, where there is anything.
    pub fn metadata(&self) -> Option<&NodeMetadata> {
        match self {
            Self::Absent => None,
            Self::File { metadata, .. }
            | Self::Directory { metadata }
            | Self::Symlink { metadata, .. }
            | Self::Fifo { metadata }
            | Self::Device { metadata, .. }
            | Self::Socket { metadata } => Some(metadata),
        }
    }

    /// Its metadata, to be changed.
    pub(super) fn metadata_mut(&mut self) -> Option<&mut NodeMetadata> {
        match self {
            Self::Absent => None,
            Self::File { metadata, .. }
            | Self::Directory { metadata }
            | Self::Symlink { metadata, .. }
            | Self::Fifo { metadata }
            | Self::Device { metadata, .. }
            | Self::Socket { metadata } => Some(metadata),
        }
    }

    /// What it is, as people say it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Absent => "nothing",
            Self::File { .. } => "file",
            Self::Directory { .. } => "directory",
            Self::Symlink { .. } => "symbolic link",
            Self::Fifo { .. } => "named pipe",
            Self::Device { .. } => "device",
            Self::Socket { .. } => "socket",
        }
    }

    /// Whether nothing is there.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        matches!(self, Self::Directory { .. })
    }

    /// Whether both are the same kind of thing with the same content (a link's target, a device's
    /// number), whatever their metadata. Where a file has holes belongs to its content; but whether
    /// room that was only set aside (fallocate(2)) is a hole or data depends on who read it last, so
    /// that an inode to which nothing happened has the content that it had.
    pub fn same_content(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::File { metadata, size, content, data },
                Self::File {
                    metadata: other_metadata,
                    size: other_size,
                    content: other_content,
                    data: other_data,
                },
            ) => {
                size == other_size
                    && (content == other_content && data == other_data
                        || data != other_data && metadata.untouched_since(other_metadata))
            }
            (Self::Symlink { target, .. }, Self::Symlink { target: other_target, .. }) => {
                target == other_target
            }
            (
                Self::Device { kind, number, .. },
                Self::Device { kind: other_kind, number: other_number, .. },
            ) => kind == other_kind && number == other_number,
            (Self::Absent, Self::Absent)
            | (Self::Directory { .. }, Self::Directory { .. })
            | (Self::Fifo { .. }, Self::Fifo { .. })
            | (Self::Socket { .. }, Self::Socket { .. }) => true,
            _ => false,
        }
    }

    /// Whether this is a file that lends rights to whoever executes it: it has set-id bits or
    /// capabilities.
    pub(super) fn lends_rights(&self) -> bool {
        matches!(self, Self::File { metadata, .. }
            if metadata.mode & SET_ID != 0 || metadata.capabilities().is_some())
    }

    /// The same where what is there now does not lend just these rights in the same hands.
    pub(super) fn lends_rights_that_went(&self, now: &NodeMetadata) -> bool {
        self.lends_rights()
            && self.metadata().is_some_and(|metadata| {
                !metadata.same_owner_and_mode(now) || metadata.capabilities() != now.capabilities()
            })
    }

    /// Whether both are the same in everything that an undo restores.
    ///
    /// Inode and device numbers, change times and link counts are not compared: they cannot be
    /// restored, and device numbers change from boot to boot. Nor is a directory's modification
    /// time, which every neighbour's change moves: it is restored, but it is no reason to.
    pub fn same_state(&self, other: &Self) -> bool {
        if !self.same_content(other) {
            return false;
        }
        match (self.metadata(), other.metadata()) {
            (Some(one), Some(two)) => {
                one.same_owner_and_mode(two)
                    && one.xattrs == two.xattrs
                    && one.flags == two.flags
                    && one.link == two.link
                    && (self.is_directory() || one.same_mtime(two))
            }
            (one, two) => one.is_none() && two.is_none(),
        }
    }
}

impl NodeMetadata {
    /// Whether others can write it than could before, by its owner, group and mode.
    pub(super) fn is_open_to_more_than(&self, before: &Self) -> bool {
        const GROUP_MAY_WRITE: u32 = 0o020;
        const OTHERS_MAY_WRITE: u32 = 0o002;
        self.uid != before.uid
            || self.gid != before.gid && self.mode & GROUP_MAY_WRITE != 0
            || self.mode & !before.mode & (GROUP_MAY_WRITE | OTHERS_MAY_WRITE) != 0
    }

    fn capabilities(&self) -> Option<&str> {
        let named = self.xattrs.iter().find(|(name, _)| name.as_bytes() == b"security.capability");
        named.map(|(_, value)| value.as_str())
    }

    /// Whether both have the same mode, owner and group.
    pub(super) fn same_owner_and_mode(&self, other: &Self) -> bool {
        (self.mode, self.uid, self.gid) == (other.mode, other.uid, other.gid)
    }

    /// Whether both have the same modification time.
    pub(super) fn same_mtime(&self, other: &Self) -> bool {
        (self.mtime_s, self.mtime_ns) == (other.mtime_s, other.mtime_ns)
    }

    /// Whether both are the same inode.
    pub(super) fn same_inode(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// Whether nothing has happened to the inode between the two: every change moves its change
    /// time, which nobody can set.
    pub(super) fn untouched_since(&self, other: &Self) -> bool {
        self.same_inode(other)
            && self.same_owner_and_mode(other)
            && self.same_mtime(other)
            && (self.ctime_s, self.ctime_ns) == (other.ctime_s, other.ctime_ns)
    }

    /// Whether the inode's last change lies so far before a moment (milliseconds since the epoch)
    /// that a change after it must show in the change time. Times within the clock's granularity
    /// of the moment do not tell, as git knows them: "racily clean".
    pub(super) fn settled_before(&self, wall_ms: i64) -> bool {
        // A tick is at most 10 ms; a file system without fractions may count in two seconds.
        let granularity_ms = if self.ctime_ns == 0 { 2_000 } else { 20 };
        let changed_ms =
            self.ctime_s.saturating_mul(1000).saturating_add(i64::from(self.ctime_ns / 1_000_000));
        changed_ms.saturating_add(granularity_ms) < wall_ms
    }
}
