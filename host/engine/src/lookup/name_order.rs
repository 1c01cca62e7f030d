//! Texts between names, after which a listing goes on.

use callfs_model::path::MAX_NAME;

/// A text that only names smaller than this one precede: everything after it is this name or
/// greater, but for names of more than 250 bytes that hardly exist, which come first.
pub(crate) fn just_before(name: &str) -> Option<String> {
    let last = name.chars().next_back()?;
    let before = &name[..name.len() - last.len_utf8()];
    // The greatest character below it that a name may have.
    match (' '..last).next_back() {
        None if before.is_empty() => None,
        None => Some(before.to_owned()),
        Some('\u{7f}'..='\u{9f}') => Some(greatest(before, '~')),
        Some(character) => Some(greatest(before, character)),
    }
}

/// A text that every name which sorts before `name/` precedes, with the same exception.
pub(crate) fn past_siblings(name: &str) -> String {
    if name.len() < MAX_NAME {
        greatest(name, '.')
    } else {
        name.to_owned()
    }
}

/// The greatest name that starts with a text and a character.
fn greatest(start: &str, character: char) -> String {
    let mut name = format!("{start}{character}");
    let left = MAX_NAME.saturating_sub(name.len());
    name.extend(std::iter::repeat_n(char::MAX, left / char::MAX.len_utf8()));
    name
}
