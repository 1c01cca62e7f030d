//! A browser without a window, remote-controlled over a pipe (the DevTools protocol).

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};

use super::tools::tool;
use super::{eventually_now, tools};

/// Debian's name, and that of the whole browser.
const NAMES: [&str; 2] = ["chromium-headless-shell", "chromium"];

/// Chromium with one page.
pub(crate) struct Browser {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    page: String,
    calls: u64,
}

impl Browser {
    /// Starts it with a profile in a folder, if it is installed.
    pub(crate) fn start(folder: &Path) -> Option<Self> {
        let installed = |name: &&str| {
            std::env::split_paths(&std::env::var_os("PATH")?).find(|f| f.join(name).is_file())
        };
        let name = NAMES.iter().find(|name| installed(name).is_some());
        let Some(name) = name else {
            tools::skip("there is no chromium here");
            return None;
        };
        // It speaks on descriptors 3 and 4.
        let script = r#"exec "$0" "$@" 3<&0 4>&1 >/dev/null 2>&1 </dev/null"#;
        let mut command = tool("bash")?;
        command.args([
            "-c",
            script,
            name,
            "--headless",
            "--no-sandbox",
            "--remote-debugging-pipe",
            "--no-proxy-server",
        ]);
        command.args([
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--mute-audio",
            "--no-first-run",
        ]);
        command.arg("--autoplay-policy=no-user-gesture-required");
        command
            .arg(format!(
                "--user-data-dir={}",
                folder.join("browser").display()
            ))
            .env("HOME", folder);
        let mut child = command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash");
        let to = child.stdin.take().expect("piped");
        let from = BufReader::new(child.stdout.take().expect("piped"));
        let mut browser = Self {
            child,
            to,
            from,
            page: String::new(),
            calls: 0,
        };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attached = browser.call(
            "Target.attachToTarget",
            &json!({"targetId": target["targetId"], "flatten": true}),
        );
        browser.page = attached["sessionId"]
            .as_str()
            .expect("a session")
            .to_owned();
        Some(browser)
    }

    /// Opens an address, as if somebody had typed it.
    pub(crate) fn open(&mut self, url: &str) {
        let opened = self.call("Page.navigate", &json!({"url": url}));
        assert!(opened["errorText"].is_null(), "{opened}");
    }

    /// The value of an expression in the page, once it is not `null`; promises are waited for.
    #[track_caller]
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        eventually_now(expression, || {
            let parameters =
                json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
            // A page that is just being left for another has no answer.
            let answer = self.attempt("Runtime.evaluate", &parameters).ok()?;
            assert!(answer["exceptionDetails"].is_null(), "{answer}");
            Some(answer["result"]["value"].clone()).filter(|value| !value.is_null())
        })
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.attempt(method, parameters)
            .unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// The result of a call, or what the browser says is wrong with it.
    fn attempt(&mut self, method: &str, parameters: &Value) -> Result<Value, Value> {
        self.calls += 1;
        let mut call = json!({"id": self.calls, "method": method, "params": parameters});
        if !self.page.is_empty() {
            call["sessionId"] = self.page.clone().into();
        }
        let line = [call.to_string().as_bytes(), b"\0"].concat();
        self.to
            .write_all(&line)
            .and_then(|()| self.to.flush())
            .expect("the browser listens");
        loop {
            let mut message = Vec::new();
            self.from.read_until(0, &mut message).expect("readable");
            let message = message.strip_suffix(b"\0").expect("the browser still runs");
            let answer: Value = serde_json::from_slice(message).expect("JSON");
            if answer["id"] == self.calls {
                let error = answer["error"].clone();
                return if error.is_null() {
                    Ok(answer["result"].clone())
                } else {
                    Err(error)
                };
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It is many processes, in a group of their own.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}
