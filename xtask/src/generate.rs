//! What is generated from the code and committed: the schema, the catalogue of events, the routes, the
//! list of metrics, the reference of the settings. `tidy` fails when one differs.

use std::fs;
use std::path::Path;

use sojourn_model::EventName;
use sojourn_server::routes::ROUTES;

fn schema() -> String {
    let dump = sojourn_store::schema_dump().expect("the migrations run");
    format!("-- The schema after every migration. Written by 'make gen'.\n\n{dump}")
}

fn events() -> String {
    let mut text = String::from(
        "# Events\n\nWritten by `make gen` from the code. Each is appended in the transaction of its cause, and ordered \
         among the events of its subject.\n\n| name | meaning |\n|---|---|\n",
    );
    for (_, name, meaning) in EventName::CATALOGUE {
        text.push_str(&format!("| `{name}` | {} |\n", meaning.trim()));
    }
    text
}

fn routes() -> String {
    let mut text = String::from(
        "# Routes\n\nWritten by `make gen` from the code. Each also answers under `/t/{tenant}`.\n\n\
         | method | path |\n|---|---|\n",
    );
    for route in ROUTES {
        text.push_str(&format!("| {} | `{}` |\n", route.method, route.path));
    }
    text
}

fn metrics() -> String {
    let mut text = String::from(
        "# Metrics\n\nWritten by `make gen` from the code. Served at `/metrics` as OpenMetrics text: counters end with \
         `_total` there, and a family without a value yet is left out.\n\n| name | type | meaning |\n|---|---|---|\n",
    );
    for family in sojourn_server::metrics::Metrics::default().described() {
        text.push_str(&format!("| `{}` | {} | {}. |\n", family.name, family.kind, family.meaning));
    }
    text
}

fn openapi() -> String {
    let description = sojourn_server::openapi();
    serde_json::to_string_pretty(&description).expect("JSON") + "\n"
}

fn all(root: &Path) -> [(&'static str, String); 6] {
    [
        ("docs/generated/SETTINGS.md", crate::settings::reference(root)),
        ("docs/generated/schema.sql", schema()),
        ("docs/generated/EVENTS.md", events()),
        ("docs/generated/ROUTES.md", routes()),
        ("docs/generated/METRICS.md", metrics()),
        ("docs/generated/session-service.openapi.json", openapi()),
    ]
}

pub(crate) fn write(root: &Path) {
    for (path, text) in all(root) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("written");
    }
}

/// Operations of the session service that the manual has no example of.
fn without_example(root: &Path) -> Vec<String> {
    let manual = fs::read_to_string(root.join("docs/SESSION-SERVICE.md")).unwrap_or_default();
    let description = sojourn_server::openapi();
    let paths = description["paths"].as_object().expect("paths");
    let operations = paths.values().flat_map(|path| path.as_object().expect("methods").values());
    operations
        .filter_map(|operation| operation["operationId"].as_str())
        .filter(|id| !manual.contains(&format!("\n### {id}\n")))
        .map(|id| format!("docs/SESSION-SERVICE.md has no example of {id}"))
        .collect()
}

pub(crate) fn differences(root: &Path) -> Vec<String> {
    let differ = all(root)
        .into_iter()
        .filter(|(path, text)| fs::read_to_string(root.join(path)).ok().as_ref() != Some(text))
        .map(|(path, _)| format!("{path} differs from the code: run 'make gen'"));
    differ.chain(without_example(root)).collect()
}
