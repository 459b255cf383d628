"""A data officer's afternoon in a real browser: 5,000 rows uploaded, resolved in place, applied and undone."""

import io
import itertools
import os
from dataclasses import replace
from itertools import starmap
from pathlib import Path

import pytest
from django_tenants.utils import tenant_context
from PIL import Image

from collectivities.capabilities import Role
from collectivities.models import PortfolioSchool
from imports import tasks
from imports.layout import AnswerOption, LayoutQuestion
from imports.models import ImportRow, SpreadsheetImport
from licensing.pools import checks
from licensing.pools import operations as pools
from licensing.pools.models import Allocation
from schools.models import School
from tests.conftest import TERM
from tests.e2e.flat_colours import flatten_colours
from tests.e2e.page_checks import find_problems_at_both_widths
from tests.e2e.site import WIDTHS
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory, next_uai
from tests.host_client import HostClient
from tests.imports.actions import upload_and_parse
from tests.imports.sample_files import build_xlsx

#: Folder for the guide's screenshots, if configured, and the pages it shows.
PICTURES = os.environ.get("PICTURES")
IN_THE_GUIDE = (
    "fichier", "questions", "ecartees", "verification", "correction", "autre-lot", "adresses", "confirmation",
    "resultat", "defaire",
)  # fmt: skip
#: Longest main-thread task allowed, in milliseconds.
LONGEST_TASK = 1_000
#: Records the long tasks of each page from its first script on.
WATCH = """
window.heldFor = 0;
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) window.heldFor = Math.max(window.heldFor, task.duration);
}).observe({ type: "longtask", buffered: true });
"""
NAMES = ("Jean Jaurès", "Jules Ferry", "Marie Curie", "Jean Macé", "Les Platanes", "Pasteur")


@pytest.fixture
def walker(committing, site):
    """Opens a manager's tab at the office."""

    def at(width, *, scripts=True):
        client = HostClient("nimes.peps.localhost")
        member = MemberFactory(roles=[Role.MANAGER], user__first_name="Nora", user__last_name="Martin")
        client.force_login(member.user)
        session = client.session
        session["host"] = f"{client.host}:{site.port}"
        session.save()
        visit = site.person(width=width, scripts=scripts, session=session.session_key, slug="nimes")
        if scripts:
            visit.page.add_init_script(WATCH)
        return visit

    # While the browser runs, the thread has another connection: enter the collectivity on it too.
    with tenant_context(committing):
        yield at


def check_page(visit, name):
    """Check the open page against the rules for all pages, and for long tasks."""
    page = visit.page
    visit.settle()
    held = page.evaluate("heldFor")
    served = page.evaluate("performance.getEntriesByType('navigation')[0].responseStart")
    print(f"{name}: answered within {served:.0f} ms, thread held for {held:.0f} ms at most")  # noqa: T201
    assert held < LONGEST_TASK, f"{name}: the page was blocked for {held:.0f} ms"
    if PICTURES and name in IN_THE_GUIDE:
        page.set_viewport_size(WIDTHS["wide"])
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        flatten_colours(picture).save(Path(PICTURES) / f"imports-{name}.png", optimize=True)
        page.set_viewport_size(WIDTHS["phone"])
    found = find_problems_at_both_widths(visit)
    # Axe leaves empty style attributes, which htmx would copy and the CSP report.
    page.reload()
    visit.complaints.clear()
    assert not found, f"{name}: " + "\n".join(found)


