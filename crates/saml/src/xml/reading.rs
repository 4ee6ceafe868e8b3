//! Messages for people to read.

/// What must not be shown: with it, a message could be presented, or it is long and says nothing.
const CUT: [&str; 3] = ["ds:SignatureValue", "ds:DigestValue", "ds:X509Certificate"];

/// The end of the tag that a text begins with, behind its `>`.
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

/// A message of ours with a line for each element. Values of signatures and certificates are left out, so that what is
/// shown can't be presented to anybody. It is for [`Element`](super::Element)'s writing alone, and no longer XML that a
/// signature would hold for.
#[must_use]
pub fn for_reading(message: &str) -> String {
    let mut out = String::with_capacity(message.len() * 2);
    let mut rest = message;
    let mut depth = 0_usize;
    // The name of the element whose beginning was written last, while nothing but text came after it.
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
        // Namespaces aside: the names are only written.
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
