//! What operators say about a bucket, and what is wrong with it.

use callfs_sdk::ConfigError;
use schemars::JsonSchema;
use serde::Deserialize;

/// Parts have at least this many bytes (but for the last).
const MIN_PART: u64 = 5 << 20;
/// Parts of bodies whose length nobody knows are collected in the memory of the component.
const MAX_PART: u64 = 64 << 20;

/// Where the objects are, and how new ones are stored.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Config {
    /// Name of the bucket, which must exist.
    pub(crate) bucket: String,
    /// Region of the bucket: a part of the address where no endpoint is given. What signs is the
    /// region of the credential.
    #[serde(default = "first_region")]
    pub(crate) region: String,
    /// Scheme, host and port of a server that speaks S3, as `http://127.0.0.1:9000`; Amazon's
    /// without one.
    pub(crate) endpoint: Option<String>,
    /// Whether the bucket is a part of the path instead of the host. By default it is with an
    /// endpoint, and where the bucket has a dot in its name.
    pub(crate) path_style: Option<bool>,
    /// Serve only what is below this prefix, as `backups/2026`.
    #[serde(default)]
    pub(crate) root: String,
    /// Name of the credential slot that signs (`grants.credentials`); requests are anonymous
    /// without one.
    pub(crate) credential: Option<String>,
    /// How the server encrypts new objects; as the bucket is set up without one.
    pub(crate) server_side_encryption: Option<Encryption>,
    /// Key for `aws:kms`; the account's own without one.
    pub(crate) kms_key_id: Option<String>,
    /// Storage class of new objects, as `STANDARD_IA`.
    pub(crate) storage_class: Option<String>,
    /// Size of the parts in which large bodies are sent, from 5 MiB to 64 MiB. A body of unknown
    /// length is collected in the component's memory part by part, so the mount's
    /// `limits.memory` must have room for one.
    #[serde(default)]
    pub(crate) part_size: PartSize,
    /// Whether the server honours `If-Match` and `If-None-Match` when it stores, copies and
    /// deletes. By default Amazon's does and others do not.
    pub(crate) conditional_writes: Option<bool>,
}

/// Ways of encryption, as S3 calls them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum Encryption {
    /// With keys of S3.
    #[serde(rename = "AES256")]
    Aes256,
    /// With keys of the Key Management Service.
    #[serde(rename = "aws:kms")]
    Kms,
}

/// A size in MiB, as `16MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct PartSize(pub(crate) u64);

impl Default for PartSize {
    fn default() -> Self {
        Self(16 << 20)
    }
}

impl TryFrom<String> for PartSize {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mebibytes = text
            .strip_suffix("MiB")
            .and_then(|number| number.trim().parse::<u64>().ok());
        let bytes = mebibytes.and_then(|mebibytes| mebibytes.checked_mul(1 << 20));
        match bytes.filter(|bytes| (MIN_PART..=MAX_PART).contains(bytes)) {
            Some(bytes) => Ok(Self(bytes)),
            None => Err(format!("'{text}' is not a size from '5MiB' to '64MiB'")),
        }
    }
}

impl JsonSchema for PartSize {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PartSize".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9]+ *MiB$" })
    }
}

fn first_region() -> String {
    "us-east-1".into()
}

impl Encryption {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Aes256 => "AES256",
            Self::Kms => "aws:kms",
        }
    }
}

