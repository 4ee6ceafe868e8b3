//! The menu of the Console: what the person may see, and nothing that they may not.

use sojourn_engine::{Right, Rights};

use sojourn_model::TenantId;

use super::{APPLICATIONS, AUDIT, CONFIG_VIEW, HANDLERS, TENANTS, VIEW};
use crate::context::Context;
use crate::web::pages::{MenuEntry, MenuSection};

/// A section's name, and its entries: what the page calls itself, path, name and the right to see it.
type Section = (&'static str, &'static [(&'static str, &'static str, &'static str, Right)]);

const MENU: [Section; 3] = [
    (
        "Sessions",
        &[
            ("overview", "/console", "Overview", VIEW),
            ("sessions", "/console/sessions", "Sessions", VIEW),
            ("ledger", "/console/ledger", "Ended sessions", VIEW),
            ("live", "/console/live", "Live", VIEW),
            ("jobs", "/console/jobs", "Large ends", VIEW),
            ("deliveries", "/console/deliveries", "Deliveries", VIEW),
        ],
    ),
    (
        "People",
        &[
            ("users", "/console/users", "Users", Right::UserList),
            ("groups", "/console/groups", "Groups", Right::GroupList),
            ("roles", "/console/roles", "Roles", Right::RoleList),
        ],
    ),
    (
        "Organisation",
        &[
            ("applications", "/console/applications", "Applications", APPLICATIONS),
            ("policies", "/console/policies", "Policies", VIEW),
            ("handlers", "/console/handlers", "Event handlers", HANDLERS),
            ("appearance", "/console/appearance", "Appearance", CONFIG_VIEW),
            ("keys", "/console/keys", "Signing keys", CONFIG_VIEW),
            ("tenants", "/console/tenants", "Tenants", TENANTS),
            ("audit", "/console/audit", "Audit log", AUDIT),
            ("mail", "/console/mail", "Mail", Right::UserView),
        ],
    ),
];

/// The sections of which something may be seen.
pub(crate) fn menu(context: &Context, rights: &Rights, here: &str) -> Vec<MenuSection> {
    let shown = |name: &str| match name {
        "tenants" => context.tenant().id == TenantId::DEFAULT,
        "mail" => context.state.mail_folder.is_some() && rights.cover_everyone(),
        _ => true,
    };
    MENU.iter()
        .map(|(name, entries)| MenuSection {
            name,
            entries: entries
                .iter()
                .filter(|(key, _, _, right)| rights.has(*right) && shown(key))
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
