//! Previews of ends, counted with the same selections that the end uses.

use sojourn_model::{AppId, EndSessions, EndSummary, EndTarget};

use crate::compile::end::{Selected, each_app};
use crate::compile::params;
use crate::dialect::Statement;
use crate::sql::end as sql;
use crate::value::Value;
use crate::{Reads, StoreError};

/// The preview of an end: what it would do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EndPreview {
    /// Counts of what would end.
    pub summary: EndSummary,
    /// Whether the end would be rejected because it would leave tokens that are bound to the session.
    pub session_bound_tokens: bool,
}

impl Reads {
    async fn count(
        &self,
        statement: &'static Statement,
        params: Vec<Value>,
    ) -> Result<u64, StoreError> {
        match self.list(statement, params).await?.into_iter().next() {
            Some(mut row) => Ok(u64::try_from(row.int()?).unwrap_or(0)),
            None => Ok(0),
        }
    }

    /// Counts what an end would do, without doing it. Other changes may happen between the preview and the end itself.
    ///
    /// # Errors
    /// [`StoreError`] if a query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn preview_end(&self, end: &EndSessions) -> Result<EndPreview, StoreError> {
        let mut preview = EndPreview::default();
        let mut targets = end.targets.clone();
        targets.sort_unstable();
        targets.dedup();
        for target in targets {
            if let EndTarget::Grant(grant) = target {
                if end.effects.tokens {
                    preview.summary.grants +=
                        self.count(&sql::PREVIEW_GRANT, params![end.tenant, grant]).await?;
                }
            } else if let Some(selected) = Selected::of(target, &end.effects) {
                self.preview_one(end, &selected, &mut preview).await?;
            }
        }
        Ok(preview)
    }

    async fn preview_one(
        &self,
        end: &EndSessions,
        selected: &Selected,
        preview: &mut EndPreview,
    ) -> Result<(), StoreError> {
        let t = end.tenant;
        let summary = &mut preview.summary;
        for app in each_app(end.applications.as_deref()) {
            if end.effects.tokens {
                let statement =
                    selected.pick(&sql::PREVIEW_GRANTS_BY_SESSION, &sql::PREVIEW_GRANTS_BY_USER);
                let more = params![end.effects.offline, app.clone(), i64::from(end.spare_kept)];
                summary.grants += self.count(statement, selected.params(t, more)).await?;
            }
            if end.effects.notify {
                let statement = selected
                    .pick(&sql::PREVIEW_DELIVERIES_BY_SESSION, &sql::PREVIEW_DELIVERIES_BY_USER);
                let more = params![app.clone()];
                summary.deliveries += self.count(statement, selected.params(t, more)).await?;
            }
            if end.effects.consents {
                let more = vec![t.into(), selected.user(), app];
                summary.consents += self.count(&sql::PREVIEW_CONSENTS, more).await?;
            }
        }
        if end.effects.session {
            let statement =
                selected.pick(&sql::PREVIEW_SESSIONS_BY_SESSION, &sql::PREVIEW_SESSIONS_BY_USER);
            summary.sessions += self.count(statement, selected.params(t, vec![])).await?;
            let statement =
                selected.pick(&sql::PREVIEW_BOUND_BY_SESSION, &sql::PREVIEW_BOUND_BY_USER);
            for mut row in self.list(statement, selected.params(t, vec![])).await? {
                let app = row.id(AppId::from_slice)?;
                let goes = end.effects.tokens
                    && end.applications.as_ref().is_none_or(|apps| apps.contains(&app));
                preview.session_bound_tokens |= !goes;
            }
        }
        Ok(())
    }
}
