"""A teacher's pages: classes, pupil accounts, passwords shown once, printed cards."""

import pytest

from licensing.classes import words
from licensing.classes.models import Classroom, PupilAccount
from licensing.entitlements import operations as seats
from licensing.entitlements.models import Entitlement
from tests.classes.class_page import add, get_state_token, printed_cards
from tests.conftest import TERM
from tests.entitlements.school_scenario import SchoolScenario
from tests.sites.portal.my_account_page import visible_text as read
from tests.tiers import sampled

pytestmark = pytest.mark.slow

# --- Opening --------------------------------------------------------------------------------------------------------


def test_a_licence_leads_to_its_class(nimes, portal):
    school = SchoolScenario()
    code, _ = school.subscription()
    teacher = school.teacher()
    seat = seats.claim(code=code, by=teacher, at=TERM)
    portal.force_login(teacher)
    opening = f"/mes-classes/ouvrir/{seat.pk}/"
    assert f'href="{opening}?depuis=compte"' in portal.get("/mon-compte/").content.decode()
    assert f'href="{opening}"' in portal.get("/mes-classes/").content.decode()
    answer = portal.post(opening, {"name": "CE1 B"}, follow=True)
    assert answer.redirect_chain[-1][0] == f"/mes-classes/{seat.classroom.pk}/"
    assert "0/30" in read(answer)
    # The same link now leads to the class.
    assert portal.get(opening)["Location"] == f"/mes-classes/{seat.classroom.pk}/"


def test_a_principal_who_teaches_opens_the_class_of_their_own_seat(nimes, portal):
    school = SchoolScenario()
    _, subscription = school.subscription()
    seat = seats.assign(subscription_id=subscription.pk, teacher=school.principal, by=school.principal, at=TERM)
    portal.force_login(school.principal)
    assert f"/mes-classes/ouvrir/{seat.pk}/" in portal.get("/mon-compte/").content.decode()
    assert portal.post(f"/mes-classes/ouvrir/{seat.pk}/", {"name": "CP"}).status_code == 302


@pytest.mark.small
def test_a_class_without_a_name_is_not_opened(nimes, portal):
    school = SchoolScenario()
    seat = seats.claim(code=school.subscription()[0], by=(teacher := school.teacher()), at=TERM)
    portal.force_login(teacher)
    answer = portal.post(f"/mes-classes/ouvrir/{seat.pk}/", {"name": "  "})
    assert answer.status_code == 422
    assert "Donnez un nom" in read(answer)
    assert not Classroom.objects.exists()


def test_a_class_is_opened_with_its_accounts_in_one_go(nimes, portal):
    school = SchoolScenario()
    seat = seats.claim(code=school.subscription()[0], by=(teacher := school.teacher()), at=TERM)
    portal.force_login(teacher)
    opening = f"/mes-classes/ouvrir/{seat.pk}/"
    answer = portal.post(opening, {"name": "CE1 B", "count": "24"})
    assert "no-store" in answer["Cache-Control"]
    assert len(printed_cards(answer)) == PupilAccount.objects.count() == 24
    # Sent again, it creates nothing and leads to the class.
    assert portal.post(opening, {"name": "CE1 B", "count": "24"}).status_code == 302
    assert PupilAccount.objects.count() == 24


@pytest.mark.small
def test_a_class_of_too_many_pupils_is_not_opened(nimes, portal):
    school = SchoolScenario()
    seat = seats.claim(code=school.subscription()[0], by=(teacher := school.teacher()), at=TERM)
    portal.force_login(teacher)
    answer = portal.post(f"/mes-classes/ouvrir/{seat.pk}/", {"name": "CE1 B", "count": "31"})
    assert answer.status_code == 422
    assert "au plus 30 comptes" in read(answer)
    assert not Classroom.objects.exists()


def test_a_licence_that_is_suspended_opens_no_class(nimes, portal):
    school = SchoolScenario()
    seat = seats.claim(code=school.subscription()[0], by=(teacher := school.teacher()), at=TERM)
    Entitlement.objects.update(suspended_at=TERM, unpaid_until=TERM.date())
    portal.force_login(teacher)
    answer = portal.post(f"/mes-classes/ouvrir/{seat.pk}/", {"name": "CP"})
    assert answer.status_code == 409
    assert "règlement" in read(answer)
    assert not Classroom.objects.exists()


