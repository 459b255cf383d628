"""The daily checkpoint of sealed chains: signed, sent outside once, and compared with what became of the chains."""

import base64
import datetime
import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_tenants.utils import schema_context

from accounts import account_journal
from accounts.models import SEALED_ACCOUNT_EVENTS, AccountEvent
from collectivities import audit_log
from collectivities.models import SEALED_AUDIT_LOG, AuditEntry, AuditSeal
from core.calendar import date_in_paris, start_of_day
from core.journal_seals import _hash, sealed_journals
from mailing import kinds
from mailing.models import Message, MessageState
from tenants import checkpoints, checks, tasks
from tenants.models import Checkpoint
from tests.conftest import TERM
from tests.database_roles import execute_as_administrator
from tests.factories.accounts import OperatorFactory
from tests.sites.back_office.pages import page_text
from tests.waiting_jobs import list_waiting_jobs

pytestmark = pytest.mark.django_db

KEYS = [base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2, 3)]
DAY = datetime.timedelta(days=1)
CHAIN = "c_nimes.collectivities_auditseal"


@pytest.fixture
def folder(settings, tmp_path):
    settings.JOURNAL_SIGNING_KEYS, settings.JOURNAL_CHECKPOINT_FOLDER = KEYS[:1], str(tmp_path)
    return tmp_path


@pytest.fixture
def checkpoint(nimes, folder):
    """The checkpoint of a day on which an office's journal had two seals, of two entries each."""
    for number in range(4):
        audit_log.record(action="office.opened", by=None, at=TERM, summary=f"Ligne {number}")
        if number % 2:
            SEALED_AUDIT_LOG.seal_new_entries(at=TERM)
    return sign(folder)


def sign(folder, at=TERM):
    with schema_context("public"):
        checkpoints.sign_day(at=at)
    [path] = folder.glob(f"*{at:%Y-%m-%d}*")
    return path


def list_contradictions(path, at=TERM):
    return list(checkpoints.find_contradictions(checkpoints.read_signed(path.read_text()), at=at))


def reseal(*, without_last=False):
    """Write the chain of the office's journal anew over its entries, as the owner of the database can."""
    seals = list(AuditSeal.objects.order_by("number"))
    if without_last:
        last = seals.pop()
        execute_as_administrator("DELETE FROM collectivities_auditentry WHERE id = ANY(%s)", [list(last.entry_ids)])
        execute_as_administrator("DELETE FROM collectivities_auditseal WHERE number = %s", [last.number])
    previous = ""
    columns = ("pk", *SEALED_AUDIT_LOG.columns)
    for seal in seals:
        rows = AuditEntry.objects.filter(pk__in=seal.entry_ids).order_by("pk").values_list(*columns)
        seal.digests, seal.previous = b"".join(_hash(row) for row in rows), previous
        previous = seal.hash = seal.compute_hash()
        execute_as_administrator(
            "UPDATE collectivities_auditseal SET digests = %s, previous = %s, hash = %s WHERE number = %s",
            [seal.digests, seal.previous, seal.hash, seal.number],
        )


def rewrite_first_entry():
    execute_as_administrator("UPDATE collectivities_auditentry SET actor_name = 'Un autre' WHERE summary = 'Ligne 0'")


def audit(*arguments):
    """Return the exit status, and what was printed."""
    out = io.StringIO()
    try:
        call_command("audit", *arguments, stdout=out)
    except SystemExit as error:
        return error.code, out.getvalue()
    return 0, out.getvalue()


@pytest.mark.slow
def test_what_the_owner_of_the_database_writes_anew_contradicts_what_was_signed(checkpoint):
    rewrite_first_entry()
    reseal(without_last=True)
    status, printed = audit()
    # The chain fits again: by itself it shows nothing.
    assert (status, "ROMPUE" in printed) == (0, False)
    status, printed = audit("--against", str(checkpoint))
    assert status == 1
    assert f"{CHAIN} : coupée : le sceau n° 2 n'existe plus, le dernier est le n° 1 (signé le 24" in printed
    _, printed = audit("--against", str(checkpoint), "--json")
    assert [one["code"] for one in json.loads(printed)["invariants"] if one["broken"]] == ["checkpoint"]


