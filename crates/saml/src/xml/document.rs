//! The strict parser. It rejects what has been used to attack sign-in protocols before anything is read: document
//! types, processing instructions, CDATA sections, duplicate ids, relative namespaces, and deep trees.

use std::collections::HashSet;

use roxmltree::{NodeType, ParsingOptions};

/// Maximum length of a document, in bytes. Metadata of federations is longer; such documents are not parsed as a
/// whole.
const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;
/// Maximum number of nodes in a document.
const NODES_MAX: u32 = 50_000;
/// Maximum nesting depth of elements; SAML messages are about a dozen levels deep.
const DEPTH_MAX: usize = 64;
/// Maximum number of attributes and declarations of an element, and of declarations in scope: each lookup takes time
/// proportional to their number.
const ATTRIBUTES_MAX: usize = 64;
/// Maximum length of a namespace URI, in bytes, because canonical forms repeat it.
const NAMESPACE_BYTES_MAX: usize = 512;

/// The reason why a document is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// The document isn't UTF-8, or declares another encoding.
    #[error("it isn't XML in UTF-8")]
    Encoding,
    /// The document isn't well-formed XML.
    #[error("it is no well-formed XML: {0}")]
    Malformed(String),
    /// The document is longer or deeper than any SAML message, or has more nodes.
    #[error("it is too large")]
    TooLarge,
    /// The document contains this construct, which isn't allowed.
    #[error("it has {0}, which isn't allowed")]
    Forbidden(&'static str),
    /// Something is missing or doesn't conform to the schema.
    #[error("{0}")]
    Invalid(String),
}

pub(crate) type Node<'a, 'i> = roxmltree::Node<'a, 'i>;

/// A document that is parsed once, so values are read from the same tree that was verified.
pub struct Document<'i> {
    tree: roxmltree::Document<'i>,
}

impl std::fmt::Debug for Document<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Document({})", self.root().tag_name().name())
    }
}

impl<'i> Document<'i> {
    /// Parses a document.
    ///
    /// # Errors
    /// [`XmlError::TooLarge`] if it exceeds a limit, [`XmlError::Encoding`] if it isn't UTF-8,
    /// [`XmlError::Forbidden`] if it contains a construct that isn't allowed, and [`XmlError::Malformed`] if it isn't
    /// well-formed.
    pub fn parse(bytes: &'i [u8]) -> Result<Self, XmlError> {
        if bytes.len() > DOCUMENT_BYTES_MAX {
            return Err(XmlError::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| XmlError::Encoding)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        declared_encoding(text)?;
        before_parsing(text)?;
        references(text)?;
        let options =
            ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..Default::default() };
        let tree =
            roxmltree::Document::parse_with_options(text, options).map_err(
                |error| match error {
                    roxmltree::Error::DtdDetected => XmlError::Forbidden("a document type"),
                    roxmltree::Error::NodesLimitReached => XmlError::TooLarge,
                    other => XmlError::Malformed(other.to_string()),
                },
            )?;
        let document = Self { tree };
        document.check()?;
        Ok(document)
    }

    /// Returns the local name of the root element, which is the type of the message.
    #[must_use]
    pub fn root_name(&self) -> &str {
        self.root().tag_name().name()
    }

    /// Returns the root element, which isn't verified yet.
    pub(crate) fn root(&self) -> Node<'_, 'i> {
        self.tree.root_element()
    }

    fn check(&self) -> Result<(), XmlError> {
        let mut ids = HashSet::new();
        for node in self.tree.root().descendants() {
            match node.node_type() {
                NodeType::PI => return Err(XmlError::Forbidden("a processing instruction")),
                NodeType::Root | NodeType::Comment | NodeType::Text => continue,
                NodeType::Element => {}
            }
            for declared in node.namespaces() {
                let uri = declared.uri();
                if !uri.is_empty() && !uri.contains(':') {
                    return Err(XmlError::Forbidden("a relative namespace"));
                }
                if uri.len() > NAMESPACE_BYTES_MAX {
                    return Err(XmlError::TooLarge);
                }
            }
            for attribute in node.attributes() {
                // SAML uses `ID`, XML Signature `Id`, other specifications `id` and `xml:id`.
                let names_it = attribute.name().eq_ignore_ascii_case("id");
                if names_it && !ids.insert(attribute.value()) {
                    return Err(XmlError::Forbidden("the same id twice"));
                }
            }
        }
        Ok(())
    }
}

