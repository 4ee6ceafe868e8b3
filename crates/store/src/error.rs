//! Errors of the database, as far as callers need to distinguish them.

/// A failure of the database, not of the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Too many calls wait, or the server can't be reached or is too slow. Nothing was written.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The disk is full. Nothing was written; earlier commits are intact.
    #[error("the disk is full: nothing was written; make room and try again")]
    DiskFull,
    /// The file, its folder or the transaction is read-only.
    #[error("the database can't be written (read-only file, folder or file system)")]
    ReadOnly,
    /// The response to a commit was lost and the result can't be determined. The change may or may not be durable.
    #[error("it is not known whether the change was kept: look at the state before repeating it")]
    Unknown,
    /// A column contains a value that this program doesn't write.
    #[error("unexpected value in column {column} of '{statement}'")]
    Corrupt {
        /// Name of the statement that read it.
        statement: &'static str,
        /// Number of the column, from 1.
        column: usize,
    },
    /// The schema is from a newer version and must not be used by this one.
    #[error(
        "the database has schema {found} and needs a program that knows schema {needs}; \
         this one knows {known}: start a newer version"
    )]
    NeedsNewerProgram {
        /// Schema version of the database.
        found: i64,
        /// Minimum schema version that a program has to know.
        needs: i64,
        /// Schema version that this program knows.
        known: i64,
    },
    /// A statement failed because of a defect of this program.
    #[error("statement '{statement}' failed: {message}")]
    Statement {
        /// Name of the statement that failed.
        statement: &'static str,
        /// Error message of the database.
        message: String,
    },
}
