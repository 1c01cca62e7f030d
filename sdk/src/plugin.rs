//! What every component is: a name, a configuration, and a value made from it.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::bindings::lifecycle::exports::callfs::plugin::lifecycle::{self, Description};
use crate::config;
use crate::error::{ConfigError, Error, Result};
use crate::export::{Component, Exported};

/// A component: made once per instance from its configuration, before any other call.
///
/// One call at a time gets it, on one thread; `Cell` and `RefCell` are enough for what it
/// remembers.
pub trait Plugin: Sized + 'static {
    /// The name under which operators mount it: lower case, digits and dashes.
    const NAME: &'static str;
    /// Semantic version; usually `env!("CARGO_PKG_VERSION")`.
    const VERSION: &'static str;
    /// One line that says what it is.
    const SUMMARY: &'static str;
    /// Abilities that no interface shows (WIT `lifecycle.description.features`).
    ///
    /// `conditional-write`: conditions are honoured by the storage itself, also against writers
    /// that are not CallFS. `carried-write`: every write is answered with
    /// [`Written::Carried`](crate::Written::Carried), so the host need not hold a lock while
    /// the body arrives. `implicit-directories`: a directory exists as long as something is in it.
    ///
    /// Authorizers: `pure-decisions`: equal questions of equal callers have equal answers, whatever
    /// was asked before, for as long as this configuration holds, so the host remembers them.
    /// `path-blind`, in addition: the path makes no difference but in the words of a denial, so a
    /// decision to allow is remembered for every path with the same rights on the way.
    const FEATURES: &'static [&'static str] = &[];

    /// The configuration, by serde; [`NoConfig`] for none. The doc comments of its fields are what
    /// `callfs plugin inspect` prints.
    ///
    /// A key that it does not know is an error with its path, without further ado:
    /// `deny_unknown_fields` is not needed, and `flatten` and `untagged` would hide such keys.
    type Config: DeserializeOwned + JsonSchema;

    /// The same once it is configured, where the configuration decides.
    fn features(&self) -> Vec<&'static str> {
        Self::FEATURES.to_vec()
    }

    /// Makes the component, or says which part of the configuration is wrong.
    ///
    /// It may open granted folders, and must be quick: it runs for each instance, and cannot wait.
    fn configure(config: Self::Config) -> Result<Self, ConfigError>;
}

/// The configuration of a component that has nothing to configure.
#[derive(serde::Deserialize, JsonSchema)]
pub struct NoConfig {}

impl<P: Exported> lifecycle::Guest for Component<P> {
    fn describe() -> Description {
        let features = configured::<P>().map_or_else(|_| P::FEATURES.to_vec(), Plugin::features);
        Description {
            name: P::NAME.into(),
            version: P::VERSION.into(),
            summary: P::SUMMARY.into(),
            config_schema: config::schema::<P::Config>(),
            features: features.into_iter().map(Into::into).collect(),
        }
    }

    fn configure(json: String) -> Result<(), lifecycle::ConfigError> {
        let refuse = |e: ConfigError| lifecycle::ConfigError {
            path: e.path,
            message: e.message,
        };
        let plugin = config::parse(&json)
            .and_then(P::configure)
            .map_err(refuse)?;
        P::with_slot(|slot| slot.set(Box::leak(Box::new(plugin)))).map_err(|_| {
            refuse(ConfigError::at(
                "",
                "configured twice: the host configures an instance once",
            ))
        })
    }
}

/// The value that `configure` made. It lives as long as the instance.
pub(crate) fn configured<P: Exported>() -> Result<&'static P> {
    P::with_slot(|slot| slot.get().copied()).ok_or_else(|| {
        Error::other(
            "NOT_CONFIGURED",
            "the component was called before it was configured",
        )
    })
}
