"""First names that a teacher keeps on their device: shown there alone, encrypted, never sent, erasable."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from licensing.classes import operations, pupils, words
from licensing.classes.models import Classroom
from licensing.entitlements import operations as seats
from tests.classes.taught_class import TaughtClass
from tests.e2e.page_checks import find_problems_at_both_widths
from tests.e2e.sessions import create_session
from tests.e2e.test_classes import listen
from tests.entitlements.school_scenario import SchoolScenario

#: Occurs in no page, word list or factory.
NAME = "Zéphyrine-Wxq"
STORED = "JSON.stringify(localStorage)"


@pytest.fixture
def taught(committing):
    return TaughtClass(SchoolScenario(), pupils=3)


@pytest.fixture
def visit(taught, site):
    """The teacher's visit, in which leaving passwords that were not printed is confirmed."""
    visit = site.person(session=create_session(site, taught.teacher))
    visit.page.on("dialog", lambda dialog: dialog.accept())
    return visit


def field_of(page, taught, number=2):
    return page.get_by_label(f"Prénom de {words.spell(taught.pupil(number).login)}")


def wait_for_storage(page, before):
    """Wait until the browser stores something else: it is encrypted first, a moment later."""
    for _ in range(100):
        if page.evaluate(STORED) != before:
            return
        page.wait_for_timeout(20)
    raise AssertionError("The first name was not stored.")


def keep(visit, taught, name=NAME, number=2):
    """Type a first name on the sheet, and agree to keep it."""
    page = visit.open(taught.url())
    page.get_by_role("link", name="Écrire les prénoms").click()
    expect(page.get_by_role("heading", name="Prénoms des élèves")).to_be_visible()
    field_of(page, taught, number).fill(name)
    before = page.evaluate(STORED)
    page.get_by_role("button", name="Oui, les garder ici").click()
    wait_for_storage(page, before)
    return page


def ask_dialogs(visit, *, accept):
    """Return the sentences of the dialogs that the page opens, each answered alike."""
    sentences = []

    def answer(dialog):
        sentences.append((dialog.type, dialog.message))
        dialog.accept() if accept else dialog.dismiss()

    visit.page.on("dialog", answer)
    return sentences


def name_of(page, pupil):
    return page.locator(f"[data-name-of='{pupil.pk}']")


def test_a_kept_name_shows_beside_its_login_and_leaves_in_no_request(taught, visit):
    sent = listen(visit)
    page = keep(visit, taught)
    assert "Wxq" not in page.evaluate(STORED)
    pupil = taught.pupil(2)
    page = visit.open(taught.url())
    expect(name_of(page, pupil)).to_have_text(NAME)
    assert find_problems_at_both_widths(visit) == []
    # Pages that ask to confirm say whom they are about.
    for path in ("eleves/2/retirer/", "mots-de-passe/?numero=2"):
        expect(name_of(visit.open(taught.url(path)), pupil)).to_have_text(NAME)
    visit.open(taught.url())
    # New passwords leave it as it is, and its card is printed with it, by this browser.
    page.get_by_role("link", name="Nouveaux mots de passe pour tous").click()
    page.get_by_role("button", name="Donner 3 nouveaux mots de passe").click()
    visit.settle()
    expect(page.get_by_label(f"Prénom de {words.spell(pupil.login)}")).to_have_value(NAME)
    with page.context.expect_page() as opened:
        page.locator(".card-bar").get_by_role("button", name="Imprimer les 3 cartes avec").click()
    cards = opened.value
    cards.on("request", lambda request: sent.append(f"{request.url} {request.post_data_buffer or b''!r}"))
    expect(name_of(cards, pupil)).to_have_text(NAME)
    expect(name_of(cards, taught.pupil(1))).to_have_text("")
    assert visit.complaints == []
    assert len(sent) > 20
    assert not [request for request in sent if "Wxq" in request or "Z%C3%A9phyrine" in request]


def test_nobody_reads_a_name_in_the_same_browser_without_the_class(taught, visit, site):
    page = keep(visit, taught)
    page.get_by_role("button", name="Déconnexion").first.click()
    visit.settle()
    stored = page.evaluate(STORED)
    assert "peps-prenoms" in stored
    assert "Wxq" not in stored
    # A colleague at the same computer, with a class of their own.
    other = TaughtClass(taught.school, pupils=1)
    page.context.add_cookies([{"name": "session", "value": create_session(site, other.teacher), "url": site.url("/")}])
    page = visit.open(other.url())
    expect(page.get_by_role("link", name="Écrire les prénoms")).to_be_visible()
    assert "Wxq" not in page.content()
    visit.open("/mes-classes/")
    page.locator("summary", has_text="Des prénoms d’élèves sont gardés").click()
    page.get_by_role("button", name="Effacer tous les prénoms").click()
    assert page.evaluate(STORED) == "{}"


