"""A sending of which a large share did not arrive: noticed once, told to the managers at once, seen by the operator."""

import datetime

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from django_tenants.utils import schema_context

from bounces.models import FailedSending
from collectivities.capabilities import Role
from collectivities.letters import choose_letters
from collectivities.models import AuditEntry, Letter, Member
from core.calendar import PARIS
from jobs.models import DueWork
from licensing.orders import operations as orders
from licensing.pools import checks
from licensing.pools import operations as pools
from mailing import delivery_reports, dispatch, kinds, operations, refusals
from mailing.delivery_reports import DeliveryReport, ReportedFate
from mailing.dispatch import drain
from mailing.kinds import NoLongerDue
from mailing.mime import build_message_id, parse_message_id
from mailing.models import Message, MessageState
from mailing.refusals import CHECK_DELAY, CHECK_SENDINGS
from mailing.smtp_replies import REPLY_SEPARATOR
from mailing.tasks import check_sendings
from sites.office.failure_letters import FAILURE_KIND
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.schools import SchoolFactory
from tests.mailing.note import render_note
from tests.tiers import sampled

#: When the reports of a sending of `TERM`, at ten, are counted.
NOON = datetime.datetime(2026, 11, 24, 11, 30, tzinfo=PARIS)
UNKNOWN = "Cette adresse n'existe pas : corrigez-la et renvoyez le message."
FULL = "La boîte du destinataire est pleine."


@pytest.fixture
def manager(nimes):
    return MemberFactory(user=UserFactory(first_name="Nadia", email="nadia@nimes.example"))


@pytest.fixture
def sending(nimes):
    """Write a sending of keys: so many arrived, bounced, were given up, and still wait."""

    def write(sent=92, bounced=30, failed=7, *, waiting=0, kind="key", queued_at=TERM):
        fields = {
            "kind": kind,
            "topic": "allocation",
            "topic_id": 1,
            "created_at": queued_at,
            "due_at": queued_at,
            "handed_over_at": queued_at,
        }
        outcomes = [
            *[{"state": MessageState.SENT, "sent_at": queued_at}] * sent,
            *[
                {
                    "state": MessageState.BOUNCED,
                    "reported_at": NOON,
                    "reason": f"{UNKNOWN}{REPLY_SEPARATOR}550 5.1.1 <ecole{n}@nimes.example>",
                }
                for n in range(bounced)
            ],
            *[{"state": MessageState.FAILED, "reason": FULL}] * failed,
            *[{"state": MessageState.QUEUED}] * waiting,
        ]
        rows = [Message(recipient=f"ecole{n}@nimes.example", **fields, **one) for n, one in enumerate(outcomes)]
        return Message.objects.bulk_create(rows)

    return write


def list_alerts():
    return list(Message.objects.filter(kind=FAILURE_KIND).order_by("pk"))


def read(monkeypatch, at=NOON):
    monkeypatch.setattr(timezone, "now", lambda: at)
    return kinds.get(FAILURE_KIND).render(list_alerts()[-1])


# --- Noticing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "bounced", "failed", "noticed"),
    sampled(
        [
            (92, 30, 7, True),
            (0, 9, 0, False),
            (0, 10, 0, True),
            (40, 5, 5, True),
            (41, 10, 0, False),
            (1_000, 100, 0, False),
        ],
        fast=2,
    ),
)
def test_ten_lost_and_a_fifth_of_what_left_are_a_sending_that_fails(sending, sent, bounced, failed, noticed):
    sending(sent, bounced, failed, waiting=500)
    found = refusals.check_sendings(at=NOON)
    assert [(one.handled, one.lost) for one in found] == [(sent + bounced + failed, bounced + failed)] * noticed


def test_each_sending_is_judged_by_itself(sending):
    sending(sent=0, bounced=6, failed=0)
    sending(sent=0, bounced=6, failed=0, kind="key_reminder")
    sending(sent=0, bounced=6, failed=0, queued_at=NOON)
    assert refusals.check_sendings(at=NOON) == []


