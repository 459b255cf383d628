"""A class goes on: its teacher takes it to their seat of the new year, before its pupils are erased."""

from typing import Any

import pytest

from licensing.classes import entry_check, operations, pupil_erasure
from licensing.classes.exceptions import CannotCarryOn
from licensing.classes.models import Classroom, DeletionCertificate, PupilAccount
from licensing.entitlements.models import Entitlement
from tests.classes.class_page import get_state_token
from tests.classes.class_rows import create_class, create_subscription, create_taught_class, hold_seat, paris_time
from tests.classes.two_years import ERASURE, JUNE, LAST_DAY, NEW_YEAR, SEPTEMBER, TwoYears
from tests.factories.accounts import TeacherFactory
from tests.refusals import refuses


@pytest.fixture(autouse=True)
def _days(settings):
    settings.PUPILS_KEPT_DAYS = 60


@pytest.fixture
def years(db):
    return TwoYears()


def carry(years, numbers=(1, 2, 3), *, seat=None, by=None, at=SEPTEMBER, name="CE2 B"):
    return operations.carry_on(
        classroom_id=years.classroom.pk, seat_id=(seat or years.seat).pk, numbers=numbers, name=name,
        by=by or years.teacher, at=at,
    )  # fmt: skip


def test_the_class_goes_on_with_its_logins_and_passwords(years):
    before = list(PupilAccount.objects.values("pk", "number", "word", "code", "password", "password_set_at"))
    carried = carry(years)
    assert (carried.pupils, carried.left) == (3, 0)
    classroom = Classroom.objects.get()
    assert (classroom.seat, classroom.name, classroom.carried_at) == (years.seat, "CE2 B", SEPTEMBER)
    assert classroom.code == years.classroom.code
    assert list(PupilAccount.objects.values("pk", "number", "word", "code", "password", "password_set_at")) == before
    pupil = classroom.pupils.first()
    assert entry_check.check_pupil_entry(pupil.pk, SEPTEMBER).allowed
    assert entry_check.check_user_entry(years.teacher.pk, SEPTEMBER).classes[0].pk == classroom.pk


@pytest.mark.slow
def test_who_is_unticked_stays_with_the_old_licence_and_is_erased_with_a_certificate(years):
    logins = years.logins()
    carried = carry(years, [1, 3])
    assert (carried.pupils, carried.left) == (2, 1)
    assert years.logins(carried.classroom) == {1: logins[1], 3: logins[3]}
    stays = Classroom.objects.exclude(pk=carried.classroom.pk).get()
    assert (stays.seat, stays.name) == (years.classroom.seat, "CE1 B")
    assert stays.code != carried.classroom.code
    assert years.logins(stays) == {2: logins[2]}
    assert pupil_erasure.erase_pupils(at=ERASURE) == 1
    certificate = DeletionCertificate.objects.get()
    assert (certificate.classroom, certificate.pupils, certificate.teacher) == (stays, 1, years.teacher)
    assert carried.classroom.pupils.count() == 2


@pytest.mark.slow
def test_without_a_choice_the_class_is_erased_as_ever(years):
    pupil_erasure.erase_pupils(at=ERASURE)
    assert not PupilAccount.objects.exists()
    assert DeletionCertificate.objects.get().pupils == 3


@pytest.mark.slow
def test_a_class_that_goes_on_is_warned_of_again_a_year_later(years):
    pupil_erasure.warn_teachers(at=LAST_DAY)
    carry(years, at=LAST_DAY)
    assert pupil_erasure.warn_teachers(at=ERASURE) == 0
    assert pupil_erasure.erase_pupils(at=ERASURE) == 0
    assert pupil_erasure.warn_teachers(at=paris_time(20, 10, 2028)) == 1


@pytest.mark.slow
def test_a_class_goes_on_a_second_time_a_year_later(years):
    carry(years)
    third = hold_seat(
        create_subscription(
            school=years.school,
            first_day=NEW_YEAR["first_day"].replace(year=2028),
            last_day=NEW_YEAR["last_day"].replace(year=2029),
        ),
        by=years.teacher,
    )
    later = paris_time(3, 9, 2028)
    carried = carry(years, [1], seat=third, at=later)
    stays = Classroom.objects.exclude(pk=carried.classroom.pk).get()
    assert (stays.seat, stays.carried_at) == (years.seat, SEPTEMBER)


def test_a_second_click_changes_nothing_more(years):
    carry(years, [1, 2])
    again = carry(years, [1], name="Autre nom")
    assert (again.pupils, again.left) == (2, 0)
    assert again.classroom.name == "CE2 B"
    assert Classroom.objects.count() == 2


@pytest.mark.slow
def test_refusals_change_nothing(years):
    other_school = hold_seat(create_subscription(**NEW_YEAR), by=years.teacher)
    same_year = hold_seat(years.old, by=TeacherFactory(), number=2)
    same_year.holder = years.teacher
    taken = create_taught_class(by=years.teacher)
    somebodys = hold_seat(years.new, number=2)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"at": JUNE}, "licence_not_running"),
        ({"at": ERASURE}, "cannot_carry_on"),
        ({"seat": other_school}, "cannot_carry_on"),
        ({"seat": taken.seat}, "cannot_carry_on"),
        ({"seat": somebodys}, "not_owner"),
        ({"by": TeacherFactory()}, "not_owner"),
        ({"numbers": []}, "invalid_count"),
        ({"numbers": [1, 31]}, "unknown_pupil"),
        ({"numbers": [10**12]}, "unknown_pupil"),
    ]
    for options, expected in cases:
        with refuses(expected):
            carry(years, **options)
    years.classroom.refresh_from_db()
    assert (years.classroom.seat_id, years.classroom.carried_at) == (years.classroom.seat.pk, None)
    assert years.classroom.name == "CE1 B"


