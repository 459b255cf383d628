"""An amount received is split by VAT rate, and its parts add up to it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licensing.payments.collection_statements import split_by_rate

CENTS = st.integers(1, 10**7).map(lambda cents: Decimal(cents).scaleb(-2))


def test_what_goes_back_is_split_as_what_came():
    totals = {Decimal(20): Decimal(120), Decimal("8.5"): Decimal("54.25")}

    assert split_by_rate(Decimal("174.25"), totals) == totals
    assert split_by_rate(Decimal("-174.25"), totals) == {rate: -total for rate, total in totals.items()}
    assert split_by_rate(Decimal("0.01"), totals) == {Decimal(20): Decimal("0.01")}


@pytest.mark.slow
@given(
    amount=CENTS, totals=st.dictionaries(st.sampled_from([Decimal(n) for n in (0, 2, 5, 10, 20)]), CENTS, min_size=1)
)
def test_the_parts_add_up_and_stay_within_a_cent_of_their_share(amount, totals):
    parts = split_by_rate(amount, totals)

    assert sum(parts.values()) == amount
    for rate, total in totals.items():
        share = amount * total / sum(totals.values())
        assert abs(parts.get(rate, Decimal(0)) - share) <= Decimal("0.01")


@pytest.mark.parametrize(("amount", "totals"), [("1", {}), ("1.001", {Decimal(20): Decimal(1)})])
def test_nothing_to_split_by_and_fractions_of_a_cent_are_refused(amount, totals):
    with pytest.raises(ValueError, match="Nothing to split by"):
        split_by_rate(Decimal(amount), totals)
