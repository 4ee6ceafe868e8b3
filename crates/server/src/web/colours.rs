//! The tenant's colour, adjusted so that text in it and on it is readable whatever colour is chosen (WCAG 2.2 §1.4.3).

/// Red, green and blue, each from 0 to 255.
type Colour = [f64; 3];

/// The background on which text in the colour has the lowest contrast: in the light theme and in the dark theme.
const PAPERS: [Colour; 2] = [[233.0, 238.0, 252.0], [34.0, 43.0, 74.0]];
/// Minimum contrast ratio of text: the required 4.5 plus a small margin.
const CONTRAST: f64 = 4.6;

fn parse(text: &str) -> Option<Colour> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    let part = |at: usize| Some(f64::from(u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()?));
    Some([part(0)?, part(2)?, part(4)?])
}

fn luminance(colour: &Colour) -> f64 {
    let [red, green, blue] = colour.map(|part| {
        let part = part / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn contrast(a: &Colour, b: &Colour) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// Moves a colour towards `end` (0 is black, 255 is white) until it is readable on a background.
fn readable(colour: Colour, paper: &Colour, end: f64) -> Colour {
    let mut moved = colour;
    for step in 1..=20 {
        if contrast(&moved, paper) >= CONTRAST {
            break;
        }
        let share = f64::from(step) / 20.0;
        moved = colour.map(|part| (part + (end - part) * share).round());
    }
    moved
}

fn written(colour: &Colour) -> String {
    let [red, green, blue] = colour.map(|part| part.clamp(0.0, 255.0) as u8);
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn tokens(colour: &Colour) -> String {
    let (white, ink) = ([255.0; 3], [16.0, 20.0, 42.0]);
    let on = if contrast(colour, &white) >= contrast(colour, &ink) { white } else { ink };
    format!("--brand: {}; --brand-ink: {};", written(colour), written(&on))
}

/// Returns the colours of a button in a mail, on a white background, and of its text, as `#rrggbb`.
pub(crate) fn of_letters(accent: Option<&str>) -> (String, String) {
    let own = accent.and_then(parse).unwrap_or([52.0, 87.0, 213.0]);
    let colour = readable(own, &[255.0; 3], 0.0);
    (written(&colour), "#ffffff".to_owned())
}

/// Creates the style sheet for a tenant's colour (`#rrggbb`); `None` if the colour is malformed.
pub(crate) fn sheet(accent: &str) -> Option<String> {
    let colour = parse(accent)?;
    let [light, dark] = &PAPERS;
    let light = tokens(&readable(colour, light, 0.0));
    let dark = tokens(&readable(colour, dark, 255.0));
    Some(format!(
        ":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_colour_can_be_read(red in 0_u8.., green in 0_u8.., blue in 0_u8..) {
            let colour = [f64::from(red), f64::from(green), f64::from(blue)];
            for (paper, end) in PAPERS.iter().zip([0.0, 255.0]) {
                let moved = readable(colour, paper, end);
                prop_assert!(contrast(&moved, paper) >= 4.5, "{moved:?}");
                let on = if contrast(&moved, &[255.0; 3]) >= contrast(&moved, &[16.0, 20.0, 42.0]) {
                    [255.0; 3]
                } else {
                    [16.0, 20.0, 42.0]
                };
                prop_assert!(contrast(&moved, &on) >= 4.5, "{moved:?} {on:?}");
            }
        }
    }

    #[test]
    fn only_colours() {
        assert_eq!(sheet("red"), None);
        assert_eq!(sheet("#12345"), None);
        assert!(sheet("#3457d5").is_some_and(|sheet| sheet.contains("--brand: #3457d5")));
    }
}
