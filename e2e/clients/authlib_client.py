"""Authlib against a provider that the test runs. Speaks the same lines as the other clients: says what a person
would visit, and reads where that led to."""

import json
import sys

import requests
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

issuer, callback = sys.argv[1:3]


def visit(url):
    print(json.dumps({"visit": url}), flush=True)
    return json.loads(sys.stdin.readline())["url"]


discovery = requests.get(issuer + "/.well-known/openid-configuration", timeout=20).json()
assert discovery["issuer"] == issuer
keys = KeySet.import_key_set(requests.get(discovery["jwks_uri"], timeout=20).json())


def register(**metadata):
    answer = requests.post(
        discovery["registration_endpoint"], json={"redirect_uris": [callback], **metadata}, timeout=20
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def code_flow(session):
    verifier = generate_token(48)
    nonce = generate_token()
    url, state = session.create_authorization_url(
        discovery["authorization_endpoint"], code_verifier=verifier, nonce=nonce
    )
    back = visit(url)
    token = session.fetch_token(
        discovery["token_endpoint"], authorization_response=back, code_verifier=verifier, state=state
    )
    decoded = jwt.decode(token["id_token"], keys, algorithms=["RS256", "ES256"])
    claims = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": session.client_id},
        nonce={"essential": True, "value": nonce},
        exp={"essential": True},
    )
    claims.validate(decoded.claims)
    return token, decoded.claims


client = register(grant_types=["authorization_code", "refresh_token"])
session = OAuth2Session(
    client["client_id"],
    client["client_secret"],
    scope="openid email",
    redirect_uri=callback,
    code_challenge_method="S256",
)
token, claims = code_flow(session)
who = session.get(discovery["userinfo_endpoint"]).json()
assert who["sub"] == claims["sub"] and who["email"] == "alex@example.test", who
fresh = session.refresh_token(discovery["token_endpoint"])
assert fresh["access_token"] != token["access_token"]
told = session.introspect_token(discovery["introspection_endpoint"], token=fresh["access_token"]).json()
assert told["active"] and told["sid"] == claims["sid"], told
session.revoke_token(discovery["revocation_endpoint"], token=fresh["access_token"])
told = session.introspect_token(discovery["introspection_endpoint"], token=fresh["access_token"]).json()
assert told == {"active": False}, told

key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"})
client = register(
    jwks={"keys": [key.as_dict(private=False)]},
    token_endpoint_auth_method="private_key_jwt",
    id_token_signed_response_alg="ES256",
)
session = OAuth2Session(
    client["client_id"],
    key.as_pem(private=True).decode(),
    scope="openid",
    redirect_uri=callback,
    code_challenge_method="S256",
    token_endpoint_auth_method=PrivateKeyJWT(discovery["token_endpoint"]),
)
code_flow(session)
print(json.dumps({"done": True}), flush=True)
