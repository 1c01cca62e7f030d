//! `callfs link`: a client of a gateway that runs, here or elsewhere.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use serde_json::{Value, json};

use super::{CommandFailure, print};
use crate::config::{DATA_DIR, Layers, Listen, LoadOptions, parse_duration};

/// How long the gateway may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// The largest answer that is read, in bytes.
const MAX_ANSWER: u64 = 16 << 20;

#[derive(Debug, clap::Args)]
pub(super) struct LinkArguments {
    #[command(subcommand)]
    command: LinkCommand,
}

#[derive(Debug, Subcommand)]
enum LinkCommand {
    /// Make a link to a file or a directory, and print its URL.
    Create {
        /// The path of the file or the directory in the gateway, as /notes/hello.txt.
        path: String,
        /// How long the link lasts, as 1h or 7d; otherwise as long as the gateway says.
        #[arg(long, value_name = "TIME", value_parser = expiry)]
        expires: Option<Duration>,
        /// How many times the file may be downloaded; once unless given.
        #[arg(long, value_name = "N")]
        downloads: Option<u32>,
        /// Let it be downloaded without limit until the link expires; a link to a directory, which
        /// shares everything below it, needs this.
        #[arg(long, conflicts_with = "downloads", requires = "expires")]
        unlimited: bool,
        /// Let browsers show the file where they can, rather than save it.
        #[arg(long)]
        inline: bool,
        /// What the file is called when it is downloaded; otherwise its own name.
        #[arg(long, value_name = "NAME")]
        filename: Option<String>,
        /// Print all there is to know of the link, as JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        gateway: Gateway,
    },
    /// Print your links, but for what opens them.
    List {
        /// Those of everybody; for administrators.
        #[arg(long)]
        all: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        gateway: Gateway,
    },
    /// Make a link lead nowhere from now on.
    Revoke {
        /// The id of the link, as `callfs link list` prints it.
        #[arg(value_parser = id)]
        id: String,
        #[command(flatten)]
        gateway: Gateway,
    },
}

/// Which gateway, and who asks it.
#[derive(Debug, clap::Args)]
struct Gateway {
    /// The URL of the gateway; otherwise that of the configuration.
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// A file with your key; otherwise the variable CALLFS_KEY, or the admin key of a first run.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// A configuration file: .toml, .yaml, .yml or .json.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(arguments: LinkArguments) -> Result<(), CommandFailure> {
    match arguments.command {
        LinkCommand::Create {
            path,
            expires,
            downloads,
            unlimited,
            inline,
            filename,
            json,
            gateway,
        } => {
            let seconds = expires.map(|expires| expires.as_secs());
            let wanted = json!({
                "path": path,
                "expiry_seconds": seconds,
                "max_downloads": downloads,
                "unlimited": unlimited,
                "disposition": if inline { "inline" } else { "attachment" },
                "filename": filename,
            });
            let made = gateway
                .client()?
                .ask("POST", "/v1/links/generate", Some(&wanted))?;
            let url = made["url"].as_str().unwrap_or_default();
            print(&if json {
                format!("{made:#}\n")
            } else {
                format!("{url}\n")
            })
        }
        LinkCommand::List { all, json, gateway } => {
            let links = gateway.client()?.links(all)?;
            print(&if json {
                format!("{:#}\n", Value::from(links))
            } else {
                table(&links)
            })
        }
        LinkCommand::Revoke { id, gateway } => {
            gateway
                .client()?
                .ask("DELETE", &format!("/v1/links/{id}"), None)?;
            Ok(())
        }
    }
}

impl Gateway {
    fn client(&self) -> Result<ApiClient, CommandFailure> {
        let server = self
            .server
            .clone()
            .map_or_else(|| configured(self.config.as_deref()), Ok)?;
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE));
        let agent = config
            .user_agent(concat!("callfs/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Ok(ApiClient {
            agent,
            server: server.trim_end_matches('/').into(),
            key: self.key()?,
        })
    }

    fn key(&self) -> Result<String, CommandFailure> {
        let of_first_run = || Path::new(DATA_DIR).join("admin.key");
        let file = match (&self.key_file, std::env::var("CALLFS_KEY")) {
            (Some(file), _) => file.clone(),
            (None, Ok(key)) if !key.is_empty() => return Ok(key),
            // It is the key of the gateway that runs here, and of no other.
            (None, _) if self.server.is_none() && of_first_run().exists() => of_first_run(),
            _ => {
                return Err(CommandFailure::Usage(
                    "there is no key; give --key-file, or set CALLFS_KEY".into(),
                ));
            }
        };
        let read = std::fs::read_to_string(&file);
        let key = read.map_err(|cause| {
            CommandFailure::failed(format!("cannot read the key in {}", file.display()), cause)
        })?;
        Ok(key.trim().to_owned())
    }
}