def test_a_seat_that_has_a_class_takes_no_other_and_the_sentence_says_what_to_do(years):
    create_class(years.seat, name="CM1")
    with pytest.raises(CannotCarryOn, match=r"déjà sa classe, « CM1 ».*préparez un code"):
        carry(years)


@pytest.mark.slow
def test_a_licence_used_from_the_order_on_waits_for_the_end_of_the_old_one(years):
    Entitlement.objects.filter(keys__subscription=years.new).update(first_day=JUNE.date())
    with pytest.raises(CannotCarryOn, match=r"à partir du 1er.septembre 2027"):
        carry(years, at=JUNE)


def test_only_the_holder_carries_a_shared_class_on(years):
    second = TeacherFactory()
    Classroom.objects.filter(pk=years.classroom.pk).update(second_teacher=second, second_invited_by=years.teacher)
    mine = hold_seat(years.new, by=second, number=2)
    with refuses("not_the_holder"):
        carry(years, by=second, seat=mine)
    assert carry(years).classroom.second_teacher == second


@pytest.mark.slow
def test_it_is_offered_from_the_day_the_new_seat_is_held_until_the_last_day(years):
    (offer,) = operations.list_offers(years.teacher, at=JUNE)
    assert (offer.opens_on, offer.last_day) == (NEW_YEAR["first_day"], LAST_DAY.date())
    assert "du 1er\u00a0septembre 2027 au 30\u00a0octobre 2027" in offer.sentence
    (offer,) = operations.list_offers(years.teacher, at=LAST_DAY)
    assert offer.opens_on is None
    assert "jusqu’au 30\u00a0octobre 2027" in offer.sentence
    assert operations.list_offers(years.teacher, at=ERASURE) == []


def test_it_is_not_offered_where_it_would_be_refused(years):
    assert operations.list_offers(TeacherFactory(), at=SEPTEMBER) == []
    create_class(years.seat)
    assert operations.list_offers(years.teacher, at=SEPTEMBER) == []


# --- Pages ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def open_at(years, portal, monkeypatch):
    """A function that sets the clock and returns the teacher's browser, signed in since then."""

    def set_clock(at, user=None):
        monkeypatch.setattr("django.utils.timezone.now", lambda: at)
        portal.force_login(user or years.teacher)
        return portal

    return set_clock


def page(answer):
    return answer.content.decode().replace("\u00a0", " ")


def url(years, rest=""):
    return f"/mes-classes/{years.classroom.pk}/{rest}"


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/mon-compte/", "/mes-classes/", ""])
def test_the_pages_say_from_when_and_then_lead_to_it(years, open_at, path):
    path = path or url(years)
    shown = page(open_at(JUNE).get(path))
    assert "du 1er septembre 2027 au 30 octobre 2027 inclus" in shown
    assert "/emmener/" not in shown
    shown = page(open_at(SEPTEMBER).get(path))
    assert f"{url(years)}emmener/" in shown
    # The one way to a new class, where the other one would end what is offered.
    assert "Commencer une nouvelle classe" in shown
    assert "Ouvrir ma classe" not in shown


@pytest.mark.slow
def test_a_teacher_carries_the_class_on_from_the_page(years, open_at):
    browser = open_at(SEPTEMBER)
    shown = browser.get(url(years, "emmener/"))
    posted = {"licence": years.seat.pk, "eleve": ["1", "3"], "name": "CE2 A", "etat": get_state_token(shown)}
    assert page(shown).count("checked") == 3
    unnamed = browser.post(url(years, "emmener/"), {**posted, "name": ""})
    assert unnamed.status_code == 422
    assert page(unnamed).count("checked") == 2
    assert browser.post(url(years, "emmener/"), {**posted, "etat": "0"}).status_code == 409
    done = browser.post(url(years, "emmener/"), posted, follow=True)
    assert "avec 2 élèves" in page(done)
    assert "1 élève reste parmi vos classes des années passées" in page(done)
    assert browser.post(url(years, "emmener/"), posted, follow=True).status_code == 200
    # The page has nothing more to offer.
    assert browser.get(url(years, "emmener/")).status_code == 302
    assert Classroom.objects.get(pk=years.classroom.pk).seat == years.seat


@pytest.mark.slow
@pytest.mark.parametrize("seat", ["0", "1000000000000", "", "x", "99999999999999999999"])
def test_hostile_seats_are_refused(years, open_at, seat):
    browser = open_at(SEPTEMBER)
    state = get_state_token(browser.get(url(years, "emmener/")))
    posted = {"licence": seat, "eleve": ["1"], "name": "CE2", "etat": state}
    assert browser.post(url(years, "emmener/"), posted).status_code == 409
    years.classroom.refresh_from_db()
    assert years.classroom.carried_at is None


@pytest.mark.slow
def test_a_stranger_finds_no_page(years, open_at):
    browser = open_at(SEPTEMBER, TeacherFactory())
    assert browser.get(url(years, "emmener/")).status_code == 404
    assert browser.post(url(years, "emmener/")).status_code == 404


@pytest.mark.slow
def test_two_licences_are_a_choice(years, open_at):
    hold_seat(create_subscription(school=years.school, **NEW_YEAR), by=years.teacher)
    shown = page(open_at(SEPTEMBER).get(url(years, "emmener/")))
    assert shown.count('type="radio"') == 2
    assert "Sur quelle licence" in shown