def test_a_name_goes_with_its_pupil_and_is_not_given_to_the_next(taught, visit):
    keep(visit, taught)
    word = taught.pupil(2).word
    pupils.remove_pupil(classroom_id=taught.classroom.pk, number=2, by=taught.teacher, at=timezone.now())
    taught.add(1)
    # The animal may be drawn again.
    taught.classroom.pupils.filter(number=2).update(word=word)
    page = visit.open(taught.url())
    expect(page.locator("summary", has_text="Effacer les prénoms de cet appareil")).to_be_visible()
    expect(page.locator(".roster")).not_to_have_class(re.compile("has-names"))
    assert NAME not in page.content()


def test_names_are_erased_by_a_button_and_with_the_class(taught, visit):
    page = keep(visit, taught)
    page.locator("summary", has_text="Effacer les prénoms de cet appareil").click()
    page.get_by_role("button", name="Oui, les effacer").click()
    expect(field_of(page, taught)).to_have_value("")
    assert page.evaluate(STORED) == "{}"
    keep(visit, taught)
    Classroom.objects.update(purged_at=timezone.now())
    page = visit.open(taught.url())
    assert page.evaluate(STORED) == "{}"


def test_whether_to_keep_names_is_asked_once_where_the_first_one_is_typed(taught, visit):
    """By keyboard: Tab leads from the field to the answers, and the answer back to the field."""
    sent = listen(visit)
    page = visit.open(taught.url("feuille/"))
    question = page.get_by_role("group", name="Garder les prénoms sur cet appareil ?")
    expect(question).to_have_count(0)
    field_of(page, taught, 1).focus()
    page.keyboard.type("Lé")
    expect(question).to_be_in_viewport()
    expect(field_of(page, taught, 1)).to_be_focused()
    expect(page.locator("[data-names-announce]")).to_contain_text("Garder les prénoms sur cet appareil ?")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Oui, les garder ici")).to_be_focused()
    assert page.evaluate(STORED) == "{}"
    page.keyboard.press("Enter")
    expect(question).to_be_hidden()
    expect(field_of(page, taught, 1)).to_be_focused()
    # Nothing more is asked, and nothing more has to be done.
    before = page.evaluate(STORED)
    field_of(page, taught, 2).fill(NAME)
    wait_for_storage(page, before)
    expect(question).to_have_count(0)
    page.reload()
    expect(field_of(page, taught, 1)).to_have_value("Lé")
    expect(field_of(page, taught, 2)).to_have_value(NAME)
    assert not [request for request in sent if "Wxq" in request]


def test_a_name_that_was_typed_before_the_scripts_came_is_asked_about_too(taught, site):
    visit = site.person(session=create_session(site, taught.teacher))
    dialogs = ask_dialogs(visit, accept=False)
    early = f"document.querySelector('[data-first-name]').value = '{NAME}'"
    # Deferred scripts run once the document is read.
    ready = "addEventListener('readystatechange', () => { if (document.readyState === 'interactive') { %s; } })"
    visit.page.add_init_script(f"document.{ready % early}")
    page = visit.open(taught.url("feuille/"))
    expect(page.get_by_role("button", name="Oui, les garder ici")).to_be_visible()
    page.get_by_role("link", name="CE1 B").click()
    assert [kind for kind, _ in dialogs] == ["confirm"]


@pytest.mark.parametrize("answer", ["Non, seulement dans cette page", ""])
def test_names_that_are_not_kept_are_not_lost_silently(taught, site, answer):
    """Answered no, or not at all: a link asks in plain words, the browser on reloading; printing the list is enough."""
    visit = site.person(session=create_session(site, taught.teacher))
    dialogs = ask_dialogs(visit, accept=False)
    page = visit.open(taught.url("feuille/"))
    page.get_by_role("link", name="CE1 B").click()
    page.go_back()
    assert dialogs == []
    field_of(page, taught).fill(NAME)
    if answer:
        page.get_by_role("button", name=answer).click()
    page.get_by_role("link", name="CE1 B").click()
    assert [kind for kind, _ in dialogs] == ["confirm"]
    assert "Les prénoms que vous avez écrits ne sont pas gardés" in dialogs[0][1]
    expect(field_of(page, taught)).to_have_value(NAME)
    assert page.evaluate("window.dispatchEvent(new Event('beforeunload', { cancelable: true }))") is False
    assert page.evaluate(STORED) == "{}"
    page.evaluate("() => { window.print = () => {}; }")
    page.get_by_role("button", name="Imprimer la liste").click()
    page.get_by_role("link", name="CE1 B").click()
    expect(page.get_by_role("heading", name="CE1 B", level=1)).to_be_visible()
    assert len(dialogs) == 1


