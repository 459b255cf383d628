"""Pupils who change teacher: a code, a colleague of the same school, and the same logins."""

import datetime
import re
from io import BytesIO

import pytest
from pypdf import PdfReader

from accounts.models import Throttle
from licensing.classes import (
    entry_check,
    handovers,
    operations,
    personal_data,
    pupil_cards,
    pupil_erasure,
    pupils,
    words,
)
from licensing.classes.exceptions import (
    CannotHandOver,
    ClassFull,
    ClassNotTaught,
    HandoverEnded,
    InvalidPupilCount,
    NoSuchPupil,
    TooManyHandoverCodes,
    UnknownHandover,
)
from licensing.classes.models import Classroom, PupilAccount, PupilHandover
from licensing.entitlements import code_sealing, keys
from licensing.entitlements.models import Seat
from tests.classes.class_rows import create_class, create_subscription, create_taught_class, hold_seat
from tests.classes.handover_acts import prepare, receive
from tests.classes.two_years import ERASURE, JUNE, NEW_YEAR, SEPTEMBER, TwoYears
from tests.emails import list_emails, render_email
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.schools import AffiliationFactory
from tests.refusals import refuses


@pytest.fixture(autouse=True)
def _days(settings):
    settings.PUPILS_KEPT_DAYS = 60


@pytest.fixture
def years(db):
    return TwoYears(pupils=4)


@pytest.fixture
def colleague(years):
    """A class of the new year, of another teacher of the school."""
    return years.colleague_class()


@pytest.mark.slow
def test_a_colleague_receives_the_pupils_with_their_logins_and_passwords(years, colleague):
    logins = years.logins()
    before = dict(PupilAccount.objects.values_list("pk", "password"))
    handover, code = prepare(years)
    coming = receive(code, colleague)
    assert len(coming.pupils) == 2
    assert years.logins(colleague) == {1: logins[1], 2: logins[2]}
    assert years.logins() == {3: logins[3], 4: logins[4]}
    assert dict(PupilAccount.objects.values_list("pk", "password")) == before
    assert entry_check.check_pupil_entry(colleague.pupils.first().pk, SEPTEMBER).allowed
    handover.refresh_from_db()
    assert (handover.outcome, handover.received_in, handover.received) == ("accepted", colleague, 2)
    assert handover.sealed_code is None


@pytest.mark.slow
def test_the_giver_hears_once_who_received_them(years, colleague):
    _, code = prepare(years)
    receive(code, colleague)
    (message,) = list_emails("class.pupils_received")
    email = render_email(message)
    assert message.recipient == years.teacher.email
    assert str(colleague.seat.holder) in email.subject
    assert "2 élèves de la classe « CE1 B »" in email.text.replace("\u00a0", " ")


@pytest.mark.slow
def test_a_code_serves_once(years, colleague):
    _, code = prepare(years)
    receive(code, colleague)
    with pytest.raises(UnknownHandover):
        receive(code, years.colleague_class(number=3))


@pytest.mark.slow
def test_a_look_before_changes_nothing(years, colleague):
    _, code = prepare(years)
    coming = receive(code, colleague, enter=handovers.look_up)
    assert (len(coming.pupils), coming.present, coming.renumbered) == (2, 0, 0)
    assert years.classroom.pupils.count() == 4


@pytest.mark.slow
def test_a_number_that_is_taken_becomes_the_lowest_free_one(years):
    target = create_class(hold_seat(years.new, number=2), opened_at=SEPTEMBER)
    create = {"password": "!", "created_at": SEPTEMBER, "password_set_at": SEPTEMBER, "code": target.code}
    PupilAccount.objects.create(classroom=target, number=1, word="zebre", **create)
    PupilAccount.objects.create(classroom=target, number=3, word="tigre", **create)
    logins = years.logins()
    _, code = prepare(years, [1, 2, 3])
    assert receive(code, target, enter=handovers.look_up).renumbered == 2
    receive(code, target)
    assert {number: login for number, login in years.logins(target).items() if number not in (1, 3)} == {
        4: logins[1], 2: logins[2], 5: logins[3],
    }  # fmt: skip


