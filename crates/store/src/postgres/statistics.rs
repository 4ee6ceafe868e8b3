//! The planner's statistics. A new or restored database has none until autovacuum runs, a minute or more after the
//! first load; until then the planner guesses. This module also reads the database's clock.

use std::time::Duration;

use deadpool_postgres::Object;

use super::{NO_LIMITS, Postgres, failure};
use crate::error::StoreError;

/// Minimum number of rows for which a table is analyzed.
const ROWS_MIN: i64 = 500;
/// Maximum time for one table, which is read in samples.
const PATIENCE: Duration = Duration::from_secs(120);

/// Selects tables that have rows and were never analyzed. The database quotes the names. Tables of another owner are
/// left out, because this role can't analyze them.
const UNKNOWN: &str = "SELECT format('%I', s.relname) FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid \
     WHERE s.schemaname = current_schema() AND s.last_analyze IS NULL AND s.last_autoanalyze IS NULL \
     AND greatest(s.n_live_tup, s.n_tup_ins, s.n_mod_since_analyze) >= $1 \
     AND pg_has_role(c.relowner, 'USAGE') ORDER BY 1";

impl Postgres {
    /// Returns the database's clock in milliseconds since 1970.
    pub(crate) async fn clock(&self) -> Result<i64, StoreError> {
        const CLOCK: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
        let client = self.client().await?;
        match tokio::time::timeout(self.times.read, client.query_one(CLOCK, &[])).await {
            Ok(row) => row.and_then(|row| row.try_get(0)).map_err(|error| failure(&error, "clock")),
            Err(_) => {
                // The response may still arrive, so the connection is not reused.
                drop(Object::take(client));
                Err(super::too_long("clock"))
            }
        }
    }

    /// Runs `ANALYZE` on each table that has rows and no statistics, and returns their names.
    pub(crate) async fn analyze_unknown(&self) -> Result<Vec<String>, StoreError> {
        let wrong = |error: tokio_postgres::Error| failure(&error, "ANALYZE");
        let mut client = self.client().await?;
        let tables: Vec<String> = client
            .query(UNKNOWN, &[&ROWS_MIN])
            .await
            .map_err(wrong)?
            .iter()
            .map(|row| row.try_get(0).map_err(wrong))
            .collect::<Result<_, _>>()?;
        for table in &tables {
            let analyze = async {
                let transaction = client.transaction().await?;
                transaction.batch_execute(NO_LIMITS).await?;
                transaction.batch_execute(&format!("ANALYZE {table}")).await?;
                transaction.commit().await
            };
            match tokio::time::timeout(PATIENCE, analyze).await {
                Ok(done) => done.map_err(wrong)?,
                Err(_) => {
                    drop(Object::take(client));
                    return Err(super::too_long("ANALYZE"));
                }
            }
        }
        Ok(tables)
    }
}
