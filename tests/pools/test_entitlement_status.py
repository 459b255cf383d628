"""The entitlement's status (unpaid, lapsed, cancelled…) in lists, pages and e-mails of pools."""

import datetime
import re
from html import unescape

import pytest

from collectivities.capabilities import Role
from core.formatting import curl_apostrophes
from imports.queries import list_open_pools
from licensing.entitlements.models import Entitlement, EntitlementStatus, Subscription
from licensing.pools import emails
from licensing.pools.positions import list_pool_positions
from licensing.pools.queries import AllocationState, list_allocations
from mailing.models import Message
from tests.conftest import TERM
from tests.entitlements.status_cases import STATUS_CASES, TODAY
from tests.factories.accounts import PrincipalFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units, mark_redeemed
from tests.tiers import sampled

TOMORROW = datetime.date(2026, 11, 25)
USABLE = {EntitlementStatus.FIRM, EntitlementStatus.PROVISIONAL, EntitlementStatus.UNPAID, EntitlementStatus.OVERDUE}
STATES = {
    EntitlementStatus.LAPSED: AllocationState.SUSPENDED,
    EntitlementStatus.SUSPENDED: AllocationState.SUSPENDED,
    EntitlementStatus.CANCELLED: AllocationState.CANCELLED,
    EntitlementStatus.ENDED: AllocationState.EXPIRED,
}


@pytest.fixture(autouse=True)
def _it_is_term(monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: TERM)


@pytest.fixture
def pool(nimes):
    return PoolFactory(name="Achat 2026-2027", capacity=100)


def set_status(pool, status):
    """Set the pool's entitlement to that status."""
    Entitlement.objects.filter(pk=pool.entitlement_id).update(**STATUS_CASES[status][0])
    pool.entitlement.refresh_from_db()
    return pool


def words(answer):
    text = unescape(re.sub(r"<[^>]+>", " ", answer.content.decode()))
    return " ".join(text.split())


@pytest.mark.parametrize("status", sampled(STATUS_CASES, fast=2), ids=lambda status: status.value)
def test_every_check_of_usable_licences_agrees(pool, status):
    waiting, redeemed = allocate_units(pool, SchoolFactory()), allocate_units(pool, SchoolFactory())
    mark_redeemed(redeemed, PrincipalFactory())
    set_status(pool, status)
    states = dict(list_allocations(TODAY).values_list("pk", "state"))
    [position] = list_pool_positions()
    answers = {
        pool.entitlement.usable_on(TODAY),
        position.entitlement.usable_on(TODAY),
        Subscription.objects.running_on(TODAY).exists(),
        list_open_pools(TODAY).exists(),
        states == {waiting.pk: "issued", redeemed.pk: "redeemed"},
    }
    assert answers == {status in USABLE}
    if status not in USABLE:
        assert set(states.values()) == {STATES[status]}


@pytest.mark.slow
def test_a_pool_that_has_not_begun_is_allocated_from_and_not_used(pool, office):
    waiting, redeemed = allocate_units(pool, SchoolFactory()), allocate_units(pool, SchoolFactory())
    mark_redeemed(redeemed, PrincipalFactory())
    Entitlement.objects.update(first_day=TOMORROW)
    assert list_open_pools(TODAY).get().entitlement.available_on(TODAY)
    assert dict(list_allocations(TODAY).values_list("pk", "state")) == {waiting.pk: "issued", redeemed.pk: "redeemed"}
    [position] = list_pool_positions()
    for day, used in ((TODAY, False), (TOMORROW, True)):
        running = Subscription.objects.running_on(day).exists()
        assert (position.entitlement.usable_on(day), running) == (used, used)
    browser = office("nimes", MemberFactory(roles=[Role.MANAGER]).user)
    for page in ("/", "/lots/", f"/attributions/{waiting.pk}/"):
        assert "à partir du 25 novembre 2026, jusqu’au 31 août 2027 inclus" in words(browser.get(page)), page
    form = words(browser.get(f"/attributions/attribuer/?ecole={SchoolFactory().uai}"))
    assert "Achat 2026-2027 – 94 licences libres, à partir du 25 novembre 2026" in form


