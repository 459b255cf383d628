"""What is sent: letters that say why they came and how to stop them, and nothing that is no longer due."""

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from collectivities.models import AuditEntry
from jobs.models import DueWork
from licensing.entitlements.models import ActivationKey, Entitlement
from licensing.orders import operations as orders
from licensing.pools import key_emails, reductions
from licensing.pools.models import Allocation
from licensing.reminders import operations
from licensing.reminders.models import Reminder
from licensing.reminders.operations import UnknownReminder
from licensing.reminders.tasks import plan_reminders, send_reminders
from mailing import kinds
from mailing.dispatch import drain
from mailing.mime import compose
from mailing.models import Message, MessageState
from schools import calendar
from schools.models import WrittenWeek
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, UserFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units, mark_redeemed
from tests.refusals import refuses
from tests.reminders.actions import give, hold, list_plan, moment, plan_at

FRIDAY = moment(2026, 12, 4)


@pytest.fixture
def clock(monkeypatch):
    """Set what `timezone.now` returns."""

    def set_to(at):
        monkeypatch.setattr(timezone, "now", lambda: at)

    return set_to


@pytest.fixture
def planned(pool, clock):
    """An allocation whose first reminder is planned for Friday."""
    allocation = give(pool)
    plan_at(TERM)
    clock(FRIDAY)
    return allocation


def render(message):
    return kinds.get(message.kind).render(message)


def get_reminder():
    return Message.objects.exclude(kind="key").get()


@pytest.mark.slow
def test_a_reminder_is_queued_once_and_leaves_its_trace(planned):
    assert (operations.run(at=FRIDAY), operations.run(at=FRIDAY)) == (1, 0)
    message, reminder = get_reminder(), Reminder.objects.get(sent_at__isnull=False)
    assert (message.kind, message.recipient, message.topic_id) == ("key_reminder", planned.recipient, planned.pk)
    assert (reminder.sent_at, reminder.planned_for) == (FRIDAY, FRIDAY.date())
    entry = AuditEntry.objects.get(action="reminders.sent")
    assert (entry.school_id, entry.object_id, entry.actor_id) == (planned.school_id, planned.pk, None)
    assert WrittenWeek.objects.get().school_id == planned.school_id
    # What follows is shown.
    assert [step for _, step, _ in list_plan()] == [25]


@pytest.mark.slow
def test_the_letter_says_why_it_came_and_how_to_stop_it(planned):
    operations.run(at=FRIDAY)
    message = get_reminder()
    rendered = render(message)
    assert (
        "Vous recevez cette relance automatique de la Ville de Nîmes parce que votre clé n'est pas activée"
        in rendered.text
    )
    assert rendered.unsubscribe_url in rendered.text
    assert rendered.unsubscribe_url in rendered.html
    mime = compose(message, rendered, at=FRIDAY).message()
    assert mime["List-Unsubscribe"] == f"<{rendered.unsubscribe_url}>"
    assert mime["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    # Whoever reads the office's copy stops nothing.
    assert "Ne plus recevoir" not in kinds.get(message.kind).preview(message).text


@pytest.mark.slow
def test_a_letter_that_somebody_asked_for_has_no_off_switch(planned):
    key_emails.remind(allocation_id=planned.pk, by=UserFactory(), at=FRIDAY)
    rendered = render(get_reminder())
    assert rendered.unsubscribe_url == ""
    assert "List-Unsubscribe" not in compose(get_reminder(), rendered, at=FRIDAY).message()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("units", "subject", "words"),
    [
        (1, "Votre licence Pep's n'est pas encore donnée à un enseignant", "La licence attend"),
        (3, "Aucune licence Pep's n'est encore donnée à un enseignant", "Les 3 licences attendent"),
    ],
)
def test_the_letter_about_licences_that_nobody_got(pool, clock, units, subject, words):
    subscription = mark_redeemed(give(pool, units=units), PrincipalFactory())
    wednesday = moment(2026, 12, 9)
    clock(wednesday)
    operations.run(at=wednesday)
    message = get_reminder()
    rendered = render(message)
    assert message.kind == "unused_reminder"
    assert rendered.subject.replace("\u00a0", " ") == subject
    assert words in rendered.text
    assert "aucune licence n'est donnée" in rendered.text
    assert rendered.unsubscribe_url in rendered.text
    assert kinds.get(message.kind).preview(message).subject == rendered.subject
    hold(subscription, 1)
    with pytest.raises(kinds.NoLongerDue):
        render(message)


