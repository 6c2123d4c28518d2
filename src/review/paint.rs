//! How a request is painted.

use crate::policy::Risk;
use crate::system::{Colour, Paint};

/// Text that stands out.
pub(super) fn strong(colour: Colour, text: &str) -> String {
    colour.paint(Paint::Strong, text)
}

/// A risk's text in the risk's colour.
pub(super) fn risk(colour: Colour, risk: Risk, text: &str) -> String {
    let paint = match risk {
        Risk::Low => Paint::Good,
        Risk::Medium => Paint::Caution,
        Risk::High => Paint::Bad,
        Risk::Critical => Paint::Alarm,
    };
    colour.paint(paint, text)
}
