//! The schema's versions. Migrations are numbered and only ever appended; each keeps what the
//! program before it needs, so that nodes can be replaced one by one.

use crate::error::StoreError;

/// One step of the schema.
#[derive(Debug)]
pub struct Migration {
    /// Its number.
    pub version: i64,
    /// The least schema that a program must know to use a database that has this step.
    pub needs: i64,
    /// Its statements, in the spelling of `dialect`.
    pub sql: &'static str,
}

/// All steps, oldest first.
pub const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, needs: 1, sql: include_str!("migrations/0001_foundation.sql") },
    // A program that knows one key of an algorithm can't choose among several.
    Migration { version: 2, needs: 2, sql: include_str!("migrations/0002_openid_provider.sql") },
    // What a program before it writes lacks two columns' values; the cleaning fills them in.
    Migration { version: 3, needs: 2, sql: include_str!("migrations/0003_session_service.sql") },
    // A program before it doesn't know that groups carry roles, and would grant too little, never too much.
    Migration { version: 4, needs: 2, sql: include_str!("migrations/0004_people.sql") },
    Migration { version: 5, needs: 2, sql: include_str!("migrations/0005_directory.sql") },
    Migration { version: 6, needs: 2, sql: include_str!("migrations/0006_look.sql") },
    Migration { version: 7, needs: 2, sql: include_str!("migrations/0007_counts.sql") },
    // What a program before it registers has its origins here after the next start of this one.
    Migration { version: 8, needs: 2, sql: include_str!("migrations/0008_years.sql") },
    Migration { version: 9, needs: 2, sql: include_str!("migrations/0009_secrets.sql") },
    // What a program before it writes into accounts is keyed by the cleaning.
    Migration { version: 10, needs: 2, sql: include_str!("migrations/0010_names.sql") },
    // A code that a program before it doesn't know is refused by it; the application asks for another one.
    Migration { version: 11, needs: 2, sql: include_str!("migrations/0011_codes.sql") },
    // A program that doesn't know second factors would let people in without theirs, so it may not be started any more.
    Migration { version: 12, needs: 12, sql: include_str!("migrations/0012_factors.sql") },
    Migration { version: 13, needs: 12, sql: include_str!("migrations/0013_keys.sql") },
    Migration { version: 14, needs: 12, sql: include_str!("migrations/0014_trusted_browsers.sql") },
    Migration { version: 15, needs: 12, sql: include_str!("migrations/0015_password_length.sql") },
    Migration { version: 16, needs: 12, sql: include_str!("migrations/0016_addresses.sql") },
    Migration { version: 17, needs: 12, sql: include_str!("migrations/0017_sign_up.sql") },
    Migration { version: 18, needs: 12, sql: include_str!("migrations/0018_saml.sql") },
];

/// The newest schema that this program knows.
pub const SCHEMA_VERSION: i64 = 18;

/// What a database says of its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SchemaState {
    pub(crate) version: i64,
    pub(crate) needs: i64,
}

/// The steps that a database lacks.
pub(crate) fn missing(state: SchemaState) -> Result<Vec<&'static Migration>, StoreError> {
    if state.needs > SCHEMA_VERSION {
        return Err(StoreError::NeedsNewerProgram {
            found: state.version,
            needs: state.needs,
            known: SCHEMA_VERSION,
        });
    }
    Ok(MIGRATIONS.iter().filter(|migration| migration.version > state.version).collect())
}
