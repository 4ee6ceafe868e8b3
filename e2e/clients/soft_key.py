"""A security key in Python. Reads what a page asks the browser for, a line each, and answers as a browser would."""

import json
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode

from soft_webauthn import SoftWebauthnDevice

origin = sys.argv[1]
device = SoftWebauthnDevice()


def to_bytes(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def to_text(value):
    return urlsafe_b64encode(value).decode("ascii").rstrip("=") if isinstance(value, bytes) else value


for line in sys.stdin:
    options = json.loads(line)
    options["challenge"] = to_bytes(options["challenge"])
    if "user" in options:
        options["user"]["id"] = to_bytes(options["user"]["id"])
        made = device.create({"publicKey": options}, origin)
    else:
        made = device.get({"publicKey": options}, origin)
    made["response"] = {name: to_text(value) for name, value in made["response"].items()}
    made["id"] = made["rawId"] = to_text(made["rawId"])
    print(json.dumps(made), flush=True)
