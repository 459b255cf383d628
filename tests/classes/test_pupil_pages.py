"""A pupil's pages: signing in, and a session separate from any adult's."""

import datetime
import re

import pytest
from django.conf import settings
from django.template.loader import get_template
from django.utils import timezone

from accounts.known_origins import COOKIE_NAME
from accounts.models import AttemptDelay
from licensing.classes import pupils, words
from licensing.classes.models import Classroom, PupilAccount
from licensing.entitlements import operations as seats
from licensing.entitlements.models import Entitlement
from tests.accounts.waiting import let_pass
from tests.classes.taught_class import TaughtClass
from tests.conftest import TERM, HostClient
from tests.entitlements.school_scenario import SchoolScenario
from tests.sites.portal.my_account_page import visible_text as read

PAGE, CLASS = "/eleve/", "/eleve/classe/"


@pytest.fixture
def taught(nimes):
    return TaughtClass(SchoolScenario(), pupils=2)


def enter(browser, credential, **changed):
    return browser.post(PAGE, {"login": credential.login, "password": credential.password, **changed})


@pytest.fixture
def inside(taught, portal):
    """A pupil's browser."""
    assert enter(portal, taught.credentials[0])["Location"] == CLASS
    return portal


@pytest.mark.slow
def test_a_pupil_signs_in_and_sees_their_class(inside, taught):
    page = read(inside.get(CLASS))
    assert f"Bonjour {words.spell(taught.pupil().word).capitalize()}" in page
    assert "CE1 B" in page
    assert "C’est parti" in page
    assert words.read_drawing(taught.pupil().word) in inside.get(CLASS).content.decode()
    answer = inside.get("/application/")
    assert (answer.status_code, "ticket=" in answer["Location"]) == (302, True)


@pytest.mark.slow
def test_capitals_spaces_and_accents_do_not_matter(taught, portal):
    first = taught.credentials[0]
    answer = enter(portal, first, login=first.login.upper().replace("-", " "), password=f" {first.password.title()}. ")
    assert answer["Location"] == CLASS


def list_unknown_logins(taught):
    """Return well-formed logins that nobody has: another animal, another class."""
    used = set(taught.classroom.pupils.values_list("word", flat=True))
    word = next(other for other in words.list_words("pupils") if other not in used)
    class_word, _, number = taught.classroom.code.partition("-")
    other_number = "1111" if number != "1111" else "2222"
    return [f"{word}-{taught.classroom.code}", f"{taught.pupil().word}-{class_word}-{other_number}"]


@pytest.mark.slow
@pytest.mark.parametrize("password", ["bateau-bateau-bateau", "bato-foret-ecole", "rien", "bateau soleil"])
def test_a_login_that_does_not_exist_is_answered_as_one_that_does(taught, portal, password):
    """Whether the password is well formed or not: the same page, but for what was typed."""
    answers = set()
    for login in [taught.credentials[0].login, *list_unknown_logins(taught)]:
        answer = portal.post(PAGE, {"login": login, "password": password})
        assert answer.status_code == 422
        word = login.partition("-")[0]
        page = re.sub(r'name="csrf[^>]*>|nonce="[^"]*"', "", answer.content.decode())
        for own in (login, words.read_drawing(word), words.spell(word).capitalize()):
            page = page.replace(own, "")
        answers.add(page)
    assert len(answers) == 1


@pytest.mark.slow
def test_after_some_wrong_tries_the_card_itself_is_doubted_whether_or_not_the_login_exists(taught, portal):
    """An old card is copied as well as a new one: somebody has to be asked."""
    doubted = []
    for login in [taught.credentials[0].login, *list_unknown_logins(taught)]:
        pages = [read(portal.post(PAGE, {"login": login, "password": "bateau-bateau-bateau"})) for _ in range(5)]
        doubted.append(["ta carte est peut-être trop vieille" in page for page in pages])
    assert doubted == [[False, False, True, True, True]] * 3


@pytest.mark.slow
def test_the_error_of_credentials_that_are_well_formed_says_what_to_compare(taught, portal):
    first = taught.credentials[0]
    answer = enter(portal, first, password="bateau-bateau-bateau")
    assert "l’animal, le mot, le nombre, puis les trois mots" in read(answer)
    assert answer.context["form"].errors == {}
    # The input is kept, so that the pupil can find the typo.
    assert 'value="bateau-bateau-bateau"' in answer.content.decode()


