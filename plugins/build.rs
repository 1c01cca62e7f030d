//! Compiles the first-party components and embeds them.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

/// Folders of this crate, and so names of the components.
const COMPONENTS: [&str; 6] = ["api-keys", "localfs", "owner", "s3", "unix", "webdav"];

fn main() {
    let plugins = callfs_build::manifest_dir();
    let workspace = plugins.parent().unwrap_or(&plugins);
    callfs_build::rerun_if_changed(
        workspace,
        &COMPONENTS.map(|component| plugins.join(component)),
    );

    let packages = COMPONENTS.map(|component| format!("callfs-{component}"));
    let packages: Vec<&str> = packages.iter().map(AsRef::as_ref).collect();
    let mut table = String::from("&[\n");
    for (name, file) in COMPONENTS
        .iter()
        .zip(callfs_build::components(workspace, &packages))
    {
        let _ = writeln!(
            table,
            "    Builtin {{ name: {name:?}, component: include_bytes!({file:?}) }},"
        );
    }
    table.push(']');
    let out = Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join("builtins.rs");
    fs::write(&out, table)
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", out.display()));
}
