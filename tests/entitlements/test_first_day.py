"""Before their first day licences are redeemed and assigned; in class they are used from that day on."""

import datetime
from typing import Any

import pytest

from accounts.known_origins import Origin
from licensing.classes import entry_check, pupils
from licensing.classes import operations as classes
from licensing.entitlements import operations, overview, wording
from licensing.entitlements.models import Entitlement, EntitlementStatus
from licensing.entitlements.vouchers import render_vouchers
from tests.classes.class_rows import create_class, create_principal, create_subscription, hold_seat
from tests.conftest import TERM
from tests.emails import render_only_email
from tests.entitlements.status_cases import STATUS_CASES, TODAY, build_entitlement
from tests.factories.accounts import TeacherFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.refusals import refuses

TOMORROW = TODAY + datetime.timedelta(days=1)
ON_FIRST_DAY = TERM.replace(hour=0, minute=0) + datetime.timedelta(days=1)


@pytest.fixture(autouse=True)
def _it_is_term(nimes, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: TERM)


@pytest.fixture
def school():
    return SchoolFactory()


@pytest.fixture
def principal(school):
    return create_principal(school)


@pytest.fixture
def upcoming(school, principal):
    """A redeemed subscription of 3 seats that begins tomorrow."""
    return create_subscription(size=3, school=school, principal=principal, first_day=TOMORROW)


@pytest.mark.slow
def test_a_key_is_redeemed_and_claimed_before_its_first_day(jaures):
    code, key = jaures.key(units=3)
    Entitlement.objects.update(first_day=TOMORROW)
    subscription = operations.redeem(code=code, by=jaures.principal, at=TERM)
    assert subscription.seats.free().count() == key.units
    teacher = TeacherFactory()
    assert operations.claim(code=code, by=teacher, at=TERM).holder == teacher


@pytest.mark.slow
def test_seats_are_assigned_and_printed_before_the_first_day(upcoming, school, principal):
    teacher = AffiliationFactory(user=TeacherFactory(), school=school).user
    seat = operations.assign(subscription_id=upcoming.pk, teacher=teacher, by=principal, at=TERM)
    assert seat.holder == teacher
    assert render_vouchers(upcoming, by=principal, at=TERM).status_code == 200


@pytest.mark.parametrize(("at", "opens"), [(TERM, False), (ON_FIRST_DAY, True)])
def test_a_teacher_opens_their_class_and_enters_from_the_first_day_on(upcoming, at, opens):
    teacher = TeacherFactory()
    seat = hold_seat(upcoming, by=teacher)
    entry = entry_check.check_user_entry(teacher.pk, at)
    assert (entry.allowed, entry.reason) == (opens, "" if opens else "licence_not_begun")
    if opens:
        assert classes.open_class(seat_id=seat.pk, by=teacher, name="CE1 B", at=at).seat == seat
        return
    assert entry.sentence.replace("\xa0", " ").startswith("Votre licence s’utilise à partir du 25 novembre 2026")
    with refuses("licence_not_running", match="à partir du 25\xa0novembre 2026"):
        classes.open_class(seat_id=seat.pk, by=teacher, name="CE1 B", at=at)


def test_next_year_s_licence_does_not_hide_why_this_year_s_is_suspended(upcoming):
    teacher = hold_seat(upcoming).holder
    hold_seat(create_subscription(suspended_at=TERM), by=teacher)
    assert entry_check.check_user_entry(teacher.pk, TERM).reason == "licence_suspended"


@pytest.mark.slow
def test_a_pupil_does_not_sign_in_before_the_first_day(upcoming):
    classroom = create_class(hold_seat(upcoming))
    [access] = pupils.add_pupils(classroom_id=classroom.pk, count=1, by=classroom.seat.holder, at=ON_FIRST_DAY)
    typed: Any = {"login": access.login, "password": access.password, "origin": Origin(network="203.0.113.7")}
    with refuses("class_closed"):
        classes.sign_in(**typed, at=TERM)
    assert classes.sign_in(**typed, at=ON_FIRST_DAY).pupil.classroom == classroom


def test_a_principal_and_a_teacher_read_from_when_a_licence_is_used(upcoming, principal):
    teacher = hold_seat(upcoming).holder
    [card] = overview.of_principal(principal, at=TERM).current
    assert (card.available, card.opens_classes) == (True, False)
    [licence] = overview.of_teacher(teacher, at=TERM)
    assert (licence.available, licence.begins_on) == (True, TOMORROW)
    assert overview.of_teacher(teacher, at=ON_FIRST_DAY)[0].begins_on is None


def test_the_teacher_s_email_does_not_call_an_upcoming_licence_active(upcoming, principal, school):
    teacher = AffiliationFactory(user=TeacherFactory(), school=school).user
    operations.assign(subscription_id=upcoming.pk, teacher=teacher, by=principal, at=TERM)
    email = render_only_email("seat.assigned")
    text = " ".join(email.text.split())
    assert "utilisable à partir du 25 novembre 2026, jusqu'au 31 août 2027 inclus" in text.replace("\xa0", " ")
    assert "active" not in email.subject + text
    assert "Ouvrir Mon compte" in text
    assert "/mon-compte/" in text


@pytest.mark.parametrize("status", STATUS_CASES, ids=lambda status: status.value)
def test_every_sentence_on_an_upcoming_licence_says_its_first_day_unless_it_is_over(status):
    """Payment and first day are told apart: a lapse is still said of what has not begun."""
    fields, _validity, sentence = STATUS_CASES[status]
    entitlement = build_entitlement(**fields | {"first_day": TOMORROW})
    over = status in (EntitlementStatus.CANCELLED, EntitlementStatus.ENDED)
    text = wording.status_text(entitlement, TODAY).replace("\xa0", " ")
    assert ("utilisables en classe à partir du 25 novembre 2026" in text) is not over
    assert sentence in text
    assert entitlement.status_on(TODAY) is status
    assert not entitlement.usable_on(TODAY)
