//! A process that ends, and whose folder vanishes, with the process that started it: a shell
//! between them waits for a word on its standard input, or for its end.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// `$1` is the folder, `$2` the signal that ends the server, and the rest is its command.
const SCRIPT: &str = r#"
folder=$1 signal=$2; shift 2
"$@" >>"$folder/log" 2>&1 </dev/null &
server=$!
read word
kill -"$signal" "$server"
wait "$server" 2>/dev/null
[ "$word" = keep ] || rm -rf "$folder"
"#;

pub(crate) struct Supervised(Child);

impl Supervised {
    /// Starts a command whose folder is this.
    pub(crate) fn start(folder: &Path, signal: &str, command: &[&str]) -> Self {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", SCRIPT, "sh"])
            .arg(folder)
            .arg(signal)
            .args(command)
            .stdin(Stdio::piped());
        // Of its own group, so that whoever interrupts the tests does not end it before its folder
        // is gone.
        std::os::unix::process::CommandExt::process_group(&mut shell, 0);
        Self(shell.spawn().expect("a shell"))
    }

    /// Ends the server and keeps its folder.
    pub(crate) fn stop(mut self) {
        if let Some(mut stdin) = self.0.stdin.take() {
            stdin.write_all(b"keep\n").expect("the shell reads");
        }
        self.0.wait().expect("waitable");
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
