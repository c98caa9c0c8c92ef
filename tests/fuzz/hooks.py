"""As whom requests are made, and what Schemathesis cannot know from the OpenAPI files.

An operation that asks for the service token gets it. One that asks for an access token gets one of somebody who has just
signed up: requests end sessions, change passwords and remove users, their own sender among them, and after each 401
there is somebody new.
"""

import json
import os
import re
from urllib.request import Request, urlopen
from uuid import uuid4

import schemathesis

OFFICE = os.environ["FUZZ_API_OFFICE"]
SENDER = os.environ["FUZZ_API_SENDER"]
# What makes a password one that nobody else has: that many people have it no pattern can say.
RARE = "-qzxvkwjy"
SHORTEST, LONGEST = 8, 1024
# What can be a key.
KEY = re.compile(r"[\x21-\x7e]{1,255}")


def scheme(context):
    """The name of the security scheme that an operation asks for, if any."""
    requirements = context.operation.definition.raw.get("security") or [{}]
    return next(iter(requirements[0]), None)


def token(name):
    """A token for a security scheme, from the office."""
    with urlopen(f"{OFFICE}/{name}") as answer:
        return answer.read().decode()


@schemathesis.auth(refresh_interval=300, cache_by_key=lambda case, context: str(scheme(context)))
class Bearer:
    """The token for an operation."""

    def get(self, case, context):
        name = scheme(context)
        return None if name is None or SENDER == "nobody" else token(name)

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(context, case, kwargs):
    """Makes passwords rare; what is too short or too long stays so. Shows the current one where it may be asked for.

    Gives each case an idempotency key of its own, if it has one that can be one."""
    key = (case.headers or {}).get("idempotency-key")
    if isinstance(key, str) and KEY.fullmatch(key):
        # A key is for one body, and comes with another in each case; tests/suite/idempotency.rs looks at keys that return.
        case.headers["idempotency-key"] = str(uuid4())
    if not isinstance(case.body, dict):
        return
    if case.path == "/users-ms/users/{id}" and not {"email", "password"}.isdisjoint(case.body):
        case.body.setdefault("current_password", os.environ["FUZZ_API_PASSWORD"])
    password = case.body.get("password")
    if isinstance(password, str) and SHORTEST <= len(password) and len(f"{password}{RARE}".encode()) <= LONGEST:
        case.body["password"] = password + RARE


@schemathesis.hook
def after_call(context, case, response):
    """Gives places to hash in back: there are few, and they would be missed."""
    if case.path != "/users-ms/internal/attempts" or response.status_code != 200:
        return
    place = json.loads(response.content).get("place")
    if place is None:
        return
    body = json.dumps({"place": place, "counted": case.body}).encode()
    headers = {"authorization": f"Bearer {token('serviceToken')}", "content-type": "application/json"}
    base = response.request.url.split("/users-ms/")[0]
    with urlopen(Request(f"{base}/users-ms/internal/attempts/end", body, headers)):
        pass
