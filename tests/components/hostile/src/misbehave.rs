//! What a broken or malicious component does instead of answering.

use std::hint::black_box;

use callfs_sdk::Source;

/// Misbehaves as the path says, or returns.
pub(crate) async fn on_demand(path: &str) {
    match path {
        "loop" => spin(),
        "trap" => panic!("a component that panics"),
        "alloc" => allocate(),
        "deep" => drop(black_box(descend(black_box(1)))),
        "hoard" => hoard(),
        "stall" => std::future::pending().await,
        "chatter" => chatter(),
        _ => {}
    }
}

fn spin() {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

fn allocate() {
    let mut held: Vec<Vec<u8>> = Vec::new();
    loop {
        held.push(black_box(vec![1; 1 << 20]));
    }
}

fn descend(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if frame[0] == 0 {
        return 0;
    }
    frame[(depth % 64) as usize] + descend(black_box(depth + 1))
}

/// Asks the host to hold bytes outside of the guest's own memory, and never gives them back.
fn hoard() {
    let bytes = vec![1; 64 << 10];
    let mut held: Vec<Source> = Vec::new();
    loop {
        held.push(Source::from_bytes(&bytes));
    }
}

fn chatter() {
    for line in 0..10_000 {
        callfs_sdk::log::error(&format!("chatter {line}"));
    }
}