@pytest.mark.slow
def test_two_of_one_animal_in_a_class_differ_by_the_flower(years):
    Classroom.objects.filter(pk=years.classroom.pk).update(code="harpe-2894")
    years.classroom.pupils.update(code="harpe-2894")
    target = years.colleague_class(pupils=2)
    _, code = prepare(years)
    receive(code, target)
    animals = [pupil.word for pupil in target.pupils.order_by("number")]
    assert len(set(animals)) == 2
    assert len(animals) == 4
    nicknames = {entry_check.check_pupil_entry(pupil.pk, SEPTEMBER).nickname for pupil in target.pupils.all()}
    assert len(nicknames) == 4
    assert {name.rpartition("-")[2] for name in nicknames} == {"harpe", "tulipe"}


@pytest.mark.slow
def test_the_same_animal_and_flower_are_refused_by_name(years):
    target = years.colleague_class(pupils=1)
    login = years.logins(target)[1]
    _, code = prepare(years, [1, 2])
    with refuses("same_words", match=re.escape(login)):
        receive(code, target)
    assert years.classroom.pupils.count() == 4


@pytest.mark.slow
def test_the_thirty_first_is_refused_and_nobody_comes(years):
    target = years.colleague_class(pupils=28)
    target.pupils.update(code="harpe-2894")
    _, code = prepare(years, [1, 2, 3])
    with pytest.raises(ClassFull, match=r"il y reste 2.places, et 3.élèves sont confiés"):
        receive(code, target)
    assert target.pupils.count() == 28


@pytest.mark.slow
def test_another_school_learns_nothing_and_its_guesses_count(years):
    stranger = create_taught_class(pupils=0, **NEW_YEAR)
    _, code = prepare(years)
    with pytest.raises(UnknownHandover) as refusal:
        receive(code, stranger)
    with pytest.raises(UnknownHandover) as unknown:
        receive(handovers.display_code(handovers.generate_code()), stranger)
    assert str(refusal.value) == str(unknown.value)
    assert sorted(Throttle.objects.filter(scope__startswith="handover/").values_list("tries", flat=True)) == [2, 2]
    for _ in range(8):
        with pytest.raises(UnknownHandover):
            receive(code, stranger)
    with pytest.raises(TooManyHandoverCodes):
        receive(code, stranger)


@pytest.mark.slow
def test_a_right_code_and_a_slip_are_not_counted(years, colleague):
    _, code = prepare(years)
    for _ in range(12):
        receive(code, colleague, enter=handovers.look_up)
        with refuses("typo"):
            receive(code[:-1] + ("0" if code[-1] != "0" else "1"), colleague)
    assert receive(f" {code.lower().replace('-', ' ')} ", colleague)


@pytest.mark.parametrize("typed", ["", "7K3M", "7K3M-Q9TX-2HWB", "7K3M-Q9T?", "Ü" * 8, "\x00" * 8])
def test_what_is_no_code_is_refused_before_any_look_up(years, colleague, typed):
    with refuses("typo"):
        receive(typed, colleague)


def test_codes_forgive_as_keys_do():
    for _ in range(200):
        code = handovers.generate_code()
        shown = handovers.display_code(code)
        assert handovers.parse_code(shown) == code
        assert handovers.parse_code(shown.lower().replace("0", "o").replace("1", "l").replace("-", " – ")) == code
        for place in range(7):
            swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
            if swapped != code:
                with refuses("typo"):
                    handovers.parse_code(swapped)
        wrong = keys.ALPHABET[(keys.ALPHABET.index(code[3]) + 1) % 32]
        with refuses("typo"):
            handovers.parse_code(code[:3] + wrong + code[4:])


