//! URIs that the specifications define: namespaces, bindings, logout reasons and algorithms.

/// Namespace of protocol messages, prefix `samlp`.
pub const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
/// Namespace of assertions, prefix `saml`.
pub const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// Namespace of metadata, prefix `md`.
pub const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
/// Namespace of XML Signature, prefix `ds`.
pub const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
/// Namespace of metadata for login and discovery, prefix `mdui`.
pub const MDUI: &str = "urn:oasis:names:tc:SAML:metadata:ui";
/// Namespace of SOAP 1.1 envelopes, prefix `soap`.
pub const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// The namespace of `xml:lang`.
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// Returns the namespace of one of the prefixes used when writing; `xml` for any other.
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

/// The binding HTTP-Redirect (Bindings §3.4).
pub const REDIRECT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
/// The binding HTTP-POST (Bindings §3.5).
pub const POST: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";
/// The SOAP binding (Bindings §3.2).
pub const SOAP_BINDING: &str = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP";

/// Subject confirmation method: the party that presents the assertion is its subject (Profiles §3.3).
pub const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
/// Reason of a logout that the user requested (Core §3.7.3).
pub const LOGOUT_USER: &str = "urn:oasis:names:tc:SAML:2.0:logout:user";
/// Reason of a logout that an administrator or a rule requested (Core §3.7.3).
pub const LOGOUT_ADMIN: &str = "urn:oasis:names:tc:SAML:2.0:logout:admin";

/// The only canonicalization that is used and accepted: exclusive, without comments.
pub const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// The transform that excludes the signature itself.
pub const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
/// Signature algorithm RSASSA-PKCS1-v1_5 with SHA-256.
pub const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
/// Signature algorithm RSASSA-PKCS1-v1_5 with SHA-384.
pub const RSA_SHA384: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384";
/// Signature algorithm RSASSA-PKCS1-v1_5 with SHA-512.
pub const RSA_SHA512: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512";
/// Signature algorithm ECDSA with SHA-256.
pub const ECDSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
/// Signature algorithm ECDSA with SHA-384.
pub const ECDSA_SHA384: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384";
/// Signature algorithm ECDSA with SHA-512.
pub const ECDSA_SHA512: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512";
/// Digest algorithm SHA-256 of a reference.
pub const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
/// Digest algorithm SHA-384 of a reference.
pub const SHA384: &str = "http://www.w3.org/2001/04/xmldsig-more#sha384";
/// Digest algorithm SHA-512 of a reference.
pub const SHA512: &str = "http://www.w3.org/2001/04/xmlenc#sha512";
