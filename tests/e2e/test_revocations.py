"""Taking licences back and undoing it: after each act its message and the undo are in view."""

import re

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context
from playwright.sync_api import expect

from collectivities.capabilities import Role
from licensing.orders import operations as orders
from licensing.pools.models import Allocation
from tests.e2e.page_checks import find_overflow, run_axe
from tests.e2e.sessions import open_signed_in
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units

#: What of the page a person sees of the last act, and where the keyboard is.
LOOK = """() => {
    const inView = (one) => {
        const box = one?.getBoundingClientRect();
        return Boolean(box && box.height > 0 && box.top >= -1 && box.bottom <= innerHeight + 1);
    };
    const acts = [...document.querySelectorAll("main :is(a, button)")];
    const undo = acts.find((one) => one.textContent.includes("Annuler"));
    return {
        message: inView(document.querySelector("[data-notice]")),
        undo: undo ? inView(undo) : null,
        focus: inView(document.activeElement) && document.activeElement !== document.body,
    };
}"""


@pytest.fixture
def manager(committing):
    """A manager whose pool has served thirty schools."""
    with tenant_context(committing):
        pool = orders.grant(collectivity=committing, licences=120, reason="Essai", by=None, at=timezone.now())
        for number in range(30):
            allocate_units(pool, SchoolFactory(name=f"École {number:02}"), units=3, at=timezone.now())
        user = UserFactory(first_name="Camille")
        MemberFactory(user=user, roles=[Role.MANAGER])
    return user


@pytest.mark.parametrize(
    ("scripts", "width"), [(True, "wide"), (True, "phone"), (False, "phone")], ids=["wide", "phone", "without-scripts"]
)
def test_what_was_taken_back_is_undone_where_the_message_stands(committing, manager, site, scripts, width):
    visit = open_signed_in(site, "nimes.peps.localhost", manager, slug="nimes", scripts=scripts, width=width)
    page, wrong = visit.page, []

    def judge(act, words, *, undo):
        if scripts:
            visit.settle()
        expect(page.locator("[data-notice]").first).to_contain_text(re.compile(words))
        seen = page.evaluate(LOOK)
        expected = {"message": True, "undo": undo, "focus": True} if scripts else seen | {"message": True, "undo": undo}
        if seen != expected:
            wrong.append(f"{act}: {seen}")
        wrong.extend(f"{act}: {problem}" for problem in (*find_overflow(page), *(run_axe(page) if scripts else ())))

    visit.open("/attributions/?q=nimes", slug="nimes")
    for number in (3, 7):
        page.get_by_label(f"Cocher École {number:02}", exact=True).check()
    page.get_by_role("button", name="Reprendre les licences").click()
    expect(page.get_by_role("main")).to_contain_text(re.compile("Pendant une heure, vous pourrez annuler"))
    page.get_by_role("button", name="Reprendre les licences").click()
    judge("taken", "2.attributions reprises", undo=True)
    page.get_by_role("button", name=re.compile("Annuler la reprise de")).click()
    judge("undone", "2.reprises annulées", undo=None)
    with tenant_context(committing):
        assert Allocation.objects.active().count() == 30
        allocation = Allocation.objects.order_by("pk")[5]
    visit.open(f"/attributions/{allocation.pk}/", slug="nimes")
    page.get_by_role("button", name="Reprendre les licences").click()
    page.get_by_role("button", name="Reprendre les licences").click()
    judge("one", "1.attribution reprise", undo=True)
    visit.open(f"/attributions/{allocation.pk}/", slug="nimes")
    page.get_by_role("button", name="Annuler la reprise").click()
    judge("one undone", "1.reprise annulée", undo=None)
    assert wrong == []
