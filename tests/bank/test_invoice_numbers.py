"""Numbers in what banks write."""

import pytest

from licensing.books.bank.books import find_invoice_numbers, find_registration_numbers


@pytest.mark.parametrize(
    "text",
    [
        "P2026-000010",
        "P2026 000010",
        "p2026000010",
        "P202610",
        "p 2026 10",
        "VIR MANDAT 4512 BORD 12 P2026 000010 ECOLES",
        "FACTP2026000010",
        "REF/P2026-000010/EJ-2026-0042",
        "FACTURE P2026-0000 10",
        "P2026-000010 P2026 000010",
    ],
)
def test_an_invoice_number_is_read_anywhere(text):
    assert find_invoice_numbers(text) == [(2026, 10)]


@pytest.mark.parametrize("text", ["CAMP2026 10", "VIR 2026 000010", "P2026", "P2026-000000", "P2026-1234567"])
def test_other_texts_are_no_invoice_numbers(text):
    assert find_invoice_numbers(text) == []


def test_several_numbers_are_read_in_their_order():
    assert find_invoice_numbers("P2026-000012, P2026-000010 et P2025-3") == [(2026, 12), (2026, 10), (2025, 3)]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("213 001 894 00012", {"21300189400012", "213001894"}),
        ("SIRET 21300189400012 VIR", {"21300189400012"}),
        ("SIREN 213001894 12", {"213001894"}),
        ("MANDAT 4512 P2026-000010", set()),
        ("2130018940001", set()),
    ],
)
def test_a_siret_or_a_siren_is_read_in_groups_or_not(text, numbers):
    assert find_registration_numbers(text) == numbers
