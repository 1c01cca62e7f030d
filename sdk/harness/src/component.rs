//! Compiles the crate whose tests run.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

const TARGET: &str = "wasm32-wasip2";

/// A compiled component.
pub(crate) struct Component {
    /// Name of the package.
    pub(crate) name: String,
    pub(crate) file: PathBuf,
}

/// The component of the crate whose tests run, compiled when it is first asked for.
pub(crate) fn of_this_crate() -> &'static Component {
    static COMPILED: OnceLock<Component> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let variable = |name| {
            env::var(name)
                .unwrap_or_else(|_| panic!("{name} is not set: run this with `cargo test`"))
        };
        let folder = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
        let name = variable("CARGO_PKG_NAME");
        Component {
            file: compile(&folder),
            name,
        }
    })
}

/// The file that `cargo build --release` makes of the crate in a folder.
fn compile(folder: &Path) -> PathBuf {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(folder)
        .args(["build", "--release", "--lib", "--target", TARGET]);
    cargo.arg("--message-format=json-render-diagnostics");
    let output = cargo
        .output()
        .unwrap_or_else(|error| panic!("cannot run cargo: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "the component does not compile:\n{said}\nif the target is missing: rustup target add \
         {TARGET}"
    );
    let messages = String::from_utf8_lossy(&output.stdout);
    component_in(&messages, &folder.join("Cargo.toml")).unwrap_or_else(|| {
        panic!(
            "{} makes no component: its [lib] needs crate-type = [\"cdylib\", \"rlib\"]",
            folder.display()
        )
    })
}

/// The component of a package among the messages of cargo.
fn component_in(messages: &str, manifest: &Path) -> Option<PathBuf> {
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ours = |message: &Value| {
        message["reason"] == "compiler-artifact"
            && message["manifest_path"].as_str().map(Path::new) == Some(manifest)
    };
    let is_component = |file: &&str| {
        Path::new(file)
            .extension()
            .is_some_and(|extension| extension == "wasm")
    };
    messages.filter(ours).find_map(|message| {
        message["filenames"]
            .as_array()?
            .iter()
            .filter_map(Value::as_str)
            .find(is_component)
            .map(PathBuf::from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_component_of_the_package_and_of_no_other() {
        let artifact = |package: &str, files: &str| {
            format!(
                "{{\"reason\":\"compiler-artifact\",\"manifest_path\":\"/{package}/Cargo.toml\",\
                 \"filenames\":[{files}]}}"
            )
        };
        let messages = [
            artifact("dep", r#""/t/dep.wasm""#),
            "not JSON".to_owned(),
            artifact("my", r#""/t/libmy.rlib","/t/my.wasm""#),
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
        ]
        .join("\n");
        assert_eq!(
            component_in(&messages, Path::new("/my/Cargo.toml")),
            Some("/t/my.wasm".into())
        );
        assert_eq!(
            component_in(&messages, Path::new("/other/Cargo.toml")),
            None
        );
    }
}
