"""Classes in a real browser: thirty accounts, their cards, first names that stay in the browser, a pupil."""

import re
from urllib.parse import unquote

import pytest
from playwright.sync_api import expect

from licensing.classes import words
from licensing.classes.models import Classroom, PupilAccount
from licensing.entitlements import operations as seats
from mailing.models import Message
from tests.classes.taught_class import TaughtClass
from tests.conftest import TERM
from tests.e2e.page_checks import find_problems
from tests.e2e.sessions import create_session
from tests.emails import render_email
from tests.entitlements.school_scenario import SchoolScenario

#: Occurs in no page, word list or factory.
FIRST_NAME = "Zéphyrine-Wxq"


@pytest.fixture
def school(committing):
    return SchoolScenario()


def listen(visit):
    """Return a list that collects all the tab sends: URLs, headers, bodies."""
    sent = []
    visit.page.on(
        "request", lambda request: sent.append(f"{request.url} {request.headers} {request.post_data_buffer or b''!r}")
    )
    return sent


@pytest.mark.journey
def test_a_class_of_thirty_its_cards_and_its_first_names(school, site, tmp_path):
    code, _ = school.subscription()
    teacher = school.teacher()
    seats.claim(code=code, by=teacher, at=TERM)
    visit = site.person(session=create_session(site, teacher))
    sent = listen(visit)
    page = visit.open("/mon-compte/")
    page.get_by_role("link", name="Ouvrir ma classe").click()
    page.get_by_label("Nom de la classe").fill("CE1 B")
    page.get_by_role("button", name="Ouvrir ma classe").click()
    expect(page.get_by_label("Nombre de comptes à créer")).to_have_value("30")
    page.get_by_role("button", name="Créer les comptes").click()
    expect(page.get_by_role("heading", name="30 comptes créés")).to_be_visible()
    with page.expect_download() as cards:
        page.get_by_role("button", name="Télécharger les 30 cartes (PDF)").click()
    assert cards.value.path().read_bytes().startswith(b"%PDF-")
    assert cards.value.suggested_filename == "cartes-ce1-b.pdf"
    downloaded = "Vos 30 cartes : le fichier « cartes-ce1-b.pdf » est dans vos téléchargements"
    expect(page.locator("[data-file-message]")).to_contain_text(downloaded)

    # First names: typed, saved, lost with the page, found again in the file.
    logins = page.locator("tr[data-login] th").all_inner_texts()
    page.get_by_label(f"Prénom de {logins[4]}").fill(FIRST_NAME)
    passwords = page.locator("[data-password]").all_inner_texts()
    page.get_by_role("button", name="Non, seulement dans cette page").click()
    page.locator("summary", has_text="Les prénoms dans un fichier").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Enregistrer un fichier").click()
    file = tmp_path / saved.value.suggested_filename
    saved.value.save_as(file)
    assert FIRST_NAME in file.read_text(encoding="utf-8-sig")
    # Reloading the page of new passwords shows the class: no password is generated twice.
    page.reload()
    expect(page.get_by_role("heading", name="CE1 B")).to_be_visible()
    assert PupilAccount.objects.count() == 30

    # One pupil loses their card meanwhile: only their password in the file is out of date.
    page.on("dialog", lambda dialog: dialog.accept())
    word = logins[0].split("-")[0]
    page.locator("summary", has_text=f"pour {word}").first.click()
    page.get_by_role("link", name=f"Nouveau mot de passe pour {word}").first.click()
    page.get_by_role("button", name="Donner un nouveau mot de passe").click()
    page.get_by_role("link", name="Retour à la classe").click()
    page.get_by_role("link", name="Écrire les prénoms").click()
    page.locator("summary", has_text="Les prénoms dans un fichier").click()
    page.locator("[data-sheet-open]").set_input_files(file)
    expect(page.get_by_label(f"Prénom de {logins[4]}")).to_have_value(FIRST_NAME)
    expect(page.locator("[data-sheet-message]")).to_contain_text("30 élèves retrouvés sur 30")
    expect(page.locator("[data-sheet-message]")).to_contain_text("1 mot de passe a changé")
    assert page.locator("[data-password]").all_inner_texts()[1:] == passwords[1:]
    with page.expect_download() as again:
        page.get_by_role("button", name="Télécharger 29 cartes (PDF)").click()
    assert again.value.path().read_bytes().startswith(b"%PDF-")
    assert visit.complaints == []
    assert len(sent) > 20
    assert not [request for request in sent if "Wxq" in request]


