//! Canonical forms and signatures, compared with those of libxml2, xmlsec1 and bergshamra on generated documents.

#![expect(clippy::expect_used, reason = "a test fails loudly")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sojourn_crypto::{SigningKey, self_signed};
use sojourn_model::{Millis, SigningAlg};
use sojourn_saml::signature::{Signer, sign, verify};
use sojourn_saml::xml::{Document, Element, canonical};

/// Documents whose canonical forms are compared.
const DOCUMENTS: usize = 10_000;
/// Files given to a program at once.
const AT_ONCE: usize = 500;

/// Numbers from a seed, the same at each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        // Knuth's linear congruential generator.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % most.max(1) as u64).expect("small")
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of.get(self.below(of.len())).copied().unwrap_or_default()
    }
}

const TEXTS: &[&str] = &[
    "",
    "x",
    " two words ",
    "&amp;&lt;&gt;",
    "\"'",
    "&#13;",
    "\r\n",
    "\t",
    "ü",
    "𝄞",
    "&#x9;&#xA;",
    "]]&gt;",
    "a\n\n b",
];
const VALUES: &[&str] = &[
    "",
    "1",
    "a b",
    "&#9;",
    "&#10;&#13;",
    "&quot;&apos;",
    "&lt;&gt;&amp;",
    "  spaced  ",
    "line\nbreak",
    "ü𝄞",
];

/// An element with declarations, attributes and children, so that prefixes are declared, redeclared, unused and hidden.
fn element(
    numbers: &mut Numbers,
    out: &mut String,
    in_scope: &mut Vec<&'static str>,
    depth: usize,
) {
    let before = in_scope.len();
    let mut declared: Vec<String> = Vec::new();
    let mut names = Vec::new();
    for _ in 0..numbers.below(3) {
        let prefix = match numbers.below(4) {
            0 => "p",
            1 => "q",
            2 => "r",
            _ => "",
        };
        if names.contains(&prefix) {
            continue;
        }
        names.push(prefix);
        // None with an ampersand: libxml2 writes it unescaped, which makes its form no XML.
        let uri = numbers.one(&["urn:a", "urn:b", "http://c.test/x?y=1;z=2", "urn:d"]);
        declared.push(match prefix {
            "" => format!(" xmlns=\"{uri}\""),
            prefix => format!(" xmlns:{prefix}='{uri}'"),
        });
        if !prefix.is_empty() {
            in_scope.push(prefix);
        }
    }
    let prefixed = |numbers: &mut Numbers, in_scope: &[&'static str], name: &str| match numbers
        .below(in_scope.len() + 1)
    {
        0 => name.to_owned(),
        n => format!("{}:{name}", in_scope.get(n - 1).copied().unwrap_or("p")),
    };
    let tag = prefixed(
        numbers,
        in_scope,
        ["e", "f", "long-name.x"].get(depth % 3).copied().unwrap_or("e"),
    );
    out.push_str(&format!("<{tag}"));
    let mut attributes = declared;
    for name in ["b", "a", "z"] {
        if numbers.below(2) == 0 {
            attributes.push(format!(" {name}=\"{}\"", numbers.one(VALUES)));
        }
    }
    // One with a prefix at most: two prefixes may be the same namespace.
    if let (Some(prefix), 0) = (in_scope.last(), numbers.below(2)) {
        attributes.push(format!(" {prefix}:c = '{}'", numbers.one(VALUES)));
    }
    if numbers.below(4) == 0 {
        attributes.push(" xml:lang=\"de\"".into());
    }
    // In any order.
    while !attributes.is_empty() {
        out.push_str(&attributes.remove(numbers.below(attributes.len())));
    }
    if numbers.below(5) == 0 {
        out.push_str(" />");
    } else {
        out.push('>');
        for _ in 0..numbers.below(4) {
            out.push_str(numbers.one(TEXTS));
            if depth < 6 {
                element(numbers, out, in_scope, depth + 1);
            }
        }
        out.push_str(&format!("</{tag}>"));
    }
    in_scope.truncate(before);
}

/// A folder for one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sojourn-saml-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn ten_thousand_documents_have_the_canonical_form_that_others_give_them() {
    let folder = Folder::new("forms");
    let mut numbers = Numbers(20_260_101);
    let mut left = DOCUMENTS;
    while left > 0 {
        let (mut files, mut ours) = (Vec::new(), Vec::new());
        for number in 0..AT_ONCE.min(left) {
            let mut text = String::new();
            element(&mut numbers, &mut text, &mut Vec::new(), 0);
            let document = Document::parse(text.as_bytes());
            let document = document.unwrap_or_else(|error| panic!("{error}: {text}"));
            let form = canonical(&document);
            let mode = bergshamra::c14n::C14nMode::Exclusive;
            // It keeps a line break in an attribute, which XML 1.0 §3.3.3 makes a space, as libxml2 does.
            let plain = text.replace("line\nbreak", "line break");
            let theirs = bergshamra::c14n::canonicalize(&plain, mode, None, &[] as &[String]);
            assert!(theirs.is_ok_and(|theirs| theirs == form), "{text}");
            ours.extend(form);
            files.push(folder.put(&format!("{number}.xml"), &text));
        }
        left -= files.len();
        let output = Command::new("xmllint").arg("--exc-c14n").args(&files).output();
        let output = output.expect("'make tools' installs xmllint");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        if output.stdout != ours {
            // Which one it is, one by one.
            for file in &files {
                let theirs = Command::new("xmllint").arg("--exc-c14n").arg(file).output();
                let theirs = theirs.expect("runs").stdout;
                let text = std::fs::read(file).expect("there");
                let mine = canonical(&Document::parse(&text).expect("parses"));
                assert_eq!(
                    String::from_utf8_lossy(&mine),
                    String::from_utf8_lossy(&theirs),
                    "{}",
                    String::from_utf8_lossy(&text)
                );
            }
        }
    }
}

