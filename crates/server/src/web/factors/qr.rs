//! QR codes as the data of SVG paths.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

/// Width of the white margin around a code, in modules (ISO/IEC 18004 §6.3.8).
const QUIET: usize = 4;

/// Encodes a text as the data of one SVG path, in modules, and the side length of the whole; `None` if the text is too
/// long.
pub(in crate::web) fn path_of(text: &str) -> Option<(String, usize)> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (y, row) in code.to_colors().chunks(width).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|a, b| a == b) {
            if run.first() == Some(&Color::Dark) {
                let _ =
                    write!(path, "M{} {}h{}v1h-{}z", x + QUIET, y + QUIET, run.len(), run.len());
            }
            x += run.len();
        }
    }
    Some((path, width + 2 * QUIET))
}

/// Splits a secret into groups of four characters, for typing.
pub(in crate::web) fn spaced(secret: &str) -> String {
    let chars: Vec<char> = secret.chars().collect();
    let groups: Vec<String> = chars.chunks(4).map(|group| group.iter().collect()).collect();
    groups.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_covers_what_is_dark() {
        let (path, side) = path_of("otpauth://totp/a?secret=b").expect("a code");
        // The first run is the upper edge of the finder pattern at the top left.
        assert!(path.starts_with("M4 4h7v1h-7z"), "{path}");
        assert!((29..60).contains(&side), "{side}");
        assert_eq!(path_of(&"x".repeat(5_000)), None);
    }
}
