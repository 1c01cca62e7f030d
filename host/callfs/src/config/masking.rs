//! Messages without the values that may be secrets: what reports a mistake often quotes what it
//! found. It does not know which values those are.

/// What is shown in the place of a secret.
pub(super) const MASK: &str = "***";
/// Texts that are shorter are masked only where they are quoted: they may be parts of any message.
const SHORT: usize = 4;
/// Texts that are shorter are not masked within words.
const LONG: usize = 8;

/// Values that no message shows, each with what is shown in its place.
#[derive(Default)]
pub(super) struct MaskedValues(Vec<(String, String)>);

impl MaskedValues {
    /// A value that is a secret.
    pub(super) fn hide(&mut self, value: impl Into<String>) {
        self.show_as(value, MASK);
    }

    /// A value of which only a part is a secret.
    pub(super) fn show_as(&mut self, value: impl Into<String>, shown: impl Into<String>) {
        let value = value.into();
        let shown = shown.into();
        if value.is_empty() || value == shown {
            return;
        }
        // As messages quote a text that has quotes or control characters in it.
        let quoted = format!("{value:?}");
        let escaped = &quoted[1..quoted.len() - 1];
        if escaped != value {
            self.0.push((escaped.to_owned(), shown.clone()));
        }
        self.0.push((value, shown));
    }

    /// A message without them.
    pub(super) fn mask(&self, message: &str) -> String {
        let mut values: Vec<&(String, String)> = self.0.iter().collect();
        // One may be a part of another.
        values.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        let mut message = message.to_owned();
        for (value, shown) in values {
            if value.len() >= SHORT {
                message = replaced(&message, value, shown, value.len() < LONG);
                continue;
            }
            for quote in ['"', '`', '\''] {
                let quoted = format!("{quote}{value}{quote}");
                message = message.replace(&quoted, &format!("{quote}{shown}{quote}"));
            }
        }
        message
    }
}

/// A message with other words in the place of a text, but not in the middle of a word if `whole`.
fn replaced(message: &str, text: &str, shown: &str, whole: bool) -> String {
    let is_in_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut result = String::with_capacity(message.len());
    let mut done = 0;
    for (start, found) in message.match_indices(text) {
        let end = start + found.len();
        let before = message[..start].chars().next_back();
        let after = message[end..].chars().next();
        if whole && (before.is_some_and(is_in_word) || after.is_some_and(is_in_word)) {
            continue;
        }
        result.push_str(&message[done..start]);
        result.push_str(shown);
        done = end;
    }
    result.push_str(&message[done..]);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_masked_and_the_rest_of_a_message_is_not() {
        let mut values = MaskedValues::default();
        for secret in [
            "73195",
            "s3cret-value",
            "a",
            "12",
            "short",
            "a \"b\"\n c d",
            "",
        ] {
            values.hide(secret);
        }
        values.show_as("https://u:pw@host", "https://u:***@host");
        for (message, masked) in [
            (
                "key: invalid type: integer `73195`, expected a string at line 1 column 57",
                "key: invalid type: integer `***`, expected a string at line 1 column 57",
            ),
            ("Bearer s3cret-values", "Bearer ***s"),
            (
                "a key of 12 letters is shorter",
                "a key of 12 letters is shorter",
            ),
            (
                "string \"a\", integer `12`, 'short'",
                "string \"***\", integer `***`, '***'",
            ),
            ("string \"a \\\"b\\\"\\n c d\"", "string \"***\""),
            (
                "'https://u:pw@host' is none",
                "'https://u:***@host' is none",
            ),
            ("1731950", "1731950"),
        ] {
            assert_eq!(values.mask(message), masked);
        }
    }
}
