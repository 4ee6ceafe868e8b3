//! Applications that do nothing but answer: a page for each, and the notices about ended sessions, which one of them
//! refuses. For a demonstration with more applications than run.

use axum::Router;
use axum::extract::Path;
use axum::response::{Html, Response};
use axum::routing::{get, post};
use http::{HeaderValue, StatusCode, header};

use crate::{AppError, AppOptions, answer, listen};

/// The application that refuses every notice.
const REFUSES: &str = "payroll";

async fn page(Path(name): Path<String>) -> Html<String> {
    // Only what can't be markup is shown.
    let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    Html(format!(
        "<!doctype html><html lang=\"en\"><title>{name}</title><h1>{name}</h1>\
         <p>This application of the demonstration has nothing to show.</p>"
    ))
}

async fn notice(Path(name): Path<String>) -> Response {
    let refused = name == REFUSES;
    let status = if refused { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let mut response = answer(
        status,
        "application/json",
        match refused {
            true => r#"{"error":"invalid_request"}"#,
            false => "{}",
        },
    );
    // Back-Channel Logout 1.0 §2.8.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Serves the applications until the process ends.
///
/// # Errors
/// The port or the certificate can't be used.
pub async fn run(options: AppOptions) -> Result<(), AppError> {
    let port = options.port;
    let tls = listen::tls(&options)?;
    let router = Router::new()
        .route("/{name}", get(page))
        .route("/{name}/callback", get(page))
        .route("/{name}/logout", post(notice));
    let listener = listen::TlsListener::bind(port, tls).await?;
    axum::serve(listener, router).await.map_err(|error| AppError::Port(port, error))
}