def test_the_list_separates_past_and_current_classes(taught, teacher):
    assert "CE1 B" in read(teacher.get("/mes-classes/"))
    Entitlement.objects.update(last_day="2026-08-31")
    assert "Classes des années passées (1)" in read(teacher.get("/mes-classes/"))


def test_the_list_is_read_in_as_many_queries_whatever_there_is(taught, teacher, django_assert_max_num_queries):
    taught.add(27)
    with django_assert_max_num_queries(6):
        teacher.get("/mes-classes/")


# --- Permissions ----------------------------------------------------------------------------------------------------

ADDRESSES = (
    "",
    "nom/",
    "eleves/",
    "eleves/1/retirer/",
    "mots-de-passe/",
    "essais/lus/",
    "feuille/",
    "imprimer/",
    "collegue/",
    "collegue/retirer/",
)


@pytest.mark.parametrize("address", sampled(ADDRESSES, fast=2))
def test_a_class_is_not_found_for_those_who_do_not_teach_it(address, taught, portal):
    portal.force_login(taught.school.teacher())
    statuses = {portal.get(taught.url(address)).status_code, portal.post(taught.url(address)).status_code}
    assert statuses <= {404, 405}
    assert 404 in statuses
    assert PupilAccount.objects.count() == 3


def test_the_principal_does_not_see_a_teacher_s_class(taught, portal):
    portal.force_login(taught.school.principal)
    assert portal.get(taught.url()).status_code == 404


def test_a_seat_of_somebody_else_opens_nothing(taught, portal):
    portal.force_login(taught.school.teacher())
    assert portal.post(f"/mes-classes/ouvrir/{taught.seat.pk}/", {"name": "X"}).status_code == 404


def test_the_class_goes_with_the_licence(taught, teacher):
    heir = taught.pass_on()
    assert teacher.get(taught.url()).status_code == 404
    teacher.force_login(heir)
    assert "3/30" in read(teacher.get(taught.url()))


# --- Accounts and passwords -----------------------------------------------------------------------------------------


def test_the_class_page_shows_everything_but_passwords(taught, teacher):
    page = read(teacher.get(taught.url()))
    assert "3/30" in page
    for credential in taught.credentials:
        word, _, code = words.spell(credential.login).partition("-")
        assert f"{word} -{code}" in page or f"{word}-{code}" in page
        assert words.spell(credential.password) not in page


def test_the_page_asks_as_many_queries_for_thirty_pupils_as_for_three(taught, teacher, django_assert_num_queries):
    # The session with the person, the class, its pupils, seats without a class, codes.
    query_count = 5
    teacher.get(taught.url())
    with django_assert_num_queries(query_count):
        teacher.get(taught.url())
    taught.add(27)
    with django_assert_num_queries(query_count):
        teacher.get(taught.url())


def test_new_accounts_are_shown_once_with_what_prints_their_cards(taught, teacher):
    answer = add(teacher, taught, 2)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    cards = printed_cards(answer)
    assert len(cards) == 2
    for card in cards:
        login, password = card.split(" ")
        assert words.parse_password(password) == password
        assert words.spell(login) in read(answer)
        assert words.spell(password) in read(answer)
        assert words.spell(password) not in read(teacher.get(taught.url()))
        assert password not in str(dict(teacher.session))
    # The printed sheet lists the logins of the whole class.
    assert all(words.spell(credential.login) in read(answer) for credential in taught.credentials)
    assert PupilAccount.objects.count() == 5


def test_a_page_that_is_sent_twice_creates_once(taught, teacher):
    shown = get_state_token(teacher.get(taught.url()))
    first, second = (teacher.post(taught.url("eleves/"), {"count": 2, "etat": shown}) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 409)
    assert "Rien n’a été fait cette fois-ci" in read(second)
    assert PupilAccount.objects.count() == 5


def test_the_thirty_first_is_refused_and_the_page_says_how_many_are_left(taught, teacher):
    answer = add(teacher, taught, 28)
    assert answer.status_code == 409
    assert "27" in answer.context["refusal"].sentence
    assert PupilAccount.objects.count() == 3


@pytest.mark.parametrize("count", ["0", "31", "vingt", ""])
def test_an_invalid_number_is_reported_beside_the_field(count, taught, teacher):
    answer = add(teacher, taught, count)
    assert answer.status_code == 422
    assert answer.context["new_form"].errors
    assert PupilAccount.objects.count() == 3


def test_a_full_class_says_so(taught, teacher):
    taught.add(27)
    page = read(teacher.get(taught.url()))
    assert "La classe est complète" in page
    assert "Créer les comptes" not in page


