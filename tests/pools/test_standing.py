"""Lots whose order is not paid for yet, or no longer counts: in every list, on every page, in the letters with keys."""

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


def as_it_is(pool, standing):
    """Leave the lot's rights as they stand in that case."""
    Source.objects.filter(pk=pool.source_id).update(**STANDINGS[standing][0])
    pool.source.refresh_from_db()
    return pool


def words(answer):
    text = unescape(re.sub(r"<[^>]+>", " ", answer.content.decode()))
    return " ".join(text.split())


@pytest.mark.parametrize("standing", STANDINGS, ids=lambda standing: standing.value)
def test_all_who_ask_whether_licences_may_be_used_are_answered_alike(pool, standing):
    waiting, redeemed = give(pool, SchoolFactory()), give(pool, SchoolFactory())
    redeem(redeemed, PrincipalFactory())
    as_it_is(pool, standing)
    states = dict(allocations(TODAY).values_list("pk", "state"))
    [position] = positions()
    asked = {
        pool.source.usable_on(TODAY),
        position.source.usable_on(TODAY),
        Subscription.objects.running_on(TODAY).exists(),
        open_pools(TODAY).exists(),
        states == {waiting.pk: "issued", redeemed.pk: "redeemed"},
    }
    assert asked == {standing in USABLE}
    if standing not in USABLE:
        assert set(states.values()) == {STATES[standing]}


@pytest.mark.parametrize(
    ("standing", "badge", "to_do"),
    [
        (Standing.PROVISIONAL, "Provisoire", "bon de commande signé à nous adresser (plus que 12 jours)"),
        (Standing.UNPAID, "Provisoire", "commande à régler (plus que 12 jours)"),
        (Standing.OVERDUE, "À régler", "commande à régler (échéance dépassée)"),
        (Standing.LAPSED, "Suspendu", "suspendu, rien ne peut en être attribué"),
    ],
    ids=lambda case: getattr(case, "value", ""),
)
def test_the_office_counts_down_and_says_both_days(pool, office, standing, badge, to_do):
    as_it_is(pool, standing)
    browser = office("nimes", MemberFactory(roles=[Role.VIEWER]).user)
    home, lots = words(browser.get("/")), words(browser.get("/lots/"))
    assert f"Lot « Achat 2026-2027 » : {to_do}" in home
    for page in (home, lots):
        assert f"Achat 2026-2027 {badge}" in page
        assert STANDINGS[standing][2] in page


def test_a_letter_with_a_key_says_that_the_licences_are_provisional_and_until_when(pool):
    give(pool, SchoolFactory())
    as_it_is(pool, Standing.PROVISIONAL)
    letter = Message.objects.get()
    said = " ".join(emails.render(letter).text.split())
    assert "jusqu'au 6 décembre 2026 inclus (droits temporaires), puis jusqu'au 31 août 2027 inclus" in said
    assert "Ces licences sont provisoires" in said
    Source.objects.update(provisional_until=None)
    assert "provisoires" not in emails.render(letter).text


def test_a_lot_is_given_from_while_it_is_provisional(pool, office):
    as_it_is(pool, Standing.PROVISIONAL)
    school = SchoolFactory()
    browser = office("nimes", MemberFactory(roles=[Role.MANAGER]).user)
    page = words(browser.get(f"/attributions/attribuer/?ecole={school.uai}"))
    assert "Achat 2026-2027 – 100 licences libres, droits temporaires" in page
    given = give(pool, school)
    page = words(browser.get(f"/attributions/{given.pk}/"))
    assert "jusqu'au 6 décembre 2026 inclus (droits temporaires), puis jusqu'au 31 août 2027 inclus" in page
