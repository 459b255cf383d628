"""Access rules: may this person enter now, as what, until when; one query each."""

import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Profile
from licensing.classes import entry_check, queries
from licensing.classes.models import Classroom
from licensing.entitlements.models import Seat, Subscription
from tests.classes.class_rows import create_class, create_subscription, create_taught_class, hold_seat, paris_time
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, TeacherFactory, UserFactory

LAST_DAY = datetime.date(2027, 8, 31)
DAY = datetime.timedelta(days=1)


@pytest.fixture(autouse=True)
def _database(db):
    pass


def check_access(who, at=TERM):
    return entry_check.check_user_entry(who.pk, at)


def first_pupil(classroom):
    return classroom.pupils.get(number=1)


# --- Teachers -------------------------------------------------------------------------------------------------------


def test_a_teacher_with_a_seat_enters_until_its_last_day_with_their_class():
    classroom = create_taught_class()
    answer = check_access(classroom.seat.holder)
    assert answer == entry_check.EntryDecision(
        allowed=True,
        role="teacher",
        until=LAST_DAY,
        classes=(entry_check.OpenClass(pk=classroom.pk, code=classroom.code, name="CE1 B", until=LAST_DAY),),
    )


def test_a_teacher_enters_before_opening_a_class():
    answer = check_access(hold_seat(create_subscription()).holder)
    assert (answer.allowed, answer.classes) == (True, ())


def test_the_last_day_is_inclusive_in_paris():
    teacher = hold_seat(create_subscription()).holder
    assert check_access(teacher, paris_time(31, 8, hour=23)).allowed
    # 22:30 UTC is past midnight in Paris.
    after = check_access(teacher, datetime.datetime(2027, 8, 31, 22, 30, tzinfo=datetime.UTC))
    assert (after.allowed, after.reason) == (False, "licence_ended")
    assert "31\u00a0août 2027" in after.sentence


@pytest.mark.slow
def test_of_several_seats_the_latest_last_day_counts_and_classes_say_their_own():
    teacher = TeacherFactory()
    short = create_class(hold_seat(create_subscription(provisional_until=datetime.date(2027, 1, 15)), by=teacher))
    long = create_class(hold_seat(create_subscription(), by=teacher))
    over = create_class(hold_seat(create_subscription(last_day=datetime.date(2026, 8, 31)), by=teacher))
    answer = check_access(teacher)
    assert answer.until == LAST_DAY
    assert [(one.pk, one.until) for one in answer.classes] == [
        (long.pk, LAST_DAY),
        (short.pk, datetime.date(2027, 1, 15)),
    ]
    assert over.pk not in {one.pk for one in answer.classes}


def test_provisional_rights_last_until_their_day_and_not_longer():
    teacher = hold_seat(create_subscription(provisional_until=datetime.date(2027, 1, 15))).holder
    assert check_access(teacher, paris_time(15, 1)).until == datetime.date(2027, 1, 15)
    over = check_access(teacher, paris_time(16, 1))
    assert (over.allowed, over.reason) == (False, "provisional_over")
    assert "15\u00a0janvier 2027" in over.sentence


def test_a_suspended_licence_gives_nothing():
    suspended = check_access(hold_seat(create_subscription(suspended_at=TERM)).holder)
    assert (suspended.allowed, suspended.reason, suspended.until) == (False, "licence_suspended", None)


def test_a_recoverable_reason_is_given_before_a_final_one():
    teacher = TeacherFactory()
    hold_seat(create_subscription(last_day=datetime.date(2026, 8, 31)), by=teacher)
    hold_seat(create_subscription(suspended_at=TERM), by=teacher)
    assert check_access(teacher).reason == "licence_suspended"


def test_a_withdrawn_teacher_does_not_enter():
    seat = hold_seat(create_subscription())
    teacher = seat.holder
    Seat.objects.filter(pk=seat.pk).update(holder=None, held_since=None, mode="")
    assert check_access(teacher).reason == "no_licence"


@pytest.mark.parametrize(
    ("profile", "sentence"),
    [(Profile.TEACHER, "chef d’établissement"), (Profile.PRINCIPAL, "attribuez-vous"), (Profile.AGENT, "agent")],
)
def test_each_profile_without_a_licence_gets_instructions(profile, sentence):
    answer = check_access(UserFactory(profile=profile))
    assert (answer.allowed, answer.reason) == (False, "no_licence")
    assert sentence in answer.sentence


def test_a_principal_who_took_a_seat_enters_as_a_teacher():
    answer = check_access(hold_seat(create_subscription(), by=PrincipalFactory()).holder)
    assert (answer.allowed, answer.role) == (True, "teacher")


def test_the_second_teacher_enters_while_the_first_holds_the_seat():
    classroom, second = create_taught_class(), TeacherFactory()
    Classroom.objects.filter(pk=classroom.pk).update(second_teacher=second, second_invited_by=classroom.seat.holder)
    answer = check_access(second)
    assert (answer.allowed, answer.until, answer.classes[0].pk) == (True, LAST_DAY, classroom.pk)
    Seat.objects.filter(pk=classroom.seat_id).update(holder=TeacherFactory())
    assert check_access(second).reason == "no_licence"


