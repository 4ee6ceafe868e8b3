//! The menu of the Console: what the person may see, and nothing that they may not.

use sojourn_engine::Rights;

use super::{APPLICATIONS, AUDIT, HANDLERS, ROLES, USERS, VIEW};
use crate::context::Context;
use crate::web::pages::{MenuEntry, MenuSection};

/// A section's name, and its entries: what the page calls itself, path, name and the right to see it.
type Section = (&'static str, &'static [(&'static str, &'static str, &'static str, &'static str)]);

const MENU: [Section; 3] = [
    (
        "Sessions",
        &[
            ("sessions", "/console/sessions", "Sessions", VIEW),
            ("ledger", "/console/ledger", "Ended sessions", VIEW),
            ("jobs", "/console/jobs", "Large ends", VIEW),
            ("deliveries", "/console/deliveries", "Deliveries", VIEW),
        ],
    ),
    (
        "People",
        &[("users", "/console/users", "Users", USERS), ("roles", "/console/roles", "Roles", ROLES)],
    ),
    (
        "Organisation",
        &[
            ("applications", "/console/applications", "Applications", APPLICATIONS),
            ("handlers", "/console/handlers", "Event handlers", HANDLERS),
            ("audit", "/console/audit", "Audit log", AUDIT),
            ("mail", "/console/mail", "Mail", USERS),
        ],
    ),
];

/// The sections of which something may be seen.
pub(crate) fn menu(context: &Context, rights: &Rights, here: &str) -> Vec<MenuSection> {
    let shown = |name: &str| match name {
        "mail" => context.state.mail_folder.is_some(),
        _ => true,
    };
    MENU.iter()
        .map(|(name, entries)| MenuSection {
            name,
            entries: entries
                .iter()
                .filter(|(key, _, _, right)| rights.has(right) && shown(key))
                .map(|(key, path, name, _)| MenuEntry {
                    here: *key == here,
                    link: context.link(path),
                    name,
                })
                .collect(),
        })
        .filter(|section| !section.entries.is_empty())
        .collect()
}
