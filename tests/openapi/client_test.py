"""What somebody does with the generated client: store, list, get, delete."""

import io
import os

import samples
from restante_client import AuthenticatedClient
from restante_client.api.gateway import store_message
from restante_client.api.messages import delete_message, get_message, list_messages
from restante_client.models import MessageDetail, MessagePage, ProblemBody, StoredMessage
from restante_client.types import File

with AuthenticatedClient(os.environ["RESTANTE_URL"], os.environ["RESTANTE_TOKEN"]) as client:
    raw = samples.pager("sip:emma@example.org", subject="From Python")
    stored = store_message.sync(client=client, body=File(io.BytesIO(raw)))
    assert isinstance(stored, StoredMessage), stored
    where = {"aor": stored.account, "id": stored.id}

    page = list_messages.sync(stored.account, client=client, limit=10)
    assert isinstance(page, MessagePage) and [message.id for message in page.items] == [stored.id], page

    # The token is an operator's: without a reason it reads nothing that is somebody else's.
    refused = get_message.sync(client=client, **where)
    assert isinstance(refused, ProblemBody) and refused.type_ == "/problems/reason-required", refused
    message = get_message.sync(client=client, restante_reason="A%20client%20is%20tried", **where)
    assert isinstance(message, MessageDetail) and message.subject == "From Python", message

    assert delete_message.sync_detailed(client=client, **where).status_code == 204
    missing = get_message.sync(client=client, **where)
    assert isinstance(missing, ProblemBody) and missing.type_ == "/problems/not-found", missing
