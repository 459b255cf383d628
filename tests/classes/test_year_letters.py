"""On 1 September each person is written to once: what of Pep's ended, and what continues."""

import datetime
import functools

import pytest
from django_tenants.utils import schema_context

from core.formatting import curl_apostrophes
from licensing.classes import operations, tasks, year_letters
from licensing.classes.models import YearLetter
from licensing.entitlements.models import Entitlement
from mailing.models import Message
from tests.classes.class_rows import create_class, create_principal, create_subscription, hold_seat, paris_time
from tests.classes.two_years import NEW_YEAR, TwoYears
from tests.emails import list_emails, render_email
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.licensing import EntitlementFactory, KeyFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.races import run_concurrently

#: A Wednesday.
FIRST = paris_time(1, 9, hour=3)
EIGHT = paris_time(1, 9, hour=8)


@pytest.fixture(autouse=True)
def _days(settings, monkeypatch):
    settings.PUPILS_KEPT_DAYS = 60
    monkeypatch.setattr("django.utils.timezone.now", lambda: EIGHT)


def read_letters():
    """Return the letters by recipient, with ordinary spaces and the apostrophes with which they leave."""
    letters = {}
    for message in list_emails(year_letters.YEAR_ENDED):
        assert message.recipient not in letters
        email = render_email(message)
        letters[message.recipient] = curl_apostrophes(f"{email.subject}\n{email.text}").replace("\u00a0", " ")
    return letters


def write(at=FIRST):
    year_letters.write_year_letters(at=at)
    return read_letters()


@pytest.mark.slow
def test_a_teacher_with_a_new_licence_learns_until_when_the_class_may_come_along(db):
    years = TwoYears()
    letter = write()[years.teacher.email]
    assert "Rentrée : ce qui continue, et ce qui a pris fin avec l’année 2026-2027" in letter
    assert "a pris fin le 31 août 2027" in letter
    assert "Vous avez une licence pour l’année nouvelle, jusqu’au 31 août 2028." in letter
    assert "de votre classe « CE1 B » (3 élèves)" in letter
    assert "Jusqu’au 30 octobre 2027 inclus, « Emmener ma classe »" in letter
    assert "effacés le 31 octobre 2027" in letter
    assert "Vous recevez ce message parce que vous aviez une licence Pep’s en 2026-2027." in letter


def test_a_teacher_with_nothing_new_learns_what_ended_until_when_and_whom_to_ask(db):
    teacher = TeacherFactory()
    create_class(hold_seat(create_subscription(), by=teacher), pupils=24)
    letter = write()[teacher.email]
    assert "a pris fin le 31 août 2027" in letter
    assert "demandez-la à votre direction" in letter
    assert "« CE1 B » (24 élèves) n’ouvrent plus l’application" in letter
    assert (
        "Jusqu’au 30 octobre 2027 inclus, une licence de l’année nouvelle, une fois à vous, permet de l’emmener"
        in letter
    )
    assert "s’enregistrent dans un fichier" in letter


def test_a_teacher_whose_school_was_given_a_key_is_not_sent_to_the_shop(nimes):
    subscription, teacher = create_subscription(), TeacherFactory()
    hold_seat(subscription, by=teacher)
    entitlement = EntitlementFactory(order_line__school_year__ends_on=NEW_YEAR["last_day"], **NEW_YEAR)
    KeyFactory(entitlement=entitlement, school=subscription.school, units=2)
    letter = write()[teacher.email]
    assert "Votre école a des licences pour l’année nouvelle" in letter
    assert "demandez-en une à votre direction" in letter
    assert "boutique" not in letter


@pytest.mark.slow
def test_a_teacher_is_sent_to_the_shop_once_the_school_has_no_licence_left(db):
    years, other = TwoYears(size=2), TeacherFactory()
    hold_seat(years.old, by=other, number=2)
    assert "Votre école a des licences pour l’année nouvelle" in write()[other.email]
    hold_seat(years.new, number=2)
    assert "prenez-en une dans la boutique" in read_letters()[other.email]


