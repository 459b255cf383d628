"""`manage.py audit` detects each broken invariant, and nothing in sound data."""

import base64
import datetime
import json
import re
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from django_tenants.utils import schema_context

from bounces.models import FailedSending
from collectivities.models import SEALED_AUDIT_LOG, MemberLetter
from config.settings import ROOT
from licensing.classes.models import PupilAccount, PupilHandover
from licensing.entitlements import code_sealing, seat_holders
from licensing.entitlements import notifications as seat_notifications
from licensing.entitlements.models import ActivationKey, Seat, SeatMode
from licensing.orders import operations as orders
from licensing.pools.tasks import note_key_event
from licensing.reminders.models import Reminder
from licensing.requests.invitations.models import TeacherInvitation
from mailing import operations as mailing
from schools import calendar
from sites.audit import invariants
from sites.audit.checks import OFFICE_INVARIANTS, PUBLIC_INVARIANTS, check_all, list_rules
from tests.api.client import create_token
from tests.conftest import TERM
from tests.database_roles import execute_as_administrator
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.classes import ClassroomFactory, PupilFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.schools import SchoolFactory
from tests.key_states import copy_everywhere
from tests.pools.actions import allocate_units, mark_redeemed

pytestmark = pytest.mark.slow


@pytest.fixture
def sound(nimes):
    """A pool of ten: three issued, two redeemed of which one is held and one reserved, the rest free."""
    pool = orders.grant(collectivity=nimes, licences=10, reason="Essai", by=None, at=TERM)
    allocate_units(pool, SchoolFactory(), units=3, by=PrincipalFactory())
    redeemed = allocate_units(pool, SchoolFactory(), units=2)
    subscription = mark_redeemed(redeemed, PrincipalFactory())
    note_key_event(
        key_id=redeemed.key_id, event="redeemed", at=subscription.key.redeemed_at.isoformat(), held=0, size=2
    )
    seat = subscription.seats.order_by("number").first()
    holder = TeacherFactory()
    seat_holders.assign_seats([seat], [holder], SeatMode.MANUAL, by=holder, at=TERM, message="")
    seat_notifications.notify_principals_of_claim(seat, TERM)
    reserve_seat(subscription)
    copy_everywhere()
    classroom = ClassroomFactory(seat=seat, second_teacher=TeacherFactory(), second_invited_by=holder)
    PupilFactory.create_batch(2, classroom=classroom)
    hand_over_pupil(classroom, by=holder)
    create_token()
    calendar.claim_weeks([redeemed.school_id], at=TERM)
    fields = {"allocation": redeemed, "school_id": redeemed.school_id, "planned_for": TERM.date()}
    for step, sent_at in ((10, TERM), (25, None)):
        Reminder.objects.create(cause="unredeemed", step=step, sent_at=sent_at, **fields)
    write_letters()
    SEALED_AUDIT_LOG.seal_new_entries(at=TERM)
    return pool


def write_letters():
    """A weekly letter, and the alert of a sending that fails, to one manager."""
    manager = MemberFactory()
    letter = MemberLetter.objects.create(
        member=manager, letter="weekly", period=datetime.date(2026, 11, 23), queued_at=TERM
    )
    sending = FailedSending.objects.create(
        schema="c_nimes", kind="key", queued_at=TERM, handled=50, lost=10, found_at=TERM
    )
    for kind, topic, number in (
        ("office.weekly_letter", "weekly_letter", letter.pk),
        ("office.failed_sending", "failed_sending", sending.pk),
    ):
        mailing.enqueue(
            kind=kind, recipient=manager.user.email, at=TERM, topic=topic, topic_id=number,
            context={"user": manager.user_id},
        )  # fmt: skip


def hand_over_pupil(classroom, *, by):
    """Hand a pupil of the class over, as `prepare_handover` does."""
    code, under = code_sealing.seal("7K3MQ9TX")
    handover = PupilHandover.objects.create(
        classroom=classroom, by=by, sealed_code=code, sealed_under=under, created_at=TERM,
        expires_at=timezone.now() + datetime.timedelta(days=14),
    )  # fmt: skip
    PupilAccount.objects.filter(pk=classroom.pupils.first().pk).update(handover=handover)


def reserve_seat(subscription):
    """Reserve the free seat for an invited teacher, as `invite_teachers` does; recall another invitation."""
    fields = {
        "subscription": subscription, "email": "lea@exemple.example", "invited_by": subscription.principal,
        "created_at": TERM, "expires_at": timezone.now() + datetime.timedelta(days=30),
    }  # fmt: skip
    TeacherInvitation.objects.create(token_hash="1", ended_at=TERM, outcome="recalled", **fields)
    seat = subscription.seats.free().get()
    TeacherInvitation.objects.create(token_hash="2", seat=seat, **fields)
    Seat.objects.filter(pk=seat.pk).update(reserved_at=TERM)


