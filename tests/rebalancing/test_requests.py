"""Schools that asked are given of a lot that is rebalanced: their requests are granted for an hour, then accepted."""

import datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from collectivities.models import AuditEntry
from jobs import due
from jobs.models import DueWork
from licensing.catalogue.models import Product
from licensing.entitlements import operations as entitlements
from licensing.entitlements.queries import unseal_key
from licensing.plans.rebalancing.models import UNDOABLE_FOR, LicenceMove
from licensing.plans.rebalancing.operations import ANSWER_REQUESTS, PlanOutdated
from licensing.pools import reductions
from licensing.pools.models import Allocation
from licensing.requests.school_requests import emails, operations
from licensing.requests.school_requests.models import LicenceRequest, LicenceRequestEnd, RequestState
from licensing.requests.school_requests.personal_data import withdraw_requests
from licensing.requests.school_requests.queries import count_waiting
from licensing.requests.school_requests.wording import describe_to_office, describe_to_school
from mailing import kinds
from mailing.models import Message
from schools.models import School, SchoolState
from tests.conftest import TERM
from tests.emails import list_emails, render_email
from tests.pools.actions import allocate_units, mark_sent
from tests.rebalancing.unbalanced_pool import LATER, UnbalancedPool
from tests.refusals import refuses
from tests.requests.asking_school import AskingSchool, accept, read, refuse
from tests.sites.audit.violations import list_all_violations
from tests.waiting_jobs import list_waiting_jobs
from webhooks import endpoints
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.slow

OVER = LATER + UNDOABLE_FOR
MINUTE = datetime.timedelta(minutes=1)
SOON = OVER - datetime.timedelta(seconds=1)


@pytest.fixture
def lot(nimes):
    return UnbalancedPool(nimes)


def give(lot, request, units=3, taken=3, **more):
    """Give units to the school that asked, and take as many of Zola."""
    return lot.rebalance({lot.zola.pk: taken}, {request.school_id: units}, **more)


def plain(text):
    return text.replace("\xa0", " ")


def show(row):
    return row.need.asked, row.need.proposed, row.need.units, plain(row.need.reason)


def list_letters(*, of):
    """Return the queued e-mails about the allocation of the school that asked."""
    allocation = Allocation.objects.get(school=of.school_id)
    return list(Message.objects.filter(topic="allocation", topic_id=allocation.pk, state="queued").order_by("pk"))


def render(message):
    return plain(kinds.get(message.kind).render(message).text)


def test_a_school_that_asked_comes_first_with_what_it_asks_and_why(lot):
    request = lot.ask()
    asked, full = lot.propose().needs
    assert (asked.need.uai, asked.need.request_id, full.need.uai) == (
        request.school_id,
        request.pk,
        lot.jaures.school.pk,
    )
    assert show(asked) == (3, 3, 0, "a demandé 3 licences : « Deux classes de CE2 ouvrent. »")
    assert asked.need.recipient == request.school.email


@pytest.mark.parametrize(("letters", "shown"), [(140, "a" * 140), (141, f"{'a' * 139}…")])
def test_a_long_reason_is_cut(lot, letters, shown):
    lot.ask(reason="a" * letters)
    assert plain(lot.propose().needs[0].need.reason) == f"a demandé 3 licences : « {shown} »"


@pytest.mark.small
def test_a_school_that_asked_and_ran_out_is_one_row(lot):
    lot.ask(4, of=lot.jaures)
    [row] = lot.propose().needs
    reason = "a demandé 4 licences : « Deux classes de CE2 ouvrent. » ; ses 2 licences sont utilisées"
    assert show(row) == (4, 4, 2, reason)
    assert row.need.recipient == lot.jaures.allocation.recipient


def test_what_a_school_that_asks_does_not_use_is_written_and_not_asked_back(lot):
    lot.ask(of=lot.curie)
    plan = lot.propose()
    assert plain(plan.needs[0].need.reason).endswith("; 4 des siennes n'ont pas d'enseignant")
    assert not plan.demands


def test_nothing_is_taken_of_a_school_that_asks(lot):
    request = ask_with_a_key(lot)
    plan = lot.propose()
    assert [one.allocation.pk for one in plan.sources] == [lot.zola.pk]
    assert plan.needs[0].need.reason.endswith("; sa clé n'est pas activée")
    allocation = Allocation.objects.get(school=request.school_id)
    with refuses("plan_refused"):
        lot.rebalance({allocation.pk: 1}, {request.school_id: 1})


