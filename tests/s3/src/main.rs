//! An S3 server for tests: a process that can be killed, with signatures, conditions, listings and
//! uploads in parts as S3 has them. The protocol is that of the crate `s3s`; objects are kept in a
//! folder and survive the process.

mod conditions;
mod listing;
mod service;
mod store;
mod uploads;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

use crate::service::Service;
use crate::store::Store;

#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The only bucket.
    #[arg(long, default_value = "bucket")]
    bucket: String,
    #[arg(long)]
    access_key: String,
    #[arg(long)]
    secret_key: String,
    /// Keep objects as the crate `s3s-fs` does, which wrote them without us in mind; the bucket is
    /// a folder in `root`.
    #[arg(long)]
    s3s_fs: bool,
    /// Where its objects are.
    root: PathBuf,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments {
        listen,
        bucket,
        access_key,
        secret_key,
        s3s_fs,
        root,
    } = Arguments::parse();
    let mut builder = if s3s_fs {
        std::fs::create_dir_all(root.join(bucket))?;
        S3ServiceBuilder::new(FileSystem::new(root).map_err(|error| anyhow::anyhow!("{error:?}"))?)
    } else {
        S3ServiceBuilder::new(Service::new(bucket, Store::open(root)?))
    };
    builder.set_auth(SimpleAuth::from_single(access_key, secret_key));
    let service = builder.build();
    let listener = TcpListener::bind(listen).await?;
    eprintln!(
        "callfs-test-s3 listens on http://{}",
        listener.local_addr()?
    );
    loop {
        let (connection, _) = listener.accept().await?;
        let service = service.clone();
        tokio::spawn(async move {
            // A client that goes away in the middle is none of our business.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(connection), service)
                .await;
        });
    }
}