@pytest.mark.slow
def test_a_teacher_whose_class_went_on_already_has_nothing_to_do(db):
    years = TwoYears()
    operations.carry_on(
        classroom_id=years.classroom.pk, seat_id=years.seat.pk, numbers=[1, 2, 3], name="CE2 B", by=years.teacher,
        at=FIRST,
    )  # fmt: skip
    letter = write()[years.teacher.email]
    assert "Votre classe « CE2 B » est ouverte dans l’année nouvelle, jusqu’au 31 août 2028" in letter
    assert "effacés" not in letter


def test_a_teacher_without_a_class_reads_of_none(db):
    teacher = TeacherFactory()
    hold_seat(create_subscription(), by=teacher)
    letter = write()[teacher.email]
    assert "demandez-la à votre direction" in letter
    assert "élèves" not in letter


@pytest.mark.slow
def test_a_principal_reads_what_ended_what_is_there_and_what_to_do(db):
    years = TwoYears()
    principal = create_principal(years.school)
    letter = write()[principal.email]
    assert f"{years.school.name} : les 4 licences de 2026-2027 ont pris fin le 31 août 2027 ; 1 était donnée." in letter
    assert "4 licences de l’année nouvelle sont là : 3 restent à donner à vos enseignants" in letter
    assert "1 classe de l’an dernier attend" in letter
    assert "parce que vous dirigez une école qui avait des licences Pep’s en 2026-2027" in letter


def test_a_principal_without_new_licences_learns_whom_to_ask(db):
    subscription = create_subscription()
    AffiliationFactory(user=subscription.principal, school=subscription.school)
    letter = write()[subscription.principal.email]
    assert "la licence de 2026-2027, que personne n’avait, a pris fin" in letter
    assert "Aucune licence de l’année nouvelle n’est encore là : demandez-en à la " in letter


@pytest.mark.parametrize(
    ("units", "words"),
    [
        ((1,), "donne 1 licence pour l’année nouvelle. Sa clé vient par e-mail à l’adresse de l’école : activez-la"),
        ((3,), "donne 3 licences pour l’année nouvelle. Leur clé vient par e-mail à l’adresse de l’école : activez-la"),
        ((3, 2), "donne 5 licences pour l’année nouvelle. Leurs clés viennent par e-mail"),
    ],
)
def test_a_principal_reads_of_keys_that_wait_and_is_not_sent_asking(nimes, units, words):
    subscription = create_subscription()
    AffiliationFactory(user=subscription.principal, school=subscription.school)
    for count in units:
        entitlement = EntitlementFactory(order_line__school_year__ends_on=NEW_YEAR["last_day"], **NEW_YEAR)
        KeyFactory(entitlement=entitlement, school=subscription.school, units=count)
    letter = write()[subscription.principal.email]
    assert words in letter
    assert "Aucune licence" not in letter


@pytest.mark.slow
def test_a_principal_with_new_licences_reads_of_a_key_that_waits_besides(nimes):
    years = TwoYears()
    principal = create_principal(years.school)
    entitlement = EntitlementFactory(order_line__school_year__ends_on=NEW_YEAR["last_day"], **NEW_YEAR)
    KeyFactory(entitlement=entitlement, school=years.school, units=2)
    letter = write()[principal.email]
    assert "4 licences de l’année nouvelle sont là : 3 restent à donner" in letter
    assert "donne 2 licences pour l’année nouvelle. Leur clé vient" in letter


@pytest.mark.slow
def test_a_teacher_who_gets_a_licence_of_the_new_year_reads_that_the_class_may_come_along(db):
    years = TwoYears()

    def render(seat):
        message = Message(kind="seat.assigned", context={"user": seat.holder_id, "seat": seat.pk})
        return render_email(message).text

    letter = render(years.seat)
    assert "Vous aviez une classe l'an dernier ? Emmenez-la" in letter
    assert "/mes-classes/ouvrir/" not in letter
    newcomer = hold_seat(years.new, number=2)
    assert "Il vous reste à ouvrir votre classe" in render(newcomer)


@pytest.mark.slow
def test_a_principal_who_teaches_and_leads_two_schools_gets_one_letter(db):
    years, other = TwoYears(), create_subscription()
    principal = create_principal(years.school)
    AffiliationFactory(user=principal, school=other.school, verified_at=FIRST, verified_by="key")
    create_class(hold_seat(years.old, by=principal, number=2), pupils=5)
    letter = write()[principal.email]
    assert years.school.name in letter
    assert other.school.name in letter
    assert "de votre classe « CE1 B » (5 élèves)" in letter


