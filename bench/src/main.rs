//! The load generator: this project's release build on one core, the generator on the other, both on
//! this machine. Prints what operations cost, in milliseconds of the server's processor time and in
//! units of one RS256 signature, measured in the same run.

#![expect(clippy::disallowed_methods, reason = "a load generator measures time")]

mod client;
mod ends;
mod load;
mod log;
mod measure;
mod operations;
mod passkey;
mod postgres;
mod report;
mod roles;
mod scale;
mod seed;
mod server;
mod soak;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// Core of the server and of the unit.
const SERVER_CORE: &str = "0";
/// Core of the generator.
const GENERATOR_CORE: &str = "1";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let mode = args.get(1).map(String::as_str).unwrap_or_default();
    match mode {
        "unit" => {
            println!("{}", measure::sign_unit_ms());
            ExitCode::SUCCESS
        }
        "generate" => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            let only = args.get(2).map(String::as_str);
            match runtime.block_on(report::run(&folder(), only)) {
                Ok(()) => ExitCode::SUCCESS,
                Err(why) => {
                    eprintln!("the run is void: {why}");
                    ExitCode::FAILURE
                }
            }
        }
        "postgresql-pinned" => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            let only = args.get(2).map(String::as_str);
            match runtime.block_on(report::run_postgres(&folder(), only)) {
                Ok(()) => ExitCode::SUCCESS,
                Err(why) => {
                    eprintln!("the run is void: {why}");
                    ExitCode::FAILURE
                }
            }
        }
        "roles-pinned" => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            match runtime.block_on(roles::run(&folder())) {
                Ok(()) => ExitCode::SUCCESS,
                Err(why) => {
                    eprintln!("the run is void: {why}");
                    ExitCode::FAILURE
                }
            }
        }
        "scale" => {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(scale::run(&folder(), args.get(2..).unwrap_or_default()));
            ExitCode::SUCCESS
        }
        "soak" => {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            match runtime.block_on(soak::run(args.get(2..).unwrap_or_default())) {
                Ok(()) => ExitCode::SUCCESS,
                Err(why) => {
                    eprintln!("the run is void: {why}");
                    ExitCode::FAILURE
                }
            }
        }
        _ => {
            // The generator itself, pinned.
            let program = std::env::current_exe().expect("a path");
            let done = Command::new("taskset")
                .args(["-c", GENERATOR_CORE])
                .arg(program)
                .args(match mode {
                    "roles" => vec!["roles-pinned"],
                    "postgresql" => {
                        let part = args.get(2).map(String::as_str);
                        std::iter::once("postgresql-pinned").chain(part).collect()
                    }
                    // A part of an operation's name, to look at that one alone.
                    part => vec!["generate", part],
                })
                .status()
                .expect("taskset (util-linux) is there");
            if done.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    }
}

fn folder() -> PathBuf {
    std::env::temp_dir().join("sojourn-bench")
}
