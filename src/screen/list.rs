//! The lists of the screen: what is in them, in which order, and what is selected.

use std::collections::{HashMap, HashSet};

use super::request::{BatchKey, Request};
use crate::snapshot::RunInformation;
use crate::system::text::visible_command;

/// What can be looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tab {
    /// What waits for a human.
    Queue,
    /// What was decided.
    History,
    /// What can be undone.
    Snapshots,
}

impl Tab {
    /// All of them, in the order in which they stand.
    pub(super) const ALL: [Self; 3] = [Self::Queue, Self::History, Self::Snapshots];

    /// Its name.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Queue => "Queue",
            Self::History => "History",
            Self::Snapshots => "Snapshots",
        }
    }
}

/// A row of the queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct QueueRow {
    pub(super) id: String,
    /// Which of how many of a batch it is, counted from 1; `None` where it is alone.
    pub(super) batch: Option<(usize, usize)>,
}

/// What a filter keeps.
#[derive(Default)]
pub(super) struct Filter {
    /// As it was typed.
    pub(super) text: String,
    words: Vec<String>,
    /// Requests whose attached plan holds the words, as the store has found them.
    pub(super) by_plan: HashSet<String>,
}

impl Filter {
    /// Looks for these words from here on.
    pub(super) fn set(&mut self, text: &str) {
        if self.text != text {
            self.by_plan.clear();
        }
        text.clone_into(&mut self.text);
        self.words = text.to_lowercase().split_whitespace().map(str::to_owned).collect();
    }

    fn keeps(&self, request: &Request) -> bool {
        request.holds(&self.words) || self.by_plan.contains(&request.id.to_string())
    }

    fn keeps_run(&self, run: &RunInformation) -> bool {
        let words: Vec<&[u8]> = run.argv.iter().map(|word| word.as_bytes()).collect();
        let text = format!("{}\n{}\n{}", run.id, run.requester, visible_command(&words));
        let text = text.to_lowercase();
        self.words.iter().all(|word| text.contains(word.as_str()))
    }
}

/// Everything that is known, and the lists of it.
#[derive(Default)]
pub(super) struct Lists {
    requests: HashMap<String, Request>,
    runs: Vec<RunInformation>,
    pub(super) filter: Filter,
    pub(super) queue: Vec<QueueRow>,
    pub(super) history: Vec<String>,
    pub(super) snapshots: Vec<RunInformation>,
    /// How many requests wait, whatever the filter says.
    pub(super) waiting: usize,
}

impl Lists {
    /// A request is new or has changed. [`Lists::arrange`] has to follow.
    pub(super) fn put(&mut self, request: Request) {
        self.requests.insert(request.id.to_string(), request);
    }

    /// These are the snapshots. [`Lists::arrange`] has to follow.
    pub(super) fn put_runs(&mut self, runs: Vec<RunInformation>) {
        self.runs = runs;
    }

    /// The request with this id.
    pub(super) fn request(&self, id: &str) -> Option<&Request> {
        self.requests.get(id)
    }

    /// The number of rows in a list.
    pub(super) fn len(&self, tab: Tab) -> usize {
        match tab {
            Tab::Queue => self.queue.len(),
            Tab::History => self.history.len(),
            Tab::Snapshots => self.snapshots.len(),
        }
    }

    /// The id in a row of a list.
    pub(super) fn id(&self, tab: Tab, row: usize) -> Option<&str> {
        match tab {
            Tab::Queue => self.queue.get(row).map(|row| row.id.as_str()),
            Tab::History => self.history.get(row).map(String::as_str),
            Tab::Snapshots => self.snapshots.get(row).map(|run| run.id.as_str()),
        }
    }

    /// Those that wait and belong together with this one, in the order of the queue.
    pub(super) fn batch_of(&self, id: &str) -> Vec<String> {
        let Some(key) = self.request(id).map(Request::batch) else { return Vec::new() };
        let waiting = self.in_order(Request::waits);
        let same = waiting.into_iter().filter(|request| request.batch() == key);
        same.map(|request| request.id.to_string()).collect()
    }

    /// Puts everything in its order: what waits, oldest first, those that belong together one below
    /// the other; what was decided and what can be undone, newest first.
    pub(super) fn arrange(&mut self) {
        let waiting = self.in_order(Request::waits);
        let mut batches: Vec<Vec<&Request>> = Vec::new();
        let mut places: HashMap<BatchKey, usize> = HashMap::new();
        for request in &waiting {
            let place = *places.entry(request.batch()).or_insert(batches.len());
            match batches.get_mut(place) {
                Some(batch) => batch.push(request),
                None => batches.push(vec![request]),
            }
        }
        let rows = batches.iter().flat_map(|batch| {
            let place = |index| (batch.len() > 1).then_some((index + 1, batch.len()));
            batch.iter().enumerate().map(move |(index, request)| (request, place(index)))
        });
        let queue = rows
            .filter(|(request, _)| self.filter.keeps(request))
            .map(|(request, batch)| QueueRow { id: request.id.to_string(), batch })
            .collect();
        let mut decided = self.in_order(|request| !request.waits());
        decided.sort_by(|one, other| other.changed.cmp(&one.changed));
        let decided = decided.into_iter().filter(|request| self.filter.keeps(request));
        let history = decided.map(|request| request.id.to_string()).collect();
        let mut snapshots: Vec<_> =
            self.runs.iter().filter(|run| self.filter.keeps_run(run)).cloned().collect();
        snapshots.sort_by_key(|run| std::cmp::Reverse(run.at.wall_ms));
        self.waiting = waiting.len();
        (self.queue, self.history, self.snapshots) = (queue, history, snapshots);
    }

    fn in_order(&self, keep: impl Fn(&Request) -> bool) -> Vec<&Request> {
        let mut found: Vec<_> = self.requests.values().filter(|request| keep(request)).collect();
        found.sort_by(|one, other| (&one.created, &one.id).cmp(&(&other.created, &other.id)));
        found
    }
}

/// What is selected in a list: an id, which stays selected when the list changes around it.
#[derive(Clone, Default, Debug)]
pub(super) struct Selection {
    id: Option<String>,
    /// Its row, as of the last [`Selection::settle`].
    pub(super) row: usize,
    /// The first row on screen.
    pub(super) top: usize,
}

impl Selection {
    /// Moves by so many rows.
    pub(super) fn step(&mut self, lists: &Lists, tab: Tab, by: isize) {
        self.to(lists, tab, self.row.saturating_add_signed(by));
    }

    /// Moves to a row, or to the last.
    pub(super) fn to(&mut self, lists: &Lists, tab: Tab, row: usize) {
        self.row = row.min(lists.len(tab).saturating_sub(1));
        self.id = lists.id(tab, self.row).map(str::to_owned);
    }

    /// Finds its row again, and the part of the list to show on so many rows.
    pub(super) fn settle(&mut self, lists: &Lists, tab: Tab, height: usize) {
        let same = self
            .id
            .as_deref()
            .and_then(|id| (0..lists.len(tab)).find(|row| lists.id(tab, *row) == Some(id)));
        // What was selected has gone: what stands in its place now.
        self.to(lists, tab, same.unwrap_or(self.row));
        let last_top = lists.len(tab).saturating_sub(height);
        self.top = self.top.min(self.row).max((self.row + 1).saturating_sub(height)).min(last_top);
    }
}