/// Where the gateway of this configuration is.
fn configured(file: Option<&Path>) -> Result<String, CommandFailure> {
    let options = LoadOptions {
        file: file.map(Path::to_owned),
        ..LoadOptions::of_process()
    };
    let server = Layers::read(&options)?.server()?;
    let is_known =
        |listen: &&Listen| !matches!(listen, Listen::Tcp(address) if address.port() == 0);
    let first = || server.listen.iter().filter(is_known).find_map(Listen::url);
    let unknown = || {
        CommandFailure::Usage(
            "the configuration names no address of the gateway; give --server URL".into(),
        )
    };
    server
        .external_url
        .clone()
        .or_else(first)
        .ok_or_else(unknown)
}

/// Somebody with a key.
struct ApiClient {
    agent: ureq::Agent,
    server: String,
    key: String,
}

impl ApiClient {
    /// All links, page by page.
    fn links(&self, all: bool) -> Result<Vec<Value>, CommandFailure> {
        let mut links = Vec::new();
        let mut after = String::new();
        loop {
            let mut page = self.ask(
                "GET",
                &format!("/v1/links?all={all}&limit=1000{after}"),
                None,
            )?;
            if let Some(items) = page["items"].as_array_mut() {
                links.append(items);
            }
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return Ok(links),
            }
        }
    }

    /// The answer, or what the gateway says is wrong.
    fn ask(
        &self,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Result<Value, CommandFailure> {
        let cannot = |cause: anyhow::Error| {
            CommandFailure::failed(format!("cannot ask the gateway at {}", self.server), cause)
        };
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{target}", self.server))
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json")
            .body(body.map(Value::to_string).unwrap_or_default())
            .map_err(|cause| cannot(cause.into()))?;
        let mut response = self
            .agent
            .run(request)
            .map_err(|cause| cannot(cause.into()))?;
        let status = response.status();
        let text = response
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER)
            .read_to_string();
        let text = text.map_err(|cause| cannot(cause.into()))?;
        let answer: Option<Value> = if text.is_empty() {
            Some(Value::Null)
        } else {
            serde_json::from_str(&text).ok()
        };
        match answer {
            Some(answer) if status.is_success() => Ok(answer),
            Some(Value::Object(problem)) if problem.contains_key("message") => {
                let message = problem["message"].as_str().unwrap_or_default();
                Err(CommandFailure::Failed(anyhow::anyhow!("{message}")))
            }
            _ => Err(cannot(anyhow::anyhow!(
                "it answered {status}, and nothing that CallFS would say"
            ))),
        }
    }
}

fn table(links: &[Value]) -> String {
    let mut text = String::new();
    for link in links {
        let word = |name: &str| link[name].as_str().unwrap_or_default();
        let id = word("id");
        let expires = word("expires");
        let path = word("path");
        let slash = if word("type") == "directory" && path != "/" {
            "/"
        } else {
            ""
        };
        let uses = match link["max_downloads"].as_u64() {
            Some(most) => format!("{}/{most}", link["downloads"]),
            None => "unlimited".to_owned(),
        };
        let _ = writeln!(text, "{id}  {uses:>9}  until {expires}  {path}{slash}");
    }
    text
}

fn expiry(text: &str) -> Result<Duration, String> {
    let expected = || "expected a time such as 30m, 1h or 7d".to_owned();
    parse_duration(text)
        .filter(|expiry| expiry.as_secs() > 0)
        .ok_or_else(expected)
}

fn id(text: &str) -> Result<String, String> {
    let is_id = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if is_id {
        Ok(text.to_owned())
    } else {
        Err("expected 32 hexadecimal digits, as `callfs link list` prints".into())
    }
}
