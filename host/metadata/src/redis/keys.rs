//! Where the metadata store is: reads the URL and the prefix, and names the keys. It connects to
//! nothing.
//!
//! Every key begins with the prefix in braces, the *hash tag* of Redis, so that all of a metadata
//! store is in one slot.

use ::redis::{Client, IntoConnectionInfo, ProtocolVersion};
use callfs_model::error::{Error, ErrorKind, Result};

/// The longest prefix.
const MAX_PREFIX: usize = 100;

/// The server of a URL. What the URL says is never repeated: it may hold a password.
pub(super) fn client(url: &str) -> Result<Client> {
    let wrong = |why: &str| {
        let message = format!(
            "the metadata url {why}; give redis://user:password@host:6379/0, rediss:// for tls"
        );
        Error::new(ErrorKind::BadRequest, message)
    };
    let known = ["redis://", "rediss://", "redis+unix://"]
        .iter()
        .any(|scheme| url.starts_with(scheme));
    if !known {
        return Err(wrong(
            "does not start with 'redis://', 'rediss://' or 'redis+unix://'",
        ));
    }
    if url.contains("#insecure") {
        return Err(wrong(
            "asks for tls that checks nothing, which there is not",
        ));
    }
    // The cause may repeat parts of it.
    let info = url
        .into_connection_info()
        .map_err(|_| wrong("cannot be read"))?;
    // With the older protocol, the end of a connection is told to nobody.
    let settings = info
        .redis_settings()
        .clone()
        .set_protocol(ProtocolVersion::RESP3);
    Client::open(info.set_redis_settings(settings)).map_err(|_| wrong("cannot be used"))
}

/// The keys of one metadata store.
#[derive(Clone)]
pub(super) struct RedisKeys(String);

impl RedisKeys {
    pub(super) fn new(prefix: &str) -> Result<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
        if prefix.is_empty() || prefix.len() > MAX_PREFIX || !prefix.bytes().all(plain) {
            let message = format!(
                "'{}' is no prefix for the keys of the metadata store; give 1 to {MAX_PREFIX} \
                 letters, digits, '_', '-', '.' or ':'",
                prefix.escape_debug()
            );
            return Err(Error::new(ErrorKind::BadRequest, message));
        }
        Ok(Self(format!("{{{prefix}}}:")))
    }

    pub(super) fn of(&self, name: &str) -> String {
        format!("{}{name}", self.0)
    }

    /// Where the notifications are told.
    pub(super) fn channel(&self) -> String {
        self.of("notifications")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_keys_of_one_slot() {
        assert_eq!(
            RedisKeys::new("callfs:2").expect("good").of("paths"),
            "{callfs:2}:paths"
        );
        for wrong in ["", "a{b", "a}b", "a b", "ä", &"x".repeat(101)] {
            assert_eq!(
                RedisKeys::new(wrong).err().expect("refused").kind(),
                ErrorKind::BadRequest,
                "{wrong}"
            );
        }
    }

    #[test]
    fn never_prints_a_password() {
        let wrong = [
            "http://user:s3cret@host/",
            "redis://user:s3cret@host/not-a-number",
            "redis://user:s3cret@host:99999/",
            "redis://user:s3cret@:6379/",
            "redis://:s3cret%ff@host/",
            "rediss://user:s3cret@host/#insecure",
            "s3cret",
        ];
        for url in wrong {
            let error = client(url)
                .err()
                .unwrap_or_else(|| panic!("{url} was accepted"));
            let all = format!("{error} {error:?} {:?}", error.causes());
            assert!(
                error.kind() == ErrorKind::BadRequest && !all.contains("s3cret"),
                "{all}"
            );
        }
        for url in [
            "redis://localhost",
            "rediss://user:s3cret@host:6380/3",
            "redis+unix:///run/redis.sock?db=1",
        ] {
            client(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        }
    }
}
