//! A filesystem without storages, records, locks or steps: every path with what is there.

use std::collections::BTreeMap;

use callfs_model::error::ErrorKind;
use callfs_model::identity::Identity;
use callfs_model::storage::EntryKind;

use super::operation::{Act, ModelAnswer, Operation, made_or_not};
use super::rights::{READ, SEARCH, STICKY, WRITE, has};

const UMASK: u32 = 0o022;

/// What is at each path, and whether `/` and `/far` can exchange two paths.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Tree(BTreeMap<String, Node>, [bool; 2]);

/// What is at a path.
#[derive(Clone, PartialEq, Eq)]
struct Node {
    /// Of a file.
    bytes: Option<String>,
    owner: String,
    group: String,
    mode: u32,
}

/// A path from the root on, as far as it leads.
struct Way<'a> {
    ancestors: Vec<&'a Node>,
    /// How many directories do not exist.
    missing: usize,
    /// There is a file where a directory is needed.
    obstacle: bool,
    target: Option<&'a Node>,
}

type ModelChecked<T> = Result<T, ErrorKind>;

impl Node {
    fn may(&self, who: &Identity, bits: u32) -> bool {
        has(who, (&self.owner, &self.group), self.mode, bits)
    }

    fn is_owned_by(&self, who: &Identity) -> bool {
        who.admin || self.owner == who.subject
    }

    fn is_directory(&self) -> bool {
        self.bytes.is_none()
    }

    fn is_readable(&self, who: &Identity) -> bool {
        self.is_directory() || self.may(who, READ)
    }

    fn shown(&self, path: &str) -> String {
        let Self {
            bytes,
            owner,
            group,
            mode,
        } = self;
        let kind = match bytes {
            Some(_) => EntryKind::File,
            None => EntryKind::Directory,
        };
        let size = bytes.as_ref().map_or(0, String::len);
        format!("{path} {kind:?} {size} {owner}:{group} {mode:o}")
    }
}

impl Way<'_> {
    fn reaches(&self, who: &Identity) -> bool {
        self.ancestors.iter().all(|node| node.may(who, SEARCH))
    }

    /// An error about what is at the path, for those who can reach it.
    fn tell(&self, who: &Identity, kind: ErrorKind) -> ErrorKind {
        if self.reaches(who) {
            kind
        } else {
            ErrorKind::PermissionDenied
        }
    }

    /// What is there, if a rule allows it.
    fn permit(&self, who: &Identity, rule: impl Fn(&Node) -> bool) -> ModelChecked<&Node> {
        match self.target {
            Some(target) if self.reaches(who) && rule(target) => Ok(target),
            Some(_) => Err(ErrorKind::PermissionDenied),
            None if self.obstacle => Err(self.tell(who, ErrorKind::NotADirectory)),
            None => Err(self.tell(who, ErrorKind::NotFound)),
        }
    }

    /// Whether names in the directory may change.
    fn changes_parent(&self, who: &Identity) -> bool {
        (self.ancestors.last()).is_some_and(|parent| parent.may(who, WRITE))
    }

    fn permit_creation(&self, who: &Identity) -> ModelChecked<()> {
        if self.obstacle {
            return Err(self.tell(who, ErrorKind::NotADirectory));
        }
        if self.reaches(who) && self.changes_parent(who) {
            Ok(())
        } else {
            Err(ErrorKind::PermissionDenied)
        }
    }

    fn may_remove(&self, who: &Identity, target: &Node) -> bool {
        let sticky = |parent: &&Node| parent.mode & STICKY != 0 && !parent.is_owned_by(who);
        let kept = self.ancestors.last().is_some_and(sticky);
        self.changes_parent(who) && (!kept || target.is_owned_by(who))
    }
}

impl Tree {
    /// Takes those permission bits from what is at a path that it does not have in `mode`.
    pub(super) fn narrow(&mut self, path: &str, mode: u32) {
        if let Some(node) = self.0.get_mut(path) {
            node.mode &= mode;
        }
    }

