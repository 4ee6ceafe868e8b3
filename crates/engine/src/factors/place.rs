//! Where the secret of a factor is stored, which its seal is bound to.

use sojourn_model::{FactorId, Tenant};

/// Names the storage location that a factor's sealed secret is bound to.
pub(crate) fn place(tenant: &Tenant, factor: FactorId) -> String {
    format!("factor/{}/{factor}", tenant.id.0)
}