def test_a_resaved_name_sheet_is_read_and_another_classs_is_refused(school, site):
    taught = TaughtClass(school, pupils=2)
    first, second = (words.spell(credential.login) for credential in taught.credentials)
    page = site.person(session=create_session(site, taught.teacher)).open(taught.url("feuille/"))

    def hand(text):
        page.locator("[data-sheet-open]").set_input_files(
            {"name": "classe.csv", "mimeType": "text/csv", "buffer": text.encode("cp1252")}
        )

    result = page.locator("[data-sheet-message]")
    hand("Prénom,Identifiant\r\nLéa,lapin-tulipe-1234\r\n")
    expect(result).to_contain_text("d’une autre classe")
    hand("Nom;Classe\r\nX;Y\r\n")
    expect(result).to_contain_text("Rien n’a été changé")
    # Accents may have been lost on the way.
    hand(f'Identifiant,Prénom\n{words.fold(first)},"Noël, dit ""No"""\n{second},\'=Zoé\nparti-tulipe-1234,X\n')
    expect(page.get_by_label(f"Prénom de {first}")).to_have_value('Noël, dit "No"')
    expect(page.get_by_label(f"Prénom de {second}")).to_have_value("=Zoé")
    expect(result).to_contain_text("1 ligne n’est plus de cette classe")


@pytest.mark.parametrize("width", ["wide", "phone"])
def test_class_pages_have_no_problems(school, site, width):
    taught = TaughtClass(school, pupils=3)
    Classroom.objects.update(tried_at=TERM)
    visit = site.person(width=width, session=create_session(site, taught.teacher))
    found = {}
    for path in ("", "mots-de-passe/", "eleves/1/retirer/", "feuille/"):
        visit.open(taught.url(path))
        found[path] = find_problems(visit)
    page = visit.open(taught.url("mots-de-passe/"))
    page.get_by_role("button", name="Donner 3 nouveaux mots de passe").click()
    expect(page.get_by_role("heading", name="3 nouveaux mots de passe")).to_be_visible()
    found["new"] = find_problems(visit)
    assert not any(found.values()), found


@pytest.mark.journey
@pytest.mark.parametrize("width", ["wide", "phone"])
def test_a_pupil_scans_their_card(school, site, width):
    taught = TaughtClass(school, pupils=1)
    card = taught.credentials[0]
    visit = site.person(width=width)
    sent = listen(visit)
    login, password, word = (words.spell(text) for text in (card.login, card.password, taught.pupil().word))
    page = visit.open(f"/eleve/#{login}/{password}")
    expect(page.get_by_label("Mon identifiant")).to_have_value(login)
    expect(page.get_by_label("Mon mot de passe")).to_have_value(password)
    expect(page.locator("[data-animal-known]")).to_have_text(word.capitalize())
    expect(page.locator("[data-animal] img")).to_have_js_property("complete", True)
    assert page.url.endswith("/eleve/")
    expect(page.get_by_role("button", name="J’entre")).to_have_css("font-family", re.compile("^Andika"))
    assert page.evaluate("[...document.fonts].some((one) => one.family === 'Andika' && one.status === 'loaded')")
    assert find_problems(visit) == []
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"Bonjour {word.capitalize()}")).to_be_visible()
    assert find_problems(visit) == []
    assert not [request for request in sent if card.password in words.fold(unquote(request.split(" ", 1)[0]))]
    # One button, which has the focus, leads to the application; back, and out.
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Ici commence Pep’s")).to_be_visible()
    expect(page.locator("main")).to_contain_text(f"Bravo {word.capitalize()}")
    assert find_problems(visit) == []
    page.get_by_role("link", name="Retour à ma classe").click()
    expect(page.get_by_role("heading", name=f"Bonjour {word.capitalize()}")).to_be_visible()
    page.go_back()
    # « Quitter » means the same on both pages.
    page.get_by_role("button", name="Quitter").click()
    expect(page.locator("[data-notice]")).to_contain_text("Tu peux fermer")
    expect(page.get_by_label("Mon identifiant")).to_have_value("")


