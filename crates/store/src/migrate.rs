//! Schema migrations. They are numbered and only appended. Each keeps what the previous version of the program needs,
//! so that nodes can be replaced one by one.

use crate::error::StoreError;

/// One migration step of the schema.
#[derive(Debug)]
pub struct Migration {
    /// Schema version after the step.
    pub version: i64,
    /// The minimum schema version that a program has to know to use a database with this step.
    pub needs: i64,
    /// SQL statements, in the syntax of `dialect`.
    pub sql: &'static str,
}

/// All migration steps, oldest first.
pub const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, needs: 1, sql: include_str!("migrations/0001_foundation.sql") },
    // An older version that expects one key for each algorithm can't choose among several.
    Migration { version: 2, needs: 2, sql: include_str!("migrations/0002_openid_provider.sql") },
    // Rows that an older version writes lack the values of two columns; the cleaning job fills them in.
    Migration { version: 3, needs: 2, sql: include_str!("migrations/0003_session_service.sql") },
    // An older version doesn't know that groups have roles: it grants too little, never too much.
    Migration { version: 4, needs: 2, sql: include_str!("migrations/0004_people.sql") },
    Migration { version: 5, needs: 2, sql: include_str!("migrations/0005_directory.sql") },
    Migration { version: 6, needs: 2, sql: include_str!("migrations/0006_look.sql") },
    Migration { version: 7, needs: 2, sql: include_str!("migrations/0007_counts.sql") },
    // Origins of applications that an older version registers are added here at the next start of this version.
    Migration { version: 8, needs: 2, sql: include_str!("migrations/0008_years.sql") },
    Migration { version: 9, needs: 2, sql: include_str!("migrations/0009_secrets.sql") },
    // The cleaning job writes the keys of accounts that an older version stores.
    Migration { version: 10, needs: 2, sql: include_str!("migrations/0010_names.sql") },
    // An older version rejects codes that it doesn't know; the application requests another one.
    Migration { version: 11, needs: 2, sql: include_str!("migrations/0011_codes.sql") },
    // A version without second factors would let users sign in without theirs, so it must not start any more.
    Migration { version: 12, needs: 12, sql: include_str!("migrations/0012_factors.sql") },
    Migration { version: 13, needs: 12, sql: include_str!("migrations/0013_keys.sql") },
    Migration { version: 14, needs: 12, sql: include_str!("migrations/0014_trusted_browsers.sql") },
    Migration { version: 15, needs: 12, sql: include_str!("migrations/0015_password_length.sql") },
    Migration { version: 16, needs: 12, sql: include_str!("migrations/0016_addresses.sql") },
    Migration { version: 17, needs: 12, sql: include_str!("migrations/0017_sign_up.sql") },
    Migration { version: 18, needs: 12, sql: include_str!("migrations/0018_saml.sql") },
    Migration { version: 19, needs: 12, sql: include_str!("migrations/0019_recovery.sql") },
    Migration { version: 20, needs: 12, sql: include_str!("migrations/0020_other_addresses.sql") },
];

/// The newest schema version that this program knows.
pub const SCHEMA_VERSION: i64 = 20;

/// The schema version that a database reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SchemaState {
    pub(crate) version: i64,
    pub(crate) needs: i64,
}

/// Returns the steps that a database lacks; [`StoreError::NeedsNewerProgram`] if this program is too old for it.
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