/// Checks that an XML declaration names no other encoding than UTF-8.
fn declared_encoding(text: &str) -> Result<(), XmlError> {
    let Some(rest) = text.strip_prefix("<?xml") else { return Ok(()) };
    let declaration = rest.split_once("?>").map(|(inner, _)| inner).ok_or(XmlError::Encoding)?;
    let Some((_, named)) = declaration.split_once("encoding") else { return Ok(()) };
    let named = named.trim_start().strip_prefix('=').unwrap_or_default().trim_start();
    let quote =
        named.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or(XmlError::Encoding)?;
    let named = named.get(1..).and_then(|rest| rest.split(quote).next()).unwrap_or_default();
    if named.eq_ignore_ascii_case("utf-8") { Ok(()) } else { Err(XmlError::Encoding) }
}

/// Checks what has to be known before parsing, such as the depth, and what the tree doesn't show, such as CDATA
/// sections.
fn before_parsing(text: &str) -> Result<(), XmlError> {
    // For each open element: the number of declarations in scope.
    let mut open: Vec<usize> = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        if after.starts_with("![CDATA[") {
            return Err(XmlError::Forbidden("a CDATA section"));
        }
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").map(|(_, rest)| rest).unwrap_or_default();
            continue;
        }
        let Some((tag, next)) = end_of_tag(after) else { return Ok(()) };
        if tag.starts_with('/') {
            open.pop();
        } else if !tag.starts_with(['?', '!']) {
            let in_scope = open.last().copied().unwrap_or(0) + tag.matches("xmlns").count();
            // Every attribute has an equals sign, so only a tag with too many of them has to be examined closely.
            let equal = tag.bytes().filter(|byte| *byte == b'=').count();
            if in_scope > ATTRIBUTES_MAX
                || (equal > ATTRIBUTES_MAX && attributes(tag) > ATTRIBUTES_MAX)
            {
                return Err(XmlError::TooLarge);
            }
            if !tag.ends_with('/') {
                open.push(in_scope);
            }
            if open.len() > DEPTH_MAX {
                return Err(XmlError::TooLarge);
            }
        }
        rest = next;
    }
    Ok(())
}

/// Counts the attributes of a tag: equals signs outside of values.
fn attributes(tag: &str) -> usize {
    let (mut quote, mut count) = (None, 0);
    for c in tag.chars() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (None, '=') => count += 1,
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    count
}

/// Rejects references to characters that XML doesn't allow (XML 1.0 §4.1), which the parser would convert to
/// something else.
fn references(text: &str) -> Result<(), XmlError> {
    let wrong = || XmlError::Malformed("a reference to a character that XML can't have".into());
    for after in text.split("&#").skip(1) {
        let digits = after.bytes().take(12).position(|byte| byte == b';');
        let number = digits.and_then(|digits| after.get(..digits)).ok_or_else(wrong)?;
        let code = match number.strip_prefix('x') {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => number.parse(),
        };
        let c = code.ok().and_then(char::from_u32).ok_or_else(wrong)?;
        if !super::write::is_xml(c) {
            return Err(wrong());
        }
    }
    Ok(())
}

/// Splits a text after the `>` that ends its first tag; a `>` in an attribute value doesn't end the tag.
fn end_of_tag(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return Some((text.get(..at)?, text.get(at + 1..)?)),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    None
}

/// Accessors that read the values of a node by name.
pub(crate) trait Read<'a, 'i: 'a> {
    /// Whether the element has this namespace and local name.
    fn is(&self, namespace: &str, name: &str) -> bool;
    /// Returns the child elements with this name.
    fn all(
        &self,
        namespace: &'static str,
        name: &'static str,
    ) -> impl Iterator<Item = Node<'a, 'i>>;
    /// Returns the only child element with this name, if there is one.
    ///
    /// # Errors
    /// [`XmlError::Invalid`] if there are several.
    fn one(
        &self,
        namespace: &'static str,
        name: &'static str,
    ) -> Result<Option<Node<'a, 'i>>, XmlError>;
    /// Returns the element's text without surrounding white space; it must not be interrupted by comments or
    /// elements.
    ///
    /// # Errors
    /// [`XmlError::Invalid`] if the element has other content than one text.
    fn value(&self) -> Result<&'a str, XmlError>;
    /// Returns the value of an attribute without a namespace.
    fn attr(&self, name: &str) -> Option<&'a str>;
}

