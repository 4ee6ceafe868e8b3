//! Writes elements in their canonical form, so the written text is exactly what is signed.

use crate::names::namespace_of;

/// An element to write. Its names use the fixed prefixes in [`crate::names`]; each namespace is declared where it is
/// first used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    content: Vec<Content>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Element(Element),
    Text(String),
    /// An element that is already in its canonical form.
    Written(String),
}

impl Element {
    /// Creates an element without attributes and content.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), content: Vec::new() }
    }

    /// Adds an attribute; the order doesn't matter.
    #[must_use]
    pub fn attr(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    /// Adds an attribute if there is a value.
    #[must_use]
    pub fn maybe_attr(self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.attr(name, value),
            None => self,
        }
    }

    /// Appends a child element to the content.
    #[must_use]
    pub fn child(mut self, child: Self) -> Self {
        self.content.push(Content::Element(child));
        self
    }

    /// Appends child elements to the content.
    #[must_use]
    pub fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.content.extend(children.into_iter().map(Content::Element));
        self
    }

    /// Appends text to the content. Characters that XML doesn't allow are left out.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.content.push(Content::Text(text.chars().filter(|c| is_xml(*c)).collect()));
        self
    }

    /// Appends an element that is already in its canonical form and declares its own namespaces.
    #[must_use]
    pub fn written(mut self, text: String) -> Self {
        self.content.push(Content::Written(text));
        self
    }

    /// Inserts an already written element at an index of the content.
    pub(crate) fn insert_written(&mut self, at: usize, text: String) {
        self.content.insert(at.min(self.content.len()), Content::Written(text));
    }

    /// Returns the value of an attribute.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the element in its canonical form.
    #[must_use]
    pub fn write(&self) -> String {
        let mut out = String::with_capacity(4096);
        self.write_to(&mut out, &mut Vec::new());
        out
    }

    fn write_to(&self, out: &mut String, declared: &mut Vec<&'static str>) {
        let before = declared.len();
        out.push('<');
        out.push_str(self.name);
        let mut new: Vec<&'static str> = std::iter::once(self.name)
            .chain(self.attributes.iter().map(|(name, _)| *name))
            .filter_map(|name| name.split_once(':').map(|(prefix, _)| prefix))
            .filter(|prefix| *prefix != "xml" && !declared.contains(prefix))
            .collect();
        new.sort_unstable();
        new.dedup();
        for prefix in &new {
            out.push_str(" xmlns:");
            out.push_str(prefix);
            out.push_str("=\"");
            out.push_str(namespace_of(prefix));
            out.push('"');
        }
        declared.append(&mut new);
        let mut attributes: Vec<_> = self.attributes.iter().collect();
        attributes.sort_unstable_by_key(|(name, _)| match name.split_once(':') {
            Some((prefix, local)) => (namespace_of(prefix), local),
            None => ("", *name),
        });
        for (name, value) in attributes {
            out.push(' ');
            out.push_str(name);
            out.push_str("=\"");
            escape(out, value, true);
            out.push('"');
        }
        out.push('>');
        for content in &self.content {
            match content {
                Content::Element(child) => child.write_to(out, declared),
                Content::Text(text) => escape(out, text, false),
                Content::Written(text) => out.push_str(text),
            }
        }
        out.push_str("</");
        out.push_str(self.name);
        out.push('>');
        declared.truncate(before);
    }
}

/// Whether XML 1.0 allows a character (§2.2).
pub(super) fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn escape(out: &mut String, text: &str, attribute: bool) {
    for c in text.chars().filter(|c| is_xml(*c)) {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' if !attribute => out.push_str("&gt;"),
            '"' if attribute => out.push_str("&quot;"),
            '\t' if attribute => out.push_str("&#x9;"),
            '\n' if attribute => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xml::{Document, canonical};

    fn sample(text: &str, value: &str) -> Element {
        let name = Element::new("saml:NameID").attr("Format", value).text(text);
        Element::new("samlp:Response")
            .attr("Version", "2.0")
            .attr("ID", value)
            .child(Element::new("saml:Issuer").text(text))
            .child(Element::new("md:X").attr("xml:lang", "en").attr("b", value).child(name.clone()))
            .child(name)
    }

    #[test]
    fn namespaces_are_declared_where_they_are_used_first() {
        let element = Element::new("samlp:A")
            .child(Element::new("saml:B").child(Element::new("saml:C")))
            .child(Element::new("saml:B"));
        assert_eq!(
            element.write(),
            "<samlp:A xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\">\
             <saml:B xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"><saml:C></saml:C></saml:B>\
             <saml:B xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"></saml:B></samlp:A>"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_canonical(text in any::<String>(), value in any::<String>()) {
            let written = sample(&text, &value).write();
            let document = Document::parse(written.as_bytes()).expect("parses");
            prop_assert_eq!(String::from_utf8(canonical(&document)).expect("UTF-8"), written);
        }
    }
}
