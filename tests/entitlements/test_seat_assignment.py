"""Assigning seats in bulk, replacing a teacher, provisional rights, a teacher who moves."""

import datetime

import pytest
from django_tenants.utils import schema_context
from procrastinate.contrib.django.models import ProcrastinateJob

from licensing.entitlements import operations
from licensing.entitlements.models import Seat, SeatEvent, SeatMode, Subscription
from mailing.kinds import NoLongerDue
from mailing.models import Message
from tests.conftest import TERM
from tests.emails import render_only_email
from tests.entitlements.school_scenario import seat_counter
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.refusals import refuses

LATER = TERM + datetime.timedelta(hours=1)
LAST_PROVISIONAL = datetime.date(2026, 12, 31)


def assign_seats(jaures, subscription, teachers, **kwargs):
    return operations.assign_many(
        subscription_id=subscription.pk,
        teacher_ids=[teacher.pk for teacher in teachers],
        **{"by": jaures.principal, "at": TERM, **kwargs},
    )


def assert_refused(code, action, /, *args, **kwargs):
    before = list(Seat.objects.order_by("pk").values()), SeatEvent.objects.count(), list_recipients()
    with refuses(code) as refusal:
        action(*args, **kwargs)
    assert before == (list(Seat.objects.order_by("pk").values()), SeatEvent.objects.count(), list_recipients())
    return refusal.value


def list_recipients(kind=None):
    with schema_context("public"):
        found = Message.objects.filter(kind=kind) if kind else Message.objects.all()
        return sorted(found.values_list("recipient", flat=True))


# --- In bulk --------------------------------------------------------------------------------------------------------


def test_selected_teachers_get_seats_together_and_an_email_each(jaures):
    _, subscription = jaures.subscription(units=5)
    teachers = [jaures.teacher() for _ in range(3)]
    given = assign_seats(jaures, subscription, [*teachers, jaures.principal])
    assert seat_counter(subscription) == "4/5"
    assert {seat.holder for seat in given.seats} == {*teachers, jaures.principal}
    assert {seat.mode for seat in given.seats} == {SeatMode.AUTOMATIC}
    assert SeatEvent.objects.filter(kind="assigned", by=jaures.principal, at=TERM).count() == 4
    # No e-mail about one's own action.
    assert list_recipients("seat.assigned") == sorted(teacher.email for teacher in teachers)
    job = ProcrastinateJob.objects.filter(task_name="pools.note_key_event").order_by("pk").last()
    assert (job.args["event"], job.args["held"], job.args["size"]) == ("held", 4, 5)


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 40])
def test_a_school_of_forty_takes_no_more_statements_than_one_of_two(jaures, count, django_assert_max_num_queries):
    _, subscription = jaures.subscription(units=40)
    teachers = [jaures.teacher() for _ in range(count)]
    with django_assert_max_num_queries(22):
        assign_seats(jaures, subscription, teachers)
    assert seat_counter(subscription) == f"{count}/40"


@pytest.mark.slow
def test_more_than_is_left_is_refused_before_anybody_is_served(jaures):
    _, subscription = jaures.subscription(units=3)
    assign_seats(jaures, subscription, [jaures.teacher()])
    refusal = assert_refused("no_seat_left", assign_seats, jaures, subscription, [jaures.teacher() for _ in range(3)])
    assert "coché 3 enseignants et il reste 2\N{NO-BREAK SPACE}licences" in str(refusal)
    assert "décochez-en 1" in str(refusal)


@pytest.mark.slow
def test_a_teacher_who_already_holds_a_seat_is_skipped_and_reported(jaures):
    _, subscription = jaures.subscription(units=3)
    served, waiting = jaures.teacher(), jaures.teacher()
    assign_seats(jaures, subscription, [served])
    given = assign_seats(jaures, subscription, [served, waiting])
    assert ([seat.holder for seat in given.seats], given.already) == ([waiting], [served])
    assert seat_counter(subscription) == "2/3"