def test_a_sending_is_noticed_once(sending):
    sending()
    assert len(refusals.check_sendings(at=NOON)) == 1
    sending(sent=0, bounced=40)
    assert refusals.check_sendings(at=NOON) == []
    assert (FailedSending.objects.get().schema, FailedSending.objects.get().kind) == ("c_nimes", "key")


def test_the_same_moment_in_another_office_is_another_sending(sending, gard):
    sending()
    refusals.check_sendings(at=NOON)
    with schema_context("c_gard"):
        sending()
        assert len(refusals.check_sendings(at=NOON)) == 1


@pytest.mark.slow
def test_a_report_and_a_refusal_have_the_outbox_looked_at_once(nimes, sink):
    kinds.register("note", label="Note", render=render_note)
    try:
        for n in range(3):
            operations.enqueue(kind="note", recipient=f"ecole{n}@exemple.example", at=timezone.now())
        drain()
        at = timezone.now()
        bounced, refused, _ = Message.objects.order_by("pk")
        DueWork.objects.all().delete()
        report = DeliveryReport(parse_message_id(build_message_id(bounced)), ReportedFate.BOUNCED, UNKNOWN)
        delivery_reports.record_reports([report], at=at)
        work = DueWork.objects.get(kind=CHECK_SENDINGS)
        assert (work.schema, work.due_at) == ("c_nimes", at + CHECK_DELAY)
        Message.objects.exclude(pk=bounced.pk).update(state=MessageState.QUEUED, due_at=at)
        for message in dispatch.claim(limit=5, at=at):
            if message.pk == refused.pk:
                dispatch.record_refused(message, reason=UNKNOWN, refuses_address=True, at=at + CHECK_DELAY / 2)
            else:
                dispatch.record_failed(message, reason=FULL, at=at + CHECK_DELAY / 2)
        # The look that is planned will count them too.
        assert DueWork.objects.get(kind=CHECK_SENDINGS).due_at == at + CHECK_DELAY
        delivery_reports.record_reports([report], at=at + CHECK_DELAY)
        assert Message.objects.filter(state__in=["bounced", "failed"]).count() == 3
        check_sendings()
        assert not FailedSending.objects.exists()
    finally:
        kinds.unregister("note")


def test_the_portal_s_own_sendings_are_noticed_and_only_the_operator_learns_of_it(sending):
    with schema_context("public"):
        sending(kind="year_letter")
        assert len(refusals.check_sendings(at=NOON)) == 1
        assert not Message.objects.filter(kind=FAILURE_KIND).exists()


@pytest.mark.slow
def test_many_lost_messages_are_counted_by_a_fixed_number_of_queries(sending, manager, django_assert_num_queries):
    for n in range(4):
        sending(queued_at=TERM + datetime.timedelta(minutes=n))
    # A savepoint and its release, the count, the sendings, the journal and its sealing, who wants the letter (2), the
    # letters and their drain with savepoints.
    with django_assert_num_queries(15):
        assert len(refusals.check_sendings(at=NOON)) == 4
    with django_assert_num_queries(4):
        assert refusals.check_sendings(at=NOON) == []


def test_the_database_refuses_a_sending_twice(db):
    fields = {"schema": "c_nimes", "kind": "key", "queued_at": TERM, "handled": 20, "lost": 10, "found_at": TERM}
    FailedSending.objects.create(**fields)
    for changes in ({}, {"kind": "other", "lost": 21}, {"kind": "other", "lost": 0}):
        with pytest.raises(IntegrityError), transaction.atomic():
            FailedSending.objects.create(**fields | changes)


# --- The letter -------------------------------------------------------------------------------------------------------


