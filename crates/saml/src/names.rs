//! The names that the specifications give: namespaces, bindings, formats, statuses.

/// `urn:oasis:names:tc:SAML:2.0:protocol`, prefix `samlp`.
pub const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
/// `urn:oasis:names:tc:SAML:2.0:assertion`, prefix `saml`.
pub const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// `urn:oasis:names:tc:SAML:2.0:metadata`, prefix `md`.
pub const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
/// XML Signature, prefix `ds`.
pub const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
/// Metadata for login and discovery, prefix `mdui`.
pub const MDUI: &str = "urn:oasis:names:tc:SAML:metadata:ui";
/// SOAP 1.1, prefix `soap`.
pub const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// The namespace of `xml:lang`.
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// The namespace that a prefix of ours stands for.
#[must_use]
pub(crate) fn namespace_of(prefix: &str) -> &'static str {
    match prefix {
        "samlp" => PROTOCOL,
        "saml" => ASSERTION,
        "md" => METADATA,
        "ds" => DSIG,
        "mdui" => MDUI,
        "soap" => SOAP,
        _ => XML,
    }
}

/// HTTP-Redirect (Bindings §3.4).
pub const REDIRECT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
/// HTTP-POST (Bindings §3.5).
pub const POST: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";
/// SOAP (Bindings §3.2).
pub const SOAP_BINDING: &str = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP";

/// `urn:oasis:names:tc:SAML:2.0:cm:bearer`: the bearer of the assertion is its subject (Profiles §3.3).
pub const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
/// Reason of a logout that a person asked for (Core §3.7.3).
pub const LOGOUT_USER: &str = "urn:oasis:names:tc:SAML:2.0:logout:user";
/// Reason of a logout that an administrator, or a rule, asked for (Core §3.7.3).
pub const LOGOUT_ADMIN: &str = "urn:oasis:names:tc:SAML:2.0:logout:admin";

/// Canonicalization that is used and accepted: exclusive, without comments.
pub const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// The transform that leaves the signature itself out.
pub const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
/// RSASSA-PKCS1-v1_5 with SHA-256.
pub const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
/// RSASSA-PKCS1-v1_5 with SHA-384.
pub const RSA_SHA384: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384";
/// RSASSA-PKCS1-v1_5 with SHA-512.
pub const RSA_SHA512: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512";
/// ECDSA with SHA-256.
pub const ECDSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
/// ECDSA with SHA-384.
pub const ECDSA_SHA384: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384";
/// ECDSA with SHA-512.
pub const ECDSA_SHA512: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512";
/// SHA-256.
pub const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
/// SHA-384.
pub const SHA384: &str = "http://www.w3.org/2001/04/xmldsig-more#sha384";
/// SHA-512.
pub const SHA512: &str = "http://www.w3.org/2001/04/xmlenc#sha512";
