//! Time-based one-time passwords (RFC 6238) as authenticator apps generate them: SHA-1, six digits, thirty seconds.

use aws_lc_rs::hmac;

/// Length of a time step in seconds, for which a code is shown.
pub const PERIOD_SECONDS: i64 = 30;
/// Length of a seed in bytes (RFC 4226 §4, R6 recommends 160 bits).
pub const SEED_BYTES: usize = 20;
const DIGITS: usize = 6;
/// Accepted clock drift in time steps, in either direction (RFC 6238 §5.2).
const DRIFT_STEPS: i64 = 1;

/// Returns the code of a time step.
#[must_use]
pub fn code(seed: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, seed);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    // RFC 4226 §5.3: the last four bits are the offset at which the code begins.
    let from = usize::from(bytes.last().copied().unwrap_or_default() & 0x0f);
    let four = bytes.iter().skip(from).take(4);
    let number = four.fold(0_u32, |number, byte| (number << 8) | u32::from(*byte)) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// Returns the time step of a code that was entered at a time, in seconds since 1970, if it is correct and later than
/// the step that was used last. All steps within the clock drift are compared, so that the time taken doesn't depend on
/// which one is correct.
#[must_use]
pub fn step_of(seed: &[u8], typed: &str, seconds: i64, last: i64) -> Option<i64> {
    let now = seconds.div_euclid(PERIOD_SECONDS);
    let mut found = None;
    for step in now - DRIFT_STEPS..=now + DRIFT_STEPS {
        let right = code(seed, step);
        let equal =
            aws_lc_rs::constant_time::verify_slices_are_equal(right.as_bytes(), typed.as_bytes());
        if equal.is_ok() && step > last && found.is_none() {
            found = Some(step);
        }
    }
    found
}

/// Returns whether a text has the form of a code: six digits.
#[must_use]
pub fn is_code(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Encodes bytes in Base32 without padding (RFC 4648 §6), the form in which apps accept a seed.
#[must_use]
pub fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let number = chunk.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte))
            << (8 * (5 - chunk.len()));
        for at in 0..(chunk.len() * 8).div_ceil(5) {
            let digit = (number >> (35 - 5 * at)) & 31;
            text.push(ALPHABET.get(digit as usize).map_or('A', |byte| char::from(*byte)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &[u8] = b"12345678901234567890";

    #[test]
    fn the_vectors_of_rfc_6238() {
        // Appendix B lists eight digits; the last six are the code.
        for (seconds, eight) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(code(SEED, seconds / PERIOD_SECONDS), eight[2..], "{seconds}");
        }
    }

    #[test]
    fn a_code_counts_one_step_early_or_late_and_once() {
        let (now, step) = (1_234_567_890, 1_234_567_890 / PERIOD_SECONDS);
        for (made_in, last, want) in [
            (step, 0, Some(step)),
            (step - 1, 0, Some(step - 1)),
            (step + 1, 0, Some(step + 1)),
            (step - 2, 0, None),
            (step + 2, 0, None),
            (step, step, None),
            (step, step - 1, Some(step)),
            (step - 1, step, None),
        ] {
            assert_eq!(step_of(SEED, &code(SEED, made_in), now, last), want, "{made_in} {last}");
        }
        assert_eq!(step_of(SEED, "", now, 0), None);
        assert!(is_code("005924") && !is_code("05924") && !is_code("00592a"));
    }

    #[test]
    fn base_32_of_rfc_4648() {
        for (plain, want) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(plain.as_bytes()), want);
        }
    }
}
