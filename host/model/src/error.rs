//! The one error inside CallFS: a closed kind, a sentence that a client may read, and the cause for
//! the log.
//!
//! It knows nothing of HTTP; `http::problem` decides what a stranger may learn.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

/// The result of everything that can fail while serving.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure it is; the set is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum ErrorKind {
    /// Nothing is there.
    NotFound,
    /// Something is there already.
    AlreadyExists,
    /// A file where a directory is needed.
    NotADirectory,
    /// A directory where a file is needed.
    IsADirectory,
    /// The directory still has entries.
    DirectoryNotEmpty,
    /// Nobody was recognised.
    Unauthenticated,
    /// The caller may not do that.
    PermissionDenied,
    /// A precondition of the request does not hold.
    PreconditionFailed,
    /// The range lies outside the object of this size.
    RangeNotSatisfiable {
        /// Size of the whole object, in bytes.
        size: u64,
    },
    /// The body is larger than the configured cap.
    PayloadTooLarge,
    /// The body is not the one that its digest announced.
    DigestMismatch,
    /// The request makes no sense.
    BadRequest,
    /// The backend of this path cannot do that.
    Unsupported,
    /// It was there once, and will not be again.
    Gone,
    /// Others hold the path for longer than a request waits.
    Locked,
    /// The storage is full.
    InsufficientStorage,
    /// The body ended before it was complete.
    Interrupted,
    /// A backend cannot be reached or is overloaded.
    BackendUnavailable,
    /// A backend did not answer in time.
    BackendTimeout,
    /// A component trapped, ran out of its limits or broke the contract.
    PluginFailed,
    /// A part of the service is not ready.
    NotReady,
    /// A bug, or a machine that fails.
    Internal,
}

impl ErrorKind {
    /// Whether the same request may succeed later without anybody changing anything.
    pub fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::Locked
                | Self::BackendUnavailable
                | Self::BackendTimeout
                | Self::PluginFailed
                | Self::NotReady
        )
    }
}

/// A failure.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    plugin: Option<String>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A failure of a kind, with a sentence that a client may read: lower case, no full stop, names
    /// the thing.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            plugin: None,
            retry_after: None,
            source: None,
        }
    }

    /// A failure that only the operator can understand: the client learns that it happened, the log
    /// why.
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(ErrorKind::Internal, "an internal error").because(source)
    }

    /// Adds the cause, for the log only.
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds the plugin that failed, for the log and the client.
    pub fn of_plugin(mut self, plugin: impl Into<String>) -> Self {
        self.plugin = Some(plugin.into());
        self
    }

    /// Adds when trying again makes sense.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The sentence for the client.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The plugin that failed.
    pub fn plugin(&self) -> Option<&str> {
        self.plugin.as_deref()
    }

    /// When trying again makes sense.
    pub fn wait(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The cause and its causes, in one line for the log.
    pub fn causes(&self) -> Option<String> {
        let mut next = self.source.as_deref().map(|e| e as &dyn StdError);
        let mut lines: Vec<String> = Vec::new();
        while let Some(cause) = next {
            let line = cause.to_string();
            if lines.last() != Some(&line) {
                lines.push(line);
            }
            next = cause.source();
        }
        (!lines.is_empty()).then(|| lines.join(": "))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|e| e as _)
    }
}