def audit(capsys):
    """Return the exit status and the codes of the broken invariants."""
    status: Any = 0
    try:
        call_command("audit", "--json")
    except SystemExit as end:
        status = end.code
    report = json.loads(capsys.readouterr().out)
    return status, {found["code"] for found in report["invariants"] if found["broken"]}


def test_no_invariant_is_broken_in_sound_data(sound, capsys):
    assert audit(capsys) == (0, set())


def test_each_invariant_is_printed(sound, capsys):
    call_command("audit")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(list(list_rules()))
    assert all(line.startswith("OK") for line in lines)


BREACHES = {
    # First drop the constraints that would refuse it.
    "pupils": "ALTER TABLE public.classes_pupilaccount DROP CONSTRAINT pupil_number_within_class;"
    "UPDATE public.classes_pupilaccount SET number = 31 "
    "WHERE number = (SELECT max(number) FROM public.classes_pupilaccount)",
    "class_a_seat": "UPDATE public.classes_classroom SET seat_id = 987654321",
    "second_teacher": "ALTER TABLE public.classes_classroom DROP CONSTRAINT class_second_says_by_whom;"
    "UPDATE public.classes_classroom SET second_invited_by_id = NULL",
    "carried_classes": "UPDATE public.classes_classroom SET carried_at = opened_at - interval '1 hour'",
    "pupil_logins": "UPDATE public.classes_pupilaccount SET code = 'harpe-0000'",
    "handed_over_pupils": "UPDATE public.classes_pupilhandover SET expires_at = now() - interval '2 days'",
    # In a class of the school whose key was not redeemed.
    "received_pupils": "WITH opened AS (INSERT INTO public.entitlements_subscription"
    " (key_id, principal_id, school_id, size, opened_at) SELECT id, (SELECT max(id) FROM public.accounts_user),"
    " school_id, 1, now() FROM public.entitlements_activationkey WHERE units = 3 RETURNING id), taken AS ("
    "INSERT INTO public.entitlements_seat (subscription_id, number, mode) SELECT id, 1, '' FROM opened RETURNING id),"
    " joined AS (INSERT INTO public.classes_classroom (seat_id, code, name, opened_at)"
    " SELECT id, 'harpe-1234', 'CE2', now() FROM taken RETURNING id)"
    "UPDATE public.classes_pupilhandover SET ended_at = now(), outcome = 'accepted', sealed_code = NULL,"
    " sealed_under = NULL, received = 1, received_by_id = by_id, received_in_id = joined.id FROM joined",
    "redeemed_once": "UPDATE public.entitlements_activationkey SET redeemed_at = now(), redeemed_by_id = "
    "(SELECT max(id) FROM public.accounts_user) WHERE redeemed_at IS NULL",
    "redemptions_noted": "DELETE FROM collectivities_auditentry",
    "seats": "DELETE FROM public.entitlements_seat WHERE holder_id IS NULL",
    "seat_movements": "UPDATE public.entitlements_seatevent SET kind = 'withdrawn'",
    "units": "UPDATE public.entitlements_activationkey SET units = units + 1 WHERE redeemed_at IS NOT NULL",
    "reserved_seats": "UPDATE public.entitlements_seat SET reserved_at = NULL",
    "ended_invitations": "ALTER TABLE public.invitations_teacherinvitation"
    " DROP CONSTRAINT teacher_invitation_reserves_until_it_ends;"
    "UPDATE public.invitations_teacherinvitation SET outcome = ''",
    "erased_accounts": "UPDATE public.accounts_user SET erased_at = now(), is_active = false, first_name = '', "
    "last_name = '', email = '', phone = '', last_login = NULL "
    "WHERE id = (SELECT max(holder_id) FROM public.entitlements_seat)",
    "keys_schools": "UPDATE public.entitlements_activationkey SET school_id = '0000000Z' WHERE units = 3",
    "order_lines": "UPDATE public.orders_orderline SET quantity = 4",
    "provenance": "UPDATE public.entitlements_entitlement SET last_day = last_day + 1",
    "held_emails": "UPDATE mailing_message SET state = 'held'",
    "bounced_emails": "ALTER TABLE mailing_message DROP CONSTRAINT message_bounced_says_why_and_when;"
    "UPDATE mailing_message SET state = 'bounced'",
    "refused_addresses": "UPDATE mailing_message SET state = 'held', refusal = 'waiting', reason = 'Refusée.'",
    "revocation_notices": "UPDATE mailing_message SET kind = 'key_revoked'",
    "allocated": "UPDATE pools_pool SET allocated = allocated - 1",
    "allocation_and_key": "UPDATE pools_allocation SET revoked_at = now() WHERE units = 3",
    "keys_are_allocated": "UPDATE pools_allocation SET key_id = 0 WHERE units = 3",
    "capacity": "UPDATE pools_pool SET capacity = capacity + 1",
    "imports_applied_once": "UPDATE pools_allocation SET import_id = 1234567",
    "references": "UPDATE collectivities_auditentry SET actor_id = 987654321",
    "tokens_accounts": "UPDATE api_token SET account_id = (SELECT max(holder_id) FROM public.entitlements_seat)",
    "reminder_weeks": "DELETE FROM public.schools_writtenweek",
    "reminders_of_revoked": "UPDATE pools_allocation SET revoked_at = now() WHERE units = 3;"
    "UPDATE mailing_message SET kind = 'key_reminder'",
    "reminder_stops": "INSERT INTO reminders_reminderstop (school_id, at)"
    " SELECT school_id, now() FROM reminders_reminder WHERE sent_at IS NULL",
    "member_letters": "UPDATE mailing_message SET topic = 'weekly_letter'",
    "taken_licences": "INSERT INTO public.mailing_message (kind, recipient, topic, topic_id, about, context, state,"
    " created_at, due_at, attempts, priority, unanswered, message_id, reason, refusal)"
    " SELECT kind, recipient, topic, topic_id, about, context, state, created_at + interval '20 minutes', due_at,"
    " attempts, priority, unanswered, message_id, reason, refusal FROM public.mailing_message"
    " WHERE kind = 'seat.taken'",
    "failed_sendings": "UPDATE public.bounces_failedsending SET handled = 51",
    "due_work": "DELETE FROM public.jobs_duework; INSERT INTO collectivities_auditentry (at, actor_name,"
    " actor_username, action, summary, school_id, object_type) VALUES (now(), '', '', 'office.opened', '', '', '')",
    "named_schools": "UPDATE public.entitlements_subscription SET school_id = '0000000Z'",
    "retention": "UPDATE mailing_message SET state = 'cancelled', created_at = '2020-01-01'",
    "readable": "UPDATE pools_pool SET opened_at = '10000-01-01 00:00+00'",
    "position": "UPDATE pools_pool SET allocated = allocated - 1",
    "journals": "UPDATE collectivities_auditentry SET summary = 'Autre chose'",
    "roles": "GRANT TRUNCATE ON public.schools_school TO peps_application",
    "codes": "UPDATE public.entitlements_activationkey SET sealed_under = 99",
}