def test_nothing_contradicts_a_chain_that_went_on(checkpoint):
    assert list_contradictions(checkpoint) == []
    audit_log.record(action="office.opened", by=None, at=TERM, summary="Ligne 4")
    SEALED_AUDIT_LOG.seal_new_entries(at=TERM)
    assert list_contradictions(checkpoint) == []
    assert (
        f"seal {CHAIN} 2 {AuditSeal.objects.get(number=2).hash} 2026-11-24T09:00:00+00:00\n" in checkpoint.read_text()
    )


def test_a_chain_that_was_written_anew_is_named(checkpoint):
    rewrite_first_entry()
    reseal()
    assert list(SEALED_AUDIT_LOG.find_tampering(at=TERM)) == []
    [found] = list_contradictions(checkpoint)
    assert found.startswith(f"{CHAIN} : réécrite : le sceau n° 2 n'est plus celui qui a été signé")


def test_a_seal_that_keeps_its_hash_alone_is_named(checkpoint):
    execute_as_administrator("UPDATE collectivities_auditseal SET digests = '' WHERE number = 2")
    assert len(list_contradictions(checkpoint)) == 1


def test_a_chain_of_which_nothing_is_left_is_named(checkpoint):
    execute_as_administrator("DELETE FROM collectivities_auditseal")
    [found] = list_contradictions(checkpoint)
    assert found.startswith(f"{CHAIN} : coupée : le sceau n° 2 n'existe plus, il n'en reste aucun")


def test_a_schema_that_is_gone_is_named(checkpoint):
    execute_as_administrator("ALTER SCHEMA c_nimes RENAME TO c_ailleurs")
    assert [found.partition(" (")[0] for found in list_contradictions(checkpoint)] == [
        f"{CHAIN} : la chaîne entière a disparu, ou ne se lit plus"
    ]


def test_what_cannot_be_read_on_the_day_is_in_what_is_signed(nimes, folder):
    execute_as_administrator("ALTER TABLE c_gard.collectivities_auditseal RENAME TO elsewhere")
    path = sign(folder)
    assert "unread c_gard.collectivities_auditseal\n" in path.read_text()
    [found] = list_contradictions(path)
    assert found.startswith("c_gard.collectivities_auditseal : n'a pas pu être lue le 24")


def test_the_accounts_chain_may_lose_what_is_kept_no_longer(nimes, folder):
    account_journal.record_event(AccountEvent.Action.SIGNED_IN, user=None, at=TERM)
    SEALED_ACCOUNT_EVENTS.seal_new_entries(at=TERM)
    # Nothing happened since: the last seal is older than the checkpoint.
    path = sign(folder, TERM + 90 * DAY)
    execute_as_administrator("DELETE FROM public.accounts_accounteventseal")
    assert len(list_contradictions(path, at=TERM + 365 * DAY)) == 1
    assert list_contradictions(path, at=TERM + 366 * DAY) == []


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda text: text.replace(" 2 ", " 1 "), "La signature"),
        (lambda text: text.replace(f"seal {CHAIN}", "seal c_gard.collectivities_auditseal"), "La signature"),
        (lambda text: text.replace("2026-11-24", "2026-11-25"), "La signature"),
        (lambda text: text.partition("key ")[0], "pas entier"),
        (lambda text: text[:0], "pas entier"),
        (lambda text: text.replace("signature ", "signature é"), "La signature"),
    ],
)
def test_a_file_that_was_changed_is_refused(checkpoint, change, refusal):
    checkpoint.write_text(change(checkpoint.read_text()))
    with pytest.raises(CommandError, match=refusal):
        audit("--against", str(checkpoint))


def test_an_earlier_key_is_known_until_it_is_removed(checkpoint, settings):
    settings.JOURNAL_SIGNING_KEYS = [KEYS[1], KEYS[0]]
    assert list_contradictions(checkpoint) == []
    settings.JOURNAL_SIGNING_KEYS = [KEYS[1]]
    with pytest.raises(checkpoints.CheckpointRefused, match="aucune clé"):
        list_contradictions(checkpoint)


