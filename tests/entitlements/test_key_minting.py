"""Minting keys in bulk: ordered, sealed, unique across tenants, in few statements."""

import base64

import pytest

from licensing.entitlements import code_sealing, keys, queries
from licensing.entitlements.keys import grow_many
from licensing.entitlements.models import ActivationKey
from tests.conftest import TERM
from tests.factories.licensing import EntitlementFactory, KeyFactory
from tests.factories.schools import SchoolFactory


@pytest.fixture
def entitlement(nimes):
    return EntitlementFactory()


def test_keys_come_in_the_order_of_the_demands(entitlement):
    first, second = SchoolFactory(), SchoolFactory()
    numbers = keys.mint(
        entitlement=entitlement, prefix="NIMES", demands=[(second.uai, 3, True), (first.uai, 5, False)], at=TERM
    )
    minted = ActivationKey.objects.in_bulk(numbers)
    assert [(minted[n].school_id, minted[n].units, minted[n].exposed_at) for n in numbers] == [
        (second.uai, 3, TERM),
        (first.uai, 5, None),
    ]
    assert {key.issued_at for key in minted.values()} == {TERM}


def test_what_is_stored_opens_to_a_key_that_redeems(entitlement):
    [number] = keys.mint(entitlement=entitlement, prefix="NIMES", demands=[(SchoolFactory().uai, 1, False)], at=TERM)
    key = ActivationKey.objects.get(pk=number)
    shown = queries.unseal_key(key)
    assert shown.startswith("NIMES-")
    assert code_sealing.seal(keys.parse(shown)).code == bytes(key.sealed_code)


def test_no_demand_mints_no_key(entitlement, django_assert_num_queries):
    with django_assert_num_queries(2):  # a savepoint and its release
        assert keys.mint(entitlement=entitlement, prefix="NIMES", demands=[], at=TERM) == []


def test_the_number_of_statements_does_not_grow(entitlement, django_assert_max_num_queries):
    school = SchoolFactory()
    with django_assert_max_num_queries(6):
        assert (
            len(keys.mint(entitlement=entitlement, prefix="NIMES", demands=[(school.uai, 1, False)] * 500, at=TERM))
            == 500
        )


def test_a_code_that_exists_is_drawn_again(entitlement, monkeypatch):
    taken, other = keys.generate(), keys.generate()
    KeyFactory(code=taken, entitlement=entitlement)
    draws = iter([taken, other])
    monkeypatch.setattr(keys, "generate", lambda: next(draws))
    [number] = keys.mint(entitlement=entitlement, prefix="NIMES", demands=[(SchoolFactory().uai, 1, False)], at=TERM)
    assert keys.parse(queries.unseal_key(ActivationKey.objects.get(pk=number))) == other


def test_a_code_that_exists_under_an_older_sealing_key_is_drawn_again(entitlement, monkeypatch, settings):
    taken, other = keys.generate(), keys.generate()
    KeyFactory(code=taken, entitlement=entitlement)
    settings.SEALING_KEYS = ["2:" + base64.b64encode(b"n" * 64).decode(), *settings.SEALING_KEYS]
    draws = iter([taken, other])
    monkeypatch.setattr(keys, "generate", lambda: next(draws))
    [number] = keys.mint(entitlement=entitlement, prefix="NIMES", demands=[(SchoolFactory().uai, 1, False)], at=TERM)
    key = ActivationKey.objects.get(pk=number)
    assert (keys.parse(queries.unseal_key(key)), key.sealed_under) == (other, 2)


def test_a_generator_that_repeats_itself_raises_codes_exhausted(entitlement, monkeypatch):
    taken = keys.generate()
    KeyFactory(code=taken, entitlement=entitlement)
    monkeypatch.setattr(keys, "generate", lambda: taken)
    with pytest.raises(keys.CodesExhausted):
        keys.mint(entitlement=entitlement, prefix="NIMES", demands=[(SchoolFactory().uai, 1, False)], at=TERM)
    assert ActivationKey.objects.count() == 1


@pytest.mark.parametrize("added", [1, 2])
def test_an_unredeemed_key_grows(entitlement, added):
    key = KeyFactory(entitlement=entitlement, units=3)
    grow_many({key.pk: added})
    key.refresh_from_db()
    assert key.units == 3 + added
