"""What schemathesis cannot know from the document: bodies that are no JSON, and texts with a meaning."""

import datetime
import pathlib
import sys
import uuid

import schemathesis
from hypothesis import strategies as st

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import samples  # noqa: E402

# Each message is another one: Call-IDs are made where they are written.
schemathesis.openapi.media_type("message/sip", st.builds(lambda _: samples.pager(), st.integers()))
schemathesis.openapi.media_type("multipart/mixed", st.builds(lambda _: samples.large(), st.integers()))

words = st.text("abcdefghijklmnopqrstuvwxyzäß0123456789", min_size=1, max_size=12)
# Words to look for. What the grammar refuses is tested in Rust.
schemathesis.openapi.format("search", st.lists(words, max_size=5).map(" ".join))
schemathesis.openapi.format(
    "aor", st.one_of(st.sampled_from(["sip:alice@example.org", "sip:bob@example.org"]), words.map("sip:{}@example.org".format))
)


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Examples of these bodies are texts, which stand for octets; a test in Rust sends them."""
    for path in ["/gateway/v1/messages", "/gateway/v1/large-messages"]:
        for body in raw_schema["paths"][path]["post"]["requestBody"]["content"].values():
            body.pop("example", None)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Nobody can make up a cursor or a tag, a key stands for one request, an expiry is bound to the clock, and no test can wait for a minute."""
    generated = case.meta.generation.mode if case.meta else None
    query = case.query or {}
    good = generated is not None and generated.is_positive
    if good:
        query.pop("cursor", None)
        headers = case.headers or {}
        headers.pop("if-match", None)
        if "Idempotency-Key" in headers:
            headers["Idempotency-Key"] = str(uuid.uuid4())
        if case.operation.definition.raw.get("operationId") == "update_message":
            soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=2)
            case.body["expires_at"] = soon.isoformat()
    if str(query.get("wait", "")).isdigit() and 1 < int(query["wait"]) <= 60:
        query["wait"] = 1
    if case.media_type == "multipart/mixed" and good:
        case.headers["Content-Type"] = f"multipart/mixed; boundary={samples.BOUNDARY}"
