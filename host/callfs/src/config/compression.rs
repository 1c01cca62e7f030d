//! `[server] compression`: which responses are compressed where a client takes it.

use callfs_http::ContentCoding;
use serde::de::{Deserialize, Deserializer, Error};

use super::quantity;

/// `{ files = false, codings = ["zstd", "br", "gzip"], min_size = "1KiB" }`
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompressionConfig {
    /// Stored files, too, and not only listings and pages.
    pub files: bool,
    /// Preferred in this order; none for no compression.
    #[serde(deserialize_with = "codings")]
    pub codings: Vec<ContentCoding>,
    /// The smallest content that is compressed, in bytes.
    #[serde(deserialize_with = "quantity::size")]
    pub min_size: u64,
}

fn codings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ContentCoding>, D::Error> {
    let mut codings = Vec::new();
    for name in Vec::<String>::deserialize(deserializer)? {
        let known = ContentCoding::ALL
            .into_iter()
            .find(|coding| coding.name() == name);
        let Some(coding) = known else {
            let names = ContentCoding::ALL.map(ContentCoding::name).join(", ");
            let message = format!("'{name}' is not a known coding; known are: {names}");
            return Err(D::Error::custom(message));
        };
        if codings.contains(&coding) {
            return Err(D::Error::custom(format!(
                "'{name}' is given twice; the codings are preferred in their order"
            )));
        }
        codings.push(coding);
    }
    Ok(codings)
}