    /// Closes what is at a path to all but administrators.
    pub(super) fn close(&mut self, path: &str) {
        if let Some(node) = self.0.get_mut(path) {
            node.owner = "root".to_owned();
            node.group = "root".to_owned();
            node.mode = 0;
        }
    }

    /// Two mounts, in both of which everyone may create.
    pub(super) fn new() -> Self {
        let open = Node {
            bytes: None,
            owner: "root".into(),
            group: "root".into(),
            mode: 0o1777,
        };
        let mounts = ["/", "/far"].map(|path| (path.into(), open.clone()));
        Self(mounts.into(), [true; 2])
    }

    /// The same on mounts that can, or cannot, exchange two paths.
    pub(super) fn exchanging(self, can: [bool; 2]) -> Self {
        Self(self.0, can)
    }

    /// Does what the engine should do.
    pub(super) fn run(&mut self, operation: &Operation) -> ModelAnswer {
        let who = &operation.who.identity();
        match &operation.act {
            Act::MakeDirectory(at) => self.make_directory(who, at),
            Act::Put {
                to,
                body,
                create_only,
            } => {
                self.permit_put(who, to, *create_only)?;
                Ok(self.store(who, to, body, 0o666))
            }
            Act::Get(at) => self.get(who, at),
            Act::Stat(at) => {
                let way = self.way(at);
                let target = way.permit(who, |node| node.is_readable(who))?;
                Ok(target.shown(at))
            }
            Act::List { at, recursive } => self.list(who, at, *recursive),
            Act::Rename {
                from,
                to,
                overwrite,
                create_parents,
            } => {
                if from != to {
                    self.permit_rename(who, from, to, *overwrite, *create_parents)?;
                    self.make_parents(who, to);
                    self.remove(to);
                    self.rename(from, to);
                } else {
                    self.permit_move(who, from)?;
                }
                Ok(to.clone())
            }
            Act::Exchange { one, other } => {
                self.permit_exchange(who, one, other)?;
                self.exchange(one, other);
                Ok(other.clone())
            }
            Act::Copy {
                from,
                to,
                overwrite,
            } => self.copy(who, from, to, *overwrite),
            Act::Delete { at, recursive } => self.delete(who, at, *recursive),
            Act::ChangeMode { at, mode } => self.administer(who, at, |node| {
                node.mode = *mode;
                Ok(())
            }),
            Act::ChangeOwner { at, owner, group } => self.administer(who, at, |node| {
                let owner = owner.unwrap_or(&node.owner).to_owned();
                let group = group.unwrap_or(&node.group).to_owned();
                let gives = owner != node.owner;
                let joins = group != node.group && !who.groups.contains(&group);
                if !who.admin && (gives || joins) {
                    return Err(ErrorKind::PermissionDenied);
                }
                node.owner = owner;
                node.group = group;
                Ok(())
            }),
        }
    }

    /// The bytes of a file, or a line about a directory.
    pub(super) fn get(&self, who: &Identity, at: &str) -> ModelAnswer {
        let way = self.way(at);
        let target = way.permit(who, |node| node.is_readable(who))?;
        Ok(target.bytes.clone().unwrap_or_else(|| target.shown(at)))
    }

    /// The paths of all files.
    pub(super) fn files(&self) -> impl Iterator<Item = &String> {
        let files = self.0.iter().filter(|(_, node)| !node.is_directory());
        files.map(|(path, _)| path)
    }

    /// A line about everything, with the bytes of files.
    pub(super) fn lines(&self) -> Vec<String> {
        let lines = self.0.iter().filter(|(path, _)| *path != "/");
        lines
            .map(|(path, node)| {
                let bytes = node.bytes.as_deref().unwrap_or_default();
                format!("{} {bytes}", node.shown(path))
            })
            .collect()
    }