@pytest.mark.journey
def test_the_main_path_without_scripts(school, site):
    taught = TaughtClass(school)
    page = site.person(scripts=False, session=create_session(site, taught.teacher)).open(taught.url())
    page.get_by_label("Nombre de comptes à créer").fill("2")
    page.get_by_role("button", name="Créer les comptes").click()
    with page.expect_download() as listed:
        page.get_by_role("button", name="Liste à compléter à la main (PDF)").click()
    assert listed.value.path().read_bytes().startswith(b"%PDF-")
    login, password = (page.locator(f"tbody tr:first-child .login >> nth={place}").inner_text() for place in (0, 1))
    pupil = site.person(scripts=False).open("/eleve/")
    pupil.get_by_label("Mon identifiant").fill(login.upper().replace("-", " "))
    pupil.get_by_label("Mon mot de passe").fill(password)
    pupil.get_by_role("button", name="J’entre").click()
    expect(pupil.get_by_role("link", name="C’est parti")).to_be_visible()


def test_the_animal_shows_once_a_login_is_well_formed_and_tells_nothing_of_who_exists(school, site):
    taught = TaughtClass(school, pupils=1)
    page = site.person().open("/eleve/")
    field, place = page.get_by_label("Mon identifiant"), page.locator("[data-animal]")
    awaited = page.get_by_text("Ton animal viendra ici")
    expect(awaited).to_be_visible()
    field.press_sequentially("léopard forêt 289")
    expect(awaited).to_be_visible()
    # Nobody has this login.
    field.press_sequentially("4")
    expect(place.locator("strong")).to_have_text("Léopard")
    for typed in (taught.credentials[0].login, "LIONCEAU-TULIPE-5837", "lion tulipe 5837"):
        field.fill(typed)
        expect(place.locator("strong")).to_have_text(words.spell(words.parse_login(typed)[0]).capitalize())
    # A word that no card has: a paw stands where the animal was.
    for typed, sentence in (("girafe-tulipe-5837", "Je ne connais pas cet animal"), ("gir", "Ton animal viendra ici")):
        field.fill(typed)
        expect(page.get_by_text(sentence)).to_be_visible()
        expect(place.locator("svg")).to_be_visible()


def test_the_place_of_a_misspelt_animal_is_never_empty(school, site):
    """After the server showed another one, too."""
    taught = TaughtClass(school, pupils=1)
    page = site.person(width="phone").open("/eleve/")
    page.get_by_label("Mon identifiant").fill(taught.credentials[0].login)
    page.get_by_label("Mon mot de passe").fill("rien")
    page.get_by_role("button", name="J’entre").click()
    expect(page.get_by_label("Mon mot de passe")).to_be_focused()
    expect(page.locator("[data-animal] strong")).to_have_text(words.spell(taught.pupil().word).capitalize())
    page.get_by_label("Mon identifiant").fill("leopar-tulipe-5837")
    expect(page.locator("[data-animal] svg").last).to_be_visible()
    expect(page.locator("[data-animal] strong")).to_be_hidden()
    page.get_by_role("button", name="J’entre").click()
    expect(page.get_by_label("Mon identifiant")).to_be_focused()
    expect(page.get_by_text("Je ne connais pas l’animal « leopar »")).to_be_in_viewport()
    expect(page.locator("[data-animal] svg").last).to_be_visible()


