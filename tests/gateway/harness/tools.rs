//! Other people's programs, which are the clients that count. What is not installed cannot be
//! tested with: the test says so, and fails where nothing may be left out.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// Set to 1 where everything is to be tested.
const FORBID_SKIP: &str = "CALLFS_TEST_FORBID_SKIP";

/// A program, if it is installed.
pub(crate) fn tool(name: &str) -> Option<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| folder.join(name).is_file()) {
        let mut command = Command::new(name);
        command.stdin(Stdio::null());
        return Some(command);
    }
    skip(&format!("there is no {name} here"));
    None
}

/// The repository that is tested.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("in a repository")
}

/// Says that something is not tested, or fails.
pub(crate) fn skip(why: &str) {
    assert!(
        std::env::var_os(FORBID_SKIP).is_none_or(|set| set != "1"),
        "{why}, and {FORBID_SKIP} is set"
    );
    // Not by a macro, whose output is kept from whoever runs tests that pass.
    let _ = writeln!(std::io::stderr(), "not tested: {why}");
}

/// Runs a program, which must succeed.
#[track_caller]
pub(crate) fn succeeds(command: &mut Command) -> Output {
    let output = command.output().expect("it starts");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{stdout}\n{stderr}",
        output.status
    );
    output
}

/// Starts a program, and kills it once a file it writes has some bytes; answers how many.
#[track_caller]
pub(crate) fn killed_midway(command: &mut Command, written: &Path, enough: u64) -> u64 {
    let mut child = Killed(
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts"),
    );
    let size = || std::fs::metadata(written).map_or(0, |metadata| metadata.len());
    super::eventually_now("some bytes to arrive", || {
        assert!(
            child.0.try_wait().expect("waitable").is_none(),
            "it ended by itself"
        );
        (size() > enough).then_some(())
    });
    drop(child);
    size()
}

/// A program that ends here at the latest.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // What has ended already is as dead as it was meant to be.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
