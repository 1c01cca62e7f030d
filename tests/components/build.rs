//! Compiles the components of the tests and embeds them.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

/// Folders of this crate, and so names of the components.
const COMPONENTS: [&str; 5] = ["constant", "flat", "hostile", "newer", "swift"];

fn main() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = here.ancestors().nth(2).unwrap_or(here);
    callfs_build::rerun_if_changed(workspace, &COMPONENTS.map(|component| here.join(component)));

    let packages = COMPONENTS.map(|component| format!("callfs-test-{component}"));
    let packages: Vec<&str> = packages.iter().map(AsRef::as_ref).collect();
    let mut constants = String::new();
    for (name, file) in COMPONENTS.iter().zip(callfs_build::components(workspace, &packages)) {
        let _ = writeln!(constants, "/// `tests/components/{name}`.");
        let _ = writeln!(constants, "pub const {}: &[u8] = include_bytes!({file:?});", name.to_uppercase());
    }
    let out = Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join("components.rs");
    fs::write(&out, constants).unwrap_or_else(|error| panic!("cannot write {}: {error}", out.display()));
}