def test_leaving_asks_nothing_once_names_are_kept(taught, site):
    visit = site.person(session=create_session(site, taught.teacher))
    dialogs = ask_dialogs(visit, accept=False)
    page = keep(visit, taught)
    page.get_by_role("link", name="CE1 B").click()
    expect(name_of(page, taught.pupil(2))).to_have_text(NAME)
    assert dialogs == []


def test_passwords_that_were_not_downloaded_are_not_left_silently(taught, site):
    visit = site.person(session=create_session(site, taught.teacher))
    dialogs = ask_dialogs(visit, accept=False)
    page = visit.open(taught.url("mots-de-passe/"))
    page.get_by_role("button", name="Donner 3 nouveaux mots de passe").click()
    visit.settle()
    page.get_by_role("link", name="Retour à la classe").click()
    assert len(dialogs) == 1
    assert "Les cartes ne sont pas encore téléchargées" in dialogs[0][1]
    with page.expect_download():
        page.get_by_role("button", name="Télécharger les 3 cartes").click()
    page.get_by_role("link", name="Retour à la classe").click()
    expect(page.get_by_role("heading", name="CE1 B", level=1)).to_be_visible()
    assert len(dialogs) == 1


def test_one_question_names_passwords_and_first_names_that_would_be_lost(taught, site):
    """And cards without the first names that were written since do not count."""
    visit = site.person(session=create_session(site, taught.teacher))
    dialogs = ask_dialogs(visit, accept=False)
    page = visit.open(taught.url("mots-de-passe/"))
    page.get_by_role("button", name="Donner 3 nouveaux mots de passe").click()
    visit.settle()
    field_of(page, taught).fill(NAME)
    page.get_by_role("button", name="Non, seulement dans cette page").click()
    leave = page.get_by_role("link", name="Retour à la classe")
    leave.click()
    assert dialogs.pop()[1].replace("\u00a0", " ") == (
        "Les cartes ne sont pas encore téléchargées. Ces mots de passe ne seront plus jamais affichés. "
        "Les prénoms que vous avez écrits ne sont pas gardés. Quitter cette page ?"
    )
    with page.expect_download():
        page.get_by_role("button", name="Télécharger les 3 cartes").click()
    field_of(page, taught, 1).fill("Lé")
    leave.click()
    assert "Les cartes que vous avez n’ont pas les prénoms écrits depuis." in dialogs.pop()[1]
    with page.context.expect_page():
        page.get_by_role("button", name="Imprimer les 3 cartes avec les prénoms").click()
    leave.click()
    assert dialogs.pop()[1].startswith("Les prénoms que vous avez écrits ne sont pas gardés.")


def test_one_new_password_is_about_one_pupil(taught, site):
    """One filled button, which becomes that of the card with the first name; the others of the class are folded."""
    visit = site.person(width="phone", session=create_session(site, taught.teacher))
    dialogs = ask_dialogs(visit, accept=False)
    page = visit.open(taught.url("mots-de-passe/?numero=2"))
    page.get_by_role("button", name="Donner un nouveau mot de passe").click()
    visit.settle()
    filled = page.locator("main .btn-primary:visible")
    expect(filled).to_have_text(re.compile("Télécharger la carte"))
    expect(field_of(page, taught, 1)).to_be_hidden()
    page.get_by_role("link", name="Retour à la classe").click()
    assert "La carte n’est pas encore téléchargée. Ce mot de passe ne sera plus jamais affiché." in dialogs.pop()[1]
    # A card with a first name is that of this pupil.
    page.get_by_role("button", name="Montrer les autres élèves").click()
    expect(field_of(page, taught, 1)).to_be_focused()
    page.keyboard.type("Lé")
    expect(filled).to_have_text(re.compile("Télécharger la carte"))
    page.get_by_role("button", name="Oui, les garder ici").click()
    page.get_by_role("link", name="Écrire son prénom").click()
    field_of(page, taught).fill(NAME)
    expect(filled).to_have_text(re.compile(r"Imprimer la\s+carte avec le prénom"))
    expect(page.get_by_role("link", name="Écrire son prénom")).to_be_hidden()
    expect(filled).to_have_css("position", "sticky")
    # Known already: the filled button has the focus.
    page.get_by_role("button", name="Télécharger la carte").scroll_into_view_if_needed()
    with page.expect_download() as card:
        page.get_by_role("button", name="Télécharger la carte").click()
    assert card.value.suggested_filename == f"carte-{taught.pupil(2).word}-ce1-b.pdf"
    page = visit.open(taught.url("mots-de-passe/?numero=2"))
    page.get_by_role("button", name="Donner un nouveau mot de passe").click()
    visit.settle()
    expect(page.get_by_role("button", name="Imprimer la carte avec le prénom")).to_be_focused()
    assert find_problems_at_both_widths(visit) == []