@pytest.mark.slow
def test_whoever_had_nothing_is_not_written_to(db):
    TeacherFactory()
    PrincipalFactory()
    hold_seat(create_subscription(**NEW_YEAR), by=(newcomer := TeacherFactory()))
    hold_seat(create_subscription(last_day=datetime.date(2026, 8, 31), first_day=datetime.date(2026, 1, 1)))
    cancelled = hold_seat(create_subscription(cancelled_at=FIRST, suspended_at=FIRST))
    left = create_subscription()
    gone = TeacherFactory(is_active=False)
    hold_seat(create_subscription(school=left.school, principal=left.principal), by=gone)
    letters = write()
    assert not {newcomer.email, cancelled.holder.email, gone.email, left.principal.email} & set(letters)
    assert letters == {}


@pytest.mark.parametrize(
    ("at", "leaves"),
    [
        (paris_time(31, 8, hour=23), None),
        (paris_time(1, 9, hour=3), EIGHT),
        (paris_time(1, 9, hour=15), paris_time(1, 9, hour=15)),
        # A Saturday and a Sunday.
        (paris_time(4, 9), None),
        (paris_time(5, 9), None),
        (paris_time(30, 9), paris_time(30, 9)),
        (paris_time(1, 10), None),
        # In 2029 the first of September is a Saturday.
        (paris_time(1, 9, 2029), None),
        (paris_time(3, 9, 2029, hour=2), paris_time(3, 9, 2029, hour=8)),
    ],
)
def test_letters_leave_from_the_first_working_day_of_september_on(at, leaves):
    assert year_letters.find_writing_time(at) == leaves


@pytest.mark.slow
def test_nobody_is_written_to_twice_and_a_late_worker_writes_to_the_rest(db, monkeypatch):
    monkeypatch.setattr(year_letters, "BATCH_SIZE", 2)
    for _ in range(5):
        hold_seat(create_subscription())
    assert year_letters.write_batch(at=FIRST) == 2
    assert year_letters.write_year_letters(at=paris_time(2, 9)) == 3
    assert year_letters.write_year_letters(at=paris_time(3, 9)) == 0
    assert YearLetter.objects.count() == 5
    # The year after is another.
    Entitlement.objects.update(last_day=datetime.date(2028, 8, 31))
    assert year_letters.write_year_letters(at=paris_time(1, 9, 2028)) == 5


@pytest.mark.slow
def test_a_batch_takes_as_many_queries_for_thirty_people_as_for_one(db, django_assert_max_num_queries):
    subscription = create_subscription(size=30)
    for number in range(1, 31):
        hold_seat(subscription, number=number)
    with django_assert_max_num_queries(10):
        assert year_letters.write_batch(at=FIRST) == 30


def test_a_letter_is_not_sent_to_whoever_lost_the_licence_meanwhile(db):
    seat = hold_seat(create_subscription())
    year_letters.write_year_letters(at=FIRST)
    subscription = seat.subscription
    subscription.seats.update(holder=None, held_since=None, mode="")
    (message,) = list_emails(year_letters.YEAR_ENDED)
    from mailing.kinds import NoLongerDue  # noqa: PLC0415 - used once

    with pytest.raises(NoLongerDue):
        render_email(message)


def test_the_task_writes_nothing_in_november(db, monkeypatch):
    hold_seat(create_subscription())
    monkeypatch.setattr("django.utils.timezone.now", lambda: paris_time(2, 11))
    tasks.write_year_letters()
    assert read_letters() == {}


@pytest.mark.slow
def test_eight_workers_write_to_each_person_once(committing):
    school = SchoolFactory()
    subscription = create_subscription(size=20, school=school)
    for number in range(1, 21):
        hold_seat(subscription, number=number)
    principal = create_principal(school)
    outcomes = run_concurrently(
        committing.schema_name, [functools.partial(year_letters.write_batch, at=FIRST)] * 8, expected_errors=()
    )
    assert sum(outcomes) == 21
    assert YearLetter.objects.count() == 21
    with schema_context("public"):
        assert Message.objects.filter(kind=year_letters.YEAR_ENDED, recipient=principal.email).count() == 1