def ask_with_a_key(lot, units=2, **fields):
    """Return the request of a school that has a key of the lot, for a licence, and has not redeemed it."""
    type(lot.pool).objects.update(capacity=17)
    asking = AskingSchool()
    allocate_units(lot.pool, asking.school, units=1, **fields)
    return asking.ask(units=units)


@pytest.mark.parametrize("change", ["school_year", "product", "collectivity", "closed"])
def test_a_request_that_the_lot_cannot_answer_is_no_need(change, lot, gard):
    request = lot.ask()
    other: dict[str, Any] = {"school_year": 2028} if change == "school_year" else {}
    if change == "product":
        other = {"product": Product.objects.create(code="autre", name="Autre")}
    elif change == "collectivity":
        other = {"collectivity": gard.pk}
    elif change == "closed":
        School.objects.filter(pk=request.school_id).update(state=SchoolState.CLOSED, closed_at=TERM)
    if other:
        LicenceRequest.objects.filter(pk=request.pk).update(**other)
    assert [one.need.uai for one in lot.propose().needs] == [lot.jaures.school.pk]


def test_the_plan_says_whose_requests_it_answers(lot):
    first, second = lot.ask(), lot.ask(of=lot.jaures)
    plan = lot.plan({lot.zola.pk: 4}, {first.school_id: 1, second.school_id: 3})
    lines = [plain(line) for line in plan.describe()]
    assert "1 école : 3 licences de plus, sous la même clé." in lines
    assert "1 école : 1 licence, sous une nouvelle clé." in lines
    assert lines[-1] == "2 demandes sont accordées, et seront acceptées dans une heure, dont 1 pour moins que demandé."


def test_for_an_hour_the_request_is_granted_and_nobody_else_answers_it(lot, nimes):
    request = lot.ask(of=lot.jaures)
    made = give(lot, request, units=2, taken=2)
    stored = read(request)
    assert (stored.state, stored.accepted_units, stored.granted_until) == (RequestState.GRANTED, 2, OVER)
    assert stored.key_id == lot.jaures.allocation.key_id
    assert made.moves.get(request=request).change == 2
    assert count_waiting(nimes) == (0, 0)
    assert not lot.propose().needs
    for answer in (lambda: accept(lot.pool, request), lambda: refuse(request)):
        with refuses("request_answered", match="rééquilibrage"):
            answer()
    with refuses("request_answered", match="dans l'heure"):
        operations.withdraw_request(request_id=request.pk, by=lot.jaures.principal, at=SOON)
    assert operations.expire_requests(at=TERM.replace(year=2027)) == 0
    assert not list_all_violations()


def test_school_and_office_read_until_when_it_can_be_undone(lot):
    request = lot.ask(of=lot.jaures)
    give(lot, request, units=2, taken=2)
    until = OVER.astimezone()
    hour = f"{until.hour} h {until:%M}"
    assert plain(describe_to_school(read(request))).endswith(
        f": 2 licences accordées. La collectivité peut encore annuler jusqu'à {hour}."
    )
    assert plain(describe_to_office(read(request))).endswith(
        f": 2 licences accordées par un rééquilibrage, que vous pouvez annuler jusqu'à {hour}."
    )


def test_when_the_hour_is_over_the_request_is_accepted_once(lot, nimes):
    endpoints.add(url="https://si.exemple.fr/", types=[], by_id=None, at=TERM)
    request = lot.ask()
    give(lot, request, units=2, taken=2)
    assert lot.answer(SOON) == 0
    assert (lot.answer(), lot.answer()) == (1, 0)
    stored, allocation = read(request), Allocation.objects.get(school=request.school_id)
    assert (stored.outcome, stored.accepted_units, stored.key_id) == ("accepted", 2, allocation.key_id)
    assert (stored.ended_at, stored.granted_until) == (OVER, None)
    entry = AuditEntry.objects.get(action="requests.accepted")
    assert (entry.object_id, "2 sur 3 licences demandées" in plain(entry.summary)) == (request.pk, True)
    event = WebhookEvent.objects.get(type="request.accepted")
    assert (event.data["accepted"], event.data["allocation"]) == (2, allocation.pk)
    assert not list_all_violations()