def test_managers_read_how_many_why_and_where_to_correct_it(sending, manager, monkeypatch):
    MemberFactory(roles=[Role.BUYER])
    sending(waiting=3)
    refusals.check_sendings(at=NOON)
    assert [message.recipient for message in list_alerts()] == ["nadia@nimes.example"]
    letter = read(monkeypatch)
    subject, text = letter.subject.replace("\xa0", " "), letter.text.replace("\xa0", " ")
    assert subject == "37 des 129 e-mails envoyés ce matin n'ont pas été remis"
    assert "3 autres e-mails de cet envoi sont encore à partir." in text
    assert (
        "Voici pourquoi :\n"
        "– 30 e-mails : Cette adresse n'existe pas : corrigez-la et renvoyez le message.\n"
        "– 7 e-mails : La boîte du destinataire est pleine."
    ) in text
    assert "Corriger les adresses :\nhttp://nimes.peps.localhost/attributions/adresses/" in text
    assert "une seule fois pour cet envoi, parce que vous êtes gestionnaire du bureau de la Ville de Nîmes" in text
    # Not what a server said, with an address.
    assert "550" not in text
    assert "/mes-e-mails/arreter/" in letter.unsubscribe_url


def test_the_journal_says_it_and_not_to_whom(sending, manager):
    sending()
    refusals.check_sendings(at=NOON)
    entry = AuditEntry.objects.get(action="messages.sending_failed")
    assert "37 des 129 e-mails n'ont pas été remis." in entry.summary.replace("\xa0", " ")


@pytest.mark.parametrize(
    ("queued_at", "words"),
    [
        (TERM.replace(hour=14), "cet après-midi"),
        (TERM.replace(hour=19), "ce soir"),
        (TERM - datetime.timedelta(days=1), "le 23 novembre 2026"),
    ],
)
def test_the_letter_says_when_the_sending_left(sending, manager, monkeypatch, queued_at, words):
    sending(queued_at=queued_at)
    refusals.check_sendings(at=NOON)
    assert f"envoyés {words} n'ont" in read(monkeypatch, TERM.replace(hour=20)).subject.replace("\xa0", " ")


@pytest.mark.slow
def test_what_is_not_about_keys_leads_to_the_messages(sending, manager, monkeypatch):
    for message in sending(kind="office.weekly_letter"):
        Message.objects.filter(pk=message.pk).update(topic="weekly_letter")
    refusals.check_sendings(at=NOON)
    assert "Voir les messages :\nhttp://nimes.peps.localhost/messages/" in read(monkeypatch).text


def test_alerts_that_do_not_arrive_cause_no_alert(sending, manager):
    sending(kind=FAILURE_KIND)
    before = len(list_alerts())
    assert len(refusals.check_sendings(at=NOON)) == 1
    assert len(list_alerts()) == before
    assert not AuditEntry.objects.filter(action="messages.sending_failed").exists()


@pytest.mark.slow
def test_who_turned_it_off_or_left_gets_none(sending, manager, monkeypatch):
    choose_letters(member=manager, wanted={Letter.FAILURE: False}, at=TERM)
    sending()
    refusals.check_sendings(at=NOON)
    assert list_alerts() == []
    choose_letters(member=manager, wanted={Letter.FAILURE: True}, at=TERM)
    sending(queued_at=NOON)
    refusals.check_sendings(at=NOON)
    Member.objects.update(left_at=NOON)
    with pytest.raises(NoLongerDue):
        read(monkeypatch)


def test_an_allocation_of_many_schools_is_one_sending(nimes, manager):
    pool = orders.grant(collectivity=nimes, licences=100, reason="Essai", name="Lot A", by=None, at=TERM)
    schools = [SchoolFactory() for _ in range(12)]
    demands = [checks.Demand(school.uai, 2, f"{school.uai}@nimes.example") for school in schools]
    pools.allocate_many(pool_id=pool.pk, demands=demands, by=None, at=TERM)
    Message.objects.filter(kind="key").update(state=MessageState.BOUNCED, reason=UNKNOWN, reported_at=NOON)
    [found] = refusals.check_sendings(at=NOON)
    assert (found.queued_at, found.lost, found.handled) == (TERM, 12, 12)
