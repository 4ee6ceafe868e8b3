//! Checks the rules of the house (`tidy`) and writes what is generated (`gen`).

mod arrows;
mod circles;
mod dependencies;
mod documents;
mod generate;
mod settings;
mod sources;

use std::path::PathBuf;
use std::process::ExitCode;

fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}

fn main() -> ExitCode {
    let root = root();
    let problems = match std::env::args().nth(1).as_deref() {
        Some("tidy") => {
            let mut problems = arrows::check(&root);
            problems.extend(circles::check(&root));
            problems.extend(dependencies::check(&root));
            problems.extend(documents::check(&root));
            problems.extend(settings::check(&root));
            problems.extend(sources::check(&root));
            problems.extend(generate::differences(&root));
            problems
        }
        Some("gen") => {
            generate::write(&root);
            Vec::new()
        }
        _ => vec!["say 'tidy' or 'gen'".to_owned()],
    };
    for problem in &problems {
        eprintln!("{problem}");
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
