"""What an office asks of its schools takes three clicks from its home page; after each act its message is in view."""

import re

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context
from playwright.sync_api import expect

from collectivities.capabilities import Role
from collectivities.models import PortfolioSchool
from licensing.orders import operations as orders
from licensing.pools.models import Allocation, Pool
from mailing.models import Message, MessageState
from tests.e2e.effort import count_effort
from tests.e2e.page_checks import assert_no_problems, find_overflow, find_problems_at_both_widths, run_axe
from tests.e2e.sessions import open_signed_in
from tests.emails import BOUNCE_FIELDS
from tests.factories.accounts import PrincipalFactory
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.pools.actions import allocate_units, mark_redeemed, mark_sent

MAX_CLICKS = 3
NAMES = {7: "École Pagnol", 33: "École Prévert", 58: "École Zola"}
#: What of the page a person sees of the last act, and where the keyboard is.
LOOK = """() => {
    const inView = (one) => {
        const box = one?.getBoundingClientRect();
        return Boolean(box && box.height > 0 && box.top >= -1 && box.bottom <= innerHeight + 1);
    };
    return {
        message: inView(document.querySelector("[data-notice]")),
        focus: inView(document.activeElement) && document.activeElement !== document.body,
    };
}"""


@pytest.fixture
def manager(committing):
    """A manager of sixty schools: most activated, one has nothing, one does not activate, one has a wrong address."""
    now = timezone.now()
    with tenant_context(committing):
        pool = orders.grant(collectivity=committing, licences=400, reason="Essai", name="Lot A", by=None, at=now)
        for number in range(60):
            name = NAMES.get(number, f"École {number:02}")
            school = PortfolioSchoolFactory(school__name=name, classes=5).school
            if number != 7:
                allocation = allocate_units(pool, school, units=5, at=now)
                if number not in NAMES:
                    mark_redeemed(allocation, PrincipalFactory())
        mark_sent()
        Message.objects.filter(about__contains="École Zola").update(
            state=MessageState.BOUNCED, sent_at=None, **BOUNCE_FIELDS
        )
        return MemberFactory(roles=[Role.MANAGER, Role.DATA_OFFICER]).user


def open_home(site, manager, **person):
    """Open the home page in a tab where clicks are counted from then on."""
    visit = open_signed_in(site, "nimes.peps.localhost", manager, slug="nimes", **person)
    effort = count_effort(visit)
    visit.open("/", slug="nimes")
    visit.page.get_by_role("navigation", name="Pages du bureau").get_by_role("link", name="Écoles").click()
    visit.settle()
    return visit, effort


def list_shown(page):
    """Return the names of the schools in the list."""
    expect(page.locator("table.schools")).to_be_visible()
    return page.locator("table.schools [data-label='École'] a").all_inner_texts()


def test_which_schools_have_nothing(site, manager):
    visit, effort = open_home(site, manager)
    visit.page.get_by_role("link", name=re.compile("les écoles sans licence")).click()
    visit.settle()
    assert list_shown(visit.page) == ["École Pagnol"]
    assert effort.clicks <= MAX_CLICKS - 1


def test_who_has_not_activated_and_they_are_written_to_again(committing, site, manager):
    visit, effort = open_home(site, manager)
    visit.page.get_by_role("link", name=re.compile("les écoles dont la clé n’est pas activée")).click()
    visit.settle()
    assert list_shown(visit.page) == ["École Prévert", "École Zola"]
    assert effort.clicks <= MAX_CLICKS - 1
    visit, effort = open_home(site, manager)
    visit.page.get_by_role("button", name="Relancer les écoles dont la clé n’est pas activée").click()
    expect(visit.page.get_by_role("heading", level=1)).to_contain_text("Relancer")
    visit.page.get_by_role("main").get_by_role("button", name="Relancer").click()
    visit.settle()
    expect(visit.page.locator("[data-notice]").first).to_contain_text(re.compile("1.école relancée"))
    assert effort.clicks <= MAX_CLICKS
    with tenant_context(committing):
        assert Message.objects.get(kind="key_reminder").about.startswith("École Prévert")


def test_five_become_four(committing, site, manager):
    visit, effort = open_home(site, manager)
    # Typing is enough to find one school of many.
    visit.page.get_by_label("Nom, commune, code postal ou UAI").press_sequentially("prevert")
    expect(visit.page.locator("#liste")).to_contain_text(re.compile(r"\b1 école\b"))
    visit.page.get_by_role("link", name="École Prévert").click()
    visit.settle()
    visit.page.get_by_label("Licences", exact=True).fill("4")
    visit.page.get_by_role("button", name="Enregistrer", exact=True).click()
    visit.settle()
    expect(visit.page.locator("[data-notice]")).to_contain_text(re.compile("a maintenant 4.licences"))
    assert effort.clicks <= MAX_CLICKS
    with tenant_context(committing):
        assert Allocation.objects.get(school__name="École Prévert").units == 4
        assert Pool.objects.get().allocated == 5 * 58 + 4


def test_a_failed_address_is_corrected(committing, site, manager):
    visit, effort = open_home(site, manager)
    visit.page.get_by_role("main").get_by_role("link", name="École Zola").first.click()
    visit.settle()
    visit.page.get_by_label("Adresse où la clé est envoyée").fill("juste@exemple.example")
    visit.page.get_by_role("button", name="Renvoyer la clé").click()
    visit.settle()
    expect(visit.page.locator("[data-notice]")).to_contain_text("La même clé part pour juste@exemple.example")
    assert effort.clicks <= MAX_CLICKS
    with tenant_context(committing):
        assert Message.objects.get(recipient="juste@exemple.example").state == MessageState.QUEUED


