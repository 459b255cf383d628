"""Corrections of a mistyped key, for the operator's search."""

import pytest

from licensing.entitlements import keys
from licensing.entitlements.keys import list_corrections

CODE = "7K3M9QTX2HW" + keys.compute_check_symbol("7K3M9QTX2HW")
GROUPS = f"{CODE[:4]}-{CODE[4:8]}-{CODE[8:]}"


@pytest.mark.parametrize(
    "typed",
    [
        f"8{CODE[1:]}",
        f"{CODE[:-1]}{'0' if CODE[-1] != '0' else '1'}",
        f"{CODE[:3]}U{CODE[4:]}",
        f"{CODE[1]}{CODE[0]}{CODE[2:]}",
        CODE[:5] + CODE[6:],
        f"{CODE[:5]}{CODE[4:]}",
        f"NIMES-{GROUPS[:6]}{GROUPS[7:]}",
        f"nimes {GROUPS[:5].lower()}X{GROUPS[6:].lower()}",
        f"NIMES8{CODE[1:]}",
        f"NIMES-8{CODE[1:6]}-{CODE[6:]}",
        " ".join((f"8{CODE[1]}", *(CODE[n : n + 2] for n in range(2, 12, 2)))),
    ],
)
def test_one_slip_away_from_a_key_it_is_among_the_corrections(typed):
    with pytest.raises(keys.InvalidKey):
        keys.parse(typed)
    corrections = list_corrections(typed)
    assert CODE in corrections
    assert len(corrections) < 40
    assert all(keys.parse(one) == one for one in corrections)


@pytest.mark.parametrize("typed", [CODE, GROUPS, "", "nimes", CODE[:8], f"8{CODE[1:4]}8{CODE[5:]}"])
def test_a_right_key_and_what_is_too_far_from_one_have_no_such_correction(typed):
    assert CODE not in list_corrections(typed)