@pytest.mark.slow
def test_two_weeks_later_the_code_is_worth_nothing(years, colleague):
    handover, code = prepare(years)
    late = SEPTEMBER + datetime.timedelta(days=14)
    with pytest.raises(HandoverEnded, match="plus de deux semaines"):
        receive(code, colleague, at=late)
    assert handovers.expire_handovers(at=late) == 1
    assert handovers.expire_handovers(at=late) == 0
    handover.refresh_from_db()
    assert (handover.outcome, handover.sealed_code) == ("expired", None)
    assert not PupilAccount.objects.exclude(handover=None).exists()
    with pytest.raises(UnknownHandover):
        receive(code, colleague, at=late)


@pytest.mark.slow
def test_the_giver_takes_it_back_until_it_is_accepted(years, colleague):
    handover, code = prepare(years)
    take_back = {
        "classroom_id": years.classroom.pk, "handover_id": handover.pk, "by": years.teacher, "at": SEPTEMBER,
    }  # fmt: skip
    handovers.withdraw_handover(**take_back)
    handovers.withdraw_handover(**take_back)
    with pytest.raises(UnknownHandover):
        receive(code, colleague)
    again, code = prepare(years)
    receive(code, colleague)
    with pytest.raises(HandoverEnded, match=re.escape(str(colleague.seat.holder))):
        handovers.withdraw_handover(**{**take_back, "handover_id": again.pk})
    with pytest.raises(ClassNotTaught):
        handovers.withdraw_handover(**{**take_back, "by": TeacherFactory()})


@pytest.mark.slow
def test_what_cannot_be_handed_over(years):
    prepare(years, [1])
    for numbers, expected in [
        ([], InvalidPupilCount),
        ([1, 2], CannotHandOver),
        ([2, 9], NoSuchPupil),
        ([10**12], NoSuchPupil),
    ]:
        with pytest.raises(expected):
            prepare(years, numbers)
    with pytest.raises(ClassNotTaught):
        prepare(years, [2], by=TeacherFactory())
    assert PupilHandover.objects.count() == 1


@pytest.mark.slow
def test_what_was_given_by_a_teacher_who_lost_the_seat_is_worth_nothing(years, colleague):
    _, code = prepare(years)
    Seat.objects.filter(pk=years.classroom.seat_id).update(holder=TeacherFactory())
    with pytest.raises(UnknownHandover):
        receive(code, colleague)


@pytest.mark.slow
def test_pupils_come_only_to_a_class_that_runs(years):
    _, code = prepare(years, at=JUNE)
    late_starter = create_class(hold_seat(years.new, number=2), opened_at=SEPTEMBER)
    with refuses("licence_not_running"):
        receive(code, late_starter, at=JUNE)
    same_year = create_class(hold_seat(years.old, number=2))
    assert receive(code, same_year, at=JUNE).pupils


@pytest.mark.slow
def test_the_giver_s_own_class_and_a_stranger_s_are_refused(years, colleague):
    _, code = prepare(years, at=JUNE)
    with pytest.raises(HandoverEnded, match="déjà dans cette classe"):
        receive(code, years.classroom, at=JUNE)
    with pytest.raises(ClassNotTaught):
        receive(code, colleague, by=TeacherFactory())


@pytest.mark.slow
def test_a_licence_bought_by_a_teacher_is_of_the_school_that_they_chose(years):
    buyer = TeacherFactory()
    bought = create_subscription(principal=buyer, **NEW_YEAR)
    bought.school = None
    bought.save()
    target = create_class(hold_seat(bought, by=buyer), opened_at=SEPTEMBER)
    _, code = prepare(years)
    with pytest.raises(UnknownHandover):
        receive(code, target)
    with pytest.raises(CannotHandOver, match="choisissez d’abord la vôtre"):
        handovers.prepare_handover(classroom_id=target.pk, numbers=[1], by=buyer, at=SEPTEMBER)
    AffiliationFactory(user=buyer, school=years.school)
    assert len(receive(code, target).pupils) == 2


@pytest.mark.slow
def test_a_school_typed_by_hand_is_that_of_its_principal(years):
    principal = PrincipalFactory()
    typed = create_subscription(size=2, principal=principal, **NEW_YEAR)
    typed.school = None
    typed.save()
    own, other = (create_class(hold_seat(typed, number=number), pupils=number % 2) for number in (1, 2))
    handover = handovers.prepare_handover(classroom_id=own.pk, numbers=[1], by=own.seat.holder, at=SEPTEMBER)
    assert len(receive(handovers.unseal_code(handover), other).pupils) == 1


