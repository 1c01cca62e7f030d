//! Something that may be replaced while others use it.
//!
//! Whoever uses it asks for the current one, once, and keeps it for as long as what it does has to
//! fit together; a replacement changes one pointer and waits for nobody. The one before lives as
//! long as somebody still has it. It does not know what it holds.

use std::sync::Arc;

use arc_swap::ArcSwap;

/// Something that may be replaced; all clones are one.
pub struct Reloadable<T: ?Sized>(Arc<ArcSwap<Arc<T>>>);

impl<T: ?Sized> Reloadable<T> {
    /// This, until something else takes its place.
    pub fn new(first: Arc<T>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(first)))
    }

    /// The one that holds now.
    pub fn current(&self) -> Arc<T> {
        Arc::clone(&self.0.load())
    }

    /// From here on, this one holds.
    pub fn replace(&self, next: Arc<T>) {
        self.0.store(Arc::new(next));
    }
}

impl<T: ?Sized> Clone for Reloadable<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_the_one_before_keeps_it_and_it_goes_with_them() {
        let cell: Reloadable<str> = Reloadable::new("first".into());
        let held = cell.current();
        let clone = cell.clone();
        cell.replace("second".into());
        assert_eq!((&*held, &*clone.current()), ("first", "second"));
        assert_eq!(
            Arc::strong_count(&held),
            1,
            "nobody else has the first one any more"
        );
    }
}
