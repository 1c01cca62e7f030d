//! Compiles the components of the tests and embeds them.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

/// Folders of this crate, and so names of the components.
const COMPONENTS: [&str; 9] = [
    "broken", "caller", "constant", "edition", "flat", "hostile", "newer", "sockets", "swift",
];
/// Folders of `sdk/examples`, which are mounted as they are.
const EXAMPLES: [&str; 2] = ["encrypted", "memory"];

fn main() {
    let here = callfs_build::manifest_dir();
    let workspace = here.ancestors().nth(2).unwrap_or(&here);
    let examples = workspace.join("sdk/examples");
    let own = COMPONENTS.map(|name| (name, here.join(name), format!("callfs-test-{name}")));
    let shown = EXAMPLES.map(|name| (name, examples.join(name), format!("callfs-example-{name}")));
    let all = [own.as_slice(), shown.as_slice()].concat();
    let folders: Vec<_> = all.iter().map(|(_, folder, _)| folder.clone()).collect();
    callfs_build::rerun_if_changed(workspace, &folders);

    let packages: Vec<&str> = all.iter().map(|(_, _, package)| package.as_str()).collect();
    let mut constants = String::new();
    for ((name, folder, _), file) in all
        .iter()
        .zip(callfs_build::components(workspace, &packages))
    {
        let _ = writeln!(
            constants,
            "/// `{}`.",
            folder.strip_prefix(workspace).unwrap_or(folder).display()
        );
        let _ = writeln!(
            constants,
            "pub const {}: &[u8] = include_bytes!({file:?});",
            name.to_uppercase()
        );
    }
    let out = Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join("components.rs");
    fs::write(&out, constants)
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", out.display()));
}
