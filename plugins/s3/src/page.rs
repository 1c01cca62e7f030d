//! Pages of keys, as S3 lists them (`ListObjectsV2`).

use callfs_sdk::{Attributes, Error, Result};
use serde::Deserialize;

use crate::bucket::{Bucket, document};
use crate::listing::{From, KeyPage, Keys};
use crate::{key, object};

/// What is in one directory of a bucket.
pub(crate) struct Directory<'a> {
    bucket: &'a Bucket,
    path: &'a str,
    prefix: String,
}

/// The document, as far as it is needed.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Listed {
    encoding_type: Option<String>,
    is_truncated: bool,
    next_continuation_token: Option<String>,
    contents: Vec<Object>,
    common_prefixes: Vec<Common>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Object {
    key: String,
    size: u64,
    #[serde(rename = "ETag")]
    etag: Option<String>,
    last_modified: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Common {
    prefix: String,
}

/// Whether any key starts with a prefix.
pub(crate) async fn any(bucket: &Bucket, prefix: &str) -> Result<bool> {
    let listed = listed(
        bucket,
        &[("list-type", "2"), ("max-keys", "1"), ("prefix", prefix)],
    )
    .await?;
    Ok(!listed.contents.is_empty() || !listed.common_prefixes.is_empty())
}

impl<'a> Directory<'a> {
    pub(crate) fn new(bucket: &'a Bucket, path: &'a str) -> Self {
        Self {
            bucket,
            path,
            prefix: bucket.prefix_of(path),
        }
    }
}

impl Keys for Directory<'_> {
    async fn page(&self, from: From<'_>, limit: u32) -> Result<KeyPage> {
        let limit = limit.to_string();
        let start = match from {
            From::After(Some(name)) => ("start-after", format!("{}{name}", self.prefix)),
            From::After(None) => ("", String::new()),
            From::Token(token) => ("continuation-token", token.to_owned()),
        };
        // In the order of their names, in which they are signed.
        let query = [
            ("delimiter", "/"),
            ("encoding-type", "url"),
            ("list-type", "2"),
            ("max-keys", limit.as_str()),
            ("prefix", self.prefix.as_str()),
            (start.0, start.1.as_str()),
        ];
        Ok(listed(self.bucket, &query).await?.page(&self.prefix))
    }

    async fn has_directory(&self, name: &str) -> Result<bool> {
        let path = if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}/{name}", self.path)
        };
        self.bucket.has_directory(&path).await
    }
}

async fn listed(bucket: &Bucket, query: &[(&str, &str)]) -> Result<Listed> {
    let query: Vec<(&str, &str)> = query
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .copied()
        .collect();
    let answer = document(bucket.listing(&query).insist(|| None).await?).await?;
    let unexpected = |error| {
        Error::other(
            "UNEXPECTED_ANSWER",
            format!("S3 answered with another document: {error}"),
        )
    };
    quick_xml::de::from_str(&answer).map_err(unexpected)
}

impl Listed {
    /// The names in a directory whose keys start with `prefix`. What can be no name is left out:
    /// CallFS could not ask for it.
    fn page(self, prefix: &str) -> KeyPage {
        let is_encoded = self.encoding_type.as_deref() == Some("url");
        let name = |key: String, end: &str| {
            let key = if is_encoded {
                key::out_of_listing(&key)?
            } else {
                key
            };
            let name = key.strip_prefix(prefix)?.strip_suffix(end)?;
            (!name.is_empty() && !name.contains('/')).then(|| name.to_owned())
        };
        let found = self.contents.len() + self.common_prefixes.len();
        let files: Vec<_> = self
            .contents
            .into_iter()
            .filter_map(|object| {
                let modified = object.last_modified.as_deref().and_then(object::time);
                let etag = object.etag.as_deref().and_then(object::etag);
                Some((
                    name(object.key, "")?,
                    Attributes {
                        etag,
                        modified,
                        ..Attributes::file(object.size)
                    },
                ))
            })
            .collect();
        let directories: Vec<_> = self
            .common_prefixes
            .into_iter()
            .filter_map(|common| name(common.prefix, "/"))
            .collect();
        let other = found > files.len() + directories.len();
        let next = self.next_continuation_token.filter(|_| self.is_truncated);
        KeyPage {
            files,
            directories,
            other,
            next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(xml: &str, prefix: &str) -> KeyPage {
        quick_xml::de::from_str::<Listed>(xml)
            .expect("a listing")
            .page(prefix)
    }

    #[test]
    fn a_document_is_a_page() {
        let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult \
                   xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            \
            <Name>archive</Name><Prefix>d/</Prefix><KeyCount>4</KeyCount>\
            <MaxKeys>1000</MaxKeys><Delimiter>/</Delimiter>\
            <EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>\
            <NextContinuationToken>to&amp;ken=</NextContinuationToken>\
            <Contents><Key>d/</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified>\
            <ETag>&quot;e&quot;</ETag><Size>0</Size></Contents>\
            <CommonPrefixes><Prefix>d/sub+dir/</Prefix></CommonPrefixes>\
            <Contents><Key>d/a%2Bb%20c</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified>\
            <ETag>\"fba9\"</ETag><Size>434234</Size>\
            <StorageClass>STANDARD</StorageClass><Owner><ID>1</ID></Owner></Contents>\
            <CommonPrefixes><Prefix>d//</Prefix></CommonPrefixes></ListBucketResult>";
        let page = page(xml, "d/");
        let [(name, attributes)] = &page.files[..] else {
            panic!("{:?}", page.files)
        };
        assert_eq!(name, "a+b c");
        assert_eq!(
            (attributes.size, attributes.etag.as_deref()),
            (434_234, Some("fba9"))
        );
        assert_eq!(attributes.modified, Some(1_255_369_830_000_000_000));
        assert_eq!(page.directories, ["sub dir"]);
        assert!(
            page.other,
            "the marker of the directory, and a name that is none"
        );
        assert_eq!(page.next.as_deref(), Some("to&ken="));
    }

    #[test]
    fn a_server_that_encodes_nothing_is_taken_at_its_word() {
        let xml = "<ListBucketResult><IsTruncated>false</IsTruncated><NextContinuationToken>x</\
                   NextContinuationToken><Contents><Key>a+b%20c</Key><Size>1</Size></Contents></\
                   ListBucketResult>";
        let page = page(xml, "");
        assert_eq!(page.files[0].0, "a+b%20c");
        assert_eq!((page.files[0].1.etag.as_deref(), page.next), (None, None));
    }

    #[test]
    fn an_empty_listing_is_one() {
        let page = page(
            "<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated></ListBucketResult>",
            "a/",
        );
        assert!(page.files.is_empty() && page.directories.is_empty() && !page.other);
    }
}
