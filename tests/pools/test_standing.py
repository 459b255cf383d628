"""The entitlement's status (unpaid, lapsed, cancelled…) in lists, pages and e-mails of pools."""

from __future__ import annotations

import re
from html import unescape

import pytest

from collectivities.models import Role
from imports.queries import open_pools
from licensing.pools import emails
from licensing.pools.queries import AllocationState, allocations, positions
from licensing.subscriptions.models import Source, Standing, Subscription
from mailing.models import Message
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory
from tests.pools.arranging import give, redeem
from tests.subscriptions.test_wording import STANDINGS, TODAY

USABLE = {Standing.FIRM, Standing.PROVISIONAL, Standing.UNPAID, Standing.OVERDUE}
STATES = {
    Standing.LAPSED: AllocationState.SUSPENDED,
    Standing.SUSPENDED: AllocationState.SUSPENDED,
    Standing.CANCELLED: AllocationState.CANCELLED,
    Standing.ENDED: AllocationState.EXPIRED,
}


@pytest.fixture(autouse=True)
def _it_is_term(monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: TERM)


@pytest.fixture
def pool(nimes):
    return PoolFactory(name="Achat 2026-2027", capacity=100)


def as_it_is(pool, status):
    """Set the pool's entitlement to that status."""
    Source.objects.filter(pk=pool.source_id).update(**STANDINGS[status][0])
    pool.source.refresh_from_db()
    return pool


def words(answer):
    text = unescape(re.sub(r"<[^>]+>", " ", answer.content.decode()))
    return " ".join(text.split())


@pytest.mark.parametrize("status", STANDINGS, ids=lambda status: status.value)
def test_every_check_of_usable_licences_agrees(pool, status):
    waiting, redeemed = give(pool, SchoolFactory()), give(pool, SchoolFactory())
    redeem(redeemed, PrincipalFactory())
    as_it_is(pool, status)
    states = dict(allocations(TODAY).values_list("pk", "state"))
    [position] = positions()
    answers = {
        pool.source.usable_on(TODAY),
        position.source.usable_on(TODAY),
        Subscription.objects.running_on(TODAY).exists(),
        open_pools(TODAY).exists(),
        states == {waiting.pk: "issued", redeemed.pk: "redeemed"},
    }
    assert answers == {status in USABLE}
    if status not in USABLE:
        assert set(states.values()) == {STATES[status]}


@pytest.mark.parametrize(
    ("status", "badge", "to_do"),
    [
        (Standing.PROVISIONAL, "Provisoire", "bon de commande signé à nous adresser (plus que 12 jours)"),
        (Standing.UNPAID, "Provisoire", "commande à régler (plus que 12 jours)"),
        (Standing.OVERDUE, "À régler", "commande à régler (échéance dépassée)"),
        (Standing.LAPSED, "Suspendu", "suspendu, rien ne peut en être attribué"),
    ],
    ids=lambda case: getattr(case, "value", ""),
)
def test_the_office_shows_the_countdown_and_both_dates(pool, office, status, badge, to_do):
    as_it_is(pool, status)
    browser = office("nimes", MemberFactory(roles=[Role.VIEWER]).user)
    home, lots = words(browser.get("/")), words(browser.get("/lots/"))
    assert f"Lot « Achat 2026-2027 » : {to_do}" in home
    for page in (home, lots):
        assert f"Achat 2026-2027 {badge}" in page
        assert STANDINGS[status][2] in page


def test_an_email_with_a_key_says_until_when_licences_are_provisional(pool):
    give(pool, SchoolFactory())
    as_it_is(pool, Standing.PROVISIONAL)
    message = Message.objects.get()
    email_text = " ".join(emails.render(message).text.split())
    assert "jusqu'au 6 décembre 2026 inclus (droits temporaires), puis jusqu'au 31 août 2027 inclus" in email_text
    assert "Ces licences sont provisoires" in email_text
    Source.objects.update(provisional_until=None)
    assert "provisoires" not in emails.render(message).text


def test_a_provisional_pool_can_be_allocated_from(pool, office):
    as_it_is(pool, Standing.PROVISIONAL)
    school = SchoolFactory()
    browser = office("nimes", MemberFactory(roles=[Role.MANAGER]).user)
    page = words(browser.get(f"/attributions/attribuer/?ecole={school.uai}"))
    assert "Achat 2026-2027 – 100 licences libres, droits temporaires" in page
    given = give(pool, school)
    page = words(browser.get(f"/attributions/{given.pk}/"))
    assert "jusqu'au 6 décembre 2026 inclus (droits temporaires), puis jusqu'au 31 août 2027 inclus" in page