def workbook(pool, rows):
    """Return a workbook with problems, and its schools by problem."""
    schools = [SchoolFactory(name=f"Ecole élémentaire {name}") for name in NAMES]
    for kind in ("primaire", "élémentaire"):
        SchoolFactory(name=f"Ecole {kind} Les Oliviers", commune="Alès")
    nursery = SchoolFactory(name="Ecole maternelle Les Lilas", has_elementary=False)
    for school in schools[:4]:
        PortfolioSchoolFactory(school=school, contact_email="roux@nimes.example", contact_name="Mme Roux", classes=6)
    demand = checks.Demand(schools[0].uai, 5, "roux@nimes.example", total=True)
    pools.allocate_many(pool_id=pool.pk, demands=[demand], by=None, at=TERM)
    table = [
        ["LISTE DES ÉCOLES – RENTRÉE 2026"],
        [],
        ["RNE", "École", "Commune", "Nb licences", "Courriel"],
        *[[school.uai, school.name, school.commune, 3, None] for school in schools],
        [nursery.uai, nursery.name, "Nîmes", 2, None],
        [None, "Les Oliviers", "Alès", 4, "direction@"],
        ["0300000Z / 0300001Y", "Deux écoles", "Nîmes", "trois", None],
        *[[next_uai(), f"École neuve n° {n}", "Alès", 1, None] for n in range(rows)],
        ["TOTAL", None, None, 999, None],
    ]
    return build_xlsx(table, sheet="Écoles", more={"Notice": [["RNE = UAI"]]})


def test_a_large_file_is_uploaded_resolved_applied_and_undone(committing, walker, tmp_path):
    """At phone width; each page is also checked at desktop width."""
    pool = PoolFactory(capacity=24, name="Lot 2026-2027")
    file = tmp_path / "écoles de la ville.xlsx"
    file.write_bytes(workbook(pool, 1_000))
    visit = walker("phone")
    upload_file(visit, file)
    resolve_rows(visit)
    apply(visit)
    assert sum(Allocation.objects.active().values_list("units", flat=True)) == 24
    undo_import(visit)
    visit.open("/imports/", slug="nimes")
    check_page(visit, "liste")


def upload_file(visit, file):
    page = visit.open("/imports/nouveau/", slug="nimes")
    page.get_by_text("Vous pouvez aussi glisser le fichier ici.").wait_for()
    page.get_by_label("Le même nombre pour toutes les écoles").check()
    page.get_by_label("Nombre de licences pour chaque école").wait_for()
    check_page(visit, "fichier")
    page.get_by_label("Votre tableau").set_input_files(file)
    page.get_by_text(f"Fichier choisi : {file.name}").wait_for()
    page.get_by_role("button", name="Déposer et vérifier").click()
    page.get_by_text("Lecture du fichier…").wait_for()
    check_page(visit, "lecture")
    tasks.read(import_id=SpreadsheetImport.objects.get().pk)
    page.get_by_role("link", name="À régler").first.wait_for()  # the page noticed by itself
    check_page(visit, "verification")


def resolve_rows(visit):
    page = visit.page
    row = page.locator("#ligne-0-4")  # has 5 licences, and the list says 3
    row.get_by_role("button", name="Réduire à 3 licences").click()
    row.get_by_text("Réduire à ce nombre").wait_for()
    page.get_by_role("button", name="l’inclure").click()  # a nursery school
    page.get_by_text("1 ligne cochée.").wait_for()
    row = page.locator("#ligne-0-11")  # two schools of that name, and half an address
    row.get_by_role("link", name="Corriger").click()
    row.get_by_label("Ou chercher l’école").fill("oliviers ales")
    row.get_by_role("button", name="Chercher").click()
    row.get_by_role("button", name="Choisir École élémentaire Les Oliviers – 30000 Alès").wait_for()
    check_page(visit, "correction")
    row.get_by_role("link", name="Corriger").click()
    row.get_by_label("Adresse e-mail").fill("direction@ecole.example")
    row.get_by_role("button", name="Enregistrer").click()
    row.get_by_text("Corrigée ici").wait_for()
    row.get_by_role("button", name="Choisir École élémentaire Les Oliviers").click()
    row.get_by_text("choisie par vous").wait_for()
    row = page.locator("#ligne-0-12")  # two UAI in one cell
    row.get_by_role("button", name="Mettre de côté").click()
    row.get_by_role("button", name="Reprendre").wait_for()
    page.get_by_role("link", name="les voir (1 000 écoles inconnues de l’annuaire)").click()
    page.get_by_text("École neuve n° 0").first.wait_for()
    check_page(visit, "remarque")
    page.get_by_role("button", name="les garder jusqu’à l’annuaire").click()
    page.get_by_text("gardées jusqu").first.wait_for()


