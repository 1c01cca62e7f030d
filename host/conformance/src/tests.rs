//! The suite holds for a storage that keeps the contract, and finds every sin of one that does not.

mod doors;
mod shelf;

use std::sync::Arc;

use callfs_model::shutdown::Shutdown;
use callfs_model::storage::Abilities;

use self::shelf::{Shelf, Sin};
use super::{Candidate, CheckReport, Plan, Verdict};

fn everything() -> Abilities {
    Abilities {
        write: true,
        directories: true,
        modes: true,
        rename: true,
        copy: true,
        conditional_write: true,
        carried_write: false,
        implicit_directories: false,
        exchange: true,
    }
}

/// As S3: directories are prefixes.
fn bucket() -> Abilities {
    Abilities {
        carried_write: true,
        implicit_directories: true,
        directories: false,
        modes: false,
        rename: false,
        exchange: false,
        ..everything()
    }
}

/// What a storage needs to be able to, to commit a sin: where directories are objects, paths and
/// names have one order, and only what is published later is announced.
fn able_to(sin: Sin, abilities: Abilities) -> Abilities {
    match sin {
        Sin::OrdersByPath => bucket(),
        Sin::AnnouncesAnother => Abilities {
            carried_write: true,
            ..abilities
        },
        _ => abilities,
    }
}

async fn check(shelf: &Shelf, only: Option<&str>) -> CheckReport {
    let plan = Plan {
        only: only.map(str::to_owned),
        ..Plan::default()
    };
    Candidate::Storage(Arc::new(shelf.clone()))
        .run(&plan)
        .await
        .expect("it can be begun")
}

/// Names of the checks that fail.
fn failing(report: &CheckReport) -> Vec<&'static str> {
    let failing = report
        .checks
        .iter()
        .filter(|checked| matches!(checked.verdict, Verdict::Fails(_)));
    failing.map(|checked| checked.name).collect()
}