def test_all_served_already_is_a_refusal(jaures):
    _, subscription = jaures.subscription(units=3)
    teachers = [jaures.teacher(), jaures.teacher()]
    assign_seats(jaures, subscription, teachers)
    refusal = assert_refused("already_served", assign_seats, jaures, subscription, teachers)
    assert str(refusal).startswith("Les 2 enseignants cochés")


def test_one_stranger_among_the_selected_refuses_all_and_stays_unnamed(jaures):
    _, subscription = jaures.subscription(units=3)
    stranger = TeacherFactory()
    refusal = assert_refused(
        "teacher_of_another_school", assign_seats, jaures, subscription, [jaures.teacher(), stranger]
    )
    assert stranger.last_name not in str(refusal)
    assert str(refusal).startswith("Ce compte n'est pas")
    refusal = assert_refused(
        "teacher_of_another_school", assign_seats, jaures, subscription, [stranger, TeacherFactory()]
    )
    assert str(refusal).startswith("2 des comptes cochés")


def test_an_empty_selection_is_refused(jaures):
    _, subscription = jaures.subscription()
    assert_refused("no_teacher_selected", assign_seats, jaures, subscription, [])


def test_an_unverified_principal_assigns_to_nobody_however_many_are_selected(jaures):
    _, subscription = jaures.subscription(exposed_at=TERM)
    assert_refused("not_verified", assign_seats, jaures, subscription, [jaures.teacher(), jaures.principal])


def test_a_closed_account_is_given_nothing(jaures):
    _, subscription = jaures.subscription()
    gone = jaures.teacher()
    gone.is_active = False
    gone.save()
    assert_refused("teacher_of_another_school", assign_seats, jaures, subscription, [gone])


@pytest.mark.slow
def test_guessed_teacher_ids_reveal_nobody(jaures):
    """The same refusal for an unknown id, a teacher elsewhere, a principal, an agent, a closed account."""
    _, subscription = jaures.subscription()
    elsewhere = AffiliationFactory(user=TeacherFactory()).user
    closed = jaures.teacher()
    closed.is_active = False
    closed.save()
    nobody = [
        10**9,
        elsewhere.pk,
        TeacherFactory().pk,
        jaures.add_principal(verified=True).pk,
        PrincipalFactory().pk,
        closed.pk,
    ]
    answers = {
        str(
            assert_refused(
                "teacher_of_another_school",
                operations.assign_many,
                subscription_id=subscription.pk,
                teacher_ids=[number],
                by=jaures.principal,
                at=TERM,
            )
        )
        for number in nobody
    }
    assert len(answers) == 1


@pytest.mark.slow
def test_subscriptions_of_others_answer_as_those_that_do_not_exist(jaures):
    _, subscription = jaures.subscription()
    seat = assign_seats(jaures, subscription, [jaures.teacher()]).seats[0]
    stranger = AffiliationFactory(user=PrincipalFactory(), verified_at=TERM, verified_by="operator").user
    answers = {
        str(
            assert_refused(
                "not_owner", operations.assign_many, subscription_id=number, teacher_ids=[seat.holder_id], by=stranger,
                at=TERM,
            )
        )
        for number in (subscription.pk, 10**9)
    } | {
        str(assert_refused("not_owner", operations.release, seat_id=number, by=stranger, at=TERM))
        for number in (seat.pk, 10**9)
    } | {
        str(
            assert_refused(
                "not_owner", operations.replace, seat_id=number, holder_id=seat.holder_id, successor_id=stranger.pk,
                by=stranger, at=TERM,
            )
        )
        for number in (seat.pk, 10**9)
    }  # fmt: skip
    assert len(answers) == 1


# --- Replacing a teacher --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_unit_passes_with_its_seat_to_the_teacher_who_takes_over(jaures):
    _, subscription = jaures.subscription(units=3)
    leaving, other, successor = jaures.teacher(), jaures.teacher(), jaures.teacher()
    seats = {seat.holder: seat for seat in assign_seats(jaures, subscription, [leaving, other]).seats}
    passed = operations.replace(
        seat_id=seats[leaving].pk, holder_id=leaving.pk, successor_id=successor.pk, by=jaures.principal, at=LATER
    )
    assert (passed.pk, passed.holder, seat_counter(subscription)) == (seats[leaving].pk, successor, "2/3")
    events = passed.events.filter(at=LATER).order_by("pk")
    assert [(event.kind, event.teacher) for event in events] == [("withdrawn", leaving), ("assigned", successor)]
    assert list_recipients("seat.withdrawn") == [leaving.email]
    assert successor.email in list_recipients("seat.assigned")


