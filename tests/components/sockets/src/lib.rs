//! A storage that asks a socket of its own, as programs outside of a sandbox do. It is never
//! loaded.

use std::io::Read;
use std::net::TcpStream;

use callfs_sdk::{
    Attributes, ConfigError, Error, NoConfig, Page, Plugin, ReadOptions, Result, Source, Storage,
};

struct Sockets;

impl Plugin for Sockets {
    const NAME: &'static str = "sockets";
    const VERSION: &'static str = "0.0.1";
    const SUMMARY: &'static str = "opens a socket";
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl Storage for Sockets {
    async fn stat(&self, _: &str) -> Result<Attributes> {
        Ok(Attributes::directory())
    }

    async fn read(&self, path: &str, _: ReadOptions) -> Result<(Attributes, Source)> {
        let refused = |error: std::io::Error| Error::Unavailable(error.to_string());
        let mut bytes = Vec::new();
        TcpStream::connect(path)
            .map_err(refused)?
            .read_to_end(&mut bytes)
            .map_err(refused)?;
        Ok((
            Attributes::file(bytes.len() as u64),
            Source::from_bytes(&bytes),
        ))
    }

    async fn list(&self, _: &str, _: Option<&str>, _: u32) -> Result<Page> {
        Ok(Page {
            entries: Vec::new(),
            more: false,
        })
    }
}

callfs_sdk::export!(Sockets: Storage);
