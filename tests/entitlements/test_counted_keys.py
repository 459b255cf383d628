"""Keys and seats are counted as they are minted, redeemed and taken."""

import pytest

from licensing.entitlements import keys, operations
from tests.conftest import TERM
from tests.figures import raised_figures
from tests.refusals import refuses


def test_minted_keys_and_their_licences_are_counted(jaures):
    demands = [(jaures.school.pk, 3, False), (jaures.school.pk, 2, True)]
    with raised_figures() as raised:
        keys.mint(entitlement=jaures.entitlement, prefix="NIMES", demands=demands, at=TERM)
    assert raised == {"peps_keys_minted_total": 2, "peps_minted_units_total": 5}


@pytest.mark.slow
def test_redeemed_keys_and_taken_seats_are_counted_and_refusals_are_not(jaures):
    code, _ = jaures.key(units=3)
    with raised_figures() as raised:
        operations.redeem(code=code, by=jaures.principal, at=TERM)
        operations.claim(code=code, by=jaures.teacher(), at=TERM)
        with refuses("typo"):
            operations.claim(code=f"{code[1:]}{code[0]}", by=jaures.teacher(), at=TERM)
    assert raised == {
        "peps_keys_redeemed_total": 1, "peps_redeemed_units_total": 3, "peps_seats_taken_total manual": 1,
    }  # fmt: skip
