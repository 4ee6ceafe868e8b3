//! Exclusive XML Canonicalization 1.0 without comments (W3C, 18 July 2002), of whole elements.

use std::collections::BTreeMap;

use super::Node;

/// Maximum length of a canonical form, in bytes. It can be longer than the document, because it repeats declarations.
const FORM_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Returns the canonical form of a document's root element.
#[must_use]
pub fn canonical(document: &super::Document<'_>) -> Vec<u8> {
    canonical_without(document.root(), None, &[])
}

/// Returns the canonical form of an element, leaving out one of its children (the signature). Prefixes in `inclusive`
/// are treated as in inclusive canonicalization (§2.1, `InclusiveNamespaces`), where `#default` is the default
/// namespace. The result is empty if it would be longer than two MiB; no element has an empty form, so every caller
/// rejects it.
#[must_use]
pub fn canonical_without(
    node: Node<'_, '_>,
    without: Option<Node<'_, '_>>,
    inclusive: &[&str],
) -> Vec<u8> {
    let mut writer = Writer { out: Vec::new(), without, inclusive };
    writer.element(node, &BTreeMap::new());
    if writer.out.len() > FORM_BYTES_MAX { Vec::new() } else { writer.out }
}

/// The namespace of each prefix that is already declared in the output; `""` is the default namespace.
type Rendered<'a> = BTreeMap<&'a str, &'a str>;

struct Writer<'w, 'a, 'i> {
    out: Vec<u8>,
    without: Option<Node<'a, 'i>>,
    inclusive: &'w [&'w str],
}

impl<'a> Writer<'_, 'a, '_> {
    // The recursion is as deep as the document, which is limited.
    fn element<'n>(&mut self, node: Node<'n, '_>, rendered: &Rendered<'n>) {
        if self.out.len() > FORM_BYTES_MAX {
            return;
        }
        let name = qualified_name(node);
        let mut attributes: Vec<_> = node
            .attributes()
            .map(|one| {
                let name = text_of(node, one.range_qname());
                ((one.namespace().unwrap_or_default(), one.name()), name, one.value())
            })
            .collect();
        attributes.sort_unstable();
        let mut rendered = rendered.clone();
        let mut declared = BTreeMap::new();
        let used = std::iter::once(prefix_of(name).unwrap_or_default())
            .chain(attributes.iter().filter_map(|(_, name, _)| prefix_of(name)))
            .chain(self.inclusive.iter().filter_map(|one| in_scope(node, one)));
        for prefix in used.filter(|prefix| *prefix != "xml") {
            let prefix_option = (!prefix.is_empty()).then_some(prefix);
            let uri = node.lookup_namespace_uri(prefix_option).unwrap_or_default();
            if rendered.get(prefix).copied().unwrap_or_default() != uri {
                rendered.insert(prefix, uri);
                declared.insert(prefix, uri);
            }
        }
        self.push("<");
        self.push(name);
        for (prefix, uri) in declared {
            self.push(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
            self.push(prefix);
            self.push("=\"");
            self.attribute_value(uri);
            self.push("\"");
        }
        for (_, name, value) in attributes {
            self.push(" ");
            self.push(name);
            self.push("=\"");
            self.attribute_value(value);
            self.push("\"");
        }
        self.push(">");
        for child in node.children() {
            if child.is_element() {
                if self.without.is_none_or(|without| !is_same(without, child)) {
                    self.element(child, &rendered);
                }
            } else if child.is_text() {
                self.text(child.text().unwrap_or_default());
            }
        }
        self.push("</");
        self.push(name);
        self.push(">");
    }

    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn text(&mut self, text: &str) {
        for c in text.split_inclusive(['&', '<', '>', '\r']) {
            self.escaped(c, |c| match c {
                '&' => Some("&amp;"),
                '<' => Some("&lt;"),
                '>' => Some("&gt;"),
                '\r' => Some("&#xD;"),
                _ => None,
            });
        }
    }

    fn attribute_value(&mut self, text: &str) {
        for c in text.split_inclusive(['&', '<', '"', '\t', '\n', '\r']) {
            self.escaped(c, |c| match c {
                '&' => Some("&amp;"),
                '<' => Some("&lt;"),
                '"' => Some("&quot;"),
                '\t' => Some("&#x9;"),
                '\n' => Some("&#xA;"),
                '\r' => Some("&#xD;"),
                _ => None,
            });
        }
    }

    /// Writes a piece in which only the last character can need escaping.
    fn escaped(&mut self, piece: &str, escape: impl Fn(char) -> Option<&'static str>) {
        let last = piece.chars().next_back();
        match last.and_then(escape) {
            Some(escaped) => {
                // Every escaped character is one byte long.
                self.push(piece.get(..piece.len() - 1).unwrap_or_default());
                self.push(escaped);
            }
            None => self.push(piece),
        }
    }
}