def test_a_day_is_signed_and_sent_once(checkpoint, settings, folder):
    settings.JOURNAL_CHECKPOINT_ADDRESS = "coffre@exemple.example"
    signed = checkpoint.read_text()
    assert not checkpoints.is_due(at=TERM + datetime.timedelta(hours=1))
    audit_log.record(action="office.opened", by=None, at=TERM, summary="Ligne 4")
    SEALED_AUDIT_LOG.seal_new_entries(at=TERM)
    sign(folder, TERM + datetime.timedelta(hours=1))
    assert checkpoint.read_text() == signed
    assert not checkpoints.is_due(at=TERM + DAY - datetime.timedelta(hours=7))
    assert sign(folder, TERM + DAY).read_text() != signed
    with schema_context("public"):
        [message] = Message.objects.filter(kind=checkpoints.EMAIL_KIND)
    [attachment] = kinds.get(message.kind).render(message).attachments
    assert (message.recipient, attachment.filename) == ("coffre@exemple.example", "peps-checkpoint-2026-11-25.txt")
    assert attachment.content == (folder / attachment.filename).read_bytes()


def test_every_journal_is_signed(nimes, folder):
    tables = {journal.seals_table for journal in sealed_journals}
    assert tables == {
        "accounts_accounteventseal", "billing_invoiceseal", "collectivities_auditseal", "payments_paymentseal"
    }  # fmt: skip


def test_a_folder_that_cannot_be_written_is_reported_and_tried_again(nimes, settings, folder, portal):
    portal.force_login(OperatorFactory())
    now = start_of_day(date_in_paris(timezone.now())) + datetime.timedelta(hours=4)
    settings.JOURNAL_CHECKPOINT_FOLDER = str(folder / "absent")
    with schema_context("public"):
        checkpoints.sign_day(at=now)
        words = "n'a pas pu être écrit dans"
        assert words in page_text(portal.get("/admin/")).replace("’", "'")
        assert checkpoints.is_due(at=now)
        (folder / "absent").mkdir()
        checkpoints.sign_day(at=now)
        assert words not in page_text(portal.get("/admin/")).replace("’", "'")
    assert [path.suffix for path in (folder / "absent").iterdir()] == [".txt"]


def describe_fault(*, at):
    return checkpoints.describe_fault(checkpoints.list_latest().first(), at=at)


def test_silence_and_a_lost_letter_are_reported(checkpoint, settings, folder):
    settings.JOURNAL_CHECKPOINT_ADDRESS = "coffre@exemple.example"
    assert describe_fault(at=TERM) == ""
    assert "ne sont plus relevés depuis le 24" in describe_fault(at=TERM + 3 * DAY)
    sign(folder, TERM + DAY)
    with schema_context("public"):
        assert describe_fault(at=TERM + DAY) == ""
    with schema_context("public"):
        Message.objects.update(state=MessageState.FAILED, reason="Adresse refusée.")
        assert "n'est pas arrivé par e-mail" in describe_fault(at=TERM + DAY)


def test_the_worker_queues_one_job_a_day_where_it_is_set(nimes, folder, settings, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: TERM)
    tasks.queue_checkpoint()
    tasks.queue_checkpoint()
    assert len(list_waiting_jobs("tenants.sign_checkpoint")) == 1
    with schema_context("public"):
        tasks.sign_checkpoint()
    assert Checkpoint.objects.count() == 1
    settings.JOURNAL_CHECKPOINT_FOLDER = ""
    assert not checkpoints.is_due(at=TERM + DAY)


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        ({}, []),
        ({"PRODUCTION": True}, ["peps.W024"]),
        (
            {
                "PRODUCTION": True,
                "JOURNAL_SIGNING_KEYS": KEYS,
                "JOURNAL_CHECKPOINT_FOLDER": "/var/lib/peps/checkpoints",
            },
            [],
        ),
        ({"JOURNAL_SIGNING_KEYS": KEYS}, ["peps.E023"]),
        ({"JOURNAL_CHECKPOINT_ADDRESS": "coffre@exemple.example"}, ["peps.E023"]),
        ({"JOURNAL_SIGNING_KEYS": ["c2VjcmV0"], "JOURNAL_CHECKPOINT_FOLDER": "x"}, ["peps.E023"]),
        ({"JOURNAL_SIGNING_KEYS": ["é"], "JOURNAL_CHECKPOINT_FOLDER": "x"}, ["peps.E023"]),
    ],
)
def test_a_start_says_what_is_wrong_or_off(settings, values, ids):
    for name, value in values.items():
        setattr(settings, name, value)
    found = checks.check_checkpoints(None)
    assert [one.id for one in found] == ids
    assert not [one for one in found if "c2VjcmV0" in str(one)]
