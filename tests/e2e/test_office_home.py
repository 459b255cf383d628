"""The office's home page: full, empty, with store only, with failures; a reminder's message is in view."""

import datetime
import re

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context
from playwright.sync_api import expect

from collectivities import audit_log
from collectivities.capabilities import Role
from licensing.entitlements.models import Entitlement
from licensing.orders import operations as orders
from licensing.pools.models import MessageKind
from mailing.models import Message, MessageState
from tests.e2e.face_checks import keep_pictures
from tests.e2e.page_checks import find_overflow, find_problems_at_both_widths, find_typing_faults, run_axe
from tests.e2e.sessions import open_signed_in
from tests.e2e.site import WIDTHS
from tests.factories.accounts import PrincipalFactory, TeacherFactory, UserFactory
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.orders import PurchaseFactory
from tests.factories.schools import SchoolFactory
from tests.key_states import copy_everywhere
from tests.pools.actions import allocate_units, mark_redeemed

HOST = "nimes.peps.localhost"
#: What of the page a person sees of the last act, and where the keyboard is.
LOOK = """() => {
    const inView = (one) => {
        const box = one?.getBoundingClientRect();
        return Boolean(box && box.height > 0 && box.top >= -1 && box.bottom <= innerHeight + 1);
    };
    const focused = document.activeElement;
    return {
        message: inView(document.querySelector("[data-notice]")),
        focus: inView(focused) && focused !== document.body,
    };
}"""


def create_member(*roles):
    user = UserFactory(first_name="Camille", last_name="Roux")
    MemberFactory(user=user, roles=list(roles))
    return user


def fill_office(collectivity, *, by):
    """Give a year's licences: some redeemed and used, fifteen dormant, two lost, an order under review, a journal."""
    now = timezone.now()
    day = datetime.timedelta(days=1)
    pool = orders.grant(collectivity=collectivity, licences=2400, reason="Essai", name="Rentrée", by=None, at=now)
    Entitlement.objects.update(first_day=(now - 60 * day).date())
    for number in range(40):
        school = SchoolFactory(
            name=f"Ecole élémentaire publique Jean Jaurès {number:02}",
            commune=["Nîmes", "Alès", "Saint-Hilaire-de-Brethmas"][number % 3],
            latitude=43.8 + number / 100,
            longitude=4.3 + (number % 7) / 50,
        )
        PortfolioSchoolFactory(school=school)
        allocation = allocate_units(pool, school, units=3 + number % 9, at=now - 40 * day)
        messages = Message.objects.filter(topic_id=allocation.pk)
        messages.update(state=MessageState.SENT, sent_at=now - (5 + number) * day)
        if number in (3, 4):
            messages.update(state=MessageState.BOUNCED, reason="Boîte inconnue.", reported_at=timezone.now())
        if number % 4 == 0:
            subscription = mark_redeemed(allocation, PrincipalFactory(last_name=f"Chef {number}"))
            seat = subscription.seats.first()
            seat.holder, seat.held_since, seat.mode = TeacherFactory(last_name=f"Prof {number}"), now, "manual"
            seat.save()
    copy_everywhere()
    for action, count in (("portfolio.added", 138), ("keys.resent", 57)):
        for _ in range(count):
            audit_log.record(action=action, by=by, at=now - day, summary="Ajout au périmètre")
    PurchaseFactory(scanned=True, current=True, units=100)


@pytest.mark.parametrize(
    ("office", "roles"),
    [
        ("full", [Role.MANAGER, Role.BUYER]),
        ("full", [Role.VIEWER]),
        ("store", [Role.MANAGER, Role.BUYER]),
        ("empty", [Role.BUYER]),
    ],
    ids=["full", "full-viewer", "store", "empty"],
)
def test_the_page_is_clear_in_every_state(committing, site, office, roles):
    with tenant_context(committing):
        member = create_member(*roles)
        if office == "full":
            fill_office(committing, by=member)
        elif office == "store":
            orders.grant(collectivity=committing, licences=2000, reason="Essai", by=None, at=timezone.now())
    visit = open_signed_in(site, HOST, member, slug="nimes")
    visit.open("/", slug="nimes")
    assert find_problems_at_both_widths(visit) == []
    assert find_typing_faults(visit.page) == []
    if (office, roles[0]) == ("full", Role.MANAGER):
        keep_pictures(visit, "bureau-accueil")
    visit.page.set_viewport_size(WIDTHS["phone"])
    visit.page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert find_overflow(visit.page) == []


@pytest.mark.parametrize(
    ("scripts", "width"), [(True, "wide"), (True, "phone"), (False, "phone")], ids=["wide", "phone", "without-scripts"]
)
def test_after_a_reminder_its_message_is_in_view_and_the_next_school_comes(committing, site, scripts, width):
    with tenant_context(committing):
        member = create_member(Role.MANAGER)
        fill_office(committing, by=member)
    visit = open_signed_in(site, HOST, member, slug="nimes", scripts=scripts, width=width)
    page, wrong = visit.page, []

    def judge(act, words):
        if scripts:
            visit.settle()
        expect(page.locator("[data-notice]").first).to_contain_text(re.compile(words))
        assert page.url.endswith(":" + str(site.port) + "/")
        seen = page.evaluate(LOOK)
        if not seen["message"] or (scripts and not seen["focus"]):
            wrong.append(f"{act}: {seen}")
        wrong.extend(f"{act}: {problem}" for problem in (*find_overflow(page), *(run_axe(page) if scripts else ())))

    visit.open("/", slug="nimes")
    helped = page.locator("#ecoles-a-aider tbody tr")
    expect(helped).to_have_count(5)
    expect(helped.nth(1)).to_contain_text("Jaurès 39")
    page.get_by_role("button", name="Relancer École élémentaire publique Jean Jaurès 39").click()
    judge("one", "[Uu]ne relance part pour")
    expect(page.locator("#ecoles-a-aider")).not_to_contain_text("Jaurès 39")
    page.get_by_role("button", name=re.compile("Relancer les 22.écoles sans nouvelles|Relancer les 22 écoles")).click()
    page.get_by_label("Tapez ce nombre").fill("22")
    page.get_by_role("button", name="Relancer", exact=True).click()
    judge("all", "22.écoles relancées")
    expect(helped.nth(1)).to_contain_text("relancée aujourd’hui")
    expect(page.get_by_role("button", name=re.compile("^Relancer"))).to_have_count(0)
    with tenant_context(committing):
        assert Message.objects.filter(kind=MessageKind.REMINDER).count() == 23
    page.get_by_role("link", name=re.compile("Corriger l’adresse de")).click()
    if scripts:
        visit.settle()
    expect(page.get_by_label("Adresse où la clé est envoyée")).to_be_in_viewport()
    assert wrong == []
