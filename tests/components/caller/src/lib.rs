//! A storage that sends whatever request its path spells out, and answers what came back. The last
//! name of a path is `=` and, in hexadecimal, lines: the method, the credential slot, headers as
//! `name: value`, an empty line, the URI. Names before it are taken to it, so that a long request
//! fits into several. `memory` is the whole linear memory of the instance, which keeps what was
//! sent and what came back.

use std::cell::RefCell;

use callfs_sdk::http::{Request, Response, send};
use callfs_sdk::{
    Attributes, Condition, ConfigError, Error, NoConfig, Page, Plugin, ReadOptions, Result, Source,
    Storage, Write, WriteOptions, Written,
};

/// Bytes in a piece of what is shown of the memory.
const PIECE: usize = 64 << 10;

/// All that was said, in both directions.
struct Caller {
    told: RefCell<Vec<String>>,
}

impl Plugin for Caller {
    const NAME: &'static str = "caller";
    const VERSION: &'static str = "0.0.1";
    const SUMMARY: &'static str = "sends requests on demand";
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            told: RefCell::default(),
        })
    }
}

impl Storage for Caller {
    async fn stat(&self, path: &str) -> Result<Attributes> {
        let last = path.rsplit('/').next().unwrap_or_default();
        match last {
            "ok" => Ok(Attributes::file(3)),
            "memory" => Ok(Attributes::file(memory().len() as u64)),
            _ if last.starts_with('=') => Ok(Attributes::file(0)),
            _ => Ok(Attributes::directory()),
        }
    }

    async fn read(&self, path: &str, _: ReadOptions) -> Result<(Attributes, Source)> {
        match path {
            "ok" => Ok((Attributes::file(3), Source::from_bytes(b"ok\n"))),
            "memory" => {
                let size = memory().len() as u64;
                Ok((Attributes::file(size), dump(size)))
            }
            _ => {
                let body = self.ask(path, None).await?.body;
                match body.size() {
                    Some(size) => Ok((Attributes::file(size), body)),
                    None => {
                        let bytes = whole(body).await?;
                        Ok((
                            Attributes::file(bytes.len() as u64),
                            Source::from_bytes(&bytes),
                        ))
                    }
                }
            }
        }
    }

    async fn list(&self, _: &str, _: Option<&str>, _: u32) -> Result<Page> {
        Ok(Page {
            entries: Vec::new(),
            more: false,
        })
    }
}

impl Write for Caller {
    async fn write(&self, path: &str, body: Source, _: WriteOptions) -> Result<Written> {
        let answer = self.ask(path, Some(body)).await?;
        let size = whole(answer.body).await?.len();
        Ok(Written::Done(Attributes::file(size as u64)))
    }

    async fn remove(&self, _: &str, _: Condition) -> Result<()> {
        Err(Error::Unsupported("removing".into()))
    }
}

impl Caller {
    /// Sends what a path spells out; an answer that is no success is an error with its status.
    async fn ask(&self, path: &str, body: Option<Source>) -> Result<Response> {
        let request = parse(path)?;
        self.told.borrow_mut().push(format!("{request:?}"));
        let response = send(request, body).await?;
        for (name, value) in &response.headers {
            self.told
                .borrow_mut()
                .push(format!("{name}: {}", String::from_utf8_lossy(value)));
        }
        match response.status {
            200..300 => Ok(response),
            status => Err(Error::other("STATUS", format!("answered {status}"))),
        }
    }
}

fn parse(path: &str) -> Result<Request> {
    let spelled: String = path
        .split('/')
        .map(|name| name.trim_start_matches('='))
        .collect();
    let digits = spelled.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> = digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    let text = bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or(Error::NotFound)?;
    let mut lines = text.split('\n');
    let mut line = || lines.next().ok_or(Error::NotFound);
    let method = line()?;
    let credential = line()?;
    let mut headers = Vec::new();
    while let Some((name, value)) = line()?.split_once(": ") {
        headers.push((name.to_owned(), value.as_bytes().to_vec()));
    }
    let credential = (!credential.is_empty()).then(|| credential.to_owned());
    Ok(Request {
        headers,
        credential,
        ..Request::new(method, line()?)
    })
}

async fn whole(body: Source) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.read(PIECE as u32).await? {
        bytes.extend(piece);
    }
    Ok(bytes)
}

/// The linear memory from its second byte on; nothing ever lies at the first.
#[cfg(target_arch = "wasm32")]
#[expect(
    unsafe_code,
    reason = "the host has to survive a list that reaches beyond memory"
)]
fn memory() -> &'static [u8] {
    let size = core::arch::wasm32::memory_size(0) << 16;
    // Wild, but what is looked at is only copied out, byte by byte, by a test.
    unsafe { std::slice::from_raw_parts(std::ptr::without_provenance(1), size - 1) }
}

/// Outside of a sandbox there is none.
#[cfg(not(target_arch = "wasm32"))]
fn memory() -> &'static [u8] {
    &[]
}

fn dump(size: u64) -> Source {
    Source::produce(Some(size), async move |sink| {
        for start in (0..size as usize).step_by(PIECE) {
            sink.write(memory()[start..(start + PIECE).min(size as usize)].to_vec())
                .await?;
        }
        Ok(())
    })
}

callfs_sdk::export!(Caller: Storage + Write);
