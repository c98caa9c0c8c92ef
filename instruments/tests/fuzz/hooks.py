"""As whom requests are made, and what Schemathesis cannot know from the OpenAPI files.

An operation that asks for a service's credential gets it. One that asks for an access token gets one of somebody who has just
signed up: requests end sessions, change passwords and remove users, their own sender among them, and after each 401
there is somebody new.

Half of what is made to be accepted gets the id, the session, the address or the credentials of somebody who exists, for
made-up ones lead to 404 and 401 alone. Chains of requests do not: they find them in answers.
"""

import atexit
import hashlib
import json
import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from urllib.request import Request, urlopen
from uuid import uuid4

import schemathesis

OFFICE = os.environ["FUZZ_API_OFFICE"]
SENDER = os.environ["FUZZ_API_SENDER"]
# The security schemes that are credentials of services.
CREDENTIALS = ("authCredential", "schedulerCredential", "operatorCredential", "metricsCredential")
# What makes a password one that nobody else has: that many people have it no pattern can say.
RARE = "-qzxvkwjy"
SHORTEST, LONGEST = 8, 1024
LONGEST_ZONE = 40
# What takes a code of an app or of an SMS, or the signature of a passkey; and what sends that SMS, to whoever has a number.
BY_DEVICE = (
    "/login/enrolment",
    "/login/second-factor",
    "/auth/passkey",
    "/second-factor/recovery-codes",
    "/totp/confirm",
    "/users/{id}/passkeys",
    "/passkeys/{passkey_id}",
    "/phone-verification",
    "/phone-verification/confirm",
)
# What can be a key.
KEY = re.compile(r"[\x21-\x7e]{1,255}")
# Whose token requests have, and whose data those have that need no access token.
people = {"sender": None, "guest": None}
# The applications with a secret that were registered.
clients = []
# How many cases of an operation were made to be accepted.
made = Counter()
# How many requests an operation has accepted, those that this sender has the right token for.
accepted = Counter()


@schemathesis.serializer("application/x-ndjson")
def one_line(context, value):
    """A list of lines with one item."""
    return json.dumps(value).encode() + b"\n"


def scheme(context):
    """The name of the security scheme that an operation asks for, if any."""
    return scheme_of(context.operation)


def scheme_of(operation):
    """The same, of the operation itself."""
    requirements = operation.definition.raw.get("security") or [{}]
    return next(iter(requirements[0]), None)


def is_open(operation):
    """Whether some request of this sender has to be accepted: of a user not everywhere, for there are administrators."""
    if operation.path == "/users-ms/load-test":
        # It is switched off: it is there to be slow.
        return False
    if os.environ["FUZZ_API_BROKER"] == "rabbitmq" and is_of_queues(operation):
        # RabbitMQ shows its queues by itself.
        return False
    by_mail = ("/users-ms/email-verification/", "/users-ms/password-recovery/", "/users-ms/email-change/", "/users-ms/email-return/", "/users-ms/invitation/", "/auth-ms/auth/mail", "/users-ms/internal/mail-sign-in/", "/users-ms/not-me/")
    if operation.path.startswith(by_mail) and operation.method.upper() == "POST":
        # Links and codes go to their owners by mail, and signing in by mail is switched off; the suite has tests of both.
        return False
    if operation.path.startswith("/auth-ms/oauth/"):
        # It is for applications that are registered, with people who sign in on its page; the suite has both.
        return False
    if operation.path.endswith(BY_DEVICE):
        # Codes are shown by apps and challenges signed by authenticators; the suite has both.
        return False
    name = scheme_of(operation)
    return name is None or SENDER == "admin" or (SENDER == "user" and name in CREDENTIALS)


def is_of_queues(operation):
    """Whether it looks at queues or at their dead letters."""
    return operation.path.startswith("/notification-ms/internal/queues")


def ask(what):
    """What the office has to give."""
    with urlopen(f"{OFFICE}/{what}") as answer:
        return json.load(answer)


@schemathesis.auth(refresh_interval=300, cache_by_key=lambda case, context: str(scheme(context)))
class Bearer:
    """The token for an operation."""

    def get(self, case, context):
        name = scheme(context)
        if name is None or SENDER == "nobody":
            return None
        if name in CREDENTIALS:
            return ask("service")[name]
        people["sender"] = ask("person")
        return people["sender"]["access_token"]

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


def is_made_to_be_accepted(case):
    """Whether it stands by itself, and nothing is wrong with it by intention."""
    meta = case.meta
    return meta is not None and meta.generation.mode.value == "positive" and meta.phase.name.value != "stateful"


def digest(token):
    """What is kept of a refresh token: a digest of the secret that it carries."""
    secret = urlsafe_b64decode(token)[24:56]
    return hashlib.sha256(urlsafe_b64encode(secret).rstrip(b"=")).hexdigest()


