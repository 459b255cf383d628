"""What mail systems of schools send back, the files of `reports/`, and what becomes of the messages they are about."""

from pathlib import Path

from django_tenants.utils import schema_context

from mailing.bounce_mailbox import read_mailbox
from mailing.mime import build_message_id
from mailing.models import Message

_REPORTS = Path(__file__).parent / "reports"


def read_notice(name, *, message_id, recipient="ecole0@exemple.example"):
    """Return a mail of one of the systems as it comes over the wire."""
    text = (_REPORTS / f"{name}.eml").read_text(encoding="utf-8")
    text = text.replace("@@MESSAGE_ID@@", message_id).replace("@@RECIPIENT@@", recipient)
    return text.replace("\n", "\r\n").encode()


def report_on(message, name):
    """Return a system's mail about a message of the current schema."""
    return read_notice(name, message_id=build_message_id(message), recipient=message.recipient)


def read_bounces():
    """Read the mailbox where a worker does, in the public schema."""
    with schema_context("public"):
        return dict(read_mailbox())


def get_states():
    """Return the states of the current schema's messages, in order."""
    return list(Message.objects.order_by("pk").values_list("state", flat=True))