def test_one_new_password_or_all_of_them(taught, teacher):
    confirmation = teacher.get(taught.url("mots-de-passe/?numero=2"))
    assert words.spell(taught.pupil(2).login) in read(confirmation)
    one = teacher.post(taught.url("mots-de-passe/"), {"numero": "2", "etat": get_state_token(confirmation)})
    assert [card.split(" ")[0] for card in printed_cards(one)] == [taught.pupil(2).login]
    everybody = teacher.get(taught.url("mots-de-passe/"))
    assert "toutes les cartes sont à remplacer" in read(everybody)
    assert len(printed_cards(teacher.post(taught.url("mots-de-passe/"), {"etat": get_state_token(everybody)}))) == 3


def test_new_passwords_requested_twice_are_generated_once(taught, teacher):
    """Otherwise the cards being printed would be invalid."""
    state_token = get_state_token(teacher.get(taught.url("mots-de-passe/")))
    teacher.post(taught.url("mots-de-passe/"), {"etat": state_token})
    before = list(PupilAccount.objects.values_list("password", flat=True).order_by("pk"))
    assert teacher.post(taught.url("mots-de-passe/"), {"etat": state_token}).status_code == 409
    assert before == list(PupilAccount.objects.values_list("password", flat=True).order_by("pk"))


def test_a_pupil_who_does_not_exist_gets_no_password(taught, teacher):
    confirmation = teacher.get(taught.url("mots-de-passe/?numero=29"))
    assert "Aucun élève ne porte ce numéro" in read(confirmation)
    answer = teacher.post(
        taught.url("mots-de-passe/"), {"numero": "29", "etat": get_state_token(teacher.get(taught.url()))}
    )
    assert answer.status_code == 409


def test_a_removed_pupil_frees_a_place(taught, teacher):
    confirmation = teacher.get(taught.url("eleves/2/retirer/"))
    assert words.spell(taught.pupil(2).login) in read(confirmation)
    # Exercises and results are not ours (docs/application.md).
    assert "Son travail et ses résultats sont dans l’application" in read(confirmation)
    answer = teacher.post(taught.url("eleves/2/retirer/"), {"etat": get_state_token(confirmation)}, follow=True)
    assert "C’est fait : le compte n° 2 est effacé. Sa place est libre" in read(answer)
    assert list(PupilAccount.objects.values_list("number", flat=True).order_by("number")) == [1, 3]
    # Posted again, when the number may belong to another pupil.
    taught.add(1)
    assert teacher.post(taught.url("eleves/2/retirer/"), {"etat": get_state_token(confirmation)}).status_code == 409
    assert PupilAccount.objects.count() == 3


def test_a_suspended_licence_is_read_and_not_added_to(taught, teacher):
    shown = get_state_token(teacher.get(taught.url()))
    Entitlement.objects.update(suspended_at=TERM, unpaid_until=TERM.date())
    page = read(teacher.get(taught.url()))
    assert "règlement" in page
    assert "Créer les comptes" not in page
    assert words.spell(taught.pupil(1).word) in page
    for address, fields in (("eleves/", {"count": 1}), ("mots-de-passe/", {})):
        answer = teacher.post(taught.url(address), {"etat": shown, **fields})
        assert answer.status_code == 409
        assert "règlement" in read(answer)
    confirmation = teacher.get(taught.url("eleves/2/retirer/"))
    assert teacher.post(taught.url("eleves/2/retirer/"), {"etat": get_state_token(confirmation)}).status_code == 302


def test_the_end_of_the_licence_says_when_accounts_are_erased(taught, teacher):
    Entitlement.objects.update(last_day="2026-08-31")
    page = read(teacher.get(taught.url()))
    assert "effacés à partir du 31 octobre 2026" in page


def test_a_class_whose_pupils_were_erased_says_so_and_leads_to_the_certificate(taught, teacher):
    Entitlement.objects.update(last_day="2026-08-31")
    Classroom.objects.update(purged_at=TERM)
    page = teacher.get(taught.url())
    assert "effacés le 24 novembre 2026" in read(page)
    assert 'href="/certificats/"' in page.content.decode()
    assert "Créer les comptes" not in read(page)


def test_a_class_is_renamed_on_its_page(taught, teacher):
    assert teacher.post(taught.url("nom/"), {"name": "CE1 C"}).status_code == 302
    assert Classroom.objects.get().name == "CE1 C"
    assert teacher.post(taught.url("nom/"), {"name": ""}).status_code == 422
