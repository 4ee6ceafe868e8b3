//! What systemd is told (`man sd_notify`); nothing where no one listens.

use std::time::Duration;

use sd_notify::NotifyState;

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd can't be told");
    }
}

/// Requests are served.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Files are being read again; [`ready`] follows.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// The end has begun.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// The process is alive.
pub(crate) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// When systemd wants to hear that the process is alive.
pub(crate) struct Watchdog(Option<tokio::time::Interval>);

impl Watchdog {
    /// Twice in the time that systemd waits (`WatchdogSec=`).
    pub(crate) fn start() -> Self {
        let every = sd_notify::watchdog_enabled().map(|within| within / 2);
        Self(every.filter(|every| *every > Duration::ZERO).map(tokio::time::interval))
    }

    /// Resolves when it is time; never, where nobody waits.
    pub(crate) async fn due(&mut self) {
        match &mut self.0 {
            Some(interval) => {
                interval.tick().await;
            }
            None => std::future::pending().await,
        }
    }
}
