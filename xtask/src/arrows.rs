//! Who may use whom, from `cargo metadata`.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Each crate of the house and the crates of the house that it may use.
const ARROWS: &[(&str, &[&str])] = &[
    ("sojourn-model", &[]),
    ("sojourn-crypto", &["sojourn-model"]),
    ("sojourn-oidc", &["sojourn-crypto", "sojourn-model"]),
    ("sojourn-scim", &["sojourn-model"]),
    ("sojourn-saml", &["sojourn-crypto", "sojourn-model"]),
    ("sojourn-store", &["sojourn-model"]),
    (
        "sojourn-engine",
        &[
            "sojourn-store",
            "sojourn-oidc",
            "sojourn-saml",
            "sojourn-scim",
            "sojourn-crypto",
            "sojourn-model",
        ],
    ),
    (
        "sojourn-server",
        &["sojourn-engine", "sojourn-oidc", "sojourn-saml", "sojourn-scim", "sojourn-model"],
    ),
    (
        "sojourn",
        &[
            "sojourn-server",
            "sojourn-engine",
            "sojourn-store",
            "sojourn-model",
            "sojourn-crypto",
            "sojourn-oidc",
            "sojourn-demo",
        ],
    ),
    ("sojourn-demo", &[]),
];

/// Crates that pure floors must not know, beside those of higher floors.
const IMPURE: &[&str] = &["tokio", "axum", "hyper", "reqwest", "rusqlite", "tokio-postgres"];
const PURE: &[&str] =
    &["sojourn-model", "sojourn-crypto", "sojourn-oidc", "sojourn-saml", "sojourn-scim"];

pub(crate) fn check(root: &Path) -> Vec<String> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .expect("cargo metadata runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata is JSON");
    let mut problems = Vec::new();
    for (name, allowed) in ARROWS {
        let package = metadata["packages"]
            .as_array()
            .and_then(|packages| packages.iter().find(|package| package["name"] == *name));
        let Some(package) = package else {
            problems.push(format!("there is no crate {name}; mend the arrows in xtask"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let Some(used) = dependency["name"].as_str() else { continue };
            if dependency["kind"] == "dev" {
                continue;
            }
            if used.starts_with("sojourn") && !allowed.contains(&used) {
                problems.push(format!("{name} must not use {used}: data flows down the floors"));
            }
            if PURE.contains(name) && IMPURE.contains(&used) {
                problems.push(format!("{name} must not use {used}: it is a pure floor"));
            }
        }
    }
    problems
}