fn not_claimed(report: &CheckReport) -> usize {
    report.counts().2
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_holds_of_a_storage_that_keeps_the_contract_whatever_it_can_do() {
    let plain = Abilities {
        rename: false,
        exchange: false,
        copy: false,
        conditional_write: false,
        ..everything()
    };
    for (abilities, lacking) in [
        (everything(), 0),
        (
            Abilities {
                carried_write: true,
                ..everything()
            },
            0,
        ),
        (plain, 17),
        (bucket(), 11),
    ] {
        let shelf = Shelf::new(abilities, Sin::None);
        let report = check(&shelf, None).await;
        assert!(report.is_good(), "{abilities:?}: {:#?}", report.checks);
        assert_eq!(not_claimed(&report), lacking, "{:#?}", report.checks);
        assert_eq!(shelf.paths(), Vec::<String>::new(), "nothing is left");
        assert!(
            report
                .latencies
                .iter()
                .any(|latency| latency.operation == "stat" && latency.count > 100)
        );
        assert_eq!(report.throughput.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storage_that_is_read_only_is_checked_on_what_is_there() {
    let shelf = Shelf::new(Abilities::default(), Sin::None);
    let report = check(&shelf, None).await;
    assert!(report.is_good(), "{:#?}", report.checks);
    assert_eq!(not_claimed(&report), 6, "there is no file");
    for path in ["a/x", "a-b", "a.b", "a0", "b/c/d", "large"] {
        shelf.plant(path, &vec![7; if path == "large" { 3 << 20 } else { 1000 }]);
    }
    let report = check(&shelf, None).await;
    assert!(report.is_good(), "{:#?}", report.checks);
    assert_eq!(not_claimed(&report), 0);
    assert_eq!(shelf.paths().len(), 9, "nothing was written");
    for (sin, check_name) in [
        (Sin::MissingIsUnavailable, "stat-missing"),
        (Sin::ReadsDirectories, "wrong-kind"),
        (Sin::ListsFiles, "wrong-kind"),
        (Sin::OrdersByPath, "listing-order"),
        (Sin::ListsTwice, "listing-order"),
        (Sin::OnePageOnly, "listing-pages"),
        (Sin::LiesOnSizeInLists, "attributes-agree"),
        (Sin::NewEtagForEachLook, "attributes-agree"),
        (Sin::ForgetsObjectInLists, "objects"),
        (Sin::ForgetsObjectInReads, "objects"),
        (Sin::NamesAtLength, "objects"),
        (Sin::IgnoresRanges, "ranges"),
        (Sin::ClampsStart, "ranges"),
        (Sin::FailsAtEnd, "download-end"),
        (Sin::IgnoresReadCondition, "read-condition"),
        (Sin::DelegatesAnother, "delegation"),
    ] {
        let read_only = Abilities {
            write: false,
            ..able_to(sin, Abilities::default())
        };
        let shelf = Shelf::new(read_only, sin);
        for path in ["a/x", "a/y", "a-b", "a.b", "b/c/d"] {
            shelf.plant(path, &[7; 1000]);
        }
        let failing = failing(&check(&shelf, None).await);
        assert!(failing.contains(&check_name), "{sin:?}: {failing:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sin_is_found_by_the_check_of_its_name() {
    for (sin, check_name) in [
        (Sin::ReadsDirectories, "read-wrong-kind"),
        (Sin::ListsFiles, "list-wrong-kind"),
        (Sin::RemovesDirectoriesAsFiles, "remove-wrong-kind"),
        (Sin::FileOverDirectory, "write-wrong-kind"),
        (Sin::MakesTwice, "make-taken"),
        (Sin::RemovesFullDirectories, "remove-directory-wrong-kind"),
        (Sin::Forgets, "round-trip"),
        (Sin::Forgets, "round-trip-large"),
        (Sin::NeedsLength, "unknown-length"),
        (Sin::KeepsTail, "replace"),
        (Sin::StoresWhatCame, "cut-upload"),
        (Sin::EmptiesFirst, "cut-upload"),
        (Sin::EmptiesFirst, "abandoned-upload"),
        (Sin::EmptiesFirst, "abandoned-anywhere"),
        (Sin::EmptiesFirst, "concurrent-readers"),
        (Sin::FailsAtEnd, "download-end"),
        (Sin::IgnoresRanges, "ranges"),
        (Sin::ClampsStart, "range-past-end"),
        (Sin::SameEtag, "etag-changes"),
        (Sin::NewEtagForEachLook, "etag-stays"),
        (Sin::LiesOnSizeInLists, "attributes-agree"),
        (Sin::KeepsObject, "objects"),
        (Sin::ReusesObject, "objects"),
        (Sin::RenamesObject, "objects"),
        (Sin::RenamesObjectWithMode, "objects"),
        (Sin::ForgetsObjectInLists, "objects"),
        (Sin::ForgetsObjectInReads, "objects"),
        (Sin::NamesAtLength, "objects"),
        (Sin::AnnouncesAnother, "objects"),
        (Sin::OldTimes, "modified"),
        (Sin::LosesMediaType, "media-type"),
        (Sin::IgnoresReadCondition, "read-condition"),
        (Sin::IgnoresAbsent, "write-absent"),
        (Sin::IgnoresAbsent, "rename-condition"),
        (Sin::IgnoresAbsent, "copy-condition"),
        (Sin::IgnoresAbsent, "race-absent"),
        (Sin::IgnoresEtag, "write-etag"),
        (Sin::IgnoresEtag, "remove-etag"),
        (Sin::IgnoresEtag, "race-etag"),
        (Sin::FoldsCase, "names-exact"),
        (Sin::FoldsCase, "names-of-directories"),
        (Sin::OrdersByPath, "listing-order"),
        (Sin::ListsTwice, "listing-order"),
        (Sin::OnePageOnly, "listing-pages"),
        (Sin::OnePageOnly, "listing-complete"),
        (Sin::SkipsAfterUnknown, "listing-after"),
        (Sin::ListsLate, "listing-fresh"),
        (Sin::RenamesByPrefix, "rename-directory"),
        (Sin::KeepsSource, "rename-file"),
        (Sin::ExchangesNamesAlone, "exchange"),
        (Sin::ExchangesInSteps, "exchange-in-one-step"),
        (Sin::ExchangesWithNothing, "exchange-wrong-kind"),
        (Sin::CopyIsALink, "copy-equal"),
        (Sin::CopyIsALink, "copy-independent"),
        (Sin::DelegatesAnother, "delegation"),
    ] {
        let shelf = Shelf::new(able_to(sin, everything()), sin);
        let report = check(&shelf, Some(check_name)).await;
        assert!(
            failing(&report).contains(&check_name),
            "{sin:?}: {:#?}",
            report.checks
        );
        assert_eq!(
            (shelf.paths(), report.left_behind),
            (Vec::<String>::new(), None),
            "{sin:?} leaves nothing behind"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storage_in_which_everything_is_there_already_is_not_begun() {
    let shelf = Shelf::new(everything(), Sin::MissingIsUnavailable);
    let begun = Candidate::Storage(Arc::new(shelf))
        .run(&Plan::default())
        .await;
    assert!(begun.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stops_it_leaves_nothing_behind() {
    let shelf = Shelf::new(everything(), Sin::None);
    let stop = Shutdown::new();
    let asked = stop.clone();
    let stopping = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let watch = move |progress| {
        // In the middle, when something is there.
        if progress == super::CheckProgress::Begun("listing-order") {
            stopping.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            asked.begin();
        }
    };
    let plan = Plan {
        stop,
        watch: Some(Box::new(watch)),
        ..Plan::default()
    };
    let report = Candidate::Storage(Arc::new(shelf.clone()))
        .run(&plan)
        .await
        .expect("begun");
    assert!(report.interrupted && !report.is_good());
    assert!(
        report
            .checks
            .iter()
            .all(|checked| checked.name != "listing-pages")
    );
    assert_eq!(
        (shelf.paths(), report.left_behind),
        (Vec::<String>::new(), None)
    );
}
