"""A service provider by pysaml2. It speaks with the test over standard input and output, a line of JSON each."""

import base64
import json
import os
import sys
import tempfile
import threading
from xml.etree import ElementTree
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, BINDING_SOAP
from saml2.client import Saml2Client
from saml2.config import SPConfig
from saml2.metadata import entity_descriptor
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

# pysaml2 writes a message of SOAP anew before it verifies it, with prefixes of its own unless it is told others; another prefix
# is another canonical form.
for prefix, uri in [
    ("samlp", "urn:oasis:names:tc:SAML:2.0:protocol"),
    ("saml", "urn:oasis:names:tc:SAML:2.0:assertion"),
    ("ds", "http://www.w3.org/2000/09/xmldsig#"),
]:
    ElementTree.register_namespace(prefix, uri)

ENTITY = "https://pysaml2.test/metadata"
ACS = "https://client.test/callback"


def say(**what):
    print(json.dumps(what), flush=True)


def ask(**what):
    say(**what)
    return json.loads(sys.stdin.readline())


def key_and_certificate(folder):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pysaml2")])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    paths = os.path.join(folder, "sp.key"), os.path.join(folder, "sp.pem")
    with open(paths[0], "wb") as file:
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
    with open(paths[1], "wb") as file:
        file.write(certificate.public_bytes(serialization.Encoding.PEM))
    return paths


class Soap(BaseHTTPRequestHandler):
    """Takes logout requests from server to server."""

    client = None
    ended = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        if self.client is None:
            self.send_response(503)
            self.end_headers()
            return
        request = self.client.parse_logout_request(body, BINDING_SOAP)
        name = request.message.name_id
        answer = self.client.handle_logout_request(
            body, name, BINDING_SOAP, sign=True, sign_alg=SIG_RSA_SHA256, digest_alg=DIGEST_SHA256
        )
        Soap.ended.append(name.text)
        data = answer["data"]
        data = data if isinstance(data, bytes) else data.encode()
        self.send_response(200)
        self.send_header("content-type", "text/xml")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def main():
    folder = tempfile.mkdtemp()
    key, certificate = key_and_certificate(folder)
    listener = HTTPServer(("127.0.0.1", 0), Soap)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    soap = f"http://127.0.0.1:{listener.server_port}/soap"
    settings = {
        "entityid": ENTITY,
        "key_file": key,
        "cert_file": certificate,
        "xmlsec_binary": "/usr/bin/xmlsec1",
        "service": {
            "sp": {
                "endpoints": {
                    "assertion_consumer_service": [(ACS, BINDING_HTTP_POST)],
                    "single_logout_service": [
                        (soap, BINDING_SOAP),
                        ("https://client.test/slo", BINDING_HTTP_REDIRECT),
                    ],
                },
                "name_id_format": ["urn:oasis:names:tc:SAML:2.0:nameid-format:transient"],
                "authn_requests_signed": True,
                "logout_requests_signed": True,
                "want_response_signed": True,
                "want_assertions_signed": True,
                "allow_unsolicited": False,
                "signing_algorithm": SIG_RSA_SHA256,
                "digest_algorithm": DIGEST_SHA256,
            }
        },
        "allow_unknown_attributes": True,
    }
    idp = ask(metadata=str(entity_descriptor(SPConfig().load(dict(settings)))))["metadata"]
    settings["metadata"] = {"inline": [idp]}
    client = Saml2Client(config=SPConfig().load(settings))
    Soap.client = client
    (entity,) = client.metadata.identity_providers()

    def sign_on(binding):
        number, http = client.prepare_for_authenticate(
            entityid=entity, relay_state="back", binding=binding, sigalg=SIG_RSA_SHA256
        )
        if binding == BINDING_HTTP_REDIRECT:
            form = ask(visit=dict(http["headers"])["Location"])["form"]
        else:
            form = ask(page=http["data"])["form"]
        assert form["RelayState"] == "back", form
        return client.parse_authn_request_response(
            form["SAMLResponse"], BINDING_HTTP_POST, outstanding={number: "/"}
        )

    # Signed requests, by query and by form; response and assertion signed, verified by xmlsec1.
    first = sign_on(BINDING_HTTP_REDIRECT)
    assert first.ava["email"] == ["alex@example.test"], first.ava
    assert first.ava["roles"] == ["courier"], first.ava
    again = sign_on(BINDING_HTTP_POST)
    assert again.session_info()["name_id"].text == first.session_info()["name_id"].text
    name = first.session_info()["name_id"]
    assert name.format == "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"

    # An administrator ends the session: the server tells by SOAP.
    ask(end="alex")
    assert Soap.ended == [name.text], Soap.ended

    # The service provider ends the next one, by SOAP as well.
    other = sign_on(BINDING_HTTP_REDIRECT).session_info()["name_id"]
    assert other.text != name.text
    answers = client.global_logout(other, sign_alg=SIG_RSA_SHA256, digest_alg=DIGEST_SHA256)
    ((_, answer),) = answers.items()
    assert answer.status_ok(), answer
    signed_out = ask(signed_in="alex")
    assert signed_out["sessions"] == 0, signed_out

    # What was changed on the way isn't taken.
    number, http = client.prepare_for_authenticate(
        entityid=entity, binding=BINDING_HTTP_REDIRECT, sigalg=SIG_RSA_SHA256
    )
    form = ask(visit=dict(http["headers"])["Location"])["form"]
    text = base64.b64decode(form["SAMLResponse"]).decode().replace("alex@", "mia@")
    changed = base64.b64encode(text.encode()).decode()
    try:
        client.parse_authn_request_response(changed, BINDING_HTTP_POST, outstanding={number: "/"})
    except Exception:
        say(done=True)
    else:
        raise AssertionError("a changed response was taken")


main()
