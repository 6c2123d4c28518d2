//! The state of the screen: what is looked at, what is asked, what has been read to its end.

use std::collections::HashSet;

use super::facts::{Tone, facts};
use super::layout::{PageLine, lines_of, lines_of_text};
use super::list::{Lists, Selection, Tab};
use super::prompt::Prompt;
use super::request::Request;

/// The least that the screen works on, in columns and rows.
pub(super) const LEAST: (u16, u16) = (60, 15);

/// From this many rows on, the list leaves room for what is selected.
const ROWS_FOR_PREVIEW: u16 = 32;

/// Rows that are not the body: the header and its rule above, a rule and the keys below.
const FRAME_ROWS: u16 = 4;

/// Whether what is shown is what there is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Live {
    /// The first listing has not ended yet.
    Reading,
    /// Every change is shown as it happens.
    Yes,
    /// The watch has ended: why.
    No(String),
}

/// What lies over the list.
#[derive(Debug)]
pub(super) enum Layer {
    /// A request whole.
    Detail(Detail),
    /// A text.
    Page(Page),
}

/// A request that is being read.
#[derive(Debug)]
pub(super) struct Detail {
    pub(super) id: String,
    pub(super) scroll: usize,
    /// As `hitl show` told it; until then it cannot be decided about.
    pub(super) whole: Option<Box<Request>>,
}

/// A text that is being read.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) title: String,
    /// Its lines, made visible; `None` until they are there.
    pub(super) lines: Option<Vec<String>>,
    pub(super) scroll: usize,
}

/// Requests that belong together, walked through one by one.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    pub(super) ids: Vec<String>,
    pub(super) at: usize,
}

/// The part of the screen that scrolls, as it is drawn.
#[derive(Default)]
pub(super) struct Body {
    /// The lines of the page that is read, or of what is selected.
    pub(super) lines: Vec<PageLine>,
    /// The rows of a page, or of the list.
    pub(super) height: usize,
    /// The rows below the list for what is selected.
    pub(super) preview: usize,
}

/// The whole state.
pub(super) struct Screen {
    pub(super) lists: Lists,
    pub(super) tab: Tab,
    pub(super) selections: [Selection; Tab::ALL.len()],
    pub(super) layers: Vec<Layer>,
    pub(super) prompt: Option<Prompt>,
    pub(super) walk: Option<Walk>,
    pub(super) message: Option<(Tone, String)>,
    pub(super) live: Live,
    /// What the watch last complained about.
    pub(super) complaint: Option<String>,
    /// Milliseconds since boot.
    pub(super) now_ms: u64,
    pub(super) body: Body,
    /// The digests of requests whose end has been on screen.
    read: HashSet<String>,
    too_small: bool,
}

impl Screen {
    /// A screen that knows nothing yet.
    pub(super) fn new(now_ms: u64) -> Self {
        Self {
            lists: Lists::default(),
            tab: Tab::Queue,
            selections: Default::default(),
            layers: Vec::new(),
            prompt: None,
            walk: None,
            message: None,
            live: Live::Reading,
            complaint: None,
            now_ms,
            body: Body::default(),
            read: HashSet::new(),
            too_small: false,
        }
    }

    /// The selection in the list that is shown.
    pub(super) fn selection(&self) -> &Selection {
        &self.selections[self.tab as usize]
    }

    /// The same, to move it.
    pub(super) fn selected(&mut self) -> (&Lists, Tab, &mut Selection) {
        (&self.lists, self.tab, &mut self.selections[self.tab as usize])
    }

    /// The id of what is selected.
    pub(super) fn selected_id(&self) -> Option<&str> {
        self.lists.id(self.tab, self.selection().row)
    }

    /// The request that is read, as far as it is known.
    pub(super) fn open_request(&self) -> Option<&Request> {
        match self.layers.last()? {
            Layer::Detail(detail) => {
                detail.whole.as_deref().or_else(|| self.lists.request(&detail.id))
            }
            Layer::Page(_) => None,
        }
    }