fn is_same(a: Node<'_, '_>, b: Node<'_, '_>) -> bool {
    a.id() == b.id()
}

/// Returns a prefix of an `InclusiveNamespaces` list as the tree names it, if it is in scope.
fn in_scope<'n>(node: Node<'n, '_>, listed: &str) -> Option<&'n str> {
    if listed == "#default" {
        return node.lookup_namespace_uri(None).map(|_| "");
    }
    node.namespaces().find(|one| one.name() == Some(listed)).and_then(|one| one.name())
}

/// Returns an element's name as written, because the tree keeps the namespace but not the prefix.
fn qualified_name<'n>(node: Node<'n, '_>) -> &'n str {
    let start = node.range().start + 1;
    let rest = node.document().input_text().get(start..).unwrap_or_default();
    rest.split([' ', '\t', '\r', '\n', '/', '>']).next().unwrap_or_default()
}

fn text_of<'n>(node: Node<'n, '_>, range: std::ops::Range<usize>) -> &'n str {
    node.document().input_text().get(range).unwrap_or_default()
}

fn prefix_of(name: &str) -> Option<&str> {
    name.split_once(':').map(|(prefix, _)| prefix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Document;

    fn of(text: &str, inclusive: &[&str]) -> String {
        let document = Document::parse(text.as_bytes()).expect("parses");
        String::from_utf8(canonical_without(document.root(), None, inclusive)).expect("UTF-8")
    }

    #[test]
    fn forms() {
        for (text, want) in [
            (
                "<?xml version='1.0'?><!-- x --><a  c='1' b=\"2\" ><d/></a>",
                r#"<a b="2" c="1"><d></d></a>"#,
            ),
            // Namespaces are declared where they are first used, sorted by prefix, before attributes.
            (
                "<p:a xmlns:q='urn:q' xmlns:p='urn:p' xmlns:r='urn:r' q:z='1' y='2'><q:b/></p:a>",
                r#"<p:a xmlns:p="urn:p" xmlns:q="urn:q" y="2" q:z="1"><q:b></q:b></p:a>"#,
            ),
            // Attributes with a namespace are sorted by its URI, not by prefix.
            (
                "<a xmlns:z='urn:a' xmlns:y='urn:b' y:k='1' z:k='2'/>",
                r#"<a xmlns:y="urn:b" xmlns:z="urn:a" z:k="2" y:k="1"></a>"#,
            ),
            ("<a xmlns='urn:x'><b xmlns=''/></a>", r#"<a xmlns="urn:x"><b xmlns=""></b></a>"#),
            (
                "<p:a xmlns:p='urn:x' xmlns='urn:y'><b/></p:a>",
                r#"<p:a xmlns:p="urn:x"><b xmlns="urn:y"></b></p:a>"#,
            ),
            // The same prefix is declared with another namespace below.
            (
                "<p:a xmlns:p='urn:x'><p:b xmlns:p='urn:y'><p:c xmlns:p='urn:x'/></p:b><p:d/></p:a>",
                r#"<p:a xmlns:p="urn:x"><p:b xmlns:p="urn:y"><p:c xmlns:p="urn:x"></p:c></p:b><p:d></p:d></p:a>"#,
            ),
            (
                "<a xml:lang='de' b='x&#9;&#10;&#13;&quot;&lt;>&amp;'/>",
                r#"<a b="x&#x9;&#xA;&#xD;&quot;&lt;>&amp;" xml:lang="de"></a>"#,
            ),
            ("<a>&lt;&gt;&amp;\"'&#13;\r\nü&#xfc;</a>", "<a>&lt;&gt;&amp;\"'&#xD;\nüü</a>"),
            ("<a>x<!-- y -->z</a>", "<a>xz</a>"),
        ] {
            assert_eq!(of(text, &[]), want, "{text}");
        }
        let text =
            "<p:a xmlns:p='urn:p' xmlns:q='urn:q' xmlns='urn:d'><p:b xmlns:r='urn:r'/></p:a>";
        assert_eq!(
            of(text, &["q", "#default", "r", "s"]),
            r#"<p:a xmlns="urn:d" xmlns:p="urn:p" xmlns:q="urn:q"><p:b xmlns:r="urn:r"></p:b></p:a>"#
        );
    }

    #[test]
    fn one_child_is_left_out() {
        let document = Document::parse(b"<a><b/><c/></a>").expect("parses");
        let root = document.root();
        let child = root.first_element_child();
        let bytes = canonical_without(root, child, &[]);
        assert_eq!(String::from_utf8(bytes).expect("UTF-8"), "<a><c></c></a>");
    }
}
