//! The page of clients, `host/docs/CLIENTS.md`: its lines work as written, and print what the
//! comments beside them say.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::harness::{Process, command, repository, skip, succeeds, tool};
use crate::readme::{commands, pasted};

/// The sections of the page, each of which has a test below.
const CLIENTS: [&str; 10] = [
    "curl",
    "wget",
    "rclone",
    "aria2",
    "ffmpeg",
    "fsspec and pandas",
    "git",
    "apt",
    "pip",
    "Browsers",
];

const PRINTS: &str = "# prints: ";

/// A repository that is there before its section begins.
const PROJECT: &str = "
git init -q -b main project
git -C project -c user.name=a -c user.email=a@example.org commit -q --allow-empty -m first
";

/// A Debian package, likewise.
const DEBIAN_PACKAGE: &str = "
mkdir -p debs hello/DEBIAN
printf '%s\\n' 'Package: hello' 'Version: 1.0' 'Architecture: all' \\
    'Maintainer: A <a@example.org>' 'Description: says hello' > hello/DEBIAN/control
dpkg-deb --build hello debs/hello_1.0_all.deb > made
";

/// A wheel, likewise.
const WHEEL: &str = r#"
mkdir wheels
python - <<'END'
import zipfile

about = "hello_callfs-1.0.dist-info"
metadata = "Metadata-Version: 2.1\nName: hello-callfs\nVersion: 1.0\n"
kind = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
with zipfile.ZipFile("wheels/hello_callfs-1.0-py3-none-any.whl", "w") as wheel:
    wheel.writestr("hello_callfs.py", "print('hello')\n")
    wheel.writestr(f"{about}/METADATA", metadata)
    wheel.writestr(f"{about}/WHEEL", kind)
    wheel.writestr(f"{about}/RECORD", "")
END
"#;

fn page() -> String {
    fs::read_to_string(repository().join("host/docs/CLIENTS.md")).expect("readable")
}

fn installed(tools: &[&str]) -> bool {
    tools.iter().all(|name| tool(name).is_some())
}

/// What the comments of a script say that it prints.
fn announced(script: &str) -> Vec<&str> {
    script
        .lines()
        .filter_map(|line| Some(line.split_once(PRINTS)?.1))
        .collect()
}

/// A shell that has no settings of the user who runs the tests.
fn shell(dir: &Path) -> Command {
    let mut bash = Command::new("bash");
    bash.env("HOME", dir)
        .env("XDG_CONFIG_HOME", dir.join("no-config"))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
        .env_remove("PIP_EXTRA_INDEX_URL")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    bash.env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1");
    bash
}

/// Pastes a section of the page into a shell, after the lines at the top of the page, where a
/// gateway of its own was started.
fn follow(client: &str, preparation: &str, bash: impl FnOnce(&Path) -> Command) {
    let page = page();
    let variables = commands(&page, "# Your client\n").concat();
    let lines = commands(&page, &format!("\n## {client}\n")).concat();
    let script = format!("{variables}{preparation}{lines}");

    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut serve = command(dir.path());
    serve
        .env("CALLFS_METRICS__LISTEN", "127.0.0.1:0")
        .args(["serve", "--listen", "127.0.0.1:0"]);
    let mut process = Process::start(&mut serve);
    let base = process.listens();
    let authority = base.strip_prefix("http://").expect("plain HTTP");
    let script = script.replace("127.0.0.1:8443", authority);
    assert!(script.contains(&base), "it is not about this gateway");
    let printed = pasted(&mut bash(dir.path()), dir.path(), &script);
    let printed: Vec<&str> = printed.lines().map(str::trim_end).collect();
    assert_eq!(printed, announced(&script), "{script}");
}

/// The programs of a venv with pip, fsspec and the client library. It is made again only when
/// something in it would be another.
fn python() -> Option<&'static Path> {
    static PROGRAMS: OnceLock<Option<PathBuf>> = OnceLock::new();
    PROGRAMS.get_or_init(venv).as_deref()
}

