//! The projects that `callfs plugin new` writes: the files of `sdk/template`, with a few values
//! filled in.
//!
//! A value is named `{{like_this}}`, and only in manifests and READMEs: source files get the name
//! of the project from cargo. What is filled in is not looked at again.

use std::path::Path;

/// What a plugin is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum TemplateKind {
    /// Keeps files.
    Storage,
    /// Says who callers are.
    Authenticator,
    /// Says what callers may do.
    Authorizer,
}

impl TemplateKind {
    /// With its article.
    pub(super) fn phrase(self) -> &'static str {
        match self {
            Self::Storage => "a storage",
            Self::Authenticator => "an authenticator",
            Self::Authorizer => "an authorizer",
        }
    }
}

/// What is filled in.
pub(super) struct Values {
    name: String,
    sdk: String,
    harness: String,
}

impl Values {
    /// For a project of that name, with the SDK in a folder or from crates.io.
    pub(super) fn new(name: &str, sdk: Option<&Path>) -> Self {
        let dependency = |folder: &Path| {
            let path = toml::Value::String(folder.display().to_string());
            format!("{{ path = {path} }}")
        };
        let published = format!(
            "\"{}.{}\"",
            env!("CARGO_PKG_VERSION_MAJOR"),
            env!("CARGO_PKG_VERSION_MINOR")
        );
        Self {
            name: name.into(),
            sdk: sdk.map_or_else(|| published.clone(), dependency),
            harness: sdk.map_or_else(|| published.clone(), |sdk| dependency(&sdk.join("harness"))),
        }
    }

    fn get(&self, key: &str) -> Option<String> {
        match key {
            "name" => Some(self.name.clone()),
            "crate" => Some(self.name.replace('-', "_")),
            "sdk" => Some(self.sdk.clone()),
            "harness" => Some(self.harness.clone()),
            _ => None,
        }
    }
}

/// Path and text of every file of a project.
pub(super) fn files(
    kind: TemplateKind,
    values: &Values,
) -> impl Iterator<Item = (&'static str, String)> {
    let own = match kind {
        TemplateKind::Storage => STORAGE,
        TemplateKind::Authenticator => AUTHENTICATOR,
        TemplateKind::Authorizer => AUTHORIZER,
    };
    own.iter()
        .chain(PROJECT)
        .map(|(path, text)| (*path, filled(text, values)))
}

/// A text with the values in it; braces that name none stay as they are.
fn filled(text: &str, values: &Values) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        result.push_str(before);
        match after
            .split_once("}}")
            .and_then(|(key, after)| Some((values.get(key)?, after)))
        {
            Some((value, after)) => {
                result.push_str(&value);
                rest = after;
            }
            None => {
                result.push_str("{{");
                rest = after;
            }
        }
    }
    result.push_str(rest);
    result
}

/// A file of `sdk/template`.
macro_rules! template {
    ($folder:literal / $path:literal) => {
        (
            $path,
            include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../sdk/template/",
                $folder,
                "/",
                $path
            )),
        )
    };
}

/// What every project has.
const PROJECT: &[(&str, &str)] = &[
    template!("project" / ".cargo/config.toml"),
    template!("project" / ".gitignore"),
    template!("project" / "rust-toolchain.toml"),
];

const STORAGE: &[(&str, &str)] = &[
    template!("storage" / "Cargo.toml"),
    template!("storage" / "README.md"),
    template!("storage" / "src/lib.rs"),
    template!("storage" / "tests/gateway.rs"),
];

const AUTHENTICATOR: &[(&str, &str)] = &[
    template!("authenticator" / "Cargo.toml"),
    template!("authenticator" / "README.md"),
    template!("authenticator" / "src/lib.rs"),
    template!("authenticator" / "tests/gateway.rs"),
];

const AUTHORIZER: &[(&str, &str)] = &[
    template!("authorizer" / "Cargo.toml"),
    template!("authorizer" / "README.md"),
    template!("authorizer" / "src/lib.rs"),
    template!("authorizer" / "tests/gateway.rs"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_is_not_looked_at_again() {
        let values = Values::new("a-b", Some(Path::new("/odd {{name}} \"path\"")));
        assert_eq!(
            filled("x {{name}} {{crate}} }} {{ {{unknown}} {{name", &values),
            "x a-b a_b }} {{ {{unknown}} {{name"
        );
        let manifest = format!("sdk = {}", filled("{{sdk}}", &values));
        let manifest: toml::Table = manifest.parse().expect("TOML, whatever the path");
        assert_eq!(
            manifest["sdk"]["path"].as_str(),
            Some("/odd {{name}} \"path\"")
        );
    }

    #[test]
    fn every_project_is_whole() {
        for kind in [
            TemplateKind::Storage,
            TemplateKind::Authenticator,
            TemplateKind::Authorizer,
        ] {
            for (path, text) in files(kind, &Values::new("a-b", None)) {
                assert!(!text.contains("{{"), "{path}: {text}");
                if path == "Cargo.toml" {
                    let manifest: toml::Table = text.parse().expect("TOML");
                    assert_eq!(manifest["package"]["name"].as_str(), Some("a-b"));
                    assert_eq!(manifest["dependencies"]["callfs-sdk"].as_str(), Some("0.1"));
                }
            }
        }
    }
}