def test_the_answer_is_due_work_that_schedules_what_follows(lot, nimes):
    first, second = lot.ask(), lot.ask(of=lot.jaures)
    give(lot, first)
    later = LATER + datetime.timedelta(minutes=20)
    give(lot, second, at=later)
    assert DueWork.objects.get(kind=ANSWER_REQUESTS).due_at == OVER
    assert due.queue_due_work(at=OVER, kinds=[ANSWER_REQUESTS]) == [(ANSWER_REQUESTS, nimes.schema_name)]
    assert len(list_waiting_jobs(ANSWER_REQUESTS, schema=nimes.schema_name)) == 1
    assert lot.answer() == 1
    assert DueWork.objects.get(kind=ANSWER_REQUESTS).due_at == later + UNDOABLE_FOR
    assert (read(first).outcome, read(second).outcome) == ("accepted", "")


def test_a_plan_that_answers_nobody_has_nothing_due(lot):
    lot.rebalance()
    assert not DueWork.objects.filter(kind=ANSWER_REQUESTS).exists()
    assert not lot.answer()


def test_who_did_not_ask_reads_why_licences_come(lot):
    lot.rebalance()
    [letter] = Message.objects.filter(topic="allocation", topic_id=lot.jaures.allocation.pk, state="queued")
    text = " ".join(render(letter).split())
    assert "attribue 3 licences Pep's de plus" in text
    why = "Vous n'aviez plus de licence à donner : la Ville de Nîmes répartit celles qui ne servaient pas ailleurs."
    assert f"vous n'avez aucune clé à saisir. {why}" in text


def test_who_redeemed_gets_one_letter_that_says_both(lot):
    request = lot.ask(4, of=lot.jaures)
    Allocation.objects.filter(pk=lot.jaures.allocation.pk).update(recipient=lot.jaures.principal.email)
    give(lot, request, units=2, taken=2)
    [letter] = list_letters(of=request)
    assert (letter.recipient, letter.due_at) == (lot.jaures.principal.email, OVER)
    text = render(letter)
    assert "2 licences Pep's de plus" in text
    assert "Vous aviez demandé 4 licences : c'est ce que nous pouvons donner à votre école." in text
    assert "ne servaient pas ailleurs" not in text
    lot.answer()
    assert not list_emails(emails.ACCEPTED)


def test_who_asked_from_another_address_has_the_answer_there(lot):
    request = lot.ask()
    give(lot, request)
    [letter] = list_letters(of=request)
    assert "Vous aviez demandé 3 licences : c'est la réponse à votre demande." in render(letter)
    assert not list_emails(emails.ACCEPTED)
    lot.answer()
    [answer] = list_emails(emails.ACCEPTED)
    assert (answer.recipient, answer.created_at) == (request.asked_by.email, OVER)
    assert "vous donne 3 licences" in plain(render_email(answer).text)


def test_an_undo_leaves_the_request_as_it_was(lot):
    request = lot.ask()
    made = give(lot, request)
    lot.undo(made, SOON)
    stored = read(request)
    assert (stored.is_waiting, stored.accepted_units, stored.key_id) == (True, None, None)
    assert not LicenceMove.objects.filter(request__isnull=False).exists()
    assert lot.units() == (0, 10, 2, 4)
    assert Allocation.objects.get(school=request.school_id).revoked_at == SOON
    assert not lot.answer()
    assert not list_letters(of=request)
    assert not list_all_violations()
    # It is granted anew, by a plan that is not undone.
    give(lot, request, at=SOON)
    assert lot.answer(SOON + UNDOABLE_FOR) == 1
    assert not list_all_violations()


def test_an_undo_that_comes_after_the_answer_is_refused(lot):
    request = lot.ask()
    made = give(lot, request)
    lot.answer()
    with refuses("rebalancing_not_undoable", match="réponse à leur demande"):
        lot.undo(made, SOON)
    assert Allocation.objects.active().filter(school=request.school_id).exists()


def test_a_new_key_that_was_redeemed_within_the_hour_stays(lot):
    request = lot.ask()
    made = give(lot, request)
    key = Allocation.objects.get(school=request.school_id).key
    entitlements.redeem(code=unseal_key(key), by=request.asked_by, at=SOON)
    with refuses("rebalancing_not_undoable", match="activé sa nouvelle clé"):
        lot.undo(made, SOON)
    assert read(request).granted_until == OVER
    assert not list_all_violations()


