//! All SQL statements of the program, with one text for both databases.

pub(crate) mod delivery;
pub(crate) mod directory;
pub(crate) mod end;
pub(crate) mod factor;
pub(crate) mod grant;
pub(crate) mod operation;
pub(crate) mod saml;
pub(crate) mod search;
pub(crate) mod session;
pub(crate) mod sign_up;
pub(crate) mod task;

use crate::dialect::Statement;

/// Returns all statements, for the test that prepares each on both databases.
pub fn all() -> impl Iterator<Item = &'static Statement> {
    [
        directory::ALL,
        session::ALL,
        search::ALL,
        grant::ALL,
        end::ALL,
        delivery::ALL,
        operation::ALL,
        task::ALL,
        factor::ALL,
        sign_up::ALL,
        saml::ALL,
    ]
    .into_iter()
    .flatten()
    .copied()
}
