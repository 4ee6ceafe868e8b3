//! The menu of the Console: only the pages that the user may view.

use sojourn_engine::{Right, Rights};

use sojourn_model::{Leaving, TenantId};

use crate::context::Context;
use crate::web::pages::{MenuEntry, MenuSection};

/// A section's name and its entries: key of the page, path, label, and the right that is required to view it.
type Section = (&'static str, &'static [(&'static str, &'static str, &'static str, Right)]);

const MENU: [Section; 3] = [
    (
        "Sessions",
        &[
            ("overview", "/console", "Overview", Right::SessionView),
            ("sessions", "/console/sessions", "Sessions", Right::SessionView),
            ("ledger", "/console/ledger", "Ended sessions", Right::SessionView),
            ("live", "/console/live", "Live", Right::SessionView),
            ("jobs", "/console/jobs", "Bulk sign-outs", Right::SessionView),
            ("deliveries", "/console/deliveries", "Deliveries", Right::SessionView),
        ],
    ),
    (
        "People",
        &[
            ("users", "/console/users", "Users", Right::UserList),
            ("deletions", "/console/deletions", "Deletions", Right::UserDelete),
            ("groups", "/console/groups", "Groups", Right::GroupList),
            ("roles", "/console/roles", "Roles", Right::RoleList),
        ],
    ),
    (
        "Organisation",
        &[
            ("applications", "/console/applications", "Applications", Right::ApplicationView),
            ("policies", "/console/policies", "Policies", Right::SessionView),
            ("handlers", "/console/handlers", "Event handlers", Right::EventHandlerView),
            ("sign-up", "/console/sign-up", "Sign-up", Right::ConfigView),
            ("appearance", "/console/appearance", "Appearance", Right::ConfigView),
            ("keys", "/console/keys", "Signing keys", Right::ConfigView),
            ("tenants", "/console/tenants", "Tenants", Right::TenantList),
            ("audit", "/console/audit", "Audit log", Right::AuditView),
            ("mail", "/console/mail", "Mail", Right::UserView),
        ],
    ),
];

/// Returns the sections with at least one entry that the user may view. `here` is the key of the current page.
pub(crate) fn menu(context: &Context, rights: &Rights, here: &str) -> Vec<MenuSection> {
    let shown = |name: &str| match name {
        "deletions" => context.tenant().sign_up.leaving != Leaving::Never,
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
