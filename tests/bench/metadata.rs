//! How fast each store of the metadata store is, compared with SQLite in the same run, and how that
//! changes with its size.
//!
//! usage: cargo bench -p callfs-metadata --bench metadata -- [--entries N] [--seconds S] [STORE...]
//!
//! PostgreSQL and Redis are started and thrown away, or found as the tests find them; a store whose
//! server is missing is left out. Durable as they are run in earnest: SQLite and Raft sync their
//! files; Redis here appends without a sync of its own, and PostgreSQL, too, so their changes are
//! an upper bound.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use callfs_metadata::{
    Notifications, PostgresStore, RaftSettings, RaftStore, RedisStore, SqliteStore,
};
use callfs_model::metadata::{Change, Content, Metadata, Record};
use callfs_model::path::FilePath;
use callfs_test_servers as servers;

/// Who works at once.
const CLIENTS: u64 = 16;
/// Entries of one page of a listing, and records of one change while a store is filled.
const PAGE: u32 = 1000;
const BATCH: u64 = 200;

struct Options {
    entries: u64,
    seconds: Duration,
    stores: Vec<String>,
}

/// Operations in a second, and what some of them cost of the processors.
#[derive(Default)]
struct Figures {
    name: String,
    rates: Vec<(&'static str, f64)>,
    growth: Vec<(u64, [Duration; 4])>,
}

#[tokio::main]
async fn main() {
    let options = options();
    let dir = tempfile::tempdir().expect("a folder");
    let mut all = Vec::new();
    for name in &options.stores {
        let Some(store) = open(name, dir.path()).await else {
            continue;
        };
        eprintln!("measuring {name}");
        all.push(measure(name, store, &options).await);
    }
    report(&all);
}

fn options() -> Options {
    let mut options = Options {
        entries: 1_000_000,
        seconds: Duration::from_secs(3),
        stores: Vec::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = |what: &str| -> u64 {
            let given = arguments.next().and_then(|text| text.parse().ok());
            given.unwrap_or_else(|| panic!("{what} needs a number"))
        };
        match argument.as_str() {
            "--entries" => options.entries = number("--entries"),
            "--seconds" => options.seconds = Duration::from_secs(number("--seconds")),
            // What cargo tells every benchmark.
            "--bench" => {}
            store => options.stores.push(store.into()),
        }
    }
    if options.stores.is_empty() {
        options.stores = ["sqlite", "postgres", "redis", "raft"]
            .map(Into::into)
            .into();
    }
    options
}

async fn open(name: &str, dir: &Path) -> Option<Arc<dyn Metadata>> {
    let notifications = Arc::new(Notifications::new());
    let opened: Arc<dyn Metadata> = match name {
        "sqlite" => Arc::new(
            SqliteStore::open(&format!("sqlite:{}/metadata.db", dir.display()))
                .await
                .expect("opened"),
        ),
        "postgres" => {
            let url = servers::Postgres::shared()?.database();
            Arc::new(
                PostgresStore::open(&url, 16, notifications)
                    .await
                    .expect("opened"),
            )
        }
        "redis" => {
            let url = servers::Redis::shared()?.url();
            Arc::new(
                RedisStore::open(url, &servers::unique(), notifications)
                    .await
                    .expect("opened"),
            )
        }
        "raft" => {
            let settings = RaftSettings {
                node: "bench".into(),
                listen: SocketAddr::from((Ipv4Addr::LOCALHOST, servers::free_port())),
                advertise: None,
                dir: dir.join("raft"),
                bootstrap: true,
                secret: b"a secret of this run alone, long enough".to_vec(),
            };
            Arc::new(
                RaftStore::open(settings, notifications)
                    .await
                    .expect("opened"),
            )
        }
        other => panic!("there is no store '{other}'"),
    };
    Some(opened)
}

async fn measure(name: &str, store: Arc<dyn Metadata>, options: &Options) -> Figures {
    let mut figures = Figures {
        name: name.into(),
        ..Figures::default()
    };
    let next = Arc::new(AtomicU64::new(0));
    for (what, clients) in [("put, 1 client", 1), ("put, 16 clients", CLIENTS)] {
        let rates = rate(&store, options.seconds, clients, |store, _| {
            let next = next.clone();
            async move {
                let number = next.fetch_add(1, Ordering::Relaxed);
                store
                    .apply(vec![Change::Put(record(&format!(
                        "/hot/{}/{number}",
                        number % 100
                    )))])
                    .await
                    .expect("put");
            }
        });
        let (rate, processor) = rates.await;
        figures.rates.push((what, rate));
        figures.rates.push(("  processor time, us", processor));
    }
    let known = next.load(Ordering::Relaxed).max(1);
    for (what, clients) in [("get, 1 client", 1), ("get, 16 clients", CLIENTS)] {
        let rates = rate(&store, options.seconds, clients, |store, turn| async move {
            let number = turn.wrapping_mul(7919) % known;
            store
                .get(&path(&format!("/hot/{}/{number}", number % 100)))
                .await
                .expect("read");
        });
        let (rate, processor) = rates.await;
        figures.rates.push((what, rate));
        figures.rates.push(("  processor time, us", processor));
    }
    store
        .apply(vec![Change::RemoveTree(path("/hot"))])
        .await
        .expect("removed");
    let mut filled = 0;
    for power in 3.. {
        let size = 10u64.pow(power).min(options.entries);
        fill(&store, filled, size).await;
        filled = size;
        figures.growth.push((size, latencies(&store, size).await));
        if let Some(what) = listed(size) {
            figures.rates.push((what, list(&store).await));
        }
        if size == options.entries {
            break;
        }
    }
    store.close().await;
    figures
}

fn listed(size: u64) -> Option<&'static str> {
    match size {
        100_000 => Some("entries listed of 100,000"),
        1_000_000 => Some("entries listed of 1,000,000"),
        _ => None,
    }
}