@pytest.mark.slow
def test_the_letter_of_october_says_how_many_are_left(nimes, clock):
    at, october = moment(2026, 9, 8), moment(2026, 10, 8)
    clock(october)
    pool = orders.grant(collectivity=nimes, licences=9, reason="Essai", name="Lot A", by=None, at=at)
    subscription = mark_redeemed(give(pool, at=at, sent_at=at), PrincipalFactory())
    ActivationKey.objects.filter(subscription=subscription).update(redeemed_at=at)
    hold(subscription, 1)
    operations.run(at=october)
    rendered = render(get_reminder())
    assert rendered.subject.startswith("Rentrée : 2 licences Pep's à donner pour l")
    assert "Vous en avez donné 1 : il en reste 2 à donner" in rendered.text
    assert "La Ville de Nîmes a attribué 3 licences" in rendered.text.replace("\u00a0", " ")
    assert "c'est le moment de les donner aux enseignants" in rendered.text
    hold(subscription, 2)
    assert "c'est le moment de la donner à un enseignant" in render(get_reminder()).text
    assert "parce qu'une licence de l'école n'est pas donnée" in render(get_reminder()).text
    hold(subscription, 3)
    with pytest.raises(kinds.NoLongerDue):
        render(get_reminder())


@pytest.mark.parametrize("change", ["redeemed", "revoked", "suspended", "stopped", "written", "cancelled"])
def test_what_changed_since_the_plan_is_not_sent(planned, change):
    reminder = Reminder.objects.get()
    match change:
        case "redeemed":
            mark_redeemed(planned, PrincipalFactory())
        case "revoked":
            reductions.revoke(allocation_id=planned.pk, by=None, at=FRIDAY)
        case "suspended":
            Entitlement.objects.update(suspended_at=TERM, suspension_cause="operator")
        case "stopped":
            operations.stop(allocation_id=planned.pk, whole_school=False, at=FRIDAY)
        case "written":
            calendar.claim_weeks([planned.school_id], at=FRIDAY)
        case "cancelled":
            operations.cancel(reminder_id=reminder.pk, by=None, at=FRIDAY)
    assert operations.send_due(at=FRIDAY) == 0
    assert not Message.objects.filter(kind="key_reminder").exists()


@pytest.mark.slow
@pytest.mark.parametrize("late", [moment(2026, 12, 5), moment(2026, 12, 25)])
def test_a_letter_that_waited_into_a_day_without_school_is_dropped(planned, clock, late):
    operations.run(at=FRIDAY)
    clock(late)
    with pytest.raises(kinds.NoLongerDue, match="jour prévu"):
        render(get_reminder())


@pytest.mark.slow
def test_a_letter_of_a_pool_that_was_suspended_meanwhile_is_dropped_and_not_held(planned):
    operations.run(at=FRIDAY)
    Entitlement.objects.update(suspended_at=TERM, suspension_cause="operator")
    with pytest.raises(kinds.NoLongerDue, match="suspendu"):
        render(get_reminder())


