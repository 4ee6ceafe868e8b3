//! What can go wrong in a database, as far as callers need to tell it apart.

/// A failure of the database, not of what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Too much waits already, or the server can't be reached. Nothing was written.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// No room left. Nothing was written, and what was answered before is still there.
    #[error("the disk is full: nothing was written; make room and try again")]
    DiskFull,
    /// The file or its folder can't be written.
    #[error("the database can't be written (read-only file, folder or file system)")]
    ReadOnly,
    /// The answer to a commit was lost and can't be found out. The change may or may not be durable.
    #[error("it is not known whether the change was kept: look at the state before repeating it")]
    Unknown,
    /// A row is not what this program writes.
    #[error("unexpected value in column {column} of '{statement}'")]
    Corrupt {
        /// The statement that read it.
        statement: &'static str,
        /// The column, from 1.
        column: usize,
    },
    /// The database was written by a newer program that older ones must not use.
    #[error(
        "the database has schema {found} and needs a program that knows schema {needs}; \
         this one knows {known}: start a newer version"
    )]
    NeedsNewerProgram {
        /// The schema's version.
        found: i64,
        /// The least that a program must know.
        needs: i64,
        /// What this program knows.
        known: i64,
    },
    /// A statement failed in a way that is a defect of ours.
    #[error("statement '{statement}' failed: {message}")]
    Statement {
        /// The name of the statement.
        statement: &'static str,
        /// What the database said.
        message: String,
    },
}