@pytest.mark.parametrize("code", BREACHES)
def test_each_broken_invariant_is_detected(sound, code, capsys):
    with connection.cursor() as cursor:
        # Bypass the ORM and the deferred checks.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute_as_administrator(BREACHES[code])
    status, broken = audit(capsys)
    assert status == 1
    assert code in broken


@pytest.mark.parametrize(
    "breach",
    [
        "UPDATE pools_allocation SET pool_id = 0 WHERE units = 3",
        "UPDATE pools_allocation SET school_id = '0000000Z' WHERE units = 3",
    ],
)
def test_broken_references_without_a_foreign_key_are_detected(sound, breach, capsys):
    with connection.cursor() as cursor:
        cursor.execute(breach)
    status, broken = audit(capsys)
    assert status == 1
    assert "references" in broken


@pytest.mark.parametrize(
    ("breach", "code"),
    [
        (
            "UPDATE public.invitations_teacherinvitation SET expires_at = now() - interval '25 hours'",
            "ended_invitations",
        ),
        ("UPDATE public.classes_classroom SET purged_at = now()", "pupils"),
        (
            "UPDATE public.entitlements_seatevent SET teacher_id = (SELECT min(id) FROM public.accounts_user)",
            "seat_movements",
        ),
        ("UPDATE public.entitlements_entitlement SET number = number + 1", "provenance"),
        ("UPDATE public.entitlements_entitlement SET bought_on = bought_on - 1", "provenance"),
        ("UPDATE public.entitlements_entitlement SET reason = 'Autre'", "provenance"),
        ("UPDATE public.entitlements_entitlement SET kind = 'purchase'", "provenance"),
        (
            "UPDATE public.classes_classroom SET second_invited_by_id = (SELECT min(id) FROM public.accounts_user)",
            "second_teacher",
        ),
    ],
)
def test_a_single_broken_invariant_is_named(sound, breach, code, capsys):
    with connection.cursor() as cursor:
        cursor.execute(breach)
    assert audit(capsys) == (1, {code})


