//! `sojourn demo --populated`: fills the demonstration's database with an organisation and a week of its sessions.
//!
//! Everything goes through the same use cases as in a running server, with a clock that starts a week ago. So the pages
//! show what they would show, and nothing that couldn't have happened.

mod people;
mod random;
mod week;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sojourn_crypto::PasswordPolicy;
use sojourn_model::{Clock as _, Millis};
use sojourn_server::SystemClock;

use self::random::Random;
use crate::config::Config;
use crate::{Failure, open};

/// A clock that is set.
#[derive(Debug, Default)]
struct Clock(AtomicI64);

impl Clock {
    fn set(&self, at: Millis) {
        self.0.store(at.0, Ordering::Relaxed);
    }

    fn time(&self) -> Millis {
        Millis(self.0.load(Ordering::Relaxed))
    }
}

impl sojourn_model::Clock for Clock {
    fn now(&self) -> Millis {
        self.time()
    }
}

/// Fills the database, unless an earlier run did. `office` is the port at which the applications answer.
pub(super) async fn populate(
    config_file: &Path,
    config: &Config,
    office: u16,
) -> Result<(), Failure> {
    let filled = open::beside(config_file, Path::new("populated"));
    if filled.exists() {
        return Ok(());
    }
    // The clock starts in the past and nothing is really sent, so an existing installation must not be used. An earlier
    // start that was stopped halfway left one, too.
    if open::beside(config_file, Path::new("master.key")).exists() {
        return Err(Failure("--populated needs a new folder: pass --fresh to start over".into()));
    }
    let until = SystemClock.now();
    let clock = Arc::new(Clock::default());
    clock.set(until.plus(-week::DAYS * 24 * 3_600_000));
    let mut settings = config.settings();
    // These passwords are public, and there are hundreds of them.
    settings.password = PasswordPolicy { memory_kib: 64, iterations: 1, lanes: 1 };
    let time = Arc::clone(&clock) as Arc<dyn sojourn_model::Clock>;
    let opened = open::open_with(config_file, config, settings, time).await?;
    open::declare(&opened, config_file, config).await?;
    let (engine, tenant) = (&opened.engine, &opened.tenant);
    let mut random = Random::new(20);
    let apps = people::applications(engine, tenant, office).await?;
    let people = people::people(engine, tenant, &mut random).await?;
    let administrator = engine.user_named(tenant, "admin").await?;
    let administrator = engine.authority_of(tenant, administrator.id, None).await?;
    let week = week::Week {
        engine,
        tenant,
        clock: &clock,
        people: &people,
        apps: &apps,
        administrator: &administrator,
        until,
    };
    week.pass(&mut random).await?;
    std::fs::write(&filled, "")?;
    engine.installation().close().await;
    Ok(())
}