def test_where_no_first_name_is_kept_the_class_leads_to_the_file(taught, visit):
    page = visit.open(taught.url())
    page.get_by_role("link", name="Ouvrez le fichier enregistré").click()
    expect(page.get_by_label("Ouvrir mon fichier")).to_be_focused()
    expect(page.get_by_text("Ouvrir mon fichier")).to_be_in_viewport()
    keep(visit, taught)
    page = visit.open(taught.url())
    expect(name_of(page, taught.pupil(2))).to_have_text(NAME)
    expect(page.get_by_role("link", name="Ouvrez le fichier enregistré")).to_be_hidden()


def test_enter_leads_to_the_next_pupil(taught, visit):
    page = visit.open(taught.url("feuille/"))
    field_of(page, taught, 1).press("Enter")
    expect(field_of(page, taught, 2)).to_be_focused()
    field_of(page, taught, 3).press("Enter")
    expect(field_of(page, taught, 3)).to_be_focused()


def test_names_that_are_not_kept_are_saved_and_stand_on_the_cards_of_this_page(taught, visit):
    """The tab of the cards asks the tab that opened it; nothing is stored, and nothing is sent."""
    sent = listen(visit)
    page = visit.open(taught.url("mots-de-passe/"))
    page.get_by_role("button", name="Donner 3 nouveaux mots de passe").click()
    visit.settle()
    cards = page.get_by_role("button", name="Imprimer les 3 cartes avec les prénoms")
    expect(cards).to_be_hidden()
    field_of(page, taught).fill(NAME)
    page.get_by_role("button", name="Non, seulement dans cette page").click()
    expect(page.get_by_role("button", name="Liste avec les prénoms")).to_be_visible()
    with page.context.expect_page() as opened:
        cards.click()
    expect(name_of(opened.value, taught.pupil(2))).to_have_text(NAME)
    page.locator("summary", has_text="Les prénoms dans un fichier").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Enregistrer un fichier").click()
    assert saved.value.suggested_filename == "prenoms-ce1-b.csv"
    assert page.evaluate(STORED) == "{}"
    assert not [request for request in sent if "Wxq" in request]


def test_a_browser_that_stores_nothing_says_so(taught, visit):
    page = visit.open(taught.url("feuille/"))
    page.evaluate(
        "() => { Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }; }"
    )
    field_of(page, taught).fill(NAME)
    page.get_by_role("button", name="Oui, les garder ici").click()
    expect(page.locator("[data-names-answer]")).to_contain_text("n’a pas pu garder les prénoms")
    assert page.evaluate("window.dispatchEvent(new Event('beforeunload', { cancelable: true }))") is False


def test_two_classes_keep_their_names_apart(taught, visit, site):
    keep(visit, taught)
    code, _ = taught.school.subscription()
    seat = seats.claim(code=code, by=taught.teacher, at=timezone.now())
    second = operations.open_class(seat_id=seat.pk, by=taught.teacher, name="CE2", at=timezone.now())
    pupils.add_pupils(classroom_id=second.pk, count=1, by=taught.teacher, at=timezone.now())
    page = visit.open(f"/mes-classes/{second.pk}/")
    expect(page.get_by_role("link", name="Écrire les prénoms")).to_be_visible()
    assert NAME not in page.content()
    page = visit.open(taught.url())
    expect(name_of(page, taught.pupil(2))).to_have_text(NAME)