def test_the_wait_goes_down_and_its_end_is_announced_once(school, site):
    taught = TaughtClass(school, pupils=1)
    visit = site.person()
    visit.page.clock.install()
    page = visit.open("/eleve/")
    for _ in range(6):
        page.get_by_label("Mon identifiant").fill(taught.credentials[0].login)
        page.get_by_label("Mon mot de passe").fill("bateau bateau bateau")
        page.get_by_role("button", name="J’entre").click()
        visit.settle()
    left, sentence = page.locator("[data-wait-seconds]"), page.locator("[data-wait-sentence]")
    expect(left).to_have_text(re.compile(r"^\s*[45] secondes\s*$"))
    shown = int(left.locator("strong").inner_text())
    page.clock.run_for(2_000)
    expect(left.locator("strong")).to_have_text(str(shown - 2))
    # What changes each second is not read aloud; the end is.
    assert left.evaluate("(place) => place.closest('[role], [aria-live]')?.tagName ?? ''") in ("", "MAIN")
    expect(sentence).to_have_attribute("role", "status")
    expect(sentence).to_have_text("Attends un peu, puis essaie encore.")
    page.clock.run_for(5_000)
    expect(sentence).to_have_text("Essaie encore.")
    expect(left).to_have_count(0)


def test_a_row_s_menu_opens_by_keyboard_and_escape_gives_the_focus_back(school, site):
    taught = TaughtClass(school, pupils=2)
    page = site.person(width="phone", session=create_session(site, taught.teacher)).open(taught.url())
    first, second = page.locator("details[data-menu]").all()
    first.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(first.get_by_role("link", name=re.compile("^Nouveau mot de passe"))).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(first).not_to_have_attribute("open", "")
    expect(first.locator("summary")).to_be_focused()
    # Leaving a menu closes it.
    page.keyboard.press("Enter")
    second.locator("summary").focus()
    expect(first).not_to_have_attribute("open", "")
    # A pupil is one line of a telephone.
    heights = page.locator(".roster tbody tr").evaluate_all("rows => rows.map((row) => row.offsetHeight)")
    assert max(heights) <= 60


def test_the_cards_stay_in_view_while_the_class_is_read(school, site):
    taught = TaughtClass(school, pupils=30)
    for width in ("wide", "phone"):
        page = site.person(width=width, session=create_session(site, taught.teacher)).open(taught.url("mots-de-passe/"))
        page.get_by_role("button", name="Donner 30 nouveaux mots de passe").click()
        printing = page.get_by_role("button", name="Télécharger les 30 cartes")
        expect(printing).to_be_focused()
        page.get_by_role("link", name="Retour à la classe").scroll_into_view_if_needed()
        expect(printing).to_be_in_viewport(ratio=1)


def test_from_the_letter_to_the_cards_are_two_clicks_and_two_fields(school, site):
    """The letter's button, and « Ouvrir ma classe »; who is not signed in signs in on the way."""
    _, subscription = school.subscription()
    teacher = school.teacher()
    seat = seats.assign(subscription_id=subscription.pk, teacher=teacher, by=school.principal, at=TERM)
    letter = render_email(Message(kind="seat.assigned", context={"seat": seat.pk, "user": teacher.pk}))
    assert "Ouvrir ma classe" in letter.html
    path = re.search(r"https?://[^/\s]+(/mes-classes/ouvrir/\d+/)", letter.text)[1]
    page = site.person(session=create_session(site, teacher)).open(path)
    page.get_by_label("Nom de la classe").fill("CE1 B")
    page.get_by_label("Nombre d’élèves").fill("24")
    page.get_by_role("button", name="Ouvrir ma classe").click()
    expect(page.get_by_role("heading", name="24 comptes créés")).to_be_visible()
    expect(page.get_by_role("button", name="Télécharger les 24 cartes")).to_be_focused()
    assert page.locator("main .btn-primary:visible").count() == 1
