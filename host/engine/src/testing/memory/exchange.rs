//! Two paths that change places, of files or directories.

use callfs_model::error::Result;

use super::Memory;

impl Memory {
    /// Exchanges two paths, as another program may at any moment.
    pub(crate) fn swap(&self, one: &str, other: &str) -> Result<()> {
        self.object(one)?;
        self.object(other)?;
        let mut state = self.state();
        state.version += 1;
        let version = state.version;
        for path in [one, other] {
            if let Some(object) = state.objects.get_mut(path) {
                object.changed = version;
            }
        }
        let objects = std::mem::take(&mut state.objects).into_iter();
        let swapped = objects.map(|(path, object)| {
            let to = moved(&path, one, other).or_else(|| moved(&path, other, one));
            (to.unwrap_or(path), object)
        });
        state.objects = swapped.collect();
        Ok(())
    }
}

/// A path at or below one, at or below another one.
fn moved(path: &str, from: &str, to: &str) -> Option<String> {
    let rest = path.strip_prefix(from)?;
    (rest.is_empty() || rest.starts_with('/')).then(|| format!("{to}{rest}"))
}
