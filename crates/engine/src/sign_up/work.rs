//! Proof of work that a browser must provide before a mail is sent, so that a flood of requests is expensive.

use serde::{Deserialize, Serialize};
use sojourn_crypto::{TokenKind, sha256};
use sojourn_model::{Millis, Op, Tenant};

use crate::engine::Engine;

/// Number of leading zero bits that a hash must have: about 65,000 hashes, which take a fraction of a second in a
/// browser, and several seconds at worst.
pub const WORK_BITS: u32 = 16;

/// How long a task is valid, in milliseconds.
const TASK_MS: i64 = 30 * 60_000;

/// Content of a task. It is sealed under the same key as pages that accept a code, but neither can be parsed as the
/// other.
#[derive(Serialize, Deserialize)]
struct Task {
    work_set_at: i64,
    nonce: [u8; 16],
}

/// Returns whether an answer solves a task: the hash of `task:answer` starts with [`WORK_BITS`] zero bits.
fn solves(task: &str, answer: &str) -> bool {
    // Answers are numbers, which aren't longer than this.
    if answer.len() > 20 {
        return false;
    }
    let hash = sha256(format!("{task}:{answer}").as_bytes());
    let zeros: u32 = hash
        .iter()
        .map(|byte| byte.leading_zeros())
        .scan(true, |all_zero, zeros| {
            let counted = all_zero.then_some(zeros);
            *all_zero &= zeros == 8;
            counted
        })
        .sum();
    zeros >= WORK_BITS
}

impl Engine {
    /// A task for a browser: find a number for which the SHA-256 of `task:number` starts with [`WORK_BITS`] zero
    /// bits. `None` if the tenant requires no proof of work.
    #[must_use]
    pub fn sign_up_work(&self, tenant: &Tenant) -> Option<String> {
        if !tenant.sign_up.proof_of_work {
            return None;
        }
        let nonce = sojourn_model::time::random(&*self.rng);
        let body = serde_json::to_vec(&Task { work_set_at: self.now().0, nonce }).ok()?;
        self.sealer.seal(TokenKind::SignUpCode, tenant.id, &body).ok()
    }

    /// The operation that uses up a task; `None` if it isn't solved or has expired.
    pub(super) fn solved(&self, tenant: &Tenant, task: &str, answer: &str) -> Option<Op> {
        let body = self.sealer.open(TokenKind::SignUpCode, tenant.id, task)?;
        let set: Task = serde_json::from_slice(&body).ok()?;
        let at = Millis(set.work_set_at);
        if !self.is_recent(at, TASK_MS) || !solves(task, answer) {
            return None;
        }
        let key = sha256(&[b"work".as_slice(), &set.nonce].concat()).to_vec();
        Some(Op::UseOnce { key, until: at.plus(TASK_MS) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_answers_solve_a_task() {
        let found = (0..2_000_000_u32).find(|answer| solves("task", &answer.to_string()));
        let found = found.expect("one of two million").to_string();
        assert!(solves("task", &found));
        assert!(!solves("another task", &found));
        assert!(!solves("task", &format!("{found:0>30}")));
        assert!(!solves("task", ""));
    }
}
