//! Forms with files: `multipart/form-data` (RFC 7578).

use axum::body::Bytes;
use http::header;

use crate::context::Context;

/// The submitted fields of a form, in order, with their unchanged content.
pub(crate) struct Upload(Vec<(String, Bytes)>);

impl Upload {
    /// Parses a form; `None` if it is malformed.
    pub(crate) async fn read(context: &Context, body: Bytes) -> Option<Self> {
        let kind = context.header(header::CONTENT_TYPE)?;
        let boundary = multer::parse_boundary(kind).ok()?;
        let once =
            futures_util::stream::once(async move { Ok::<_, std::convert::Infallible>(body) });
        let mut parts = multer::Multipart::new(once, boundary);
        let mut all = Vec::new();
        while let Some(field) = parts.next_field().await.ok()? {
            let name = field.name().unwrap_or_default().to_owned();
            all.push((name, field.bytes().await.ok()?));
        }
        Some(Self(all))
    }

    /// Returns the unchanged content of a field; empty if there is none.
    pub(crate) fn bytes(&self, name: &str) -> &[u8] {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| &**value).unwrap_or_default()
    }

    /// Returns a field as text without surrounding spaces; invalid UTF-8 is replaced.
    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(self.bytes(name)).trim().to_owned()
    }

    /// Returns whether a field was sent, which means for a checkbox that it is checked.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }
}