    /// Whether the request that is read is there whole.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.layers.last(), Some(Layer::Detail(Detail { whole: Some(_), .. })))
    }

    /// A request is new or has changed. [`Screen::arrange`] has to follow.
    pub(super) fn put(&mut self, request: Request) {
        let id = request.id.to_string();
        for layer in &mut self.layers {
            if let Layer::Detail(Detail { id: open, whole: Some(whole), .. }) = layer
                && *open == id
            {
                whole.becomes(&request);
            }
        }
        self.lists.put(request);
    }

    /// A request has been told whole.
    pub(super) fn is_whole_now(&mut self, request: Request) {
        let id = request.id.to_string();
        for layer in &mut self.layers {
            match layer {
                Layer::Detail(detail) if detail.id == id => {
                    detail.whole = Some(Box::new(request));
                    return;
                }
                Layer::Detail(_) | Layer::Page(_) => {}
            }
        }
    }

    /// The lists are arranged anew; a question about what nobody can decide any more goes.
    pub(super) fn arrange(&mut self) {
        self.lists.arrange();
        let asked = self.prompt.as_ref().and_then(Prompt::request);
        let closed = asked.and_then(|id| self.lists.request(id)).filter(|one| !one.waits());
        if let Some(request) = closed {
            let text = format!("{} is {}: nothing is decided", request.id, request.state);
            self.prompt = None;
            self.say(Tone::Caution, text);
        }
    }

    /// Whether the end of this request has been on screen.
    pub(super) fn was_read(&self, request: &Request) -> bool {
        self.read.contains(&request.digest.to_string())
    }

    /// Whether there is too little room for anything.
    pub(super) fn is_too_small(&self) -> bool {
        self.too_small
    }

    /// Whether something on screen changes with time alone.
    pub(super) fn counts_down(&self) -> bool {
        self.lists.waiting > 0
    }

    /// Where the page that is read has been scrolled to.
    pub(super) fn scroll(&self) -> usize {
        match self.layers.last() {
            Some(Layer::Detail(detail)) => detail.scroll,
            Some(Layer::Page(page)) => page.scroll,
            None => 0,
        }
    }

    /// Scrolls the page that is read to this line, or as far as it goes.
    pub(super) fn scroll_to(&mut self, line: usize) {
        let last = self.body.lines.len().saturating_sub(self.body.height);
        match self.layers.last_mut() {
            Some(Layer::Detail(detail)) => detail.scroll = line.min(last),
            Some(Layer::Page(page)) => page.scroll = line.min(last),
            None => {}
        }
    }

    /// Lays everything out on that many columns and rows, and notes what is read by being drawn so.
    pub(super) fn settle(&mut self, columns: u16, rows: u16) {
        self.too_small = columns < LEAST.0 || rows < LEAST.1;
        if self.too_small {
            return;
        }
        let width = columns.saturating_sub(2);
        let asked = self.prompt.as_ref().map_or(0, |prompt| prompt.lines(width).len() + 1);
        let body = usize::from(rows - FRAME_ROWS).saturating_sub(asked);
        self.body.preview = 0;
        if self.layers.is_empty() {
            let shown = usize::from(rows >= ROWS_FOR_PREVIEW && self.tab != Tab::Snapshots);
            // One row for the heading of the list.
            let list = self.lists.len(self.tab).clamp(8, (body * 2 / 5).max(8)) + 1;
            self.body.preview = shown * body.saturating_sub(list + 1);
            let taken = if self.body.preview > 0 { self.body.preview + 1 } else { 0 };
            self.body.height = body.saturating_sub(taken + 1);
            let height = self.body.height;
            let (lists, tab, selection) = self.selected();
            selection.settle(lists, tab, height);
            let request = self.selected_id().and_then(|id| self.lists.request(id));
            let preview = request.filter(|_| self.body.preview > 0);
            self.body.lines =
                preview.map(|one| lines_of(&facts(one, self.now_ms), width)).unwrap_or_default();
            return;
        }
        // One row for the title.
        self.body.height = body.saturating_sub(1);
        self.body.lines = match self.layers.last() {
            Some(Layer::Page(Page { lines: Some(lines), .. })) => {
                lines_of_text(lines.iter().map(String::as_str), width)
            }
            _ => self
                .open_request()
                .map(|request| lines_of(&facts(request, self.now_ms), width))
                .unwrap_or_default(),
        };
        self.scroll_to(self.scroll());
        let is_at_end = self.scroll() + self.body.height >= self.body.lines.len();
        if is_at_end && self.is_whole() {
            let digest = self.open_request().map(|request| request.digest.to_string());
            self.read.extend(digest);
        }
    }
}
