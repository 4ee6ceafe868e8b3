//! A hook for tests only: it is called at every boundary between two statements, so that a test can extend the time in
//! which other changes can interleave. Without the feature `pauses`, which no release enables, it compiles to nothing.

#[cfg(feature = "pauses")]
use std::{pin::Pin, sync::Arc};

/// A callback that gets the name of the next statement; the store continues when the future completes.
#[cfg(feature = "pauses")]
pub type Pause =
    Arc<dyn Fn(&'static str) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// The callback at boundaries, if any.
#[derive(Clone, Default)]
pub(crate) struct Pauses {
    #[cfg(feature = "pauses")]
    pub(crate) pause: Option<Pause>,
}

impl Pauses {
    /// Returns whether a test pauses between statements: then they are not sent all at once.
    pub(crate) fn are_wanted(&self) -> bool {
        #[cfg(feature = "pauses")]
        return self.pause.is_some();
        #[cfg(not(feature = "pauses"))]
        false
    }

    /// Waits at the boundary before the statement `next`.
    #[cfg_attr(not(feature = "pauses"), expect(clippy::unused_async, reason = "tests wait here"))]
    #[inline]
    pub(crate) async fn before(&self, next: &'static str) {
        #[cfg(feature = "pauses")]
        if let Some(pause) = &self.pause {
            pause(next).await;
        }
        #[cfg(not(feature = "pauses"))]
        let _ = next;
    }
}
