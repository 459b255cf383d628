"""Bounces: 10,000 reports in the mailbox of a real IMAP server, each of a key's e-mail of one office."""

import contextlib
import imaplib
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.db.models import F
from django.test import override_settings
from django_tenants.utils import schema_context, tenant_context

from bench.allocation_list import create_allocations
from bench.measure import Contender, Measure, medians_in_turn, peak_of_code
from bench.registry import measure
from bench.scratch_database import ROOT
from bounces.imap import ImapMailbox
from bounces.models import RefusedAddress, UnreadMail
from config.mail import BounceMailboxSettings
from mailing.bounce_mailbox import read_mailbox
from mailing.mime import build_message_id
from mailing.models import Message, MessageState
from tenants.models import Collectivity
from tests.mailing.delivery_notices import read_notice
from tests.mailing.imap_server import IMAP_PASSWORD, USER

#: A large import whose list of addresses is of the year before.
COUNT = 10_000
_SYSTEMS = ("postfix_unknown", "exchange_unknown", "exim_unknown", "zimbra_full", "gmail_unknown")
_SERVER = """
import pickle, sys
from itertools import batched
from pathlib import Path
from tests.mailing.imap_server import ImapServer
server = ImapServer()
for some in batched(pickle.loads(Path(sys.argv[1]).read_bytes()), 200):
    server.append(*some)
print(server.port, flush=True)
sys.stdin.read()
"""


def build_reports(office: Collectivity) -> list[bytes]:
    """Return a report on each of the first messages, of five mail systems in turn."""
    with tenant_context(office):
        messages = list(Message.objects.order_by("pk")[:COUNT])
        return [
            read_notice(
                _SYSTEMS[number % len(_SYSTEMS)], message_id=build_message_id(message), recipient=message.recipient
            )
            for number, message in enumerate(messages)
        ]


@contextlib.contextmanager
def running_server(reports: list[bytes], folder: Path) -> Iterator[int]:
    """Run a mail server that holds the reports, in a process of its own; yield its port."""
    mails = folder / "mails"
    mails.write_bytes(pickle.dumps(reports))
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
    }
    process = subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", _SERVER, str(mails)],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield int(process.stdout.readline() if process.stdout else 0)
    finally:
        process.kill()
        process.communicate()


def _reset(office: Collectivity, port: int) -> None:
    """Have every message sent, nothing reported, no address refused, and every mail unread."""
    RefusedAddress.objects.all().delete()
    UnreadMail.objects.all().delete()
    with tenant_context(office):
        Message.objects.update(
            state=MessageState.SENT, sent_at=F("created_at"), reported_at=None, reason="", unanswered=0
        )
    with imaplib.IMAP4("127.0.0.1", port) as line:
        line.login(USER, IMAP_PASSWORD)
        line.select()
        line.store("1:*", "-FLAGS.SILENT", r"(\Seen)")


def _fetch_all() -> None:
    with ImapMailbox() as mailbox:
        uids = sorted(mailbox.list_unread())
        for start in range(0, len(uids), 200):
            some = uids[start : start + 200]
            mailbox.fetch(some)
            mailbox.mark_seen(some)


def read_all() -> None:
    """Read the mailbox, in the public schema as a worker does."""
    with schema_context("public"):
        counts = read_mailbox()
    if counts["reports"] != COUNT:
        raise RuntimeError(f"{counts} of {COUNT} reports were read.")


@measure("bounces")
def bounces() -> Measure:
    """Read 10,000 bounces: each on its message, its address refused, its line in the journal, its mail marked."""
    office = create_allocations()
    with tempfile.TemporaryDirectory() as name, running_server(build_reports(office), Path(name)) as port:
        password = Path(name) / "password"
        password.write_text(IMAP_PASSWORD, encoding="utf-8")
        place = BounceMailboxSettings("127.0.0.1", port, False, USER, str(password), "INBOX")
        with override_settings(BOUNCE_MAILBOX=place):
            times = medians_in_turn(
                {
                    "ours": Contender(read_all, before=lambda: _reset(office, port)),
                    "floor": Contender(_fetch_all, before=lambda: _reset(office, port)),
                },
                rounds=1,
            )
        _reset(office, port)
        os.environ |= {
            "BOUNCE_IMAP_HOST": "127.0.0.1",
            "BOUNCE_IMAP_PORT": str(port),
            "BOUNCE_IMAP_TLS": "False",
            "BOUNCE_IMAP_USER": USER,
            "BOUNCE_IMAP_PASSWORD_FILE": str(password),
        }
        peak = peak_of_code("from bench.bounces import read_all\nread_all()")
    return Measure(
        name="bounces",
        ours_s=times["ours"],
        floor_s=times["floor"],
        peer_s=None,
        peak_mb=peak,
        floor="the same mails fetched and marked over the same connection, nothing read in them",
        peer="none",
    )
