//! Azure Blob Storage, by the lines that the SDK's documentation shows.

use callfs_sdk::opendal::{Adapted, Adapter};
use callfs_sdk::{ConfigError, Plugin};
use opendal::services::Azblob;

struct AzureBlob(Adapter);

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Config {
    /// Address of the account, as `https://name.blob.core.windows.net`.
    endpoint: String,
    /// Name of the container.
    container: String,
    /// Name of the credential slot with a token for it.
    credential: String,
}

impl Plugin for AzureBlob {
    const NAME: &'static str = "azblob";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "serves a container of Azure Blob Storage";
    const FEATURES: &'static [&'static str] = &["implicit-directories"];
    type Config = Config;

    fn configure(config: Config) -> Result<Self, ConfigError> {
        let service = Azblob::default().endpoint(&config.endpoint).container(&config.container).skip_signature();
        Adapter::new(service, Some(config.credential)).map(Self)
    }
}

impl Adapted for AzureBlob {
    fn adapter(&self) -> &Adapter {
        &self.0
    }
}

callfs_sdk::export!(AzureBlob: Storage + Write + Copy);
