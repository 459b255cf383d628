"""Telephone numbers that people type."""

import pytest
from django.core.exceptions import ValidationError

from core.contact_details import clean_phone


@pytest.mark.parametrize(
    "typed",
    ["0466123456", "04.66.12.34.56", "+33 4 66 12 34 56", "0033 466123456", "+33 (0)4 66 12 34 56", "04-66-12-34-56"],
)
def test_a_french_number_is_written_in_pairs(typed):
    assert clean_phone(typed) == "04 66 12 34 56"


@pytest.mark.parametrize("typed", ["+32 2 555 12 34", "3920"])
def test_a_number_of_another_country_and_a_short_one_stay_as_typed(typed):
    assert clean_phone(f" {typed} ") == typed


@pytest.mark.parametrize(
    "typed", ["", "au standard", "04 66 12 34", "04 66 12 34 56 78", "0066123456", "+33 4 66", "٠٤٦٦١٢٣٤٥٦"]
)
def test_what_is_no_number_is_refused(typed):
    with pytest.raises(ValidationError):
        clean_phone(typed)
