//! OpenStack Swift, by the lines that the SDK's documentation of OpenDAL shows.

use callfs_sdk::opendal::{Adapted, Adapter};
use callfs_sdk::{ConfigError, Plugin};
use opendal::services;

struct Swift(Adapter);

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Config {
    /// Address of the account, as `https://swift.example.com/v1/AUTH_name`.
    endpoint: String,
    /// Name of the container.
    container: String,
    /// Name of the credential slot with a token for it.
    credential: String,
}

impl Plugin for Swift {
    const NAME: &'static str = "swift";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "serves a container of OpenStack Swift";
    const FEATURES: &'static [&'static str] = &["implicit-directories"];
    type Config = Config;

    fn configure(config: Config) -> Result<Self, ConfigError> {
        let service = services::Swift::default()
            .endpoint(&config.endpoint)
            .container(&config.container);
        Adapter::new(service, Some(config.credential)).map(Self)
    }
}

impl Adapted for Swift {
    fn adapter(&self) -> &Adapter {
        &self.0
    }
}

callfs_sdk::export!(Swift: Storage + Write + Copy);