@pytest.mark.slow
def test_a_replaced_teacher_cannot_retype_the_key(jaures):
    code, subscription = jaures.subscription(units=3)
    leaving, successor = jaures.teacher(), jaures.teacher()
    seat = assign_seats(jaures, subscription, [leaving]).seats[0]
    operations.replace(seat_id=seat.pk, holder_id=leaving.pk, successor_id=successor.pk, by=jaures.principal, at=LATER)
    assert_refused("withdrawn", operations.claim, code=code, by=leaving, at=LATER)


@pytest.mark.slow
def test_a_replacement_is_refused_if_the_seat_changed_or_the_successor_has_one(jaures):
    _, subscription = jaures.subscription(units=3)
    holder, served, third = jaures.teacher(), jaures.teacher(), jaures.teacher()
    seat = next(seat for seat in assign_seats(jaures, subscription, [holder, served]).seats if seat.holder == holder)
    ask = {"seat_id": seat.pk, "by": jaures.principal, "at": LATER}
    assert_refused("seat_reassigned", operations.replace, holder_id=third.pk, successor_id=third.pk, **ask)
    assert_refused("already_served", operations.replace, holder_id=holder.pk, successor_id=served.pk, **ask)
    stranger = TeacherFactory()
    assert_refused(
        "teacher_of_another_school", operations.replace, holder_id=holder.pk, successor_id=stranger.pk, **ask
    )


@pytest.mark.slow
def test_a_previously_held_seat_is_assigned_before_an_unused_one(jaures):
    """Its class and pupils are kept for the next teacher: leaves are common."""
    code, subscription = jaures.subscription(units=4)
    teachers = [jaures.teacher() for _ in range(3)]
    last = assign_seats(jaures, subscription, teachers).seats[2]
    operations.release(seat_id=last.pk, by=jaures.principal, at=LATER)
    assert operations.claim(code=code, by=TeacherFactory(), at=LATER).pk == last.pk
    first = subscription.seats.get(number=1)
    operations.release(seat_id=first.pk, by=jaures.principal, at=LATER)
    assert assign_seats(jaures, subscription, [jaures.teacher()], at=LATER).seats[0].pk == first.pk


# --- Provisional rights ---------------------------------------------------------------------------------------------


@pytest.fixture
def unpaid(jaures):
    jaures.entitlement.provisional_until = LAST_PROVISIONAL
    jaures.entitlement.save()
    return jaures


def at_hour(day, hour=12):
    return datetime.datetime.combine(day, datetime.time(hour), tzinfo=TERM.tzinfo)


@pytest.mark.slow
def test_provisional_rights_last_through_their_last_day(unpaid):
    code, subscription = unpaid.subscription()
    assign_seats(unpaid, subscription, [unpaid.teacher()], at=at_hour(LAST_PROVISIONAL, 23))
    operations.claim(code=code, by=TeacherFactory(), at=at_hour(LAST_PROVISIONAL, 23))
    assert Subscription.objects.running_on(LAST_PROVISIONAL).count() == 1


@pytest.mark.slow
def test_once_they_have_run_out_nothing_is_redeemed_given_claimed_or_passed_on(unpaid):
    code, subscription = unpaid.subscription()
    second, _ = unpaid.key()
    seat = assign_seats(unpaid, subscription, [unpaid.teacher()]).seats[0]
    after = at_hour(LAST_PROVISIONAL + datetime.timedelta(days=1), 0)
    by = {"by": unpaid.principal, "at": after}
    refusals = [
        assert_refused("key_suspended", operations.redeem, code=second, **by),
        assert_refused("key_suspended", operations.claim, code=code, by=TeacherFactory(), at=after),
        assert_refused("key_suspended", assign_seats, unpaid, subscription, [unpaid.teacher()], at=after),
        assert_refused(
            "key_suspended",
            operations.replace,
            seat_id=seat.pk,
            holder_id=seat.holder_id,
            successor_id=unpaid.teacher().pk,
            **by,
        ),
    ]
    for refusal in refusals:
        assert "pris fin le 31\N{NO-BREAK SPACE}décembre 2026, faute de bon de commande signé" in str(refusal)
    assert not Subscription.objects.running_on(after.date()).exists()