/// Operations in a second, by so many clients at once, and microseconds of processor time for each:
/// those of this process alone, without the server of a store.
async fn rate<F>(
    store: &Arc<dyn Metadata>,
    time: Duration,
    clients: u64,
    operation: impl Fn(Arc<dyn Metadata>, u64) -> F,
) -> (f64, f64)
where
    F: Future<Output = ()> + Send + 'static,
{
    let used = processor_time();
    let start = Instant::now();
    let done = AtomicU64::new(0);
    let client = async |client: u64| {
        let mut turn = client;
        while start.elapsed() < time {
            operation(store.clone(), turn).await;
            turn += CLIENTS;
            done.fetch_add(1, Ordering::Relaxed);
        }
    };
    futures_util::future::join_all((0..clients).map(client)).await;
    let elapsed = start.elapsed();
    let used = processor_time() - used;
    let done = done.load(Ordering::Relaxed) as f64;
    (
        done / elapsed.as_secs_f64(),
        used.as_secs_f64() * 1e6 / done,
    )
}

/// What this process has used so far, of all processors.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("readable");
    let (_, fields) = stat.rsplit_once(") ").expect("the name of the program");
    // Linux counts in hundredths of a second here, on every machine.
    let ticks = |field| -> u64 {
        let text = fields.split(' ').nth(field).expect("a field");
        text.parse().expect("a number")
    };
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// One directory with so many entries.
async fn fill(store: &Arc<dyn Metadata>, from: u64, to: u64) {
    let mut number = from;
    while number < to {
        let end = (number + BATCH).min(to);
        let changes = (number..end).map(|number| Change::Put(record(&format!("/all/{number:09}"))));
        store.apply(changes.collect()).await.expect("filled");
        number = end;
    }
}