@pytest.mark.parametrize(
    ("breach", "named"),
    [
        ("UPDATE reminders_reminder SET planned_for = 'infinity'", "reminders_reminder n°"),
        ("UPDATE mailing_message SET due_at = '9999-12-31 23:30+00'", "mailing_message n°"),
        ("UPDATE public.schools_school SET latitude = 'NaN'", "portail : schools_school n°"),
        (
            "UPDATE public.entitlements_activationkey SET issued_at = '0044-03-15 12:00+00 BC'",
            "entitlements_activationkey",
        ),
    ],
)
def test_a_value_that_python_cannot_read_is_named(sound, breach, named):
    execute_as_administrator(breach)
    with schema_context("public"):
        [finding] = [one for one in check_all() if one.code == "readable"]
    assert finding.broken
    assert all(named in sentence for sentence in finding.examples)


def test_the_other_rules_are_checked_beside_a_value_that_python_cannot_read(sound, capsys):
    for table in ("collectivities_auditentry", "public.accounts_accountevent"):
        execute_as_administrator(f"UPDATE {table} SET at = '10000-01-01 00:00+00'")  # noqa: S608 - two tables of ours
    execute_as_administrator(BREACHES["failed_sendings"])
    _, broken = audit(capsys)
    assert {"readable", "schemas", "failed_sendings"} <= broken


def test_the_same_code_under_two_sealing_keys_is_found(sound, capsys, settings):
    one, other = ActivationKey.objects.order_by("pk")
    code = code_sealing.unseal(one.sealed_code, one.sealed_under)
    newer = base64.b64encode(bytes(range(64))).decode()
    settings.SEALING_KEYS = [f"7:{newer}", *settings.SEALING_KEYS]
    again = code_sealing.seal(code)
    ActivationKey.objects.filter(pk=other.pk).update(sealed_code=again.code, sealed_under=again.under)
    assert audit(capsys) == (1, {"codes"})


@pytest.mark.small
def test_no_rule_asks_a_clock_of_its_own():
    """A simulated year is audited as of its own days (docs/decisions/0181)."""
    clocks = re.compile(
        r"\bnow\(\)|\bcurrent_(date|time|timestamp)\b|\b(clock|statement|transaction)_timestamp\b", re.IGNORECASE
    )
    assert [one.code for one in (*PUBLIC_INVARIANTS, *OFFICE_INVARIANTS) if clocks.search(one.sql)] == []


@pytest.mark.small
def test_each_audited_rule_is_written_down_under_its_number():
    text = (ROOT / "docs" / "invariants.md").read_text()
    written = {int(number) for number in re.findall(r"^(\d+)\. ", text, re.MULTILINE)}
    audited = {int(rule.partition(".")[0]) for _, rule in list_rules()}
    assert audited == written


@pytest.mark.small
@pytest.mark.parametrize(
    "head",
    [
        "paid 12. Payée",
        "paid (nowhere) 12. Payée",
        "paid (public) Payée",
        "paid (public) 12. Payée\n--- sold (public) 13. Vendue",
        "paid (office) 12. Payée\n--- reads: sale\n--- sold (office) 13. Vendue",
    ],
)
def test_a_head_that_is_not_of_one_rule_is_refused(head, tmp_path, monkeypatch):
    monkeypatch.setattr(invariants, "FOLDER", tmp_path)
    (tmp_path / "sales.sql").write_text(f"--- {head}\nSELECT 'x'\n")
    with pytest.raises(ValueError, match="heads no rule"):
        invariants.read_invariants("sales")


@pytest.mark.small
@pytest.mark.parametrize("below", ["", "\n--- sold (public) 13. Vendue\nSELECT 'x'\n"])
def test_a_rule_without_a_query_is_refused(below, tmp_path, monkeypatch):
    monkeypatch.setattr(invariants, "FOLDER", tmp_path)
    (tmp_path / "sales.sql").write_text(f"--- paid (public) 12. Payée\n{below}")
    with pytest.raises(ValueError, match="heads no rule"):
        invariants.read_invariants("sales")


@pytest.mark.small
@pytest.mark.parametrize("query", ["SELECT 'x'", "SELECT 'x'\nWHERE true"])
def test_the_last_line_of_a_file_may_end_without_a_newline(query, tmp_path, monkeypatch):
    monkeypatch.setattr(invariants, "FOLDER", tmp_path)
    (tmp_path / "sales.sql").write_text(f"--- paid (public) 12. Payée\n{query}")
    assert [rule.sql for rule in invariants.read_invariants("sales")] == [query]
