"""A data officer's afternoon in a real browser: 5,000 rows uploaded, corrected in place, handed over and applied."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django_tenants.utils import tenant_context

from collectivities.models import Role
from imports import tasks
from imports.models import Import, ImportRow
from licensing.pools.models import Allocation
from tests.conftest import HostClient
from tests.e2e.looks import faults
from tests.factories.collectivities import MemberFactory
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory, next_uai
from tests.imports.files import xlsx

#: Where pictures of the pages are kept, if anywhere: for the guides, and for whoever changes them.
PICTURES = os.environ.get("PICTURES")


@pytest.fixture
def walker(committing, site):
    """Makes a manager's tab at the office, and a function that says what is wrong with the page that is open."""

    def at(width):
        client = HostClient("nimes.peps.localhost")
        client.force_login(MemberFactory(roles=[Role.MANAGER]).user)
        session = client.session
        session["opened_at"] = f"{client.host}:{site.port}"
        session.save()
        return site.person(width=width, session=session.session_key, slug="nimes")

    # While the browser runs, the thread has another connection: it enters the collectivity anew.
    with tenant_context(committing):
        yield at


def look(visit, name, width):
    if PICTURES:
        visit.page.screenshot(path=Path(PICTURES) / f"{name}-{width}.png", full_page=True)
    found = faults(visit)
    # Axe leaves empty style attributes behind, which htmx would carry over and the page's policy report.
    visit.page.reload()
    visit.complaints.clear()
    assert not found, f"{name}: " + "\n".join(found)


def workbook(rows):
    schools = SchoolFactory.create_batch(6)
    nursery, closing = SchoolFactory(has_elementary=False), SchoolFactory(email="")
    table = [
        ["LISTE DES ÉCOLES – RENTRÉE 2026"],
        [],
        ["RNE", "École", "Commune", "Nb licences", "Courriel"],
        *[[school.uai, school.name, school.commune, 3, None] for school in schools],
        [nursery.uai, nursery.name, "Nîmes", 2, None],
        [closing.uai, closing.name, "Nîmes", 2, None],
        [schools[0].uai.lower(), schools[0].name, "Nîmes", 4, None],
        ["0300000Z / 0300001Y", "Deux écoles", "Nîmes", "trois", "directrice@"],
        *[[next_uai(), f"École inconnue n° {n}", "Alès", 1, None] for n in range(rows)],
        ["TOTAL", None, None, 999, None],
    ]
    return xlsx(table, sheet="Écoles", more={"Notice": [["RNE = UAI"]]})


@pytest.mark.parametrize("width", ["wide", "phone"])
def test_a_large_file_is_walked_through(committing, walker, width, tmp_path):
    PoolFactory(capacity=40, name="Lot 2026-2027")
    file = tmp_path / "écoles de la ville.xlsx"
    file.write_bytes(workbook(5_000 if width == "wide" else 20))
    visit = walker(width)
    page = visit.open("/imports/", slug="nimes")
    look(visit, "imports-vide", width)
    page.get_by_role("link", name="Déposer un tableau").click()
    page.get_by_text("Vous pouvez aussi glisser le fichier ici.").wait_for()
    look(visit, "imports-fichier", width)
    page.get_by_label("Tableau des écoles").set_input_files(file)
    page.get_by_role("button", name="Déposer et vérifier").click()
    page.get_by_text("Lecture du fichier…").wait_for()
    look(visit, "imports-lecture", width)
    table = Import.objects.get()
    tasks.read(import_id=table.pk)
    page.get_by_role("link", name="Toutes").wait_for()  # the page noticed by itself
    look(visit, "imports-verification", width)

    page.get_by_role("checkbox", name="Appliquer la ligne 5", exact=True).uncheck()
    page.get_by_text("4 écoles cochées").wait_for()
    page.get_by_text("Corriger la ligne 11", exact=True).click()
    page.locator("#adresse-11").fill("direction@ecole.example")
    page.locator("#ligne-11").get_by_role("button", name="Enregistrer").click()
    page.get_by_text("5 écoles cochées").wait_for()
    page.get_by_text("Corriger la ligne 12", exact=True).click()
    look(visit, "imports-correction", width)
    page.get_by_text("Corriger la ligne 12", exact=True).click()
    page.locator("#ligne-12").get_by_role("button", name="Mettre de côté").click()
    page.get_by_text("6 écoles cochées").wait_for()
    page.get_by_role("link", name="Erreurs").click()
    page.get_by_placeholder("École, UAI, adresse…").fill("inconnue n° 7")
    page.get_by_role("button", name="Chercher").click()
    page.get_by_text("École inconnue n° 7").first.wait_for()
    look(visit, "imports-recherche", width)

    page.get_by_role("link", name="Appliquer…").click()
    look(visit, "imports-confirmation", width)
    page.get_by_role("button", name="Attribuer 17 licences").click()
    page.get_by_text("Attribution en cours…").wait_for()
    look(visit, "imports-application", width)
    tasks.apply(import_id=table.pk)
    page.get_by_text("C’est fait.").wait_for()
    look(visit, "imports-resultat", width)
    assert Allocation.objects.count() == ImportRow.objects.filter(ticked=True).count() == 6
    visit.open("/imports/", slug="nimes")
    look(visit, "imports-liste", width)


def test_columns_are_settled_and_rows_corrected_without_scripts(committing, site, walker):
    PoolFactory(capacity=40)
    one, two = SchoolFactory.create_batch(2)
    visit = walker("phone")
    state = visit.page.context.storage_state()
    visit = site.person(width="phone", scripts=False)
    visit.page.context.add_cookies(state["cookies"])
    page = visit.open("/imports/nouveau/", slug="nimes")
    content = f"UAI;RNE\n{one.uai};{two.uai}\n{two.uai};{one.uai}\n".encode()
    page.get_by_label("Tableau des écoles").set_input_files(
        {"name": "a.csv", "mimeType": "text/csv", "buffer": content}
    )
    page.get_by_role("button", name="Déposer et vérifier").click()
    table = Import.objects.get()
    tasks.read(import_id=table.pk)
    page.get_by_role("link", name="Actualiser la page").click()
    page.get_by_label("UAI de l'école").select_option("1")
    page.locator("#id_units_for_all").fill("2")
    page.get_by_role("button", name="Relire le tableau").click()
    tasks.read(import_id=table.pk)
    page.get_by_role("link", name="Actualiser la page").click()
    page.get_by_text("Corriger la ligne 2", exact=True).click()
    page.locator("#licences-2").fill("5")
    page.locator("#ligne-2").get_by_role("button", name="Enregistrer").click()
    page.get_by_text("7 licences", exact=True).wait_for()
    assert ImportRow.objects.get(number=2).uai == two.uai
