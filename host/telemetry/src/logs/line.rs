//! The fields of a line for people: an event stays one line, whatever its values hold.

use std::fmt;

use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{DefaultFields, Writer};

/// The usual fields with everything escaped that a terminal, or a program that reads lines, would
/// take for more than text: values come from clients, files and other servers.
pub(super) struct EscapedFields;

impl<'writer> FormatFields<'writer> for EscapedFields {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: Writer<'writer>,
        fields: R,
    ) -> fmt::Result {
        let mut text = String::new();
        DefaultFields::new().format_fields(Writer::new(&mut text), fields)?;
        for c in text.chars() {
            if is_plain(c) {
                writer.write_char(c)?;
            } else {
                write!(writer, "{}", c.escape_default())?;
            }
        }
        Ok(())
    }
}

/// Whether a character changes neither the line nor the direction of what is shown around it.
fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{2028}' | '\u{2029}')
        && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").extend(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_value_begins_a_line_of_its_own_or_steers_a_terminal() {
        let forged = "/a\n2026-01-01T00:00:00Z ERROR forged\r\u{1b}[2J\u{9b}1m\u{202e}\u{2028}é";
        let shown = "/a\\n2026-01-01T00:00:00Z ERROR forged\\r";
        for ansi in [false, true] {
            let kept = Kept::default();
            let writer = kept.clone();
            let lines = tracing_subscriber::fmt()
                .with_writer(move || writer.clone())
                .fmt_fields(EscapedFields)
                .with_ansi(ansi)
                .finish();
            tracing::subscriber::with_default(lines, || {
                tracing::info!(path = forged, "a field of text");
                tracing::info!(path = %forged, "a displayed field");
                tracing::info!(path = ?forged, "a debugged field");
                tracing::info!("a message with {forged}");
                tracing::info_span!("span", path = %forged)
                    .in_scope(|| tracing::info!("within a span"));
            });
            let text =
                String::from_utf8(kept.0.lock().expect("not poisoned").clone()).expect("text");
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.len(), 5, "{text}");
            for line in lines {
                assert!(line.contains(shown) && line.contains('é'), "{line}");
                let steers = |c: char| !(is_plain(c) || ansi && c == '\u{1b}');
                assert!(
                    !line.contains(steers) && !line.contains("\u{1b}[2J"),
                    "{line}"
                );
            }
        }
    }
}