impl Config {
    /// The URI of the bucket, without a slash at the end.
    pub(crate) fn base(&self) -> Result<String, ConfigError> {
        let bucket = &self.bucket;
        let end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let fits = (3..=63).contains(&bucket.len())
            && end(bucket.chars().next())
            && end(bucket.chars().next_back());
        if !fits
            || bucket.contains("..")
            || !bucket
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c))
        {
            let message = "a bucket has 3 to 63 letters, digits, dots, dashes and underscores, \
                           and a letter or digit at both ends";
            return Err(ConfigError::at("bucket", message));
        }
        if self.region.is_empty()
            || !self
                .region
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-')
        {
            return Err(ConfigError::at(
                "region",
                "a region is letters, digits and dashes, as 'eu-central-1'",
            ));
        }
        let (scheme, host) = match &self.endpoint {
            None => ("https", format!("s3.{}.amazonaws.com", self.region)),
            Some(endpoint) => split(endpoint).ok_or_else(|| {
                let message = "an endpoint is scheme, host and port and nothing else, as \
                               'https://s3.example.com' or \
                               'http://127.0.0.1:9000'";
                ConfigError::at("endpoint", message)
            })?,
        };
        let path_style = self
            .path_style
            .unwrap_or(self.endpoint.is_some() || bucket.contains('.'));
        Ok(if path_style {
            format!("{scheme}://{host}/{bucket}")
        } else {
            format!("{scheme}://{bucket}.{host}")
        })
    }

    /// What the keys of all objects start with.
    pub(crate) fn prefix(&self) -> Result<String, ConfigError> {
        if self.root.is_empty() {
            return Ok(String::new());
        }
        let is_name = |name: &str| {
            !name.is_empty() && name != "." && name != ".." && !name.chars().any(char::is_control)
        };
        if !self.root.split('/').all(is_name) || self.root.len() > 512 {
            let message = "a root is names joined by '/', without one in front or at the end, and \
                           at most 512 bytes long";
            return Err(ConfigError::at("root", message));
        }
        Ok(format!("{}/", self.root))
    }

    /// Headers that say how a new object is to be stored.
    pub(crate) fn storing(&self) -> Result<Vec<(&'static str, String)>, ConfigError> {
        let mut headers = Vec::new();
        match (self.server_side_encryption, &self.kms_key_id) {
            (Some(Encryption::Kms) | None, None) | (Some(Encryption::Aes256), None) => {}
            (Some(Encryption::Kms), Some(key)) => {
                headers.push((
                    "x-amz-server-side-encryption-aws-kms-key-id",
                    printable("kms_key_id", key)?,
                ));
            }
            (_, Some(_)) => {
                return Err(ConfigError::at(
                    "kms_key_id",
                    "a key needs server_side_encryption = \"aws:kms\"",
                ));
            }
        }
        if let Some(encryption) = self.server_side_encryption {
            headers.push(("x-amz-server-side-encryption", encryption.as_str().into()));
        }
        if let Some(class) = &self.storage_class {
            headers.push(("x-amz-storage-class", printable("storage_class", class)?));
        }
        Ok(headers)
    }

    /// Whether conditions can be left to the server.
    pub(crate) fn is_conditional(&self) -> bool {
        self.conditional_writes
            .unwrap_or_else(|| match self.endpoint.as_deref().map(split) {
                None => true,
                Some(endpoint) => endpoint.is_some_and(|(_, host)| {
                    let name = host.split(':').next().unwrap_or_default();
                    name == "amazonaws.com" || name.ends_with(".amazonaws.com")
                }),
            })
    }
}

/// Scheme and authority of an origin.
fn split(endpoint: &str) -> Option<(&'static str, String)> {
    let endpoint = endpoint.strip_suffix('/').unwrap_or(endpoint);
    let (scheme, host) = match endpoint.strip_prefix("https://") {
        Some(host) => ("https", host),
        None => ("http", endpoint.strip_prefix("http://")?),
    };
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    };
    let is_name = match name
        .strip_prefix('[')
        .and_then(|address| address.strip_suffix(']'))
    {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c))
        }
    };
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    (is_name && is_port).then(|| (scheme, host.to_owned()))
}

fn printable(path: &str, value: &str) -> Result<String, ConfigError> {
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(value.to_owned())
    } else {
        Err(ConfigError::at(
            path,
            "expected printable characters without spaces",
        ))
    }
}

#[cfg(test)]
mod tests;