def test_the_email_of_a_key_that_has_not_begun_says_from_when_it_is_used(pool):
    allocate_units(pool, SchoolFactory())
    Entitlement.objects.update(first_day=TOMORROW, provisional_until=datetime.date(2027, 1, 9))
    email_text = " ".join(emails.render(Message.objects.get()).text.split())
    assert "Elles sont valables à partir du 25 novembre 2026, jusqu'au 9 janvier 2027 inclus" in email_text
    assert "il y accède à partir du 25 novembre 2026" in email_text
    assert "dès maintenant" not in email_text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "badge", "to_do"),
    [
        (EntitlementStatus.PROVISIONAL, "Provisoire", "bon de commande signé à nous adresser (plus que 12 jours)"),
        (EntitlementStatus.UNPAID, "Provisoire", "commande à régler (plus que 12 jours)"),
        (EntitlementStatus.OVERDUE, "À régler", "commande à régler (échéance dépassée)"),
        (EntitlementStatus.LAPSED, "Suspendu", "suspendu, rien ne peut en être attribué"),
    ],
    ids=lambda case: getattr(case, "value", ""),
)
def test_the_office_shows_the_countdown_and_both_dates(pool, office, status, badge, to_do):
    set_status(pool, status)
    browser = office("nimes", MemberFactory(roles=[Role.BUYER]).user)
    home, lots = words(browser.get("/")), words(browser.get("/lots/"))
    assert f"Lot « Achat 2026-2027 » : {to_do}" in home
    for page in (home, lots):
        assert f"Achat 2026-2027 {badge}" in page
        assert curl_apostrophes(STATUS_CASES[status][2]) in page


def test_a_letter_says_until_when_licences_are_valid_and_nothing_of_the_order(pool):
    allocate_units(pool, SchoolFactory())
    set_status(pool, EntitlementStatus.PROVISIONAL)
    message = Message.objects.get()
    email_text = " ".join(emails.render(message).text.split())
    assert "Elles sont valables jusqu'au 6 décembre 2026 inclus. " in email_text
    assert "Ces licences doivent être prolongées jusqu'au 31 août 2027 inclus" in email_text
    assert "commande" not in email_text
    assert "droits temporaires" not in email_text
    Entitlement.objects.update(provisional_until=None)
    assert "prolongées" not in emails.render(message).text


@pytest.mark.slow
@pytest.mark.parametrize("status", [EntitlementStatus.UNPAID, EntitlementStatus.OVERDUE])
def test_once_the_purchase_order_is_here_letter_and_page_say_the_last_day(pool, office, status):
    allocation = allocate_units(pool, SchoolFactory())
    set_status(pool, status)
    email_text = " ".join(emails.render(Message.objects.get()).text.split())
    assert "Elles sont valables jusqu'au 31 août 2027 inclus. " in email_text
    assert "commande" not in email_text
    page = words(office("nimes", MemberFactory(roles=[Role.MANAGER]).user).get(f"/attributions/{allocation.pk}/"))
    assert "jusqu’au 31 août 2027 inclus, sous réserve du règlement de la commande" in page


@pytest.mark.slow
def test_a_provisional_pool_can_be_allocated_from(pool, office):
    set_status(pool, EntitlementStatus.PROVISIONAL)
    school = SchoolFactory()
    browser = office("nimes", MemberFactory(roles=[Role.MANAGER]).user)
    page = words(browser.get(f"/attributions/attribuer/?ecole={school.uai}"))
    assert "Achat 2026-2027 – 100 licences libres, droits temporaires" in page
    given = allocate_units(pool, school)
    page = words(browser.get(f"/attributions/{given.pk}/"))
    assert "jusqu’au 6 décembre 2026 inclus (droits temporaires), puis jusqu’au 31 août 2027 inclus" in page
