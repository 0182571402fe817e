"""Checks one recorded request, as JSON on stdin, with the published library. Exit codes: 0 genuine, 3 refused."""

import base64
import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

request = json.load(sys.stdin)
try:
    Webhook(request["secret"]).verify(base64.b64decode(request["body"]), request["headers"])
except WebhookVerificationError as refusal:
    print(refusal)
    sys.exit(3)
