//! A file in the envelope of a form: `multipart/form-data` (RFC 7578), which is what `curl -F`,
//! browsers and most HTTP libraries send when they are given a file.
//!
//! The body has exactly one part, and that is a file. Its bytes are handed on while they arrive. If
//! the envelope turns out to be cut, or to hold more, the bytes end in an error, so that nothing is
//! stored. Nothing but a part's head and one piece of the body is ever held; `multer`, the crate
//! that is usual for this, buffers as much as the client sends faster than it is stored, and a head
//! of any length.

use bytes::{Buf, Bytes, BytesMut};
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::source::Source;
use futures_util::{StreamExt, stream};
use http::HeaderValue;
use http::header::{CONTENT_TYPE, HeaderMap};
use httparse::{EMPTY_HEADER, Header, Status};
use memchr::memmem::{self, Finder};

use crate::content::streams;
use crate::fields::{disposition, lines, media_type};
use crate::problem::{self, Problem};

/// The most bytes that an envelope has, beside the file.
pub(crate) const MAX_ENVELOPE: u64 = 1 << 20;

/// The most bytes in front of the first part, of the head of a part, and after the last.
const MAX_HEAD: usize = 8 << 10;
/// The most fields of the head of a part.
const MAX_FIELDS: usize = 16;
/// RFC 2046 section 5.1.1.
const MAX_BOUNDARY: usize = 70;

/// The file in a form.
pub(crate) struct FormFile {
    /// As the client calls it; anything but empty.
    pub(crate) name: String,
    /// `Content-Type` of the part.
    pub(crate) media_type: Option<HeaderValue>,
    pub(crate) bytes: Source,
}

/// What is between the parts of a form.
pub(crate) struct FormBoundary(String);

impl FormBoundary {
    /// That of a request whose body is a form; none if it is none.
    pub(crate) fn of(headers: &HeaderMap) -> problem::Result<Option<Self>> {
        let given = lines::single(headers, &CONTENT_TYPE)?.map(HeaderValue::to_str);
        let Some(Ok(text)) = given else {
            return Ok(None);
        };
        let is_form = media_type::essence(text).is_some_and(|(kind, subtype)| {
            kind.eq_ignore_ascii_case("multipart") && subtype.eq_ignore_ascii_case("form-data")
        });
        if !is_form {
            return Ok(None);
        }
        let is_good = |boundary: &String| {
            (1..=MAX_BOUNDARY).contains(&boundary.len()) && !boundary.ends_with(' ')
        };
        let boundary = media_type::parameter(text, "boundary").filter(is_good);
        let missing = || {
            let message = "'Content-Type: multipart/form-data' has no boundary; leave the header \
                           to the library that makes the form, or PUT the bytes of the file \
                           without a form";
            Problem::bad_request(message)
        };
        boundary.map(Self).map(Some).ok_or_else(missing)
    }
}

impl FormFile {
    /// Reads a body up to the bytes of the file.
    pub(crate) async fn open(body: Source, boundary: &FormBoundary) -> Result<Self> {
        let mut envelope = FormEnvelope::new(body, boundary);
        envelope.skip_preamble().await?;
        if envelope.is_last().await? {
            return Err(refused("the form has no file; send one"));
        }
        let (name, media_type) = envelope.head().await?;
        let pieces = stream::try_unfold(envelope, FormEnvelope::go_on).boxed();
        Ok(Self {
            name,
            media_type,
            bytes: Source::from_stream(pieces, None),
        })
    }
}

/// A body, as far as it was read.
struct FormEnvelope {
    body: Source,
    /// Line break, dashes and boundary: what ends a part.
    delimiter: Finder<'static>,
    /// What has arrived and is not handed on.
    held: BytesMut,
}

impl FormEnvelope {
    fn new(body: Source, boundary: &FormBoundary) -> Self {
        let delimiter = format!("\r\n--{}", boundary.0);
        Self {
            body,
            delimiter: Finder::new(&delimiter).into_owned(),
            // The first delimiter may be at the very start, without its line break.
            held: BytesMut::from("\r\n"),
        }
    }

    async fn fill(&mut self) -> Result<()> {
        match self.body.next().await? {
            Some(piece) => {
                self.held.extend_from_slice(&piece);
                Ok(())
            }
            None => Err(refused(
                "the form ends before its closing boundary; send all of it",
            )),
        }
    }

    /// How many of the bytes that are held cannot be the start of a delimiter, if none is complete.
    fn undelimited(&self) -> usize {
        let start = self.delimiter.needle().len() - 1;
        self.held.len().saturating_sub(start)
    }

    /// Reads up to the end of the first delimiter.
    async fn skip_preamble(&mut self) -> Result<()> {
        let mut skipped = 0;
        loop {
            if let Some(at) = self.delimiter.find(&self.held) {
                self.held.advance(at + self.delimiter.needle().len());
                return Ok(());
            }
            let sure = self.undelimited();
            skipped += sure;
            if skipped > MAX_HEAD {
                let message = "the form does not begin with the boundary of its Content-Type";
                return Err(refused(message));
            }
            self.held.advance(sure);
            self.fill().await?;
        }
    }

