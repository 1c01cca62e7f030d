//! What a panic says: what it says without a hook, which would wait for stderr.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Write as _;
use std::panic::PanicHookInfo;
use std::thread;

pub(super) fn text(panic: &PanicHookInfo<'_>) -> String {
    let thread = thread::current();
    let name = thread.name().unwrap_or("<unnamed>");
    let mut text = format!("thread '{name}' {panic}\n");
    let backtrace = Backtrace::capture();
    let _ = match backtrace.status() {
        BacktraceStatus::Captured => writeln!(text, "stack backtrace:\n{backtrace}"),
        _ => writeln!(
            text,
            "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace"
        ),
    };
    text
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn names_the_thread_the_place_and_the_reason() {
        let told = Arc::<Mutex<String>>::default();
        let kept = told.clone();
        let usual = std::panic::take_hook();
        // Other tests that fail meanwhile say so as usual.
        std::panic::set_hook(Box::new(move |panic| {
            if thread::current().name() == Some("panicking") {
                *kept.lock().expect("not poisoned") = text(panic);
            } else {
                usual(panic);
            }
        }));
        let ended: thread::Result<()> = thread::Builder::new()
            .name("panicking".into())
            .spawn(|| panic!("on purpose"))
            .expect("a thread")
            .join();
        drop(std::panic::take_hook());
        assert!(ended.is_err());
        let told = told.lock().expect("not poisoned");
        let mut lines = told.lines();
        let first = lines.next().expect("a line");
        let place = format!("thread 'panicking' panicked at {}:", file!());
        assert!(first.starts_with(&place), "{told}");
        assert_eq!(lines.next(), Some("on purpose"), "{told}");
        assert!(told.contains("backtrace") && told.ends_with('\n'), "{told}");
    }
}
