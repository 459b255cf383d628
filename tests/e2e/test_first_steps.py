"""A new office in a browser: from nothing to 138 schools served, and the acts of its first pages."""

import re

import openpyxl
import pytest
from django_tenants.utils import tenant_context
from playwright.sync_api import expect

from collectivities.capabilities import Role
from collectivities.models import PortfolioSchool
from licensing.pools.models import Allocation
from tests.e2e.effort import count_effort
from tests.e2e.face_checks import keep_pictures
from tests.e2e.page_checks import find_overflow, find_problems, find_problems_at_both_widths
from tests.e2e.sessions import open_signed_in
from tests.e2e.test_revocations import LOOK
from tests.factories.collectivities import MemberFactory
from tests.factories.schools import SchoolFactory
from tests.factories.shop import open_shop
from tests.waits import LAST_S, wait_until

SCHOOLS = 138
UNITS = sum(2 + number % 9 for number in range(SCHOOLS))
MAX_CLICKS = 20
PAYER = {
    "address": "1 place de l'Hôtel de Ville",
    "postal_code": "30000",
    "city": "Nîmes",
    "email": "compta@nimes.example",
    "siret": "21300189400012",
}


@pytest.fixture
def manager(committing):
    """The first manager of an empty office."""
    with tenant_context(committing):
        return MemberFactory(roles=[Role.BUYER, Role.MANAGER]).user


def open_home(site, user, **person):
    return open_signed_in(site, "nimes.peps.localhost", user, slug="nimes", **person)


def write_workbook(path, schools):
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["Ville de Nîmes – dotation 2026-2027"])
    sheet.append([])
    sheet.append(["UAI", "École", "Nb de licences"])
    for number, school in enumerate(schools):
        sheet.append([school.uai, school.name, 2 + number % 9])
    book.save(path)
    return path


@pytest.mark.journey
def test_a_first_manager_serves_138_schools_by_following_the_filled_buttons(
    committing, site, worker, manager, tmp_path
):
    open_shop()
    schools = SchoolFactory.create_batch(SCHOOLS)
    path = write_workbook(tmp_path / "dotation.xlsx", schools)
    visit = open_home(site, manager)
    effort = count_effort(visit)
    page = visit.open("/", slug="nimes")
    main = page.locator("main")

    def follow(words):
        """Click the page's one filled button, which says these words."""
        visit.settle()
        filled = main.locator(".btn-primary:visible")
        expect(filled).to_have_count(1)
        expect(filled).to_have_text(re.compile(words))
        filled.click()
        visit.settle()

    follow(r"^\s*Ajouter les 138.écoles publiques de Nîmes\s*$")
    follow("Ajouter ces 138.écoles")
    follow("Choisir vos licences")
    page.get_by_label("Combien de licences").click()
    page.get_by_label("Combien de licences").fill("1000")
    follow("Préparer la commande")
    follow("Commander")
    main.locator("[name=accepted]").wait_for()
    # The first field by a click, the others by the tabulator.
    main.locator("[name=address]").click()
    for name, value in PAYER.items():
        main.locator(f"[name={name}]").fill(value)
    main.locator("[name=accepted]").check()
    follow("Commander, pour")
    follow(r"Distribuer\s+ces 1.000\s+licences")
    follow("Déposer un tableau")
    with page.expect_file_chooser() as chooser:
        page.get_by_label("Votre tableau").click()
    chooser.value.set_files(path)
    follow("Déposer et vérifier")
    page.wait_for_url(re.compile(r"/imports/\d+/"))
    expect(main.locator("#bilan")).to_contain_text("138", timeout=LAST_S * 1000)
    follow("Appliquer")
    # More than four fifths of the pool: its number is typed.
    main.locator("[name=confirmed_count]").click()
    main.locator("[name=confirmed_count]").fill(str(UNITS))
    follow("Attribuer")
    with tenant_context(committing):
        wait_until(lambda: Allocation.objects.active().count() == SCHOOLS)
    # The page that shows the progress refreshes itself then: leaving it meanwhile would abort the next one.
    expect(main.get_by_text("Tableau appliqué")).to_be_visible(timeout=LAST_S * 1000)
    print(f"{effort.clicks} clicks, {len(effort.fields)} fields")  # noqa: T201
    assert effort.clicks <= MAX_CLICKS
    page = visit.open("/", slug="nimes")
    expect(page.locator(".first-steps")).to_have_count(0)


