//! How names and paths of others are shown: no character of theirs steers a terminal.

use std::{borrow::Cow, fmt::Write as _, path::Path};

/// The text with its control characters as JSON writes them, such as `\u001b`, line feeds included.
///
/// ```
/// assert_eq!(varscale_model::shown("a\x1b[2Jb"), "a\\u001b[2Jb");
/// assert_eq!(varscale_model::shown("größe"), "größe");
/// ```
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if steers(character) {
            let _ = write!(shown, "\\u{:04x}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    shown.into()
}

/// A path, as [`shown`].
pub(crate) fn shown_path(path: &Path) -> String {
    shown(&path.to_string_lossy()).into_owned()
}

/// Whether a terminal obeys the character, or turns the text around after it.
fn steers(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