def give_what_exists(case):
    """Puts somebody's data where made-up data is, and the id of a dead letter."""
    if "/dead/{id}" in case.path:
        case.path_parameters.update(ask("dead_letter") or {})
        return
    if "/oauth-clients/{client_id}" in case.path:
        if clients:
            # What is removed is not there for the next.
            client = clients.pop() if case.method.upper() == "DELETE" else clients[-1]
            case.path_parameters["client_id"] = client
        return
    # The last administrator stays one, so it is somebody else's account that an administrator replaces.
    is_others = SENDER == "admin" and case.path == "/users-ms/users/{id}" and case.method.upper() in ("PUT", "PATCH")
    is_senders = scheme_of(case.operation) == "accessToken" and people["sender"] is not None and not is_others
    if case.headers:
        # What exists has an entity tag of its own.
        case.headers.pop("if-match", None)
    who = "sender" if is_senders else "guest"
    person = people[who] = people[who] or ask("person")
    theirs = {
        "id": person["session_id"] if case.path.startswith("/auth-ms/") else person["id"],
        "session_id": person["session_id"],
        "user_id": person["id"],
        "email": person["email"],
        "to": person["email"],
        "username": person["email"],
        "refresh_token": person["refresh_token"],
        "refresh_digest": digest(person["refresh_token"]),
        "token": person["access_token"],
    }
    # The body of a sign-up or of a change has an address of its own.
    in_body = theirs.keys() - {"email"}
    for container, names in ((case.path_parameters, theirs), (case.query, theirs), (case.body, in_body)):
        if isinstance(container, dict):
            for name in names & container.keys():
                container[name] = theirs[name]
    if isinstance(case.body, dict) and "username" in case.body:
        case.body["password"] = person["password"]
    if isinstance(case.body, dict) and case.path == "/users-ms/users/{id}":
        # Of an administrator's own account it is asked for, too.
        case.body["current_password"] = person["password"]
    if not is_senders and case.method.upper() != "GET":
        # What it spends or ends is not there for the next.
        people["guest"] = None


@schemathesis.hook
def before_call(context, case, kwargs):
    """Gives cases what they need to be accepted where they should be."""
    key = (case.headers or {}).get("idempotency-key")
    if isinstance(key, str) and KEY.fullmatch(key):
        # A key is for one body, and comes with another in each case; instruments/tests/suite/idempotency.rs looks at keys that return.
        case.headers["idempotency-key"] = str(uuid4())
    if os.environ.get("CONCIERGE_RUNTIME") == "spin":
        # Spin answers a header that is not UTF-8 with an empty 500, before any component sees the request.
        case.headers = {name: value for name, value in (case.headers or {}).items() if str(value).isascii()}
    case.body = with_integers(case.body)
    if isinstance(case.body, dict):
        mend_passwords(case)
        mend_names(case)
        zone = case.body.get("zoneinfo")
        if isinstance(zone, str) and 1 <= len(zone) <= LONGEST_ZONE:
            # Which names the database of time zones has, no pattern can say.
            case.body["zoneinfo"] = "Europe/Rome"
        if "roles" in case.body:
            # The two can contradict each other, which no pattern can say.
            case.body.pop("role", None)
        if isinstance(case.body.get("grants"), list):
            # It is for confidential clients, which no pattern can say.
            case.body["grants"] = [grant for grant in case.body["grants"] if grant != "client_credentials"]
    if is_made_to_be_accepted(case):
        made[case.operation.label] += 1
        if made[case.operation.label] % 2 == 0:
            give_what_exists(case)


def with_integers(value):
    """Writes an integer as one: to JSON Schema 7.0 is an integer, to the services it is not."""
    if isinstance(value, dict):
        return {name: with_integers(item) for name, item in value.items()}
    if isinstance(value, list):
        return [with_integers(item) for item in value]
    if isinstance(value, float) and abs(value) > 1e300:
        # So large a number is refused within metadata. In YAML 1.1 a bound of the schema would be a text.
        return 1e300
    is_integer = isinstance(value, float) and value.is_integer() and abs(value) < 2**63
    return int(value) if is_integer else value


def mend_names(case):
    """Gives a name that may have nothing visible in it something: what a reader sees no pattern can say."""
    for field in ("name", "surname"):
        name = case.body.get(field)
        if isinstance(name, str) and name.strip() and len(name) < 100 and not any(letter.isalnum() for letter in name):
            case.body[field] = name + "a"


def mend_passwords(case):
    """Makes the password in a body rare, if it is neither too short nor too long, and shows the current one where it may be
    asked for."""
    if case.path == "/users-ms/users/{id}" and not {"email", "password"}.isdisjoint(case.body):
        case.body.setdefault("current_password", os.environ["FUZZ_API_PASSWORD"])
    password = case.body.get("password")
    if isinstance(password, str) and SHORTEST <= len(password) and len(password.encode()) <= LONGEST:
        is_long = len(f"{password}{RARE}".encode()) > LONGEST
        case.body["password"] = (password[: -len(RARE)] if is_long else password) + RARE


@schemathesis.hook
def after_call(context, case, response):
    """Counts what is accepted. Gives hashing permits back: there are few, and they would be missed."""
    if is_open(case.operation):
        accepted[case.operation.label] += response.status_code < 400
    if case.operation.label == "POST /users-ms/oauth-clients" and response.status_code == 201:
        client = json.loads(response.content)
        if client["confidential"]:
            clients.append(client["id"])
    if case.path != "/users-ms/internal/sign-in/begin" or response.status_code != 200:
        return
    permit = json.loads(response.content).get("permit")
    if permit is None:
        return
    body = json.dumps({"permit": permit, "keys": case.body["keys"]}).encode()
    headers = {"authorization": f"Bearer {ask('service')['authCredential']}", "content-type": "application/json"}
    base = response.request.url.split("/users-ms/")[0]
    with urlopen(Request(f"{base}/users-ms/internal/sign-in/end", body, headers)):
        pass


@atexit.register
def report():
    """Writes down how many requests each operation has accepted, a line of JSON each."""
    with open(os.environ["FUZZ_API_ACCEPTED"], "a", encoding="utf-8") as file:
        for operation, count in accepted.items():
            file.write(json.dumps({"operation": operation, "accepted": count}) + "\n")
