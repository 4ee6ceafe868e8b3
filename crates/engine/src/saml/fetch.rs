//! Fetches the metadata of service providers.

use crate::engine::Engine;
use crate::error::EngineError;

/// Maximum size of fetched metadata, in bytes.
const METADATA_BYTES_MAX: usize = 1024 * 1024;

impl Engine {
    /// Fetches metadata as text. Over plain HTTP its source is unknown, so it must be signed with a pinned
    /// certificate.
    pub(crate) async fn fetch_metadata(
        &self,
        url: &str,
        pinned: bool,
    ) -> Result<String, EngineError> {
        let wrong = |why: String| EngineError::Invalid(format!("metadata_url: {why}"));
        let parsed = url::Url::parse(url).map_err(|_| wrong("it is no address".into()))?;
        match parsed.scheme() {
            "https" => {}
            "http" if pinned => {}
            _ => {
                let why = "it has to be an address with https, or metadata_certificate says what it is signed with";
                return Err(wrong(why.into()));
            }
        }
        let bytes = self.fetcher.get(url, METADATA_BYTES_MAX).await.map_err(wrong)?;
        String::from_utf8(bytes).map_err(|_| wrong("it isn't UTF-8".into()))
    }
}
