"""Classes in a real browser: thirty accounts, their cards, first names that stay in the browser, a pupil."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from licensing.classes.models import Classroom, PupilAccount
from licensing.entitlements import operations as seats
from tests.classes.taught_class import TaughtClass
from tests.conftest import TERM
from tests.e2e.page_checks import find_problems
from tests.e2e.sessions import create_session
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


def test_a_class_of_thirty_its_cards_and_its_first_names(school, site, tmp_path):
    code, _ = school.subscription()
    teacher = school.teacher()
    seats.claim(code=code, by=teacher, at=TERM)
    visit = site.person(session=create_session(site, teacher))
    sent = listen(visit)
    page = visit.open("/mon-compte/")
    page.get_by_role("link", name="Ma classe").click()
    page.get_by_label("Nom de la classe").fill("CE1 B")
    page.get_by_role("button", name="Ouvrir la classe").click()
    expect(page.get_by_label("Nombre de comptes à créer")).to_have_value("30")
    page.get_by_role("button", name="Créer les comptes").click()
    expect(page.get_by_role("heading", name="30 comptes créés")).to_be_visible()
    with page.expect_download() as cards:
        page.get_by_role("button", name="Imprimer les cartes (PDF)").click()
    assert cards.value.path().read_bytes().startswith(b"%PDF-")

    # First names: typed, saved, lost with the page, found again in the file.
    logins = page.locator("tr[data-login]").evaluate_all("rows => rows.map(row => row.dataset.login)")
    page.get_by_label(f"Prénom de {logins[4]}").fill(FIRST_NAME)
    passwords = page.locator("[data-password]").all_inner_texts()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Enregistrer ma feuille").click()
    file = tmp_path / saved.value.suggested_filename
    saved.value.save_as(file)
    assert FIRST_NAME in file.read_text(encoding="utf-8-sig")
    # Reloading the page of new passwords shows the class: no password is generated twice.
    page.reload()
    expect(page.get_by_role("heading", name="CE1 B")).to_be_visible()
    assert PupilAccount.objects.count() == 30

    # One pupil loses their card meanwhile: only their password in the file is out of date.
    page.get_by_role("link", name=f"Nouveau mot de passe pour {logins[0].split('-')[0]}").click()
    page.get_by_role("button", name="Donner un nouveau mot de passe").click()
    page.get_by_role("link", name="Retour à la classe").click()
    page.get_by_role("link", name="Feuille des prénoms").click()
    page.locator("[data-sheet-open]").set_input_files(file)
    expect(page.get_by_label(f"Prénom de {logins[4]}")).to_have_value(FIRST_NAME)
    expect(page.locator("[data-sheet-said]")).to_contain_text("30 élèves retrouvés sur 30")
    expect(page.locator("[data-sheet-said]")).to_contain_text("1 mot de passe a changé")
    assert page.locator("[data-password]").all_inner_texts()[1:] == passwords[1:]
    with page.expect_download() as again:
        page.get_by_role("button", name="Imprimer 29 cartes (PDF)").click()
    assert again.value.path().read_bytes().startswith(b"%PDF-")
    assert visit.complaints == []
    assert len(sent) > 20
    assert not [request for request in sent if "Wxq" in request]


def test_a_resaved_name_sheet_is_read_and_another_classs_is_refused(school, site):
    taught = TaughtClass(school, pupils=2)
    first, second = (credential.login for credential in taught.credentials)
    page = site.person(session=create_session(site, taught.teacher)).open(taught.url("feuille/"))

    def hand(text):
        page.locator("[data-sheet-open]").set_input_files(
            {"name": "classe.csv", "mimeType": "text/csv", "buffer": text.encode("cp1252")}
        )

    result = page.locator("[data-sheet-said]")
    hand("Prénom,Identifiant\r\nLéa,lapin-tulipe-1234\r\n")
    expect(result).to_contain_text("d’une autre classe")
    hand("Nom;Classe\r\nX;Y\r\n")
    expect(result).to_contain_text("Rien n’a été changé")
    hand(f'Identifiant,Prénom\n{first},"Noël, dit ""No"""\n{second},\'=Zoé\nparti-tulipe-1234,X\n')
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


@pytest.mark.parametrize("width", ["wide", "phone"])
def test_a_pupil_scans_their_card(school, site, width):
    taught = TaughtClass(school, pupils=1)
    card = taught.credentials[0]
    visit = site.person(width=width)
    sent = listen(visit)
    page = visit.open(f"/eleve/#{card.login}/{card.password}")
    expect(page.get_by_label("Mon identifiant")).to_have_value(card.login)
    expect(page.get_by_label("Mon mot de passe")).to_have_value(card.password)
    assert page.url.endswith("/eleve/")
    assert find_problems(visit) == []
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=re.compile(taught.pupil().word))).to_be_visible()
    assert find_problems(visit) == []
    assert not [request for request in sent if card.password in request.split(" ", 1)[0]]
    page.get_by_role("button", name="Quitter").click()
    expect(page.get_by_label("Mon identifiant")).to_have_value("")


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
    expect(pupil.get_by_role("link", name="Accéder à l’application")).to_be_visible()
