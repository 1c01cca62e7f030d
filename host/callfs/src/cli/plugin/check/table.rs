//! A report as people read it.

use std::fmt::Write as _;
use std::io::IsTerminal;

use callfs_conformance::{CheckReport, Checked, Described, Verdict};

use super::super::plain;

/// Whether there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Plain,
    Colours,
}

impl Ink {
    /// Colours for a terminal whose owner did not ask for none.
    pub(super) fn of_stdout() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        if wanted && std::io::stdout().is_terminal() {
            Self::Colours
        } else {
            Self::Plain
        }
    }

    fn paint(self, code: u8, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Colours => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

/// Names of checks and what they prove.
pub(super) fn checks(checks: &[Described]) -> String {
    let width = checks
        .iter()
        .map(|check| check.name.len())
        .max()
        .unwrap_or_default();
    checks
        .iter()
        .fold(String::new(), |mut text, Described { name, proves }| {
            let _ = writeln!(text, "{name:width$}  {proves}");
            text
        })
}

pub(super) fn report(report: &CheckReport, ink: Ink) -> String {
    let mut text = format!(
        "{}, {}: claims {}\n\n",
        plain(&report.component),
        report.kind,
        report.claims.join(", ")
    );
    let width = report
        .checks
        .iter()
        .map(|checked| checked.name.len())
        .max()
        .unwrap_or_default();
    for checked in &report.checks {
        row(&mut text, checked, width, ink);
    }
    if !report.latencies.is_empty() {
        let _ = writeln!(
            text,
            "\n{:18}{:>8}{:>12}{:>12}",
            "operation", "count", "p50", "p99"
        );
    }
    for latency in &report.latencies {
        let p50 = duration(latency.p50);
        let p99 = duration(latency.p99);
        let _ = writeln!(
            text,
            "{:18}{:>8}{p50:>12}{p99:>12}",
            latency.operation, latency.count
        );
    }
    for carried in &report.throughput {
        let bytes = size(carried.bytes as f64);
        let speed = size(carried.bytes_per_second);
        let _ = writeln!(
            text,
            "{:18}{bytes:>8}{:>12}",
            carried.operation,
            format!("{speed}/s")
        );
    }
    let (holds, fails, not_claimed) = report.counts();
    let _ = write!(
        text,
        "\n{holds} hold, {fails} fail, {not_claimed} not claimed"
    );
    if report.interrupted {
        text.push_str("; stopped before the end");
    }
    if let Some(left) = &report.left_behind {
        let _ = write!(text, "; {}", plain(left));
    }
    text.push('\n');
    text
}

fn row(
    text: &mut String,
    Checked {
        name,
        proves,
        verdict,
        seconds,
    }: &Checked,
    width: usize,
    ink: Ink,
) {
    let took = duration(*seconds);
    let _ = match verdict {
        Verdict::Holds => writeln!(
            text,
            "{}  {name:width$}  {took:>8}  {proves}",
            ink.paint(32, "holds      ")
        ),
        Verdict::NotClaimed(needs) => {
            writeln!(
                text,
                "{}  {name:width$}  {:>8}  needs {needs}",
                ink.paint(2, "not claimed"),
                ""
            )
        }
        Verdict::Fails(finding) => {
            let _ = writeln!(
                text,
                "{}  {name:width$}  {took:>8}  {proves}",
                ink.paint(31, "FAILS      ")
            );
            let facts = [
                ("did", &finding.operation),
                ("expected", &finding.expected),
                ("seen", &finding.seen),
            ];
            facts.iter().try_for_each(|(label, fact)| {
                writeln!(text, "             {label:9} {}", plain(fact))
            })
        }
    };
}

fn duration(seconds: f64) -> String {
    match seconds {
        seconds if seconds >= 1.0 => format!("{seconds:.1} s"),
        seconds if seconds >= 1e-3 => format!("{:.1} ms", seconds * 1e3),
        seconds => format!("{:.0} us", seconds * 1e6),
    }
}

fn size(bytes: f64) -> String {
    match bytes {
        bytes if bytes >= (1_u64 << 30) as f64 => {
            format!("{:.1} GiB", bytes / (1_u64 << 30) as f64)
        }
        bytes if bytes >= (1 << 20) as f64 => format!("{:.0} MiB", bytes / (1 << 20) as f64),
        bytes => format!("{:.0} KiB", bytes / 1024.0),
    }
}

#[cfg(test)]
mod tests {
    use callfs_conformance::{Carried, Finding, Latency};

    use super::*;

    fn example() -> CheckReport {
        let checked = |name, verdict| Checked {
            name,
            proves: "it is so",
            verdict,
            seconds: 0.0123,
        };
        let finding = Finding {
            operation: "read(\"a\u{1b}[2J\")".into(),
            expected: "b".into(),
            seen: "c".into(),
        };
        CheckReport {
            component: "some\u{1b}[2J".into(),
            kind: "storage",
            claims: vec!["storage", "storage-write"],
            checks: vec![
                checked("stat-root", Verdict::Holds),
                checked("ranges", Verdict::Fails(finding)),
                checked("rename", Verdict::NotClaimed("storage-rename".into())),
            ],
            latencies: vec![Latency {
                operation: "stat",
                count: 7,
                p50: 0.000_012,
                p99: 2.5,
            }],
            throughput: vec![Carried {
                operation: "read",
                bytes: 64 << 20,
                bytes_per_second: 3.0 * (1 << 30) as f64,
            }],
            left_behind: None,
            interrupted: false,
        }
    }

    #[test]
    fn a_report_is_aligned_and_moves_no_cursor() {
        let expected = "\
some[2J, storage: claims storage, storage-write

holds        stat-root   12.3 ms  it is so
FAILS        ranges      12.3 ms  it is so
             did       read(\"a[2J\")
             expected  b
             seen      c
not claimed  rename               needs storage-rename

operation            count         p50         p99
stat                     7       12 us       2.5 s
read                64 MiB   3.0 GiB/s

1 hold, 1 fail, 1 not claimed
";
        assert_eq!(report(&example(), Ink::Plain), expected);
        assert!(report(&example(), Ink::Colours).contains("\x1b[31mFAILS      \x1b[0m"));
    }
}