    /// How many paths there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// One of the paths, by its number.
    pub(super) fn path(&self, number: usize) -> Option<&str> {
        self.0.keys().nth(number).map(String::as_str)
    }

    /// Whether the directory of a path is there.
    pub(super) fn has_parent(&self, path: &str) -> bool {
        self.way(path).missing == 0
    }

    fn way(&self, path: &str) -> Way<'_> {
        let ends = path.match_indices('/').map(|(end, _)| end.max(1));
        let directories: Vec<&str> = match path {
            "/" => Vec::new(),
            _ => std::iter::once("/")
                .chain(ends.skip(1).map(|end| &path[..end]))
                .collect(),
        };
        let mut way = Way {
            ancestors: Vec::new(),
            missing: 0,
            obstacle: false,
            target: self.0.get(path),
        };
        for (depth, directory) in directories.iter().enumerate() {
            match self.0.get(*directory) {
                Some(node) if node.is_directory() => way.ancestors.push(node),
                Some(_) => {
                    way.obstacle = true;
                    break;
                }
                None => {
                    way.missing = directories.len() - depth;
                    break;
                }
            }
        }
        way
    }

    /// Everything below a directory, in byte order of the paths.
    fn below<'a>(&'a self, directory: &str) -> impl Iterator<Item = (&'a str, &'a Node)> {
        let prefix = prefix(directory);
        let all = self.0.iter().map(|(path, node)| (path.as_str(), node));
        all.filter(move |(path, _)| path.len() > prefix.len() && path.starts_with(&prefix))
    }

    fn is_empty(&self, directory: &str) -> bool {
        self.below(directory).next().is_none()
    }

    fn make_directory(&mut self, who: &Identity, at: &str) -> ModelAnswer {
        let way = self.way(at);
        match way.target {
            Some(_) if !way.reaches(who) => Err(ErrorKind::PermissionDenied),
            Some(target) if target.is_directory() => Ok(made_or_not(false)),
            Some(_) => Err(ErrorKind::AlreadyExists),
            None => {
                way.permit_creation(who)?;
                self.make_parents(who, &format!("{at}/x"));
                Ok(made_or_not(true))
            }
        }
    }

    fn permit_put(&self, who: &Identity, to: &str, create_only: bool) -> ModelChecked<()> {
        let way = self.way(to);
        match way.target {
            None => way.permit_creation(who),
            Some(_) if create_only => Err(way.tell(who, ErrorKind::AlreadyExists)),
            Some(target) if target.is_directory() => Err(way.tell(who, ErrorKind::IsADirectory)),
            Some(_) => way.permit(who, |node| node.may(who, WRITE)).map(drop),
        }
    }

    /// Stores a file. One that is there keeps its owner and mode.
    fn store(&mut self, who: &Identity, to: &str, body: &str, mode: u32) -> String {
        let body = Some(body.to_owned());
        if let Some(file) = self.0.get_mut(to) {
            file.bytes = body;
            return made_or_not(false);
        }
        self.make_parents(who, to);
        self.0.insert(to.into(), new(who, body, mode));
        made_or_not(true)
    }

    fn make_parents(&mut self, who: &Identity, of: &str) {
        for (end, _) in of.match_indices('/').skip(1) {
            let directory = self.0.entry(of[..end].into());
            directory.or_insert_with(|| new(who, None, 0o777));
        }
    }

    fn list(&self, who: &Identity, at: &str, recursive: bool) -> ModelAnswer {
        let way = self.way(at);
        if way.target.is_some_and(|target| !target.is_directory()) {
            return Err(way.tell(who, ErrorKind::NotADirectory));
        }
        way.permit(who, |node| node.may(who, READ | SEARCH))?;
        let is_open = |directory: &str| {
            let node = self.0.get(directory);
            node.is_some_and(|node| node.may(who, READ | SEARCH))
        };
        let is_shown = |path: &str| {
            let rest = &path[prefix(at).len()..];
            let ends = rest.match_indices('/').map(|(end, _)| end);
            let mut between = ends.map(|end| &path[..path.len() - rest.len() + end]);
            if recursive {
                between.all(is_open)
            } else {
                between.next().is_none()
            }
        };
        let shown = self.below(at).filter(|(path, _)| is_shown(path));
        let lines: Vec<String> = shown.map(|(path, node)| node.shown(path)).collect();
        Ok(lines.join("\n"))
    }

    fn permit_move(&self, who: &Identity, from: &str) -> ModelChecked<&Node> {
        let way = self.way(from);
        way.permit(who, |node| {
            way.may_remove(who, node) && (!node.is_directory() || node.may(who, WRITE))
        })?;
        not_a_mount(from)?;
        way.target.ok_or(ErrorKind::NotFound)
    }

    fn permit_rename(
        &self,
        who: &Identity,
        from: &str,
        to: &str,
        overwrite: bool,
        create_parents: bool,
    ) -> ModelChecked<()> {
        if to.starts_with(&prefix(from)) {
            return Err(ErrorKind::BadRequest);
        }
        let source = self.permit_move(who, from)?;
        let way = self.way(to);
        if way.missing > 0 && !create_parents {
            return Err(way.tell(who, ErrorKind::NotFound));
        }
        let Some(target) = way.target else {
            return way.permit_creation(who);
        };
        if !overwrite {
            return Err(way.tell(who, ErrorKind::AlreadyExists));
        }
        way.permit(who, |node| way.may_remove(who, node))?;
        not_a_mount(to)?;
        match (source.is_directory(), target.is_directory()) {
            (false, true) => Err(ErrorKind::IsADirectory),
            (true, false) => Err(ErrorKind::NotADirectory),
            (true, true) if !self.is_empty(to) => Err(ErrorKind::DirectoryNotEmpty),
            _ => Ok(()),
        }
    }

    fn rename(&mut self, from: &str, to: &str) {
        let moving: Vec<String> = self.with_all_below(from).map(ToOwned::to_owned).collect();
        for path in moving {
            if let Some(node) = self.0.remove(&path) {
                self.0.insert(format!("{to}{}", &path[from.len()..]), node);
            }
        }
    }

    fn permit_exchange(&self, who: &Identity, one: &str, other: &str) -> ModelChecked<()> {
        let is_inside = other.starts_with(&prefix(one)) || one.starts_with(&prefix(other));
        if one != other && is_inside {
            return Err(ErrorKind::BadRequest);
        }
        self.permit_move(who, one)?;
        self.permit_move(who, other)?;
        let [near, far] = self.1;
        let is_far = |path: &str| path.starts_with("/far/");
        match (is_far(one), is_far(other)) {
            (false, false) if near => Ok(()),
            (true, true) if far => Ok(()),
            _ => Err(ErrorKind::Unsupported),
        }
    }

    fn exchange(&mut self, one: &str, other: &str) {
        let swapped = |path: &str| {
            let at = |from: &str, to: &str| {
                let rest = path.strip_prefix(from)?;
                (rest.is_empty() || rest.starts_with('/')).then(|| format!("{to}{rest}"))
            };
            at(one, other).or_else(|| at(other, one))
        };
        let nodes = std::mem::take(&mut self.0).into_iter();
        self.0 = nodes
            .map(|(path, node)| (swapped(&path).unwrap_or(path), node))
            .collect();
    }

    fn copy(&mut self, who: &Identity, from: &str, to: &str, overwrite: bool) -> ModelAnswer {
        if to == from || to.starts_with(&prefix(from)) {
            return Err(ErrorKind::BadRequest);
        }
        let way = self.way(from);
        let Some(source) = way.target.filter(|source| source.is_directory()) else {
            let source = way.permit(who, |node| node.is_readable(who))?.clone();
            self.permit_put(who, to, !overwrite)?;
            let bytes = source.bytes.unwrap_or_default();
            return Ok(self.store(who, to, &bytes, source.mode));
        };
        let mode = source.mode;
        way.permit(who, |node| node.may(who, READ | SEARCH))?;
        self.permit_copy_to(who, to, overwrite)?;
        let can_copy = |node: &Node| {
            let search = if node.is_directory() { SEARCH } else { 0 };
            node.may(who, READ | search)
        };
        if !self.below(from).all(|(_, node)| can_copy(node)) {
            return Err(ErrorKind::PermissionDenied);
        }
        let copied = |(path, node): (&str, &Node)| {
            let copy = new(who, node.bytes.clone(), node.mode);
            (format!("{to}{}", &path[from.len()..]), copy)
        };
        let copies: Vec<(String, Node)> = self.below(from).map(copied).collect();
        let made = !self.0.contains_key(to);
        self.make_parents(who, to);
        let top = self.0.entry(to.into());
        top.or_insert_with(|| new(who, None, mode));
        self.0.extend(copies);
        Ok(made_or_not(made))
    }

    /// Whether a directory may be copied to a path.
    fn permit_copy_to(&self, who: &Identity, to: &str, overwrite: bool) -> ModelChecked<()> {
        let way = self.way(to);
        let Some(target) = way.target else {
            return way.permit_creation(who);
        };
        if !overwrite {
            return Err(way.tell(who, ErrorKind::AlreadyExists));
        }
        if !target.is_directory() {
            return Err(way.tell(who, ErrorKind::NotADirectory));
        }
        way.permit(who, |node| node.may(who, WRITE | SEARCH))?;
        not_a_mount(to)?;
        if self.is_empty(to) {
            Ok(())
        } else {
            Err(ErrorKind::DirectoryNotEmpty)
        }
    }

    fn delete(&mut self, who: &Identity, at: &str, recursive: bool) -> ModelAnswer {
        let way = self.way(at);
        let target = way.permit(who, |node| way.may_remove(who, node))?;
        not_a_mount(at)?;
        if target.is_directory() && recursive {
            let is_listed = |node: &Node| !node.is_directory() || node.may(who, READ | SEARCH);
            let is_removed = |(path, node): (&str, &Node)| {
                is_listed(node) && self.way(path).may_remove(who, node)
            };
            if !(is_listed(target) && self.below(at).all(is_removed)) {
                return Err(ErrorKind::PermissionDenied);
            }
        } else if !self.is_empty(at) {
            return Err(ErrorKind::DirectoryNotEmpty);
        }
        self.remove(at);
        Ok(String::new())
    }

    fn administer(
        &mut self,
        who: &Identity,
        at: &str,
        change: impl FnOnce(&mut Node) -> ModelChecked<()>,
    ) -> ModelAnswer {
        self.way(at).permit(who, |node| node.is_owned_by(who))?;
        let node = self.0.get_mut(at).ok_or(ErrorKind::NotFound)?;
        change(node)?;
        Ok(node.shown(at))
    }

    fn remove(&mut self, at: &str) {
        let gone: Vec<String> = self.with_all_below(at).map(ToOwned::to_owned).collect();
        self.0.retain(|path, _| !gone.contains(path));
    }

    fn with_all_below<'a>(&'a self, at: &'a str) -> impl Iterator<Item = &'a str> {
        std::iter::once(at).chain(self.below(at).map(|(path, _)| path))
    }
}

/// What the paths of everything in a directory start with.
fn prefix(directory: &str) -> String {
    format!("{}/", directory.trim_end_matches('/'))
}

fn not_a_mount(path: &str) -> ModelChecked<()> {
    match path {
        "/" | "/far" => Err(ErrorKind::PermissionDenied),
        _ => Ok(()),
    }
}

/// Something that somebody makes.
fn new(who: &Identity, bytes: Option<String>, mode: u32) -> Node {
    Node {
        bytes,
        owner: who.subject.clone(),
        group: who.groups.first().unwrap_or(&who.subject).clone(),
        mode: mode & 0o777 & !UMASK,
    }
}
