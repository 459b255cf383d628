"""Bulk acts on the list of allocations: the bar in view, the preview, the number, the message."""

import re

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context
from playwright.sync_api import expect

from collectivities.capabilities import Role
from licensing.orders import operations as orders
from licensing.pools.models import Allocation
from tests.e2e.face_checks import keep_pictures
from tests.e2e.page_checks import find_overflow, run_axe
from tests.e2e.sessions import open_signed_in
from tests.factories.accounts import PrincipalFactory, UserFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units, mark_redeemed, mark_sent
from tests.waits import LAST_S

SCHOOLS = 60
LONG = "École élémentaire publique Marie et Pierre Curie des Quatre-Chemins-de-la-Garrigue"

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

#: Whether what has the focus stands free of the bar, or fills all that is above it, as a long name in huge letters may.
FREE = """() => {
    const box = document.activeElement.getBoundingClientRect();
    const bar = document.querySelector(".bulk");
    const top = bar.getBoundingClientRect().top + 1;
    return bar.contains(document.activeElement) || box.bottom <= top || (box.height > top * 0.9 && box.top < top / 2);
}"""

#: The acts whose pages `docs/images` shows.
IN_PICTURES = {"ticked": "bureau-actions-groupees", "previewed": "bureau-confirmation"}

#: The height in pixels of a row with one line of text, with room for a badge or a checkbox.
ONE_LINE = 52


@pytest.fixture
def manager(committing):
    """A manager whose pool has served sixty schools, two of which activated their key."""
    with tenant_context(committing):
        pool = orders.grant(collectivity=committing, licences=400, reason="Essai", by=None, at=timezone.now())
        for number in range(SCHOOLS):
            school = SchoolFactory(name=LONG if number == SCHOOLS - 1 else f"École {number:02}")
            allocation = allocate_units(pool, school, units=3, at=timezone.now())
            if number in (5, 6):
                mark_redeemed(allocation, PrincipalFactory())
        mark_sent()
        user = UserFactory(first_name="Camille")
        MemberFactory(user=user, roles=[Role.MANAGER])
    return user


@pytest.fixture
def open_list(committing, manager, site):
    def open_tab(path="/attributions/", **person):
        visit = open_signed_in(site, "nimes.peps.localhost", manager, slug="nimes", **person)
        visit.open(path, slug="nimes")
        return visit

    return open_tab


@pytest.mark.parametrize(
    ("scripts", "width"), [(True, "wide"), (True, "phone"), (False, "phone")], ids=["wide", "phone", "without-scripts"]
)
def test_each_act_is_previewed_confirmed_and_tells_what_it_did(committing, open_list, scripts, width):
    visit = open_list(scripts=scripts, width=width)
    page, wrong = visit.page, []

    def judge(act, words, *, noticed=True):
        if scripts:
            visit.settle()
        expect(page.get_by_role("main")).to_contain_text(re.compile(words), timeout=LAST_S * 1000)
        seen = page.evaluate(LOOK)
        if noticed and not (seen["message"] and (seen["focus"] or not scripts)):
            wrong.append(f"{act}: {seen}")
        wrong.extend(f"{act}: {problem}" for problem in (*find_overflow(page), *(run_axe(page) if scripts else ())))
        if scripts and width == "wide" and act in IN_PICTURES:
            keep_pictures(visit, IN_PICTURES[act])

    page.get_by_role("button" if scripts else "link", name="Tout cocher").click()
    expect(page.get_by_role("button" if scripts else "link", name="Tout décocher")).to_be_in_viewport()
    assert page.locator("input[name=ids]:checked").count() == 50
    judge("ticked", r"60\s+attributions", noticed=False)
    page.get_by_role("button", name="Relancer").click()
    judge("previewed", "50.écoles, 150.licences.: un rappel part à chaque école", noticed=False)
    page.get_by_role("button", name="Relancer").click()
    judge("no number", "Pour confirmer, tapez 50")
    page.get_by_label("Tapez ce nombre pour confirmer").fill("510")
    page.get_by_role("button", name="Relancer").click()
    judge("wrong number", "Vous avez tapé 510, et cette action en compte 50")
    page.get_by_label("Tapez ce nombre pour confirmer").fill("50")
    page.get_by_role("button", name="Relancer").click()
    judge("reminded", "50.écoles relancées")

    page.get_by_label("Les 60 de la liste").check()
    page.get_by_role("button", name="Renvoyer la clé").click()
    judge("all previewed", r"58.écoles, 174.licences[\s\S]*Rien ne change pour 2.clés déjà activées", noticed=False)
    page.get_by_label("Tapez ce nombre pour confirmer").fill("58")
    page.get_by_role("button", name="Renvoyer la clé").click()
    judge("resent", "58.clés renvoyées")

    page.get_by_role("button", name="Reprendre les licences").click()
    judge("nothing ticked", "Cochez au moins une attribution")
    page.get_by_label("Cocher École 10", exact=True).check()
    page.get_by_role("button", name="Reprendre les licences").click()
    judge("one previewed", "1.école.: 3.licences reviennent au lot", noticed=False)
    assert not page.get_by_label("Tapez ce nombre pour confirmer").is_visible()
    page.get_by_role("button", name="Reprendre les licences").click()
    judge("revoked", "1.attribution reprise")
    expect(page.get_by_role("button", name=re.compile("Annuler la reprise de"))).to_be_in_viewport()
    page.get_by_role("button", name=re.compile("Annuler la reprise de")).click()
    judge("restored", "1.reprise annulée")
    with tenant_context(committing):
        assert Allocation.objects.active().count() == SCHOOLS
    assert wrong == []


