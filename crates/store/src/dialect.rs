//! The differences between the two databases. Statements are written in PostgreSQL's syntax with the shared subset of
//! types; everything that SQLite needs differently is changed here.

/// A statement, written once for both databases.
pub struct Statement {
    /// Name in errors and tests.
    pub name: &'static str,
    /// SQL text with `$1` placeholders, `BLOB` for bytes, and row locks where PostgreSQL needs them.
    pub sql: &'static str,
    sqlite: std::sync::OnceLock<String>,
    postgres: std::sync::OnceLock<String>,
}

impl Statement {
    pub(crate) const fn new(name: &'static str, sql: &'static str) -> Self {
        Self { name, sql, sqlite: std::sync::OnceLock::new(), postgres: std::sync::OnceLock::new() }
    }

    /// Returns the SQL text for SQLite.
    pub fn sqlite(&self) -> &str {
        self.sqlite.get_or_init(|| for_sqlite(self.sql))
    }

    /// Returns the SQL text for PostgreSQL.
    pub fn postgres(&self) -> &str {
        self.postgres.get_or_init(|| for_postgres(self.sql))
    }

    /// Returns whether the statement returns rows.
    pub(crate) fn returns_rows(&self) -> bool {
        self.sql.starts_with("SELECT") || self.sql.contains("RETURNING")
    }
}

/// Translates a statement for SQLite: it has one writer at a time and no row locks, and writes `$1` as `?1`.
fn for_sqlite(sql: &str) -> String {
    let sql = spelled_out(sql, " = ANY(MANY(", "))", |list| {
        format!(" IN (SELECT unhex(value) FROM json_each({list}))")
    });
    sql.replace(" FOR UPDATE OF g SKIP LOCKED", "")
        .replace(" FOR UPDATE SKIP LOCKED", "")
        .replace(" FOR SHARE OF s", "")
        .replace(" FOR SHARE OF a", "")
        .replace(" FOR UPDATE", "")
        .replace(" FOR SHARE", "")
        .replace('$', "?")
}

/// Expands each use of a list of ids, which is passed as a JSON array of hex digits.
fn spelled_out(sql: &str, begin: &str, end: &str, write: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once(begin) {
        let (list, after) = after.split_once(end).unwrap_or((after, ""));
        out.push_str(before);
        out.push_str(&write(list));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Translates a statement for PostgreSQL: it calls bytes `BYTEA` and has no tables clustered by their keys.
pub(crate) fn for_postgres(sql: &str) -> String {
    let sql = spelled_out(sql, "MANY(", ")", |list| {
        format!(
            "ARRAY(SELECT decode(value, 'hex') FROM json_array_elements_text(CAST(CAST({list} AS TEXT) AS json)))"
        )
    });
    let mut sql = sql.replace("BLOB", "BYTEA").replace(" WITHOUT ROWID", "");
    // PostgreSQL's planner has statistics and no index hints.
    while let Some((before, after)) = sql.split_once(" INDEXED BY ") {
        let rest = after.split_once(' ').map_or("", |(_, rest)| rest);
        sql = format!("{before} {rest}");
    }
    sql
}

/// Registers statements: each becomes a static, and `ALL` lists them for the test that prepares all of them on both
/// databases.
macro_rules! statements {
    ($($name:ident = $sql:expr;)+) => {
        $(pub(crate) static $name: $crate::dialect::Statement =
            $crate::dialect::Statement::new(stringify!($name), $sql);)+
        pub(crate) static ALL: &[&$crate::dialect::Statement] = &[$(&$name),+];
    };
}
pub(crate) use statements;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_and_types_are_spelled_for_each() {
        let sql = "SELECT id FROM t WHERE id = $12 FOR UPDATE SKIP LOCKED";
        assert_eq!(for_sqlite(sql), "SELECT id FROM t WHERE id = ?12");
        let many = "DELETE FROM t WHERE a = ANY(MANY($2)) AND b = $3";
        assert_eq!(
            for_sqlite(many),
            "DELETE FROM t WHERE a IN (SELECT unhex(value) FROM json_each(?2)) AND b = ?3"
        );
        assert_eq!(
            for_postgres(many),
            "DELETE FROM t WHERE a = ANY(ARRAY(SELECT decode(value, 'hex') FROM \
             json_array_elements_text(CAST(CAST($2 AS TEXT) AS json)))) AND b = $3"
        );
        assert_eq!(
            for_postgres("CREATE TABLE t (a BLOB) WITHOUT ROWID"),
            "CREATE TABLE t (a BYTEA)"
        );
        assert_eq!(
            for_postgres("SELECT a FROM t s INDEXED BY t_a WHERE s.a = $1"),
            "SELECT a FROM t s WHERE s.a = $1"
        );
    }
}
