//! Creating, disabling and deleting tenants.

use serde_json::json;
use sojourn_model::limits::CONFLICT_RETRIES_MAX;
use sojourn_model::operation::JobChange;
use sojourn_model::{
    ChangeSet, EndSummary, Job, JobAdvance, JobId, JobKind, JobState, NewJob, Op, Outcome, Role,
    Tenant, TenantId,
};

use super::roles::RoleChange;
use super::users::{NewUser, PasswordGiven};
use crate::authority::Authority;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::rights::Right;
use crate::work::Work;

/// A tenant to create, with its first administrator.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// Name in paths, unique in the installation.
    pub name: String,
    /// Account that becomes the first administrator.
    pub owner: NewUser,
}

/// Number of users that one step of an erasure deletes with their rows.
const ERASE_BATCH: i64 = 100;
/// Number of pending jobs that are read to find out whether a tenant is being deleted.
const PENDING_JOBS_MAX: i64 = 10_000;
const GOING: &str = "this tenant is being deleted";

fn checked_name(name: &str) -> Result<String, EngineError> {
    let fits = (1..=63).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-".contains(&b))
        && name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && name.bytes().last().is_some_and(|b| b.is_ascii_alphanumeric());
    if fits && name != Tenant::DEFAULT_NAME {
        Ok(name.to_owned())
    } else {
        let why = "a tenant's name must have 1 to 63 characters: lower-case letters, digits, dots and hyphens";
        Err(EngineError::Invalid(why.into()))
    }
}

impl Engine {
    /// Creates a tenant with its keys, built-in applications and first administrator.
    ///
    /// # Errors
    /// [`EngineError::Exists`] if the name is taken, [`EngineError::Invalid`] if the name isn't valid.
    pub async fn add_tenant(&self, new: NewTenant, by: &Authority) -> Result<Tenant, EngineError> {
        by.must_oversee(Right::TenantCreate)?;
        let actor = &by.actor();
        let name = checked_name(&new.name)?;
        if self.store.tenant_by_name(&name).await?.is_some() {
            return Err(EngineError::Exists("a tenant with that name"));
        }
        for _ in 0..CONFLICT_RETRIES_MAX {
            let id = TenantId(self.store.last_tenant().await?.0 + 1);
            let (name, created_at) = (name.clone(), self.now());
            let look = sojourn_model::Look::default();
            let sign_up = sojourn_model::SignUp::default();
            let tenant = Tenant { id, name, enabled: true, created_at, look, sign_up };
            // An error in the administrator's data is found before the tenant is created.
            let password = new.owner.password.clone().map(PasswordGiven::Plain);
            let (owner, with_owner) =
                self.new_user(&tenant, new.owner.clone(), password, actor).await?;
            let mut change = ChangeSet::of(TenantId::DEFAULT, Op::CreateTenant(tenant.clone()));
            let detail = json!({ "tenant-domain": tenant.name });
            change.audit.push(self.audit_row(actor, "tenant.add", tenant.id.0, &detail));
            if !matches!(self.apply(change).await?, Outcome::Applied(_)) {
                if self.store.tenant_by_name(&tenant.name).await?.is_some() {
                    return Err(EngineError::Exists("a tenant with that name"));
                }
                // Another tenant was created at the same time and has the number.
                continue;
            }
            self.ensure_tenant(&tenant).await?;
            self.must_apply(with_owner).await?;
            let role = self.role_named(&tenant, Role::ADMIN).await?;
            let over = by.over(&tenant);
            self.change_role(&tenant, &role, &owner, RoleChange::Assign, &over).await?;
            return Ok(tenant);
        }
        Err(EngineError::Contended)
    }

    /// Returns whether a job that deletes the tenant is pending.
    async fn is_going(&self, tenant: &Tenant) -> Result<bool, EngineError> {
        let jobs = self.store.pending_jobs(tenant.id, PENDING_JOBS_MAX).await?;
        Ok(jobs.iter().any(|job| job.kind == JobKind::EraseTenant))
    }

