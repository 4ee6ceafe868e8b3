//! Rules that the sources themselves must keep.

use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
/// Folders of what ships.
const SHIPPED: &[&str] = &["crates", "demo"];
const FORBIDDEN_NAMES: &[&str] = &["utils", "util", "common", "helpers", "helper", "misc"];
/// Who may start threads and tasks, and so must end them.
const SPAWNERS: &[&str] = &["crates/cli", "crates/server", "crates/store", "demo"];
/// Who may open sockets.
const SOCKETS: &[&str] = &["crates/cli", "crates/server", "crates/store", "demo"];

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            if !matches!(
                name.as_str(),
                "target" | ".git" | "sojourn-demo" | "screenshots" | "node_modules" | "venv"
            ) {
                walk(&path, found);
            }
        } else {
            found.push(path);
        }
    }
}

pub(crate) fn check(root: &Path) -> Vec<String> {
    let mut files = Vec::new();
    walk(root, &mut files);
    files.sort();
    let mut problems = Vec::new();
    for file in files {
        let shown = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let kind = file.extension().unwrap_or_default().to_string_lossy().into_owned();
        if !matches!(kind.as_str(), "rs" | "sql" | "html" | "css" | "js") {
            continue;
        }
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let lines = text.lines().count();
        if lines > LINES_MAX {
            problems.push(format!("{shown}: {lines} lines; a file does one thing in {LINES_MAX}"));
        }
        if FORBIDDEN_NAMES.contains(&stem.as_str()) {
            problems.push(format!("{shown}: '{stem}' says nothing; name it by what it does"));
        }
        if kind == "rs" {
            rust(&shown, &text, &mut problems);
        }
    }
    problems
}

fn rust(shown: &str, text: &str, problems: &mut Vec<String>) {
    if !text.starts_with("//!") && !text.starts_with("#!") {
        problems.push(format!("{shown}: a module begins with '//!' and says what it owns"));
    }
    let shipped = SHIPPED.iter().any(|folder| shown.starts_with(folder));
    let test = shown.contains("/tests/") || shown.ends_with("/tests.rs");
    if !shipped || test {
        return;
    }
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let within = |folders: &[&str]| folders.iter().any(|folder| shown.starts_with(folder));
    let calls = |name: &str| code.contains(name);
    if !within(SPAWNERS)
        && ["tokio::spawn", "thread::spawn", "spawn_blocking"].iter().any(|name| calls(name))
    {
        problems.push(format!("{shown}: only cli, server and store start threads and tasks"));
    }
    if !within(SOCKETS) && ["TcpListener", "TcpStream", "UdpSocket"].iter().any(|name| calls(name))
    {
        problems.push(format!("{shown}: only cli, server and store open sockets"));
    }
    if shown.starts_with("crates/server") && ["SELECT ", "INSERT INTO"].iter().any(|sql| calls(sql))
    {
        problems.push(format!("{shown}: SQL belongs to the store"));
    }
    if calls("Op::EndSessions")
        && !["crates/engine", "crates/store", "crates/model"].iter().any(|c| shown.starts_with(c))
    {
        problems.push(format!("{shown}: ends go through the engine's end_sessions"));
    }
    let pages = ["failure", "missing", "bad_request", "forged", "unknown_ticket"];
    if shown.starts_with("crates/server") && !shown.ends_with("web/refusal.rs") {
        for page in pages.iter().filter(|page| calls(&format!("errors::{page}("))) {
            problems.push(format!("{shown}: 'errors::{page}' is said by a Refusal: end in '?'"));
        }
        if calls("Box<Response>>") && !shown.ends_with("listen.rs") {
            problems.push(format!("{shown}: a handler refuses with the Refusal of its face"));
        }
    }
    let above =
        ["crates/server/src", "crates/cli/src"].iter().any(|floor| shown.starts_with(floor));
    if above && calls("sojourn_store") && !shown.ends_with("cli/src/open.rs") {
        problems
            .push(format!("{shown}: reads go through the engine, which binds them to a tenant"));
    }
    let before = |line: usize| code.lines().take(line - 1).last().unwrap_or_default();
    let unexplained = |line: usize| !before(line).trim_start().starts_with("// Long, because ");
    for (line, length) in long_functions(code).into_iter().filter(|(line, _)| unexplained(*line)) {
        problems.push(format!(
            "{shown}:{line}: a function of {length} lines; it does more than one thing"
        ));
    }
}

/// Functions longer than allowed, with the line on which they begin. Formatted code closes a function
/// at the indentation at which it opened.
fn long_functions(code: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    for (index, line) in code.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let words = line.trim_start();
        let begins = ["fn ", "pub fn ", "pub(crate) fn ", "pub(super) fn ", "async fn "]
            .iter()
            .any(|start| words.starts_with(start))
            || (words.contains(" async fn ") && words.starts_with("pub"));
        if begins && open.is_none() {
            open = Some((index, indent));
        }
        if let Some((start, at)) = open
            && indent == at
            && words.starts_with('}')
        {
            let length = index - start + 1;
            if length > FUNCTION_LINES_MAX {
                found.push((start + 1, length));
            }
            open = None;
        }
        // A declaration without a body, on one line or several.
        let declared = |(start, at)| at == indent && (start == index || words.starts_with(')'));
        if words.ends_with(';') && open.is_some_and(declared) {
            open = None;
        }
    }
    found
}