fn signer(alg: SigningAlg) -> Signer {
    let pkcs8 = SigningKey::generate(alg).expect("a key");
    let key = SigningKey::from_pkcs8(alg, &pkcs8).expect("a key");
    let certificate = self_signed(&pkcs8, "idp", Millis(0), Millis(4_000_000_000_000));
    Signer::new(key, certificate.expect("a certificate")).expect("signs")
}

fn pem(folder: &Folder, signer: &Signer) -> PathBuf {
    let text = signer.certificate().base64();
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).filter_map(|l| std::str::from_utf8(l).ok()).collect();
    let pem =
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
    folder.put("certificate.pem", &pem)
}

/// Whether xmlsec1 verifies all of these files.
fn xmlsec1(certificate: &Path, files: &[PathBuf]) -> bool {
    let mut command = Command::new("xmlsec1");
    command.arg("--verify").args(["--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:protocol:Response"]);
    command.args(["--enabled-key-data", "rsa,ec,x509"]).arg("--pubkey-cert-pem").arg(certificate);
    let status = command.args(files).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.expect("'make tools' installs xmlsec1").success()
}

/// Whether bergshamra verifies a document with the key of this certificate, and with no key that the document names.
fn bergshamra(certificate: &[u8], text: &str) -> bool {
    let mut keys = bergshamra::KeysManager::new();
    keys.add_key(bergshamra::keys::loader::load_x509_cert_pem(certificate).expect("a certificate"));
    let context = bergshamra::DsigContext::new(keys).with_trusted_keys_only(true);
    bergshamra::verify(&context, text).is_ok_and(|found| found.is_valid())
}

/// A response with texts that escaping, line ends and namespaces could spoil.
fn response(numbers: &mut Numbers, number: usize) -> Element {
    let texts = ["x", "a & b < c > d", "\"quoted\" 'text'", "ü𝄞", "a\r\nb\tc", "", "]]>", " "];
    let mut text = || numbers.one(&texts).to_owned();
    Element::new("samlp:Response")
        .attr("ID", format!("_{number}"))
        .attr("Destination", text())
        .child(Element::new("saml:Issuer").text(&text()))
        .child(
            Element::new("saml:Assertion")
                .attr("ID", "_a")
                .attr("Version", text())
                .text(&text())
                .child(Element::new("saml:AttributeValue").text(&text())),
        )
}

#[test]
fn ten_thousand_signatures_are_verified_by_two_others_and_what_they_refuse_is_refused_here() {
    for alg in [SigningAlg::Rs256, SigningAlg::Es256] {
        let folder = Folder::new(alg.as_str());
        let signer = signer(alg);
        let certificate = pem(&folder, &signer);
        let key = std::fs::read(&certificate).expect("written");
        let certificates = [signer.certificate().clone()];
        let mut numbers = Numbers(7);
        let mut changed_and_taken = 0;
        for from in (0..DOCUMENTS / 2).step_by(AT_ONCE) {
            let mut files = Vec::new();
            for number in from..from + AT_ONCE {
                let written = sign(response(&mut numbers, number), 1, &signer).expect("signs");
                assert!(bergshamra(&key, &written), "{written}");
                files.push(folder.put(&format!("{number}.xml"), &written));
                // Some byte of it changes: where it is taken here, the others take it too.
                let mut bytes = written.into_bytes();
                let at = numbers.below(bytes.len());
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = b"xX0 <>&\"A="[numbers.below(10) % 10];
                }
                let Ok(document) = Document::parse(&bytes) else { continue };
                if verify(&document, &certificates).is_ok() {
                    let changed = String::from_utf8_lossy(&bytes);
                    assert!(bergshamra(&key, &changed), "{changed}");
                    files.push(folder.put(&format!("{number}-changed.xml"), &changed));
                    changed_and_taken += 1;
                }
            }
            // One by one where it fails, to say which.
            if !xmlsec1(&certificate, &files) {
                for file in files {
                    let text = std::fs::read_to_string(&file).unwrap_or_default();
                    assert!(xmlsec1(&certificate, &[file]), "{text}");
                }
            }
        }
        // A byte that is replaced by itself at the least.
        assert!(changed_and_taken > 0, "{alg:?}");
    }
}