/// Of a read, a change, a page and a move of a directory of a hundred, beside so many entries: the
/// median of some.
async fn latencies(store: &Arc<dyn Metadata>, size: u64) -> [Duration; 4] {
    const TIMES: u64 = 51;
    let all = path("/all");
    let mut get = Vec::new();
    let mut put = Vec::new();
    let mut page = Vec::new();
    let mut rename = Vec::new();
    store
        .apply(
            (0..100)
                .map(|number| Change::Put(record(&format!("/one/{number}"))))
                .collect(),
        )
        .await
        .expect("put");
    for turn in 0..TIMES {
        let number = turn.wrapping_mul(7_919_777) % size;
        let name = format!("{number:09}");
        let at = path(&format!("/all/{name}"));
        let start = Instant::now();
        store.get(&at).await.expect("read").expect("there");
        get.push(start.elapsed());
        let start = Instant::now();
        store
            .apply(vec![Change::Put(record(at.as_str()))])
            .await
            .expect("put");
        put.push(start.elapsed());
        let start = Instant::now();
        store
            .children(&all, Some(&name), PAGE)
            .await
            .expect("listed");
        page.push(start.elapsed());
        let (from, to) = if turn % 2 == 0 {
            ("/one", "/two")
        } else {
            ("/two", "/one")
        };
        let start = Instant::now();
        store
            .apply(vec![Change::Rename {
                from: path(from),
                to: path(to),
            }])
            .await
            .expect("moved");
        rename.push(start.elapsed());
    }
    store
        .apply(vec![
            Change::RemoveTree(path("/one")),
            Change::RemoveTree(path("/two")),
        ])
        .await
        .expect("removed");
    [get, put, page, rename].map(|mut times| {
        times.sort();
        times[times.len() / 2]
    })
}

/// Entries in a second, page by page.
async fn list(store: &Arc<dyn Metadata>) -> f64 {
    let all = path("/all");
    let start = Instant::now();
    let mut count = 0u64;
    let mut after = None::<String>;
    loop {
        let page = store
            .children(&all, after.as_deref(), PAGE)
            .await
            .expect("listed");
        count += page.len() as u64;
        match page.last() {
            Some(last) => after = Some(last.path.name().into()),
            None => return count as f64 / start.elapsed().as_secs_f64(),
        }
    }
}

fn report(all: &[Figures]) {
    let Some(first) = all.first() else { return };
    println!("Operations in a second; in brackets, of {}", first.name);
    print!("{:30}", "");
    all.iter().for_each(|store| print!("{:>18}", store.name));
    println!();
    for (row, (what, base)) in first.rates.iter().enumerate() {
        print!("{what:30}");
        for store in all {
            let rate = store.rates.get(row).map_or(0.0, |(_, rate)| *rate);
            print!("{:>18}", format!("{rate:.0} ({:.2})", rate / base));
        }
        println!();
    }
    println!(
        "\nMedian latency in microseconds: get, put, page of {PAGE}, rename of a directory of 100"
    );
    print!("{:30}", "entries");
    all.iter().for_each(|store| print!("{:>30}", store.name));
    println!();
    for (row, (size, _)) in first.growth.iter().enumerate() {
        print!("{size:<30}");
        for store in all {
            let times = store
                .growth
                .get(row)
                .map(|(_, times)| times.map(|time| time.as_micros().to_string()).join(" "));
            print!("{:>30}", times.unwrap_or_default());
        }
        println!();
    }
}

fn path(text: &str) -> FilePath {
    FilePath::parse(text).expect("a good path")
}

fn record(text: &str) -> Record {
    let content = Content {
        etag: Some("0123456789abcdef".into()),
        content_type: Some("application/octet-stream".into()),
        sha256: Some([7; 32]),
        modified: None,
        changed: None,
    };
    let owner = "alice".to_owned();
    let group = "staff".to_owned();
    Record {
        path: path(text),
        owner,
        group,
        mode: 0o644,
        content: Some(content),
        object: None,
        next: None,
        revision: 0,
    }
}