class ActsOnSchools:
    """The acts of the list, of a school's page, of an allocation's and of the lots'; each with words of its message."""

    def __init__(self, visit, committing):
        self.visit, self.page = visit, visit.page
        with tenant_context(committing):
            self.waiting = Allocation.objects.get(school__name="École Prévert")
            self.redeemed = Allocation.objects.get(school__name="École 40")

    def list_acts(self):
        page, visit = self.page, self.visit
        visit.open(f"/ecoles/{self.waiting.school_id}/", slug="nimes")
        page.get_by_label("Licences", exact=True).fill("6")
        page.get_by_role("button", name="Enregistrer", exact=True).click()
        yield "more licences", "1.licence de plus"
        page.get_by_role("button", name="Relancer", exact=True).click()
        yield "a key that has just left", "Impossible|relance part"
        page.get_by_label("Adresse où la clé est envoyée").fill("autre@exemple.example")
        page.get_by_role("button", name="Renvoyer la clé").click()
        yield "the key sent again", "La même clé part"
        page.get_by_label("Adresse e-mail", exact=False).last.fill("roux")
        page.get_by_role("button", name="Enregistrer le contact").click()
        yield "a wrong contact", "Le contact n’est pas enregistré"
        page.get_by_label("Adresse e-mail", exact=False).last.fill("roux@exemple.example")
        page.get_by_role("button", name="Enregistrer le contact").click()
        yield "a contact", "sont enregistrés"
        visit.open(f"/attributions/{self.redeemed.pk}/", slug="nimes")
        page.get_by_label("Licences", exact=True).fill("4")
        page.get_by_role("button", name="Enregistrer", exact=True).click()
        yield "fewer of a redeemed key", "La clé a été activée le"
        visit.open("/lots/", slug="nimes")
        page.get_by_text("Renommer", exact=False).first.click()
        page.get_by_label("Nom du lot").fill("Écoles du centre")
        page.get_by_role("button", name="Enregistrer le nom").click()
        yield "a lot renamed", "s’appelle maintenant « Écoles du centre »".replace(" ", r"\s")
        visit.open("/ecoles/", slug="nimes")
        page.get_by_role("button", name="Retirer du périmètre").click()
        yield "nothing ticked", "aucune école n’était cochée"
        page.get_by_label("Cocher École 00").check()
        page.get_by_role("button", name="Retirer du périmètre").click()
        yield "a school taken off", "hors du périmètre"


@pytest.mark.parametrize(
    "person",
    [{"width": "wide"}, {"width": "phone"}, {"width": "phone", "scripts": False}],
    ids=["wide", "phone", "without-scripts"],
)
def test_after_each_act_its_message_is_in_view_and_the_focus_makes_sense(committing, site, manager, person):
    scripts, wide = person.get("scripts", True), person["width"] == "wide"
    visit = open_signed_in(site, "nimes.peps.localhost", manager, slug="nimes", **person)
    acts, wrong = ActsOnSchools(visit, committing), []
    for act, words in acts.list_acts():
        if scripts:
            visit.settle()
        expect(visit.page.locator("[data-notice]").first).to_contain_text(re.compile(words))
        seen = visit.page.evaluate(LOOK)
        if not seen["message"] or (scripts and not seen["focus"]):
            wrong.append(f"{act}: {seen}")
        wrong += [f"{act}: {problem}" for problem in find_overflow(visit.page)]
        if wide:
            wrong += [f"{act}: {problem}" for problem in run_axe(visit.page)]
    assert wrong == []
    with tenant_context(committing):
        assert PortfolioSchool.objects.count() == 59
        assert Pool.objects.get().name == "Écoles du centre"


def test_the_pages_of_schools_have_no_problem(committing, site, manager):
    with tenant_context(committing):
        school = Allocation.objects.get(school__name="École Zola").school_id
        other = Allocation.objects.get(school__name="École 40").pk
    visit = open_signed_in(site, "nimes.peps.localhost", manager, slug="nimes")
    found = {}
    for path in ("/ecoles/", "/ecoles/?licences=dormant&sort=-units", f"/ecoles/{school}/", f"/attributions/{other}/"):
        visit.open(path, slug="nimes")
        found[path] = find_problems_at_both_widths(visit)
        visit.page.evaluate("document.documentElement.style.fontSize = '200%'")
        for size in ({"width": 1280, "height": 900}, {"width": 390, "height": 844}):
            visit.page.set_viewport_size(size)
            found[path] += [f"200 %: {problem}" for problem in find_overflow(visit.page)]
        visit.page.set_viewport_size({"width": 1280, "height": 900})
    assert_no_problems(found)


def test_each_school_is_one_line_of_the_list(committing, site, manager):
    with tenant_context(committing):
        PortfolioSchoolFactory(
            school__name="École élémentaire publique intercommunale du Mas de Mingue et des Costières",
            school__commune="Saint-Christol-lez-Alès",
        )
    visit = open_signed_in(site, "nimes.peps.localhost", manager, slug="nimes")
    page = visit.open("/ecoles/?sort=-commune", slug="nimes")
    heights = page.locator("table.schools tbody tr").evaluate_all("rows => rows.map((row) => row.offsetHeight)")
    assert max(heights) == min(heights) <= 56