    /// Enables or disables a tenant. While it is disabled, nobody can sign in and no token is valid; a job ends its
    /// sessions, so that its applications are notified.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] for the default tenant, and when enabling a tenant that is being deleted.
    pub async fn set_tenant_enabled(
        &self,
        tenant: &Tenant,
        enabled: bool,
        by: &Authority,
    ) -> Result<(), EngineError> {
        by.must_oversee(Right::TenantUpdate)?;
        let actor = &by.actor();
        if tenant.id == TenantId::DEFAULT {
            return Err(EngineError::Invalid("the default tenant can't be switched off".into()));
        }
        if enabled && self.is_going(tenant).await? {
            return Err(EngineError::Invalid(GOING.into()));
        }
        let mut change = ChangeSet::of(tenant.id, Op::SetTenantEnabled { enabled });
        if !enabled {
            self.push_everyone_job(tenant, actor, &mut change).await?;
        }
        let action = if enabled { "tenant.enable" } else { "tenant.disable" };
        change.audit.push(self.audit_row(actor, action, tenant.id.0, &json!({})));
        self.must_apply(change).await?;
        self.catalog.forget_tenant(&tenant.name);
        self.catalog.changed(tenant.id);
        Ok(())
    }

    /// Deletes a tenant: its endpoints stop responding immediately, and a job deletes its data.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] for the default tenant, and if the tenant is being deleted already.
    pub async fn remove_tenant(
        &self,
        tenant: &Tenant,
        by: &Authority,
    ) -> Result<JobId, EngineError> {
        by.must_oversee(Right::TenantDelete)?;
        let actor = &by.actor();
        if tenant.id == TenantId::DEFAULT {
            return Err(EngineError::Invalid("the default tenant can't be deleted".into()));
        }
        if self.is_going(tenant).await? {
            return Err(EngineError::Invalid(GOING.into()));
        }
        let id = JobId::random(&*self.rng);
        let work = Work::EraseTenant { tenant: tenant.name.clone() };
        let payload = serde_json::to_string(&work)
            .map_err(|error| EngineError::Invalid(error.to_string()))?;
        let mut change = ChangeSet::of(tenant.id, Op::SetTenantEnabled { enabled: false });
        change.ops.push(Op::Job(JobChange::Add(NewJob {
            id,
            kind: JobKind::EraseTenant,
            payload,
            total: self.store.user_count(tenant.id).await?,
            actor: actor.clone(),
            at: self.now(),
        })));
        self.must_apply(change).await?;
        // In the default tenant's log, because the tenant's own log is deleted with it.
        let mut note = ChangeSet::new(TenantId::DEFAULT);
        let detail = json!({ "tenant-domain": tenant.name, "job": id.to_string() });
        note.audit.push(self.audit_row(actor, "tenant.remove", tenant.id.0, &detail));
        self.must_apply(note).await?;
        self.catalog.forget_tenant(&tenant.name);
        self.catalog.changed(tenant.id);
        Ok(id)
    }

    /// Deletes the rows of a batch of users; the last step deletes everything else and the tenant itself.
    pub(crate) async fn erase_tenant_step(
        &self,
        tenant: &Tenant,
        job: &Job,
    ) -> Result<JobAdvance, EngineError> {
        let order = sojourn_store::UserOrder::Age;
        let users = self.store.users_after(tenant.id, order, false, None, ERASE_BATCH).await?;
        let ids: Vec<_> = users.iter().map(|user| user.id).collect();
        let done = i64::try_from(ids.len()).unwrap_or(0);
        if !ids.is_empty() {
            self.must_apply(ChangeSet::of(tenant.id, Op::EraseUsers { users: ids })).await?;
            return Ok(JobAdvance { done, ..self.goes_on(job, EndSummary::default()) });
        }
        // The tenant is deleted first: a transaction that adds to it at this moment is waited for, or fails.
        let rest = ChangeSet::of(tenant.id, Op::DeleteTenant).with(Op::EraseTenant);
        self.must_apply(rest).await?;
        Ok(JobAdvance { state: JobState::Done, ..self.goes_on(job, EndSummary::default()) })
    }

    /// All tenants, the default one first.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn tenants(&self) -> Result<Vec<Tenant>, EngineError> {
        Ok(self.store.tenants().await?)
    }
}
