//! What `callfs serve` says once it listens: where, who may enter, and what to try first.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::config::Listen;

/// What there is to say besides the addresses.
#[derive(Debug, Clone, Default)]
pub(super) struct Announcement {
    /// The generated key, if the built-in authenticator holds.
    pub(super) key: Option<AdminKey>,
    /// The folder that is served, if no configuration says so.
    pub(super) folder: Option<PathBuf>,
}

/// The key of the user `admin`.
#[derive(Clone)]
pub(super) struct AdminKey {
    pub(super) file: PathBuf,
    /// The key itself, on the run that made it.
    pub(super) fresh: Option<String>,
}

impl std::fmt::Debug for AdminKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdminKey")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

impl Announcement {
    /// Says it, on stderr, given the addresses as the system bound them: for everything, and for
    /// metrics alone.
    pub(super) fn say(&self, bound: &[Listen], metrics: &[Listen]) {
        super::say(self.text(bound, metrics).trim_end());
    }

    fn text(&self, bound: &[Listen], metrics: &[Listen]) -> String {
        let mut text = String::new();
        let addresses = bound.iter().map(shown).collect::<Vec<_>>().join(", ");
        let _ = match &self.folder {
            Some(folder) => writeln!(text, "callfs serves {} on {addresses}", folder.display()),
            None => writeln!(text, "callfs listens on {addresses}"),
        };
        for address in metrics {
            let _ = writeln!(text, "metrics on {}/metrics", shown(address));
        }
        let (Some(key), Some(first)) = (&self.key, bound.first()) else {
            return text;
        };
        let file = key.file.display();
        let _ = match &key.fresh {
            Some(fresh) => {
                writeln!(
                    text,
                    "\nThe key of the user admin, shown this once and kept in {file}:\n\n  {fresh}"
                )
            }
            None => writeln!(text, "\nThe key of the user admin is kept in {file}"),
        };
        let (socket, base) = target(first);
        let curl = format!(
            "curl -sS{socket} -H \"Authorization: Bearer $(cat {})\"",
            quoted(&file.to_string())
        );
        let _ = writeln!(text, "\nTry, from this directory:\n");
        for (before, options, path, after) in [
            ("echo 'hello' | ", " -T -", "/files/hello.txt", ""),
            ("", "", "/files/hello.txt", ""),
            ("", "", "/directories/", ""),
            ("", " -X DELETE", "/files/hello.txt", ""),
        ] {
            let _ = writeln!(text, "  {before}{curl}{options} {base}/v1{path}{after}");
        }
        text
    }
}

fn shown(listen: &Listen) -> String {
    match listen {
        Listen::Tcp(address) => format!("http://{address}"),
        Listen::Unix(_) => listen.to_string(),
    }
}

/// Options of curl and the base URL.
fn target(listen: &Listen) -> (String, String) {
    match listen {
        Listen::Unix(path) => (
            format!(" --unix-socket {}", quoted(&path.display().to_string())),
            "http://localhost".into(),
        ),
        Listen::Tcp(address) => {
            // Brackets are patterns to curl unless it is told otherwise.
            let globoff = if address.is_ipv6() { " -g" } else { "" };
            (globoff.into(), listen.url().unwrap_or_default())
        }
    }
}

/// As a shell reads it.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement(fresh: Option<&str>) -> Announcement {
        let key = AdminKey {
            file: "callfs-data/admin.key".into(),
            fresh: fresh.map(str::to_owned),
        };
        Announcement {
            key: Some(key),
            folder: Some("docs".into()),
        }
    }

    #[test]
    fn shows_a_fresh_key_and_lines_to_paste() {
        let text = announcement(Some("cfs_1")).text(
            &["127.0.0.1:4711".parse().expect("an address")],
            &["127.0.0.1:9090".parse().expect("an address")],
        );
        assert!(
            text.starts_with(
                "callfs serves docs on http://127.0.0.1:4711\nmetrics on \
                              http://127.0.0.1:9090/metrics\n"
            ),
            "{text}"
        );
        assert!(text.contains("\n  cfs_1\n"), "{text}");
        let put = "  echo 'hello' | curl -sS -H \"Authorization: Bearer $(cat \
                   callfs-data/admin.key)\" -T - \
                   http://127.0.0.1:4711/v1/files/hello.txt\n";
        assert!(text.contains(put), "{text}");
        assert_eq!(text.matches("curl -sS").count(), 4);
    }

    #[test]
    fn tells_later_where_the_key_is() {
        let text = announcement(None).text(&["0.0.0.0:80".parse().expect("an address")], &[]);
        assert!(
            text.contains("is kept in callfs-data/admin.key\n"),
            "{text}"
        );
        assert!(
            text.contains(" http://127.0.0.1:80/v1/directories/\n"),
            "{text}"
        );
    }

    #[test]
    fn reaches_sockets_and_the_other_family() {
        let text =
            announcement(None).text(&["unix:/run/my fs.sock".parse().expect("a socket")], &[]);
        assert!(
            text.contains("curl -sS --unix-socket '/run/my fs.sock' -H"),
            "{text}"
        );
        let text = announcement(None).text(&["[::]:80".parse().expect("an address")], &[]);
        assert!(
            text.contains("curl -sS -g -H") && text.contains(" http://[::1]:80/v1/"),
            "{text}"
        );
    }

    #[test]
    fn has_nothing_to_try_when_others_hold_the_keys() {
        let text = Announcement::default().text(&["127.0.0.1:1".parse().expect("an address")], &[]);
        assert_eq!(text, "callfs listens on http://127.0.0.1:1\n");
    }
}
