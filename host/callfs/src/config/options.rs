//! What decides where a configuration is read from: flags, the environment, the working directory.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{DATA_DIR, Trial};

/// Flags and surroundings. Only [`LoadOptions::of_process`] looks at the process itself.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// `--config`.
    pub file: Option<PathBuf>,
    /// The folder given to `serve`.
    pub folder: Option<PathBuf>,
    /// `--listen`.
    pub listen: Vec<String>,
    /// `--plugins`.
    pub plugins: Option<PathBuf>,
    /// A component that is tried out in the place of all others of its kind.
    pub trial: Option<Trial>,
    /// Environment variables.
    pub variables: BTreeMap<String, String>,
    /// The file for the whole machine.
    pub system_file: PathBuf,
    /// Where `callfs-data` is; relative paths in values are left relative.
    pub directory: PathBuf,
}

impl LoadOptions {
    /// No flags, and the surroundings of this process. Variables that are not UTF-8 count as not
    /// set.
    pub fn of_process() -> Self {
        let variables = std::env::vars_os();
        let readable = variables
            .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)));
        Self {
            variables: readable.collect(),
            system_file: "/etc/callfs/callfs.toml".into(),
            directory: ".".into(),
            ..Self::default()
        }
    }

    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    /// The file of this user.
    pub(super) fn user_file(&self) -> Option<PathBuf> {
        self.base("XDG_CONFIG_HOME", ".config")
            .map(|base| base.join("callfs/callfs.toml"))
    }

    /// Where compiled components are kept unless the configuration says otherwise.
    pub(super) fn cache_dir(&self) -> PathBuf {
        let base = self.base("XDG_CACHE_HOME", ".cache");
        base.map_or_else(
            || PathBuf::from(DATA_DIR).join("cache"),
            |base| base.join("callfs"),
        )
    }

    /// A base folder of the XDG specification, which says that relative ones are to be ignored.
    fn base(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        let absolute = |name: &str| {
            self.variables
                .get(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(below_home)))
    }
}
