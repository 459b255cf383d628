"""Notes, queued and registered as a kind of message."""

import pytest
from django.utils import timezone

from config.mail import BounceMailboxSettings
from mailing import kinds, operations
from mailing.dispatch import drain
from mailing.models import Message
from tests.mailing.imap_server import IMAP_PASSWORD, USER, ImapServer
from tests.mailing.note import render_note


@pytest.fixture
def note():
    """The name of a message kind whose messages contain their number."""
    kinds.register("note", label="Note", render=render_note)
    yield "note"
    kinds.unregister("note")


@pytest.fixture
def queue(note):
    """Queues notes in the current schema and returns them."""

    def put(count: int = 1, **context):
        return [
            operations.enqueue(kind=note, recipient=f"ecole{n}@exemple.example", at=timezone.now(), context=context)
            for n in range(count)
        ]

    return put


@pytest.fixture
def sent(sink, nimes, queue):
    """Three sent messages of an office."""
    queue(3)
    drain()
    return list(Message.objects.order_by("pk"))


@pytest.fixture
def mailbox(settings, tmp_path):
    """A real bounce mailbox, which the settings name."""
    password = tmp_path / "password"
    password.write_text(f"{IMAP_PASSWORD}\n")
    server = ImapServer()
    settings.BOUNCE_MAILBOX = BounceMailboxSettings(
        host="127.0.0.1", port=server.port, uses_tls=False, user=USER, password_file=str(password), folder="INBOX"
    )
    yield server
    server.stop()