    /// Reads what follows a delimiter: whether it was the closing one, or another part comes.
    async fn is_last(&mut self) -> Result<bool> {
        loop {
            let is_padding = |byte: &&u8| matches!(byte, b' ' | b'\t');
            let padding = self.held.iter().take_while(is_padding).count();
            match &self.held[padding..] {
                [b'-', b'-', ..] if padding == 0 => return Ok(true),
                [b'\r', b'\n', ..] => {
                    self.held.advance(padding + 2);
                    return Ok(false);
                }
                [] | [b'\r'] if padding <= MAX_HEAD => {}
                [b'-'] if padding == 0 => {}
                _ => {
                    let message = "a line of the form begins with its boundary and goes on; make \
                                   another boundary";
                    return Err(refused(message));
                }
            }
            self.fill().await?;
        }
    }

    /// Reads the head of a part: the name of its file and its media type.
    async fn head(&mut self) -> Result<(String, Option<HeaderValue>)> {
        let malformed = || {
            let message = format!(
                "the head of a part of the form is malformed, or longer than {MAX_HEAD} bytes"
            );
            refused(message)
        };
        loop {
            let is_complete = self.held.starts_with(b"\r\n")
                || memmem::find(&self.held, b"\r\n\r\n").is_some_and(|end| end <= MAX_HEAD);
            if is_complete {
                break;
            }
            if self.held.len() > MAX_HEAD {
                return Err(malformed());
            }
            self.fill().await?;
        }
        let mut fields = [EMPTY_HEADER; MAX_FIELDS];
        let (length, head) = match httparse::parse_headers(&self.held, &mut fields) {
            Ok(Status::Complete((length, fields))) => (length, file_of(fields)?),
            Ok(Status::Partial) | Err(_) => return Err(malformed()),
        };
        self.held.advance(length);
        Ok(head)
    }

    /// The next bytes of the file, and what comes after them.
    async fn go_on(mut self) -> Result<Option<(Bytes, Self)>> {
        Ok(self.next().await?.map(|piece| (piece, self)))
    }

    /// The next bytes of the file; none once it and the envelope have ended well.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            match self.delimiter.find(&self.held) {
                Some(0) => {
                    self.close().await?;
                    return Ok(None);
                }
                Some(at) => return Ok(Some(self.take(at))),
                None => {}
            }
            let sure = self.undelimited();
            if sure > 0 {
                return Ok(Some(self.take(sure)));
            }
            self.fill().await?;
        }
    }

    fn take(&mut self, count: usize) -> Bytes {
        streams::unpinned(self.held.split_to(count).freeze())
    }

    /// Reads from the delimiter after the file to the end of the body.
    async fn close(&mut self) -> Result<()> {
        self.held.advance(self.delimiter.needle().len());
        if !self.is_last().await? {
            let message = "the form has another part after the file; send one file and nothing \
                           else, each file in a request of its own";
            return Err(refused(message));
        }
        let mut after = self.held.len();
        while after <= MAX_HEAD {
            match self.body.next().await? {
                Some(piece) => after += piece.len(),
                None => return Ok(()),
            }
        }
        Err(refused("the body goes on after the end of the form"))
    }
}

/// The name of the file and the media type, if a part with these fields is one that is stored.
fn file_of(fields: &[Header<'_>]) -> Result<(String, Option<HeaderValue>)> {
    let single = |name: &str| {
        let mut found = fields
            .iter()
            .filter(|field| field.name.eq_ignore_ascii_case(name))
            .map(|field| field.value);
        match (found.next(), found.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => Err(refused(format!("a part of the form has '{name}' twice"))),
        }
    };
    let malformed = || {
        let message = "a part of the form has no 'Content-Disposition: form-data; name=\"...\"; \
                       filename=\"...\"' in UTF-8";
        refused(message)
    };
    let field = single("content-disposition")?
        .and_then(disposition::form_field)
        .ok_or_else(malformed)?;
    let Some(name) = field.filename else {
        return Err(refused(format!(
            "the field '{}' of the form is no file; send one part that has a filename, and no \
             other fields, as 'curl -F file=@NAME' does",
            field.name
        )));
    };
    if name.is_empty() {
        let message = "the form has a file without a name, which is what a browser sends if none \
                       was chosen; choose a file";
        return Err(refused(message));
    }
    // What is decoded nowhere would be stored coded.
    for (header, plain) in [
        ("content-transfer-encoding", ["binary", "8bit", "7bit"]),
        ("content-encoding", ["identity"; 3]),
    ] {
        let coding = single(header)?.map(<[u8]>::trim_ascii);
        let is_coded = coding.is_some_and(|coding| {
            !plain
                .iter()
                .any(|plain| coding.eq_ignore_ascii_case(plain.as_bytes()))
        });
        if is_coded {
            let message = format!(
                "bytes are stored as they are; send the file in the form without '{header}'"
            );
            return Err(refused(message));
        }
    }
    let media_type = single("content-type")?.map(HeaderValue::from_bytes);
    let media_type = media_type
        .transpose()
        .map_err(|_| refused("'Content-Type' of the file in the form is malformed"))?;
    Ok((name, media_type))
}

fn refused(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::BadRequest, message)
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
