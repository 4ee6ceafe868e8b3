//! A hook for tests alone: it is asked at every boundary between two statements, so that a test can stretch the
//! moments in which others may come between. Without the feature `pauses`, which nothing that ships has, there is
//! nothing of it.

#[cfg(feature = "pauses")]
use std::{pin::Pin, sync::Arc};

/// Called with the name of the statement that follows; the store goes on when the future is done.
#[cfg(feature = "pauses")]
pub type Pause =
    Arc<dyn Fn(&'static str) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// What is asked at a boundary.
#[derive(Clone, Default)]
pub(crate) struct Pauses {
    #[cfg(feature = "pauses")]
    pub(crate) pause: Option<Pause>,
}

impl Pauses {
    /// Whether a test wants to come between statements: then they are not sent all at once.
    pub(crate) fn are_wanted(&self) -> bool {
        #[cfg(feature = "pauses")]
        return self.pause.is_some();
        #[cfg(not(feature = "pauses"))]
        false
    }

    /// A boundary.
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
