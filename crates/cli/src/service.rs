//! Notifies systemd about the state of the service (`man sd_notify`); has no effect without systemd.

use std::time::Duration;

use sd_notify::NotifyState;

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd can't be told");
    }
}

/// Reports that requests are served.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Reports that files are being reloaded; [`ready`] has to follow.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// Reports that the server is shutting down.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Reports that the process is alive, for systemd's watchdog.
pub(crate) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// Interval at which systemd's watchdog has to be notified; `None` if it isn't enabled.
pub(crate) struct Watchdog(Option<tokio::time::Interval>);

impl Watchdog {
    /// Starts the interval: half of the time that systemd waits (`WatchdogSec=`).
    pub(crate) fn start() -> Self {
        let every = sd_notify::watchdog_enabled().map(|within| within / 2);
        Self(every.filter(|every| *every > Duration::ZERO).map(tokio::time::interval))
    }

    /// Resolves when a notification is due; never if the watchdog isn't enabled.
    pub(crate) async fn due(&mut self) {
        match &mut self.0 {
            Some(interval) => {
                interval.tick().await;
            }
            None => std::future::pending().await,
        }
    }
}