def apply(visit):
    page = visit.page
    page.get_by_role("link", name="Appliquer…").click()
    check_page(visit, "confirmation")
    page.get_by_role("button", name="Attribuer 19 licences").click()
    page.get_by_text("Pour confirmer, tapez 19 dans cette case.").first.wait_for()
    page.get_by_label("Tapez ce nombre pour confirmer").fill("19")
    page.get_by_role("button", name="Attribuer 19 licences").click()
    page.get_by_text("Attribution en cours…").wait_for()
    tasks.apply(import_id=SpreadsheetImport.objects.get().pk)
    page.get_by_text("C’est fait.").wait_for()
    check_page(visit, "resultat")


def undo_import(visit):
    page = visit.page
    page.get_by_role("link", name="Défaire cet import…").click()
    check_page(visit, "defaire")
    page.get_by_role("button", name="Défaire cet import").click()
    page.get_by_text("L’import se défait…").wait_for()
    tasks.undo(import_id=SpreadsheetImport.objects.get().pk, asked_at=TERM.isoformat())
    page.get_by_text("Cet import est défait").wait_for()
    check_page(visit, "defait")


@pytest.mark.journey
def test_the_portfolio_is_updated_from_a_small_file_without_scripts(committing, walker):
    school, known = (
        SchoolFactory(name="Ecole Les Tilleuls", commune="Uzès"),
        PortfolioSchoolFactory(contact_name="M. Lô"),
    )
    visit = walker("phone", scripts=False)
    page = visit.open("/imports/nouveau/?but=portfolio", slug="nimes")
    # A UAI far from any school's: one edit away, the school would already be proposed.
    content = f"UAI;RNE;Directeur;Nb classes\n{known.school_id};0;Mme Roux;6\n0990000Z;0;M. Blanc;4\n".encode()
    page.get_by_label("Votre tableau").set_input_files({"name": "p.csv", "mimeType": "text/csv", "buffer": content})
    page.get_by_role("button", name="Déposer et vérifier").click()
    page.get_by_role("link", name="Actualiser la page").wait_for()
    table = SpreadsheetImport.objects.get()
    tasks.read(import_id=table.pk)
    page.get_by_role("link", name="Actualiser la page").click()
    page.get_by_role("link", name="Changer la lecture…").click()
    page.get_by_label("Ce que contient la colonne D").select_option("classes")
    page.get_by_role("button", name="Relire le tableau").click()
    page.get_by_role("link", name="Actualiser la page").wait_for()
    tasks.read(import_id=table.pk)
    page.get_by_role("link", name="Actualiser la page").click()
    page.get_by_role("link", name="Corriger la ligne 3").click()
    page.get_by_label("Ou chercher l’école").fill("tilleuls uzes")
    page.get_by_role("button", name="Chercher").click()
    page.get_by_role("button", name="Choisir École Les Tilleuls").click()
    page.get_by_text("2 écoles cochées").wait_for()
    page.get_by_role("link", name="Appliquer…").click()
    page.get_by_role("button", name="Mettre à jour 2 écoles").click()
    page.get_by_role("link", name="Actualiser la page").wait_for()
    tasks.apply(import_id=table.pk)
    page.get_by_role("link", name="Actualiser la page").click()
    page.get_by_text("1 école ajoutée").wait_for()
    assert set(PortfolioSchool.objects.values_list("school_id", "contact_name", "classes")) == {
        (known.school_id, "Mme Roux", 6),
        (school.pk, "M. Blanc", 4),
    }
    assert ImportRow.objects.filter(ticked=True).count() == 2