fn venv() -> Option<PathBuf> {
    let library = repository().join("sdk/clients/python");
    let requirements = repository().join("tests/gateway/clients_page/requirements.txt");
    let read = |file: &Path| fs::read_to_string(file).expect("readable");
    let made_from = format!(
        "{}\n{}{}",
        library.display(),
        read(&library.join("pyproject.toml")),
        read(&requirements)
    );
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients-page");
    let stamp = venv.join("made-from");
    let programs = venv.join("bin");
    if fs::read_to_string(&stamp).is_ok_and(|before| before == made_from) {
        return Some(programs);
    }
    let has_venv = tool("python3")?
        .args(["-c", "import venv, ensurepip"])
        .output()
        .expect("it starts");
    if !has_venv.status.success() {
        skip("python3 has no venv module here");
        return None;
    }
    let _ = fs::remove_dir_all(&venv);
    succeeds(Command::new("python3").args(["-m", "venv"]).arg(&venv));
    let pip = || {
        let mut pip = Command::new(programs.join("pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check"]);
        pip
    };
    let fetched = pip()
        .arg("--requirement")
        .arg(&requirements)
        .output()
        .expect("it starts");
    if !fetched.status.success() {
        let said = String::from_utf8_lossy(&fetched.stderr);
        skip(&format!("the Python packages cannot be installed: {said}"));
        return None;
    }
    // Editable: the tests use the library as it is now.
    succeeds(
        pip()
            .args(["--no-build-isolation", "--no-deps", "--editable"])
            .arg(&library),
    );
    fs::write(&stamp, made_from).expect("writable");
    Some(programs)
}

/// A shell in which `python` and `pip` are those of the venv.
fn shell_with(programs: &Path) -> impl FnOnce(&Path) -> Command {
    let path = std::env::var_os("PATH").expect("a path");
    let folders = [programs.to_owned()]
        .into_iter()
        .chain(std::env::split_paths(&path));
    let path = std::env::join_paths(folders).expect("a path");
    move |dir: &Path| {
        let mut bash = shell(dir);
        bash.env("PATH", path);
        bash
    }
}

#[test]
fn every_section_of_the_page_is_followed_and_compares_something() {
    let page = page();
    let sections: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    assert_eq!(sections, CLIENTS);
    let tests = include_str!("clients_page.rs");
    for client in CLIENTS {
        let call = format!("follow(\"{client}\", ");
        assert!(tests.contains(&call), "no test follows {client}");
        let lines = commands(&page, &format!("\n## {client}\n")).concat();
        assert!(
            !announced(&lines).is_empty() || lines.contains("\ncmp "),
            "{client}: nothing is compared"
        );
    }
}

#[test]
fn curl_does_what_the_page_says() {
    if installed(&["curl"]) {
        follow("curl", "", shell);
    }
}

#[test]
fn wget_does_what_the_page_says() {
    if installed(&["curl", "wget"]) {
        follow("wget", "", shell);
    }
}

#[test]
fn rclone_does_what_the_page_says() {
    if installed(&["curl", "rclone"]) {
        follow("rclone", "", shell);
    }
}

#[test]
fn aria2_does_what_the_page_says() {
    if installed(&["curl", "aria2c"]) {
        follow("aria2", "", shell);
    }
}

#[test]
fn ffmpeg_does_what_the_page_says() {
    if installed(&["curl", "ffmpeg", "ffprobe"]) {
        follow("ffmpeg", "", shell);
    }
}

#[test]
fn fsspec_does_what_the_page_says() {
    let Some(programs) = python() else { return };
    if installed(&["curl"]) {
        follow("fsspec and pandas", "", shell_with(programs));
    }
}

#[test]
fn git_does_what_the_page_says() {
    if installed(&["curl", "git"]) {
        follow("git", PROJECT, shell);
    }
}

#[test]
fn apt_does_what_the_page_says() {
    if installed(&["curl", "apt-get", "apt-ftparchive", "dpkg-deb"]) {
        follow("apt", DEBIAN_PACKAGE, shell);
    }
}

#[test]
fn pip_does_what_the_page_says() {
    let Some(programs) = python() else { return };
    if installed(&["curl"]) {
        follow("pip", WHEEL, shell_with(programs));
    }
}

/// The request of a browser; that Chromium sends it is tested with its pages.
#[test]
fn browsers_get_what_the_page_says() {
    if installed(&["curl"]) {
        follow("Browsers", "", shell);
    }
}