@pytest.mark.slow
def test_a_word_that_no_card_has_is_named_at_its_field_and_the_paw_stays(taught, portal):
    first = taught.credentials[0]
    answer = enter(portal, first, login=f"leopar {taught.classroom.code}")
    page = answer.content.decode()
    assert "Je ne connais pas l’animal « leopar »" in read(answer).replace("\u00a0", " ")
    assert "Ce n’est pas cela" not in read(answer)
    login = re.search(r"<input[^>]*name=\"login\"[^>]*>", page)[0]
    assert 'aria-describedby="id_login_error"' in login
    assert "data-focus" in login
    assert re.search(r"data-animal-known hidden\s*>", page)
    assert re.search(r"data-animal-awaited\s*>", page)
    assert get_template("web/drawings/paw.svg").render().strip() in page
    # The attempt was counted as any other.
    assert AttemptDelay.objects.filter(scope="pupil/here").count() == 1


@pytest.mark.slow
def test_the_animal_of_a_typed_login_shows_whether_or_not_anybody_has_it(taught, portal):
    own = taught.pupil().word
    for word in (own, next(other for other in words.list_words("pupils") if other not in (own, taught.pupil(2).word))):
        answer = portal.post(PAGE, {"login": f"{word} {taught.classroom.code}", "password": "rien"})
        assert words.read_drawing(word) in answer.content.decode()
        assert words.spell(word).capitalize() in read(answer)
    unfinished = portal.post(PAGE, {"login": "leopard", "password": "rien"})
    assert words.read_drawing("leopard") not in unfinished.content.decode()


def test_the_drawing_of_each_animal_has_an_address_and_no_other_word_has_one(portal, db):
    answer = portal.get("/eleve/animaux/leopard.svg")
    assert answer["Content-Type"] == "image/svg+xml"
    assert answer["Cache-Control"] == "public, max-age=86400"
    assert answer.content.decode() == words.read_drawing("leopard")
    for other in ("licornes", "animal", "tulipe"):
        assert portal.get(f"/eleve/animaux/{other}.svg").status_code == 404


@pytest.mark.slow
def test_an_empty_field_is_asked_for(taught, portal):
    assert "Écris ton mot de passe" in read(portal.post(PAGE, {"login": "lapin", "password": ""}))


@pytest.mark.slow
def test_a_class_that_gives_no_access_says_so_simply(taught, portal):
    Entitlement.objects.update(suspended_at=TERM)
    answer = enter(portal, taught.credentials[0])
    assert answer.status_code == 422
    assert "maître" in read(answer)


@pytest.mark.slow
def test_a_signed_in_pupil_is_informed_when_the_licence_stops(inside):
    Entitlement.objects.update(suspended_at=TERM)
    page = read(inside.get(CLASS))
    assert "fermée pour le moment" in page
    assert "C’est parti" not in page


@pytest.mark.slow
def test_a_pupil_who_tries_too_often_reads_how_many_seconds_to_wait(taught, portal):
    first = taught.credentials[0]
    for _ in range(5):
        enter(portal, first, password="rien")
    answer = enter(portal, first)
    assert (answer.status_code, answer["Retry-After"]) == (429, "5")
    assert "Attends un peu, puis essaie encore. 5 secondes" in read(answer)
    let_pass(datetime.timedelta(seconds=5))
    assert enter(portal, first)["Location"] == CLASS


@pytest.mark.slow
def test_a_tablet_is_remembered_and_lets_its_pupil_in_whoever_tries_elsewhere(taught, inside):
    first = taught.credentials[0]
    inside.post("/eleve/quitter/")
    stranger = HostClient(settings.BASE_DOMAIN, REMOTE_ADDR="198.51.100.7")
    assert [enter(stranger, first, password="rien").status_code for _ in range(6)] == [422] * 5 + [429]
    inside.defaults["REMOTE_ADDR"] = "198.51.100.7"
    assert enter(inside, first)["Location"] == CLASS
    assert inside.cookies[COOKIE_NAME]["httponly"]