@pytest.mark.slow
def test_a_letter_goes_through_the_outbox(planned, sink, clock):
    operations.run(at=FRIDAY)
    Message.objects.update(due_at=TERM)
    drain(clock=lambda: FRIDAY)
    (received,) = sink.received
    assert received.email["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert Message.objects.get(kind="key_reminder").state == MessageState.SENT


@pytest.mark.slow
def test_cancelling_is_recorded_once_and_the_next_step_is_planned(planned):
    agent, reminder = UserFactory(), Reminder.objects.get()
    for _ in range(2):
        operations.cancel(reminder_id=reminder.pk, by=agent, at=TERM)
    assert AuditEntry.objects.get(action="reminders.cancelled").actor_id == agent.pk
    assert [step for _, step, _ in list_plan()] == [25]


@pytest.mark.slow
def test_what_left_or_is_unknown_is_not_cancelled(planned):
    reminder = Reminder.objects.get()
    operations.run(at=FRIDAY)
    with refuses("reminder_already_sent"):
        operations.cancel(reminder_id=reminder.pk, by=None, at=FRIDAY)
    with pytest.raises(UnknownReminder):
        operations.cancel(reminder_id=10**12, by=None, at=FRIDAY)


@pytest.mark.slow
def test_all_of_a_pool_are_cancelled_at_once(planned, pool):
    give(pool)
    plan_at(TERM)
    assert operations.cancel_all(pool_id=pool.pk, by=None, at=TERM) == 2
    assert {step for _, step, _ in list_plan()} == {25}
    assert operations.cancel_all(pool_id=10**12, by=None, at=TERM) == 0


@pytest.mark.slow
def test_a_school_that_stops_and_resumes(planned, pool):
    operations.stop(allocation_id=planned.pk, whole_school=True, at=TERM)
    operations.stop(allocation_id=planned.pk, whole_school=True, at=TERM)
    assert list_plan() == []
    assert AuditEntry.objects.filter(action="reminders.stopped").count() == 1
    operations.resume(allocation_id=planned.pk, at=TERM)
    operations.resume(allocation_id=planned.pk, at=TERM)
    assert [step for _, step, _ in list_plan()] == [10]
    assert AuditEntry.objects.filter(action="reminders.resumed").count() == 1


@pytest.mark.slow
def test_an_allocation_has_its_reminders_planned_and_sent_by_due_work(pool, clock):
    allocate_units(pool, SchoolFactory())
    plan_work = DueWork.objects.get(kind="reminders.plan")
    assert (plan_work.schema, plan_work.due_at) == ("c_nimes", moment(2026, 11, 24, 11))
    clock(plan_work.due_at)
    plan_reminders()
    assert DueWork.objects.get(kind="reminders.send").due_at == moment(2026, 11, 25)
    DueWork.objects.all().delete()
    clock(moment(2026, 11, 25))
    send_reminders()
    assert DueWork.objects.get(kind="reminders.send").due_at == moment(2026, 11, 26)


@pytest.mark.parametrize("at", [FRIDAY, moment(2026, 12, 5), moment(2026, 12, 6)])
def test_no_look_is_planned_for_a_weekend(pool, at):
    give(pool)
    operations.run(at=at)
    assert DueWork.objects.get(kind="reminders.send").due_at == moment(2026, 12, 7)


def test_work_ends_with_the_licences(pool, clock):
    allocate_units(pool, SchoolFactory())
    DueWork.objects.all().delete()
    clock(moment(2027, 9, 1))
    send_reminders()
    assert not DueWork.objects.exists()


def test_the_database_refuses_a_step_twice_and_one_that_was_sent_and_cancelled(planned):
    reminder = Reminder.objects.get()
    fields = {"allocation": planned, "school_id": planned.school_id, "planned_for": FRIDAY.date()}
    for broken in (
        {"cause": "unredeemed", "step": 10},
        {"cause": "october", "step": 3},
        {"cause": "unused", "step": 0},
        {"cause": "unused", "step": 4, "sent_at": TERM, "cancelled_at": TERM},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Reminder.objects.create(**fields, **broken)
    assert reminder.allocation == Allocation.objects.get()
