//! What the operating system says of a process, and the unit.

use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;

use crate::SERVER_CORE;

/// The first process of the database, where it is one of its own.
pub(crate) static DATABASE: OnceLock<u32> = OnceLock::new();

/// Nanoseconds of processor time that the server has used, its database counted in.
pub(crate) fn cpu_ns(pid: u32) -> u64 {
    let database = DATABASE.get().map_or(0, |first| {
        let children = fs::read_to_string(format!("/proc/{first}/task/{first}/children"));
        let children = children.unwrap_or_default();
        let children = children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok());
        own_cpu_ns(*first) + children.map(own_cpu_ns).sum::<u64>()
    });
    own_cpu_ns(pid) + database
}

/// Nanoseconds of processor time that a process has used, all its threads together.
fn own_cpu_ns(pid: u32) -> u64 {
    let folder = format!("/proc/{pid}/task");
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| text.split_whitespace().next()?.parse::<u64>().ok())
        .sum()
}

/// A line of a process's status, in KiB: `VmRSS`, `VmHWM`.
pub(crate) fn memory_kib(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// Milliseconds of processor time of one RS256 signature of 2048 bits with a kept key.
pub(crate) fn sign_unit_ms() -> f64 {
    const SIGNATURES: u32 = 4_000;
    let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let rng = SystemRandom::new();
    let mut signature = vec![0; pair.public_modulus_len()];
    let mut sign = |message: &[u8]| {
        pair.sign(&RSA_PKCS1_SHA256, &rng, message, &mut signature).expect("signs");
    };
    for n in 0..500_u32 {
        sign(&n.to_be_bytes());
    }
    let own = std::process::id();
    let before = cpu_ns(own);
    for n in 0..SIGNATURES {
        sign(&n.to_be_bytes());
    }
    (cpu_ns(own) - before) as f64 / f64::from(SIGNATURES) / 1e6
}

/// The unit, measured by a process of its own on the server's core.
pub(crate) fn unit() -> f64 {
    let program = std::env::current_exe().expect("a path");
    let output = Command::new("taskset")
        .args(["-c", SERVER_CORE])
        .arg(program)
        .arg("unit")
        .output()
        .expect("taskset runs");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
}

/// How busy the machine is, for the reader to judge.
pub(crate) fn load_average() -> String {
    fs::read_to_string("/proc/loadavg").unwrap_or_default().trim().to_owned()
}
