"""Acts on the rows of an import, and what surrounds it: what a click did is in view, where the keyboard is."""

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context
from playwright.sync_api import expect

from collectivities.capabilities import Role
from licensing.pools import checks
from licensing.pools import operations as pools
from tests.e2e.outcomes import expect_outcome
from tests.e2e.page_checks import find_overflow
from tests.e2e.sessions import open_signed_in
from tests.factories.collectivities import MemberFactory
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory, next_uai
from tests.imports.actions import upload_and_parse
from tests.imports.sample_files import build_xlsx
from tests.waits import is_reached

HOST = "nimes.peps.localhost"
HAS_FOCUS = "row => row.contains(document.activeElement)"


class RowActs:
    """The acts on the rows of one import, each with the row and words that it then bears."""

    def __init__(self, visit, import_id):
        self.visit, self.page, self.import_id = visit, visit.page, import_id

    def open(self, query=""):
        self.visit.open(f"/imports/{self.import_id}/{query}", slug="nimes")

    def row(self, number):
        return self.page.locator(f"#ligne-0-{number}")

    def click(self, number, name, *, role="button"):
        self.row(number).get_by_role(role, name=name).first.click()

    def fill_address(self, number, address):
        """Type an address once the opened row has put the focus into one of its fields, which takes it from others."""
        self.row(number).locator("input:focus").wait_for()
        self.row(number).get_by_label("Adresse e-mail").fill(address)

    def list_all(self):
        self.open("?v=conflict")
        self.click(2, "Réduire à 3 licences")
        yield 2, "Réduire à ce nombre"
        self.open("?v=error")
        self.click(3, "Choisir École élémentaire Les Oliviers")
        yield 3, "choisie par vous"
        self.open("?v=error")
        self.click(4, "Garder jusqu’à ce que l’annuaire")
        yield 4, "Gardée jusqu’à l’annuaire"
        self.open("?v=error")
        self.click(5, "Corriger", role="link")
        self.fill_address(5, "direction@ecole")
        self.click(5, "Enregistrer")
        yield 5, "« direction@ecole »"
        self.fill_address(5, "direction@ecole.example")
        self.click(5, "Enregistrer")
        yield 5, "Corrigée ici"
        self.open("?v=error")
        self.click(6, "Mettre de côté")
        yield 6, "Reprendre"
        self.open("?v=ignored")
        self.click(6, "Reprendre")
        yield 6, "Mettre de côté"


@pytest.fixture
def parsed(committing):
    """An import with a row for each act."""
    with tenant_context(committing):
        pool = PoolFactory(capacity=60, name="Lot 2026-2027")
        held, corrected = SchoolFactory.create_batch(2)
        for kind in ("primaire", "élémentaire"):
            SchoolFactory(name=f"Ecole {kind} Les Oliviers", commune="Alès")
        demand = checks.Demand(held.uai, 5, held.email, total=True)
        pools.allocate_many(pool_id=pool.pk, demands=[demand], by=None, at=timezone.now())
        rows = [
            [held.uai, held.name, "Nîmes", 3, None],
            [None, "Les Oliviers", "Alès", 4, None],
            [next_uai(), "École neuve", "Alès", 1, None],
            [corrected.uai, corrected.name, "Nîmes", 2, "direction@"],
            [None, "École de nulle part", "Ailleurs", 2, None],
        ]
        return upload_and_parse(pool, build_xlsx([["UAI", "École", "Commune", "Licences", "E-mail"], *rows])).pk


def judge(acts, *, scripts):
    """Return what is wrong after each act: its row out of view, the focus elsewhere, the page too wide."""
    wrong = []
    for number, words in acts.list_all():
        row, is_open = acts.row(number), acts.page.url.endswith(f"/{number}/")
        if scripts:
            acts.visit.settle()
        if not scripts and not is_open:
            expect_outcome(acts.visit, f"la ligne {number} est enregistrée", scripts=False)
        else:
            expect(row).to_contain_text(words)
            expect(row.get_by_text(words).first).to_be_in_viewport()
        if scripts and not is_reached(lambda row=row: row.evaluate(HAS_FOCUS)):
            wrong.append(f"{number}, {words}: the focus is elsewhere")
        wrong += [f"{number}, {words}: {problem}" for problem in find_overflow(acts.page)]
    return wrong


@pytest.mark.parametrize(
    ("scripts", "width"), [(True, "wide"), (True, "phone"), (False, "phone")], ids=["wide", "phone", "without-scripts"]
)
def test_after_each_act_on_a_row_it_is_in_view_and_has_the_focus(committing, site, parsed, scripts, width):
    with tenant_context(committing):
        member = MemberFactory(roles=[Role.MANAGER]).user
    visit = open_signed_in(site, HOST, member, slug="nimes", scripts=scripts, width=width)
    wrong = judge(RowActs(visit, parsed), scripts=scripts)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("width", ["wide", "phone"])
def test_who_asks_for_the_application_is_answered_in_view(committing, site, parsed, width):
    with tenant_context(committing):
        MemberFactory(roles=[Role.MANAGER], user__first_name="Nora", user__last_name="Delmas")
        officer = MemberFactory(roles=[Role.DATA_OFFICER]).user
    visit = open_signed_in(site, HOST, officer, slug="nimes", width=width)
    page = visit.open(f"/imports/{parsed}/", slug="nimes")
    page.locator("#ligne-0-2").get_by_role("button", name="Réduire à 3 licences").click()
    page.locator("#ligne-0-2").get_by_text("Réduire à ce nombre").wait_for()
    page.get_by_role("link", name="Demander l’application").first.click()
    page.get_by_role("button", name="Envoyer la demande").click()
    expect_outcome(visit, "la demande est envoyée aux gestionnaires")
    page.get_by_role("button", name="Retirer la demande").click()
    expect_outcome(visit, "la demande est retirée")