def test_613_rows_are_a_short_page_on_a_telephone(committing, walker):
    """27,599 px when each row with a remark stood by itself; 9,937 px when each row of an open remark repeated it."""
    names = itertools.cycle(NAMES)
    schools = [
        SchoolFactory.build(name=f"Ecole maternelle {next(names)}", has_elementary=number % 2 == 0)
        for number in range(613)
    ]
    School.objects.bulk_create(schools)
    content = build_xlsx([["UAI", "Licences"], *((school.uai, 1) for school in schools)])
    spreadsheet_import = upload_and_parse(PoolFactory(capacity=700), content)
    page = walker("phone").open(f"/imports/{spreadsheet_import.pk}/", slug="nimes")
    assert page.get_by_text("306 écoles sans classe du CP au CM2, laissées de côté").count()
    assert page.evaluate("document.documentElement.scrollHeight") < 6_500
    page.get_by_role("link", name="les voir (306 écoles sans classe").click()
    page.get_by_role("link", name="Refermer").wait_for()
    assert page.evaluate("document.documentElement.scrollHeight") < 6_500


def test_a_long_file_name_and_all_tabs_fit_a_telephone(committing, walker):
    name = "ecoles_de_la_ville_rentree_2026-2027_VERSION_DEFINITIVE_corrigee_le_12_novembre.xlsx"
    content = build_xlsx([["UAI", "Licences"], *((school.uai, 1) for school in SchoolFactory.create_batch(2))])
    spreadsheet_import = upload_and_parse(PoolFactory(capacity=10), content, filename=name)
    visit = walker("phone")
    for path in (f"{spreadsheet_import.pk}/", f"{spreadsheet_import.pk}/lecture/", ""):
        page = visit.open(f"/imports/{path}", slug="nimes")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= WIDTHS["phone"]["width"], f"{path}: {wide} px"
    page = visit.open(f"/imports/{spreadsheet_import.pk}/", slug="nimes")
    tabs = page.locator("#onglets a").all()
    assert len(tabs) == 8
    assert max(box["x"] + box["width"] for tab in tabs if (box := tab.bounding_box())) <= WIDTHS["phone"]["width"]


@pytest.mark.journey
def test_two_questions_are_answered_where_they_stand(committing, walker):
    """Other licences of the year, once for the table; two addresses in a cell, by one click."""
    pool, grant = PoolFactory(capacity=100), PoolFactory(name="Dotation 2026")
    schools = SchoolFactory.create_batch(4)
    for school in schools[:3]:
        pools.allocate(pool_id=grant.pk, uai=school.uai, units=3, recipient=school.email, by=None, at=TERM)
    rows = [[school.uai, 12, None] for school in schools]
    rows[3][2] = "a@b.example ; c@d.example"
    spreadsheet_import = upload_and_parse(pool, build_xlsx([["UAI", "Licences", "E-mail"], *rows]))
    visit = walker("phone")
    page = visit.open(f"/imports/{spreadsheet_import.pk}/", slug="nimes")
    check_page(visit, "autre-lot")
    page.get_by_role("link", name="les voir (3 écoles ont déjà des licences d’un autre lot").click()
    page.get_by_role("button", name="Donner 9, pour 12 en tout (ligne 2)").wait_for()
    check_page(visit, "autre-lot-ligne")
    page.get_by_role("button", name="compléter jusqu’au nombre du tableau").click()
    page.get_by_text("3 écoles complétées jusqu’au nombre du tableau.").wait_for()
    page = visit.open(f"/imports/{spreadsheet_import.pk}/", slug="nimes")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    check_page(visit, "adresses")
    page.get_by_role("button", name="Écrire à c@d.example").click()
    page.locator("#coche-0-5:checked").wait_for()
    assert set(ImportRow.objects.values_list("units", "ticked")) == {(9, True), (12, True)}


