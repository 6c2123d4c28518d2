//! All requests at once: read without the lock, each record once, and written down only where time, a
//! restart or a killed writer has left something to be written.
//!
//! Every file is checked as if it were the only one (see `record_file`); that takes most of the time,
//! and is shared by the processors where there are many.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;

use super::file_store::{FileStore, file_name, ids_among, is_temporary, names};
use super::{Listing, Record, RequestId, Stock, StoreError, record_file};
use crate::system::Moment;

/// With fewer requests a thread takes longer to start than to help.
const WORTH_A_THREAD: usize = 64;

/// More threads than this wait for the file system rather than work.
const MOST_THREADS: usize = 4;

/// What could be read of one request's file: `None` where it has gone since its name was read.
pub(super) type Read = (RequestId, Result<Option<Record>, StoreError>);

/// See [`super::RequestStore::take_stock`].
pub(super) fn take(
    store: &FileStore,
    recorded: &mut dyn FnMut(&[Record]) -> Result<(), StoreError>,
) -> Result<Stock, StoreError> {
    let pending = store.pending();
    let names = names(&pending)?;
    let now = Moment::now();
    let mut to_write = Vec::new();
    let mut read = read_all(&pending, ids_among(&names));
    for (id, read) in &mut read {
        if let Ok(Some(record)) = read {
            let was_closed = record.state.is_closed();
            if record.stand_at(&now) || was_closed {
                to_write.push(id.clone());
            }
        }
    }
    let mut closed = Vec::new();
    if !to_write.is_empty() || names.iter().any(|name| is_temporary(name)) {
        let Some(_lock) = store.locked()? else { return Ok(Stock::default()) };
        store.sweep()?;
        closed = store.write_down(&to_write, &now, recorded)?;
    }
    Ok(Stock { live: listing(read, false), closed })
}

/// The requests, each once, oldest first.
pub(super) fn listing(read: Vec<Read>, closed: bool) -> Listing {
    let mut records = BTreeMap::new();
    let mut damaged = Vec::new();
    for (id, read) in read {
        match read {
            Ok(Some(record)) if closed || !record.state.is_closed() => {
                records.insert(id, record);
            }
            Ok(_) => {}
            Err(error) => damaged.push(error),
        }
    }
    let mut records: Vec<Record> = records.into_values().collect();
    records.sort_by_key(|record| record.created.wall_ms);
    Listing { records, damaged }
}

/// Reads the files of these requests in a directory, in the order of the ids.
pub(super) fn read_all(directory: &Path, ids: Vec<RequestId>) -> Vec<Read> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
    let threads = processors.min(ids.len() / WORTH_A_THREAD).max(1);
    let share = ids.len().div_ceil(threads).max(1);
    let (own, others) = ids.split_at(share.min(ids.len()));
    thread::scope(|scope| {
        let helped: Vec<_> = others
            .chunks(share)
            .map(|ids| {
                let helper =
                    thread::Builder::new().spawn_scoped(scope, || read_some(directory, ids));
                (ids, helper)
            })
            .collect();
        let mut read = read_some(directory, own);
        for (ids, helper) in helped {
            let by_helper = helper.ok().and_then(|helper| helper.join().ok());
            // Where no thread is to be had, it takes longer.
            read.extend(by_helper.unwrap_or_else(|| read_some(directory, ids)));
        }
        read
    })
}

fn read_some(directory: &Path, ids: &[RequestId]) -> Vec<Read> {
    let read = |id: &RequestId| {
        let path: PathBuf = directory.join(file_name(id));
        (id.clone(), record_file::read(&path, id))
    };
    ids.iter().map(read).collect()
}