# --- The session ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_pupil_s_sign_in_ends_an_adult_s_session(taught, portal):
    portal.force_login(taught.teacher)
    before = portal.session.session_key
    assert "met fin à votre session" in read(portal.get(PAGE))
    enter(portal, taught.credentials[0])
    assert portal.session.session_key != before
    assert portal.get("/mon-compte/")["Location"].startswith("/connexion/")
    assert portal.get(CLASS).status_code == 200


@pytest.mark.slow
def test_an_adult_s_sign_in_ends_a_pupil_s_session(inside, taught):
    inside.force_login(taught.teacher)
    assert "pupil" not in inside.session
    assert inside.get(CLASS)["Location"] == PAGE
    assert inside.get("/mon-compte/").status_code == 200


@pytest.mark.slow
def test_a_pupil_opens_no_adult_page(inside):
    for page in ("/mon-compte/", "/mes-classes/", "/admin/"):
        assert inside.get(page).status_code == 302


@pytest.mark.slow
def test_a_new_password_signs_the_pupil_out(inside, taught):
    pupils.reset_passwords(classroom_id=taught.classroom.pk, numbers=[1], by=taught.teacher, at=timezone.now())
    assert inside.get(CLASS)["Location"] == PAGE
    assert "pupil" not in inside.session


@pytest.mark.slow
def test_a_pupil_who_was_removed_is_out(inside, taught):
    pupils.remove_pupil(classroom_id=taught.classroom.pk, number=1, by=taught.teacher, at=timezone.now())
    assert inside.get(CLASS)["Location"] == PAGE


@pytest.mark.slow
def test_an_erased_class_is_closed(inside, taught):
    Classroom.objects.update(purged_at=TERM)
    assert inside.get(CLASS)["Location"] == PAGE


@pytest.mark.slow
def test_a_session_lasts_twelve_hours_and_no_more(inside):
    session = inside.session
    until = datetime.datetime.fromisoformat(session["pupil"]["until"])
    assert timezone.now() < until <= timezone.now() + datetime.timedelta(hours=12)
    session["pupil"] = session["pupil"] | {"until": timezone.now().isoformat()}
    session.save()
    assert inside.get(CLASS)["Location"] == PAGE


@pytest.mark.slow
def test_signing_out_clears_the_session_and_says_so(inside):
    key = inside.session.session_key
    assert "Au revoir ! Tu peux fermer." in read(inside.post("/eleve/quitter/", follow=True))
    assert inside.session.session_key != key
    assert inside.get(CLASS)["Location"] == PAGE


@pytest.mark.slow
def test_the_pupil_sign_out_keeps_an_adult_signed_in(taught, portal):
    portal.force_login(taught.teacher)
    portal.post("/eleve/quitter/")
    assert portal.get("/mon-compte/").status_code == 200


@pytest.mark.slow
def test_a_signed_in_pupil_is_asked_to_confirm_their_identity(inside, taught):
    page = read(inside.get(PAGE))
    assert f"Tu es {words.spell(taught.pupil().word)} ?" in page.replace("\u00a0", " ")
    # Another child takes the tablet.
    enter(inside, taught.credentials[1])
    assert words.spell(taught.pupil(2).word).capitalize() in read(inside.get(CLASS))


@pytest.mark.slow
def test_nothing_of_a_pupil_is_kept_by_a_browser(inside):
    for page in (PAGE, CLASS):
        assert "no-store" in inside.get(page)["Cache-Control"]


@pytest.mark.slow
def test_the_password_stands_in_no_session(inside, taught):
    assert taught.credentials[0].password not in str(dict(inside.session))


@pytest.mark.slow
def test_the_class_passes_to_the_next_teacher_with_its_pupils(inside, taught):
    heir = taught.pass_on()
    assert PupilAccount.objects.filter(classroom__seat__holder=heir).count() == 2
    assert inside.get(CLASS).status_code == 200
    seats.release(seat_id=taught.seat.pk, by=taught.school.principal, at=TERM)
    assert "fermée pour le moment" in read(inside.get(CLASS))


@pytest.mark.slow
def test_a_page_of_a_pupil_asks_three_queries(inside, django_assert_num_queries):
    with django_assert_num_queries(3):  # the session, the pupil with the class, the access check
        inside.get(CLASS)