impl<'a, 'i: 'a> Read<'a, 'i> for Node<'a, 'i> {
    fn is(&self, namespace: &str, name: &str) -> bool {
        self.is_element()
            && self.tag_name().name() == name
            && self.tag_name().namespace() == Some(namespace)
    }

    fn all(
        &self,
        namespace: &'static str,
        name: &'static str,
    ) -> impl Iterator<Item = Node<'a, 'i>> {
        self.children().filter(move |child| child.is(namespace, name))
    }

    fn one(
        &self,
        namespace: &'static str,
        name: &'static str,
    ) -> Result<Option<Node<'a, 'i>>, XmlError> {
        let mut all = self.all(namespace, name);
        let first = all.next();
        if all.next().is_some() {
            return Err(XmlError::Invalid(format!("there is more than one {name}")));
        }
        Ok(first)
    }

    fn value(&self) -> Result<&'a str, XmlError> {
        let mut children = self.children();
        let value = match (children.next(), children.next()) {
            (None, _) => "",
            (Some(only), None) if only.is_text() => only.text().unwrap_or_default(),
            _ => {
                let name = self.tag_name().name();
                return Err(XmlError::Invalid(format!("{name} is no plain text")));
            }
        };
        Ok(value.trim_matches([' ', '\t', '\r', '\n']))
    }

    fn attr(&self, name: &str) -> Option<&'a str> {
        let found = self.attributes().find(|one| one.namespace().is_none() && one.name() == name);
        found.map(|attribute| attribute.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_message_needs_is_refused() {
        let deep = "<a>".repeat(80_000) + &"</a>".repeat(80_000);
        let long = format!("<a>{}</a>", "x".repeat(DOCUMENT_BYTES_MAX));
        let some = |count: usize, one: &str| {
            (0..count).map(|n| one.replace('#', &n.to_string())).collect::<String>()
        };
        let declared = format!("<a{}><b xmlns:x='u:x'/></a>", some(64, " xmlns:p#='u:#'"));
        let attributes = format!("<a{}/>", some(65, " p#='='"));
        let named = format!("<a xmlns='u:{}'/>", "x".repeat(600));
        let many = format!("<a>{}</a>", "<b/>".repeat(60_000));
        for (text, why) in [
            ("<!DOCTYPE a><a/>", "a document type"),
            ("<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", "a document type"),
            ("<?x y?><a/>", "a processing instruction"),
            ("<a><?x y?></a>", "a processing instruction"),
            ("<a><![CDATA[x]]></a>", "a CDATA section"),
            ("<a ID='x'><b ID='x'/></a>", "the same id twice"),
            ("<a ID='x'><b Id='x'/></a>", "the same id twice"),
            ("<a id='x'><b xml:id='x'/></a>", "the same id twice"),
            ("<a xmlns='x'/>", "a relative namespace"),
            ("<a><b xmlns:p='../x'/></a>", "a relative namespace"),
            ("<?xml version='1.0' encoding='UTF-16'?><a/>", "UTF-8"),
            ("<?xml version='1.0' encoding='latin1'?><a/>", "UTF-8"),
            ("<a>&x;</a>", "well-formed"),
            ("<a>&#xD800;</a>", "well-formed"),
            ("<a>&#0;</a>", "well-formed"),
            ("<a b='1' b='2'/>", "well-formed"),
            ("<a xmlns:p='urn:x' xmlns:q='urn:x' p:b='1' q:b='2'/>", "well-formed"),
            ("<a/><a/>", "well-formed"),
            ("<a", "well-formed"),
            ("", "well-formed"),
            (declared.as_str(), "too large"),
            (attributes.as_str(), "too large"),
            (named.as_str(), "too large"),
            (deep.as_str(), "too large"),
            (long.as_str(), "too large"),
            (many.as_str(), "too large"),
        ] {
            let error = Document::parse(text.as_bytes()).err().map(|error| error.to_string());
            let shown = text.get(..60).unwrap_or(text);
            assert!(error.as_ref().is_some_and(|error| error.contains(why)), "{shown}: {error:?}");
        }
        assert!(Document::parse(b"<a>\xff</a>").is_err());
        for good in [
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a b='>' c=\"/>\"><!-- <![x --><d/></a>",
            "\u{feff}<a xmlns='urn:x' xmlns:p='urn:y'/>",
            "<a xmlns='urn:x'><b xmlns=''/></a>",
        ] {
            assert!(Document::parse(good.as_bytes()).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_value_is_of_one_piece() {
        for (text, want) in [
            ("<a>\n x&amp;y </a>", Some("x&y")),
            ("<a/>", Some("")),
            ("<a>admin<!-- -->@x</a>", None),
            ("<a>x<b/></a>", None),
            ("<a><b>x</b></a>", None),
        ] {
            let document = Document::parse(text.as_bytes()).expect("parses");
            assert_eq!(document.root().value().ok(), want, "{text}");
        }
    }
}
