//! Formats messages for people to read.

/// Elements with content that is hidden: a message with it could be presented to a service provider, or it is long
/// and meaningless to people.
const CUT: [&str; 3] = ["ds:SignatureValue", "ds:DigestValue", "ds:X509Certificate"];

/// Returns the index after the `>` that ends the tag at the start of a text.
fn tag_end(text: &str) -> usize {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (byte, quote) {
            (b'"' | b'\'', None) => quote = Some(byte),
            (_, Some(open)) if byte == open => quote = None,
            (b'>', None) => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Formats a message with one line for each element. Signature values and certificates are left out, so the result
/// can't be presented to a service provider and its signature no longer verifies. The input has to be written by
/// [`Element`](super::Element).
#[must_use]
pub fn for_reading(message: &str) -> String {
    let mut out = String::with_capacity(message.len() * 2);
    let mut rest = message;
    let mut depth = 0_usize;
    // The name of the last opening tag, as long as only text followed it.
    let mut open: Option<&str> = None;
    while !rest.is_empty() {
        if !rest.starts_with('<') {
            let (text, tail) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
            let cut = open.is_some_and(|name| CUT.contains(&name));
            out.push_str(if cut { "…" } else { text });
            rest = tail;
            continue;
        }
        let (tag, tail) = rest.split_at(tag_end(rest));
        rest = tail;
        let closes = tag.starts_with("</");
        if closes {
            depth = depth.saturating_sub(1);
        }
        let in_line = closes && open.is_some();
        if !in_line && !out.is_empty() {
            out.push('\n');
            out.extend(std::iter::repeat_n("  ", depth));
        }
        out.push_str(tag);
        open = None;
        if !closes && !tag.ends_with("/>") {
            depth += 1;
            open = tag[1..].split([' ', '>']).next();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::for_reading;
    use crate::xml::Element;

    #[test]
    fn elements_have_lines_and_signatures_no_values() {
        let signature = Element::new("ds:Signature")
            .child(Element::new("ds:SignatureValue").text("c2VjcmV0"))
            .child(Element::new("ds:X509Certificate").text("MIIB"));
        let message = Element::new("a")
            .attr("b", "1 > 0 \"'")
            .child(signature)
            .child(Element::new("c").text("x & y"))
            .child(Element::new("d"));
        let lines = [
            "<a b=\"1 > 0 &quot;'\">",
            "  <ds:Signature>",
            "    <ds:SignatureValue>…</ds:SignatureValue>",
            "    <ds:X509Certificate>…</ds:X509Certificate>",
            "  </ds:Signature>",
            "  <c>x &amp; y</c>",
            "  <d></d>",
            "</a>",
        ];
        let written = message.write();
        // Namespaces aside: the elements only have to have these names.
        let shown = for_reading(&written);
        assert_eq!(shown.lines().count(), lines.len(), "{shown}");
        for (line, expected) in shown.lines().zip(lines) {
            assert_eq!(
                line.replace(" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"", ""),
                expected
            );
        }
        for broken in ["<", "<a", "a", "</a></a>", "<a b=\">"] {
            let _ = for_reading(broken);
        }
    }
}