@pytest.mark.parametrize(("width", "size"), [("wide", 100), ("phone", 100), ("wide", 200), ("phone", 200)])
def test_the_bar_stays_in_view_and_hides_neither_the_focus_nor_the_last_row(open_list, width, size):
    page = open_list(width=width).page
    page.evaluate(f"document.documentElement.style.fontSize = '{size}%'")
    bar = page.locator(".bulk")
    page.locator(".one-line tbody tr").nth(5).scroll_into_view_if_needed()
    expect(bar).to_be_in_viewport(ratio=0.99)
    window = page.viewport_size
    assert window is not None
    height = bar.bounding_box()["height"]
    assert height <= window["height"] * 0.46
    page.locator("input[name=ids]").first.focus()
    for _ in range(24):
        page.keyboard.press("Tab")
        assert page.evaluate(FREE), page.evaluate("document.activeElement.outerHTML")
    # In reverse, from the bar up the list.
    page.locator("[data-tick-all]").focus()
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(FREE)
    row = page.locator(".one-line tbody tr").last.bounding_box()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    row = page.locator(".one-line tbody tr").last.bounding_box()
    assert row["y"] + row["height"] <= bar.bounding_box()["y"] + 1
    assert find_overflow(page) == []


def test_the_list_has_one_line_a_row_and_its_numbers_on_the_right(open_list):
    page = open_list("/attributions/?sort=-school").page
    heights = page.eval_on_selector_all(".one-line tbody tr", "rows => rows.map((row) => row.offsetHeight)")
    assert len(heights) == 50
    assert max(heights) <= ONE_LINE
    wrapper = page.locator(".table-wrapper")
    assert wrapper.evaluate("(one) => one.scrollWidth <= one.clientWidth")
    cut = page.locator("td.cut", has_text="Quatre-Chemins")
    assert cut.get_attribute("title").startswith(LONG)
    for heading in ("Licences", "Utilisées", "Depuis le"):
        cell = page.locator(f"td[data-label='{heading}']").first
        assert cell.evaluate("(one) => getComputedStyle(one).textAlign") == "right"


def test_ticking_counts_and_moves_the_scope_to_what_is_ticked(open_list):
    page = open_list().page
    tick_all = page.locator("[data-tick-all]")
    page.get_by_label("Les 60 de la liste").check()
    page.get_by_label("Cocher École 20", exact=True).check()
    expect(page.get_by_label("Les cochées (1)")).to_be_checked()
    tick_all.focus()
    page.keyboard.press("Space")
    expect(page.get_by_label("Les cochées (50)")).to_be_checked()
    expect(tick_all).to_have_text("Tout décocher")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Les cochées (0)")).to_be_visible()
