//! Waiting, where no request waits with it.

use std::time::Duration;

#[expect(clippy::disallowed_methods, reason = "no request waits for it")]
pub(crate) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
