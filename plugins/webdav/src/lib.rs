//! A WebDAV server as storage.
//!
//! It is OpenDAL's WebDAV service. A `PUT` that breaks off leaves a part of a file, so files are
//! written under another name and moved into their place.

use callfs_sdk::opendal::{Adapted, Adapter};
use callfs_sdk::{ConfigError, Plugin, Result};
use opendal::services::Webdav;

/// A folder of a server.
struct WebDav(Adapter);

/// Which folder to serve.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Config {
    /// Address of the server, as `https://dav.example.com/remote.php/dav/files/alice`.
    endpoint: String,
    /// Folder below it that is served.
    #[serde(default = "root")]
    root: String,
    /// Name of the credential slot that signs requests; without one they are anonymous.
    credential: Option<String>,
}

fn root() -> String {
    "/".into()
}

impl Plugin for WebDav {
    const NAME: &'static str = "webdav";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "serves a folder of a WebDAV server";
    type Config = Config;

    fn configure(config: Config) -> Result<Self, ConfigError> {
        // CallFS makes parents by itself, and asks for each only once.
        let service = Webdav::default()
            .endpoint(&config.endpoint)
            .root(&config.root)
            .disable_create_dir(true);
        Adapter::new(service, config.credential)
            .map(Adapter::replace_by_rename)
            .map(Self)
    }
}

impl Adapted for WebDav {
    fn adapter(&self) -> &Adapter {
        &self.0
    }
}

callfs_sdk::export!(WebDav: Storage + Write + Directories + Rename + Copy);

#[cfg(test)]
mod tests {
    use callfs_sdk::testing::configure;

    use super::*;

    #[test]
    fn an_address_is_needed() {
        assert!(
            configure::<WebDav>(
                r#"{"endpoint": "http://127.0.0.1:8080", "root": "/a b/", "credential": "dav"}"#
            )
            .is_ok()
        );
        assert!(configure::<WebDav>("{}").is_err());
        assert!(configure::<WebDav>(r#"{"endpoint": ""}"#).is_err());
    }
}