def test_a_closed_account_does_not_enter_and_one_that_never_was_is_unknown():
    teacher = create_taught_class(by=TeacherFactory(is_active=False)).seat.holder
    assert check_access(teacher).reason == "account_closed"
    with pytest.raises(entry_check.UnknownPerson):
        entry_check.check_user_entry(900_000_000, TERM)


# --- Pupils ---------------------------------------------------------------------------------------------------------


def test_a_pupil_enters_their_class_by_number_and_word():
    classroom = create_taught_class(pupils=2)
    pupil = classroom.pupils.get(number=2)
    classroom.pupils.filter(pk=pupil.pk).update(word="leopard")
    answer = entry_check.check_pupil_entry(pupil.pk, TERM)
    assert (answer.allowed, answer.role, answer.until) == (True, "pupil", LAST_DAY)
    assert (answer.number, answer.nickname, answer.classes[0].code) == (2, "léopard", classroom.code)


@pytest.mark.parametrize(
    ("classroom", "entitlement", "reason"),
    [
        ({"purged_at": TERM}, {}, "licence_ended"),
        ({}, {"suspended_at": TERM}, "licence_suspended"),
        ({}, {"provisional_until": TERM.date() - DAY}, "provisional_over"),
        ({}, {"last_day": TERM.date() - DAY}, "licence_ended"),
        ({}, {"first_day": TERM.date() + DAY}, "licence_not_begun"),
    ],
)
def test_a_pupil_is_kept_out_with_a_sentence_for_children(classroom, entitlement, reason):
    opened = create_taught_class(**entitlement)
    Classroom.objects.filter(pk=opened.pk).update(**{"opened_at": TERM} | classroom)
    answer = entry_check.check_pupil_entry(first_pupil(opened).pk, TERM)
    assert (answer.allowed, answer.reason) == (False, reason)
    assert answer.sentence.endswith("Dis-le à ton maître ou à ta maîtresse.")
    assert "licence" not in answer.sentence


def test_wrong_attempts_end_no_session():
    opened = create_taught_class()
    Classroom.objects.filter(pk=opened.pk).update(tried_at=TERM)
    assert entry_check.check_pupil_entry(first_pupil(opened).pk, TERM).allowed


def test_a_class_that_nobody_teaches_is_closed_to_its_pupils_until_somebody_does():
    opened = create_taught_class()
    teacher = opened.seat.holder
    Seat.objects.filter(pk=opened.seat_id).update(holder=None, held_since=None, mode="")
    assert entry_check.check_pupil_entry(first_pupil(opened).pk, TERM).reason == "no_teacher"
    hold_seat(opened.seat.subscription, by=teacher)
    assert entry_check.check_pupil_entry(first_pupil(opened).pk, TERM).allowed


def test_a_pupil_who_was_erased_is_unknown():
    with pytest.raises(entry_check.UnknownPerson):
        entry_check.check_pupil_entry(900_000_000, TERM)


# --- One indexed query each -----------------------------------------------------------------------------------------


def test_each_answer_is_one_query_by_indexes_alone():
    classroom, second = create_taught_class(), TeacherFactory()
    Classroom.objects.filter(pk=classroom.pk).update(second_teacher=second, second_invited_by=classroom.seat.holder)
    pupil = first_pupil(classroom)
    for ask in (
        lambda: entry_check.check_user_entry(classroom.seat.holder_id, TERM),
        lambda: entry_check.check_user_entry(second.pk, TERM),
        lambda: entry_check.check_pupil_entry(pupil.pk, TERM),
    ):
        with CaptureQueriesContext(connection) as asked_of_it:
            assert ask().allowed
        assert len(asked_of_it) == 1
        with connection.cursor() as cursor:
            # On three rows the planner prefers sequential scans; with these disabled it must find an index everywhere.
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("EXPLAIN " + asked_of_it[0]["sql"])
            plan = "\n".join(line for (line,) in cursor.fetchall())
            cursor.execute("RESET enable_seqscan")
        assert "Seq Scan" not in plan, plan


@pytest.mark.parametrize(
    "entitlement",
    [
        {},
        {"suspended_at": TERM},
        {"provisional_until": TERM.date() - DAY},
        {"provisional_until": TERM.date()},
        {"last_day": TERM.date() - DAY},
        {"last_day": TERM.date()},
        {"last_day": TERM.date() - DAY, "suspended_at": TERM},
        {"suspended_at": TERM, "cancelled_at": TERM},
        {"unpaid_until": TERM.date() - DAY},
        {"first_day": TERM.date()},
        {"first_day": TERM.date() + DAY},
        {"first_day": TERM.date() + DAY, "suspended_at": TERM},
        {"first_day": TERM.date() + DAY, "provisional_until": TERM.date() - DAY},
    ],
)
def test_every_check_of_a_running_licence_agrees(entitlement):
    classroom = create_taught_class(**entitlement)
    subscription_of = classroom.seat.subscription
    stop = queries.find_unusable_case(subscription_of.key.entitlement, TERM.date())
    answer = check_access(classroom.seat.holder)
    assert answer.reason == (stop.code if stop else "")
    assert answer.allowed == Subscription.objects.running_on(TERM.date()).filter(pk=subscription_of.pk).exists()
    assert entry_check.check_pupil_entry(first_pupil(classroom).pk, TERM).reason == answer.reason