@pytest.mark.slow
def test_waiting_pupils_go_on_with_the_class_and_their_code_stays_valid(years, colleague):
    _, code = prepare(years, [1])
    carried = operations.carry_on(
        classroom_id=years.classroom.pk, seat_id=years.seat.pk, numbers=[2], name="CE2", by=years.teacher, at=SEPTEMBER
    )
    assert (carried.pupils, carried.left) == (2, 2)
    assert len(receive(code, colleague).pupils) == 1


@pytest.mark.slow
def test_erased_pupils_end_their_code(years, colleague):
    handover, code = prepare(years, at=ERASURE - datetime.timedelta(days=1))
    pupil_erasure.erase_pupils(at=ERASURE)
    handover.refresh_from_db()
    assert (handover.outcome, handover.sealed_code) == ("expired", None)
    with pytest.raises(UnknownHandover):
        receive(code, colleague, at=ERASURE)


@pytest.mark.slow
def test_a_code_without_pupils_ends(years):
    handover, _ = prepare(years, [1])
    pupils.remove_pupil(classroom_id=years.classroom.pk, number=1, by=years.teacher, at=SEPTEMBER)
    handover.refresh_from_db()
    assert handover.outcome == "withdrawn"


@pytest.mark.slow
def test_a_new_pupil_never_gets_the_login_of_one_who_left(years, monkeypatch):
    six = words.list_words("pupils")[:6]
    monkeypatch.setattr(words, "list_words", lambda _name: six)
    _, code = prepare(years, [1, 2, 3, 4], at=JUNE)
    colleague = create_class(hold_seat(years.old, number=2))
    receive(code, colleague, at=JUNE)
    add = {"classroom_id": years.classroom.pk, "by": years.teacher, "at": JUNE}
    with pytest.raises(ClassFull, match=r"que 2.animaux"):
        pupils.add_pupils(count=3, **add)
    added = pupils.add_pupils(count=2, **add)
    assert not {pupil.login for pupil in colleague.pupils.all()} & {credential.login for credential in added}


def test_a_code_is_resealed_under_the_current_key(years, settings):
    handover, code = prepare(years)
    number = code_sealing.current_key_number()
    settings.SEALING_KEYS = [f"{number + 1}:{'A' * 86}==", *settings.SEALING_KEYS]
    assert handovers.reseal_codes(size=10) == 1
    assert handovers.reseal_codes(size=10) == 0
    handover.refresh_from_db()
    assert handover.sealed_under == number + 1
    assert handovers.unseal_code(handover) == code


def test_closing_an_account_ends_its_codes(years):
    handover, _ = prepare(years)
    personal_data.leave_all(years.teacher, was_shared=[], at=SEPTEMBER)
    handover.refresh_from_db()
    assert handover.outcome == "withdrawn"


@pytest.mark.slow
def test_the_export_names_no_pupil_and_no_code(years, colleague):
    _, code = prepare(years)
    receive(code, colleague)
    for person, role in ((years.teacher, "confiés à un collègue"), (colleague.seat.holder, "reçus d'un collègue")):
        (entry,) = personal_data.export_personal_data(person)["élèves confiés"]
        assert (entry["rôle"], entry["issue"], entry["élèves reçus"]) == (role, "reçus", 2)
        assert code not in str(entry)


@pytest.mark.slow
def test_the_sheet_has_code_and_logins_and_place_for_names(years):
    handover, code = prepare(years)
    document = pupil_cards.render_sheet(handover, list(handover.pupils.order_by("number")), at=SEPTEMBER)
    (sheet,) = PdfReader(BytesIO(bytes(document.output()))).pages
    text = sheet.extract_text()
    assert code in text
    assert "Prénom, à la main" in text
    assert [f"{number} {years.logins()[number]}" in text for number in (1, 2, 3)] == [True, True, False]
