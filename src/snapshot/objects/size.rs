//! How much room the content takes.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;

use super::shelf::{names, pack_names};
use super::sweep::content_name;
use super::{Objects, volumes::Volume};
use crate::snapshot::SnapshotError;
use crate::snapshot::error::unreadable;

impl Objects {
    /// How many bytes the packs and the large contents have. What is a clone shares its blocks with a
    /// file, and counts for nothing. Looks at names and lengths only.
    ///
    /// # Errors
    /// [`SnapshotError::Read`].
    pub(in crate::snapshot) fn size(&self) -> Result<u64, SnapshotError> {
        let mut total = 0_u64;
        let packs = self.store.join("packs");
        for name in pack_names(&packs)? {
            let path = packs.join(name.hex());
            match std::fs::metadata(&path) {
                Ok(found) => total = total.saturating_add(found.len()),
                // It was put together with others meanwhile.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(unreadable(&path)(error)),
            }
        }
        let volume = Volume::main(&self.store)?;
        let mut files: HashMap<u64, (u64, bool)> = HashMap::new();
        for file in names(&volume.path)? {
            let Some(name) = content_name(&file) else { continue };
            // What is swept away as we look takes no room.
            let Ok(found) = std::fs::symlink_metadata(volume.path.join(&file)) else { continue };
            let (_, cloned) = files.entry(found.ino()).or_insert((found.len(), false));
            *cloned |= name.as_clone().is_some();
        }
        let large = files.into_values().filter(|(_, cloned)| !cloned).map(|(bytes, _)| bytes);
        Ok(large.fold(total, u64::saturating_add))
    }
}