@pytest.mark.parametrize(
    ("scripts", "width"), [(True, "wide"), (True, "phone"), (False, "phone")], ids=["wide", "phone", "without-scripts"]
)
def test_after_each_act_its_message_and_its_undo_are_in_view(committing, site, manager, scripts, width):
    SchoolFactory.create_batch(12)
    visit = open_home(site, manager, scripts=scripts, width=width)
    page, wrong = visit.page, []

    def judge(act, words, *, undo):
        if scripts:
            visit.settle()
        expect(page.locator("[data-notice]").first).to_contain_text(re.compile(words))
        seen = page.evaluate(LOOK)
        expected = {"message": True, "undo": undo, "focus": True} if scripts else seen | {"message": True, "undo": undo}
        if seen != expected:
            wrong.append(f"{act}: {seen}")
        wrong.extend(f"{act}: {problem}" for problem in (find_problems(visit) if scripts else find_overflow(page)))

    visit.open("/", slug="nimes")
    page.locator("main .btn-primary").click()
    page.get_by_role("button", name=re.compile("Ajouter ces 12")).click()
    judge("added", "12.écoles ajoutées", undo=True)
    page.get_by_role("link", name=re.compile("Annuler l’ajout")).click()
    page.get_by_role("button", name=re.compile("Retirer ces 12")).click()
    judge("number not typed", "À corriger", undo=None)
    page.get_by_label(re.compile("Nombre d’écoles à retirer")).fill("12")
    page.get_by_role("button", name=re.compile("Retirer ces 12")).click()
    judge("undone", "ajout annulé, 12.écoles", undo=None)
    with tenant_context(committing):
        assert not PortfolioSchool.objects.exists()
        for school in SchoolFactory.create_batch(6, commune="Alès", commune_code="30007"):
            PortfolioSchool.objects.create(school=school, added_at=school.changed_at)
    visit.open("/ecoles/territoire/", slug="nimes")
    page.get_by_role("button", name=re.compile("Ajouter ces 12")).click()
    judge("refused", "À corriger", undo=None)
    page.get_by_label(re.compile("Nombre d’écoles à ajouter")).fill("12")
    page.get_by_role("button", name=re.compile("Ajouter ces 12")).click()
    judge("typed", "12.écoles ajoutées", undo=True)
    assert wrong == []


def test_the_first_pages_have_no_problem_and_fit_with_large_text(committing, site, manager):
    SchoolFactory.create_batch(3)
    SchoolFactory(has_elementary=False, commune="Alès", commune_code="30007")
    visit = open_home(site, manager)
    found = {}
    for path in ("/", "/ecoles/territoire/", "/ecoles/territoire/?autre=1&q=nimes", "/ecoles/ajouter/"):
        page = visit.open(path, slug="nimes")
        if path == "/":
            keep_pictures(visit, "bureau-premiers-pas")
        found[path] = find_problems_at_both_widths(visit)
        visit.complaints.clear()
        for width, size in ((320, "100%"), (390, "200%"), (1280, "200%")):
            page.set_viewport_size({"width": width, "height": 844})
            page.evaluate("(size) => { document.documentElement.style.fontSize = size; }", size)
            found[path] += [f"{size} at {width}: {problem}" for problem in find_overflow(page)]
        page.set_viewport_size({"width": 1280, "height": 900})
    with tenant_context(committing):
        viewer = MemberFactory(roles=[Role.VIEWER]).user
    visit = open_home(site, viewer)
    for path in ("/", "/lots/", "/ecoles/", "/distribuer/"):
        visit.open(path, slug="nimes")
        found[f"{path} as a viewer"] = find_problems_at_both_widths(visit)
        visit.complaints.clear()
    assert {path: wrong for path, wrong in found.items() if wrong} == {}