def test_an_undo_gives_back_to_who_gave_all_back_and_asked_again(lot):
    lot.curie.give_back(4)
    request = lot.ask(of=lot.curie)
    made = give(lot, request, taken=0)
    assert lot.units() == (1, 10, 2, 3)
    lot.undo(made, SOON)
    assert lot.units() == (4, 10, 2, 0)
    assert read(request).is_waiting
    assert not list_all_violations()


def test_an_undo_lets_the_letter_of_a_key_leave_that_the_plan_had_stopped(lot):
    day = (LATER + datetime.timedelta(days=5)).date()
    request = ask_with_a_key(lot, send_on=day)
    for moment in (LATER, LATER + 5 * MINUTE):
        made = give(lot, request, units=2, taken=2, at=moment)
        [letter] = list_letters(of=request)
        assert letter.due_at == moment + UNDOABLE_FOR
        lot.undo(made, moment + MINUTE)
        [letter] = list_letters(of=request)
        assert (letter.due_at.date(), letter.context) == (day, {})
    mark_sent()
    lot.undo(give(lot, request, units=2, taken=2, at=SOON), SOON + MINUTE)
    assert not list_letters(of=request)


def test_a_request_withdrawn_with_its_account_is_not_answered(lot):
    request = lot.ask()
    made = give(lot, request)
    withdraw_requests(request.asked_by, at=SOON)
    stored = read(request)
    assert (stored.outcome, stored.granted_until, stored.key_id) == (LicenceRequestEnd.WITHDRAWN, None, None)
    assert not lot.answer()
    assert not list_all_violations()
    lot.undo(made, SOON)
    assert read(request).outcome == LicenceRequestEnd.WITHDRAWN
    assert not list_all_violations()


@pytest.mark.parametrize("change", ["withdrawn", "answered", "asked"])
def test_what_was_asked_or_answered_since_it_was_shown_is_shown_again(change, lot):
    request = lot.ask(of=lot.jaures) if change != "asked" else None
    shown = lot.plan({lot.zola.pk: 3}, {lot.jaures.school.pk: 3}).fingerprint
    if change == "withdrawn":
        operations.withdraw_request(request_id=request.pk, by=lot.jaures.principal, at=LATER)
    elif change == "answered":
        refuse(request, at=LATER)
    else:
        lot.ask(of=lot.jaures)
    with pytest.raises(PlanOutdated):
        lot.rebalance(expected=shown)
    assert lot.units() == (0, 10, 2, 4)


def test_a_school_given_nothing_waits_on(lot):
    request = lot.ask()
    lot.rebalance()
    assert read(request).is_waiting


@pytest.mark.parametrize(
    "breach",
    [
        "UPDATE rebalancing_licencemove SET request_id = NULL",
        "UPDATE rebalancing_rebalancing SET undone_at = applied_at",
        "UPDATE public.requests_licencerequest SET accepted_units = accepted_units + 1",
        "UPDATE public.requests_licencerequest SET granted_until = NULL, accepted_units = NULL, key_id = NULL",
        "DELETE FROM public.jobs_duework",
    ],
)
def test_the_audit_finds_what_was_broken_all_the_same(breach, lot):
    give(lot, lot.ask())
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(breach)
    assert "rebalanced_requests" in list_all_violations()


@pytest.mark.parametrize("change", [{"outcome": "accepted", "ended_at": OVER}, {"key": None}, {"accepted_units": 0}])
def test_the_database_refuses_another_answer_to_what_is_granted(change, lot):
    request = lot.ask()
    give(lot, request)
    with pytest.raises(IntegrityError), transaction.atomic():
        LicenceRequest.objects.filter(pk=request.pk).update(**change)


def test_the_database_lets_one_move_answer_a_request(lot):
    request = lot.ask()
    made = give(lot, request)
    with pytest.raises(IntegrityError), transaction.atomic():
        made.moves.filter(request=None).update(request=request)


def test_the_same_licences_taken_by_hand_within_the_hour_keep_the_answer(lot):
    request = lot.ask()
    give(lot, request)
    allocation = Allocation.objects.get(school=request.school_id)
    reductions.reduce_one(allocation_id=allocation.pk, units=1, by=None, at=SOON)
    assert lot.answer() == 1
    assert read(request).accepted_units == 3
    assert not list_all_violations()


def test_a_plan_takes_as_many_queries_whoever_asks(lot, django_assert_num_queries):
    for count in (1, 4):
        for _ in range(count):
            lot.ask()
        lot.propose()  # in the office's schema again
        with django_assert_num_queries(14):
            lot.propose()