def test_the_questions_about_a_table_are_answered_above_its_columns(committing, walker):
    """Asked for or granted; several rows a school; then the rows that the file sets apart."""
    schools = [SchoolFactory(name=f"Ecole élémentaire {name}") for name in NAMES]
    rows = [
        [school.uai, school.name, 4, granted, "refusé" if school is schools[-1] else ""]
        for school in schools
        for granted in (2, 1)
    ]
    titles = ["UAI", "École", "Licences demandées", "Licences accordées", "Décision"]
    spreadsheet_import = upload_and_parse(PoolFactory(capacity=100), build_xlsx([titles, *rows]))
    visit = walker("phone")
    page = visit.open(f"/imports/{spreadsheet_import.pk}/", slug="nimes")
    page.get_by_role("radio", name="« Licences accordées » (D)").check()
    page.get_by_role("button", name="Continuer").click()
    spreadsheet_import.refresh_from_db()
    tasks.read(import_id=spreadsheet_import.pk)
    page = visit.open(f"/imports/{spreadsheet_import.pk}/", slug="nimes")
    check_page(visit, "questions")
    page.get_by_role("radio", name="Additionner leurs nombres").check()
    page.get_by_role("button", name="Continuer").click()
    tasks.read(import_id=spreadsheet_import.pk)
    page = visit.open(f"/imports/{spreadsheet_import.pk}/", slug="nimes")
    page.get_by_text("Une ligne n’est pas cochée d’office (1 par la colonne « Décision »).").wait_for()
    check_page(visit, "ecartees")
    assert list(ImportRow.objects.filter(ticked=True).values_list("units", flat=True)) == [3] * 5


def test_the_values_of_a_column_are_ticked_without_scripts(committing, walker):
    """Each value is a box below its column, and a question of one answer has the likely one."""
    spreadsheet_import = upload_and_parse(PoolFactory(capacity=100), build_xlsx([["UAI"], [SchoolFactory().uai]]))
    values = {"F:oui": "Avis (F) : favorable – 6 lignes", "F:non": "Avis (F) : défavorable – 2 lignes"}
    colours = {"colour:red": "Lignes en rouge – 1 ligne"}
    options = tuple(starmap(AnswerOption, (values | colours).items()))
    message = "Lesquelles de ces lignes faut-il prendre\u00a0?"
    question = LayoutQuestion("", "row_categories", message, options, likely="F:oui/F:non,colour:red", multiple=True)
    spreadsheet_import.layout = replace(spreadsheet_import.layout, questions=[question])
    spreadsheet_import.state = "read"
    spreadsheet_import.save()
    visit = walker("wide")
    visit.open(f"/imports/{spreadsheet_import.pk}/", slug="nimes")
    check_page(visit, "valeurs")
    page = walker("phone", scripts=False).open(f"/imports/{spreadsheet_import.pk}/", slug="nimes")
    column = page.get_by_role("group", name=message).get_by_role("group", name="Avis (F)")
    column.get_by_role("checkbox", name="favorable – 6 lignes", exact=True, checked=True).uncheck()
    column.get_by_role("checkbox", name="défavorable").check()
    page.get_by_role("button", name="Continuer").click()
    page.get_by_text("Lecture du fichier…").wait_for()
    spreadsheet_import.refresh_from_db()
    assert spreadsheet_import.choices.answers == {"row_categories": "F:non/F:oui,colour:red"}


COVERED = """() => {
  const bar = document.querySelector("#bilan").getBoundingClientRect();
  const at = document.activeElement.getBoundingClientRect();
  const inside = document.activeElement.closest("#bilan");
  return !inside && at.height && bar.bottom > at.top + 1 && bar.top < at.bottom - 1;
}"""


@pytest.mark.parametrize("width", WIDTHS)
def test_the_bar_of_totals_hides_no_focused_control(committing, walker, width):
    """WCAG 2.4.11, backwards through the page, from its end."""
    schools = SchoolFactory.create_batch(12)
    content = build_xlsx([["UAI", "Licences"], *((school.uai, 1) for school in schools)])
    spreadsheet_import = upload_and_parse(PoolFactory(capacity=10), content)
    page = walker(width).open(f"/imports/{spreadsheet_import.pk}/", slug="nimes")
    page.get_by_role("link", name="Annuler cet import").focus()
    covered = []
    for _ in range(30):
        page.keyboard.press("Shift+Tab")
        if page.evaluate(COVERED):
            covered.append(page.evaluate("document.activeElement.outerHTML.slice(0, 90)"))
    assert not covered
