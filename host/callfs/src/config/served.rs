//! `callfs serve DIR`: a folder that is served without any configuration.
//!
//! The key and the metadata store stay in [`DATA_DIR`], and each folder has a metadata store of its
//! own: two that are served from one working directory must not see each other's owners and modes.

use std::path::Path;

use figment::value::{Dict, Value};
use sha2::{Digest, Sha256};

use super::error::ConfigError;
use super::layers::{Layer, text};

/// The name of the layer.
pub(super) const ORIGIN: &str = "DIR";
/// Where a run without configuration keeps what it makes.
pub const DATA_DIR: &str = "callfs-data";

/// What a folder changes in the configuration.
pub(super) fn layer(folder: &Path, directory: &Path) -> Result<Layer, ConfigError> {
    let refused = |message| ConfigError::in_origin(ORIGIN, message);
    let shown = folder.display();
    let found = directory.join(folder).canonicalize();
    let canonical =
        found.map_err(|cause| refused(format!("cannot serve the folder '{shown}': {cause}")))?;
    if !canonical.is_dir() {
        return Err(refused(format!(
            "cannot serve '{shown}': it is not a folder"
        )));
    }
    let data = directory.join(DATA_DIR);
    let data = data.canonicalize().or_else(|_| {
        directory
            .canonicalize()
            .map(|directory| directory.join(DATA_DIR))
    });
    if data.is_ok_and(|data| data.starts_with(&canonical)) {
        let message = format!(
            "'{shown}' is where {DATA_DIR} is kept, and the key and the metadata store in it are \
             not to be served; start callfs in another directory"
        );
        return Err(refused(message));
    }
    let host = text(ORIGIN, folder)?;
    let grant = table([
        ("host", host.into()),
        ("guest", "/".into()),
        ("access", "read-write".into()),
    ]);
    let grants = table([("directories", vec![grant].into())]);
    let mount = table([
        ("path", "/".into()),
        ("component", "localfs".into()),
        ("grants", grants),
    ]);
    let mut values = Dict::from([("mount".to_owned(), Value::from(vec![mount]))]);
    if !directory
        .join(DATA_DIR)
        .join("files")
        .canonicalize()
        .is_ok_and(|default| default == canonical)
    {
        let index = hex::encode(&Sha256::digest(canonical.as_os_str().as_encoded_bytes())[..6]);
        let url = format!("sqlite:{DATA_DIR}/metadata-{index}.db");
        values.insert("metadata".into(), table([("url", url.into())]));
    }
    Ok(Layer {
        origin: ORIGIN.into(),
        values,
    })
}

fn table<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::from(
        entries
            .map(|(key, value)| (key.to_owned(), value))
            .into_iter()
            .collect::<Dict>(),
    )
}