@pytest.mark.slow
def test_a_payment_restores_everything(unpaid):
    _, subscription = unpaid.subscription()
    unpaid.entitlement.provisional_until = None
    unpaid.entitlement.save()
    after = at_hour(LAST_PROVISIONAL + datetime.timedelta(days=1))
    assert assign_seats(unpaid, subscription, [unpaid.teacher()], at=after).seats


@pytest.mark.slow
def test_the_email_gives_both_dates(unpaid):
    _, subscription = unpaid.subscription()
    assign_seats(unpaid, subscription, [unpaid.teacher()])
    text = render_only_email("seat.assigned").text
    assert "31\N{NO-BREAK SPACE}décembre 2026 inclus, et doit être prolongée" in text
    assert "31\N{NO-BREAK SPACE}août 2027" in text


# --- A teacher who moves --------------------------------------------------------------------------------------------


def move_teacher(teacher, school):
    return operations.change_school(teacher=teacher, school=school, typed=None, at=LATER)


@pytest.mark.slow
def test_a_teacher_who_moves_keeps_their_seat_and_principals_are_emailed(jaures):
    _, subscription = jaures.subscription()
    colleague, teacher = jaures.add_principal(verified=True), jaures.teacher()
    assign_seats(jaures, subscription, [teacher])
    move_teacher(teacher, SchoolFactory())
    assert seat_counter(subscription) == "1/3"
    assert list_recipients("teacher.moved") == sorted([colleague.email, jaures.principal.email])


@pytest.mark.slow
def test_the_email_names_the_teacher_and_says_what_to_do(jaures):
    _, subscription = jaures.subscription()
    teacher = jaures.teacher()
    assign_seats(jaures, subscription, [teacher])
    move_teacher(teacher, SchoolFactory())
    text = render_only_email("teacher.moved").text
    assert teacher.email in text
    assert "celui qui le remplace" in " ".join(text.split())


@pytest.mark.slow
def test_the_email_is_no_longer_due_once_the_teacher_is_back_or_withdrawn(jaures):
    _, subscription = jaures.subscription()
    teacher = jaures.teacher()
    seat = assign_seats(jaures, subscription, [teacher]).seats[0]
    move_teacher(teacher, SchoolFactory())
    move_teacher(teacher, jaures.school)
    with pytest.raises(NoLongerDue):
        render_only_email("teacher.moved")
    operations.release(seat_id=seat.pk, by=jaures.principal, at=LATER)
    with pytest.raises(NoLongerDue):
        render_only_email("teacher.moved")


@pytest.mark.slow
def test_an_unverified_principal_is_not_emailed_who_moved(jaures):
    code, _ = jaures.subscription(exposed_at=TERM)
    teacher = jaures.teacher()
    operations.claim(code=code, by=teacher, at=TERM)
    move_teacher(teacher, SchoolFactory())
    text = render_only_email("teacher.moved").text
    assert "Un enseignant a choisi" in text
    assert teacher.last_name not in text


@pytest.mark.slow
def test_no_email_about_a_teacher_without_a_seat_or_who_stays(jaures):
    _, subscription = jaures.subscription()
    teacher, without = jaures.teacher(), jaures.teacher()
    assign_seats(jaures, subscription, [teacher])
    move_teacher(teacher, jaures.school)
    move_teacher(without, SchoolFactory())
    assert list_recipients("teacher.moved") == []


@pytest.mark.slow
def test_every_verified_principal_is_emailed_that_the_key_was_claimed(jaures):
    code, _ = jaures.subscription()
    colleague = jaures.add_principal(verified=True)
    jaures.add_principal()
    operations.claim(code=code, by=TeacherFactory(), at=TERM)
    assert list_recipients("seat.taken") == sorted([colleague.email, jaures.principal.email])
