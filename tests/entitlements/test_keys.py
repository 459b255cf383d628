"""Parsing and check symbols of activation keys."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licensing.entitlements import keys

CODES = st.builds(
    lambda data: data + keys.compute_check_symbol(data), st.text(alphabet=keys.ALPHABET, min_size=11, max_size=11)
)
DASHES = ["-", "‐", "‑", "‒", "–", "—", "―", "−", "_", ".", "·", " ", "\N{NO-BREAK SPACE}", "\t", "\n"]
LOOKALIKES = {"0": "Oo0", "1": "IiLl1"}


def test_a_code_is_eleven_drawn_symbols_and_a_check():
    codes = {keys.generate() for _ in range(2000)}
    assert len(codes) == 2000
    assert all(len(code) == 12 and set(code) <= set(keys.ALPHABET) for code in codes)
    assert all(keys.compute_check_symbol(code[:-1]) == code[-1] for code in codes)
    # Every symbol occurs at every random position: all 55 bits are used.
    assert all(len({code[place] for code in codes}) == 32 for place in range(11))


@pytest.mark.slow
@given(CODES)
def test_every_single_wrong_symbol_is_caught(code):
    for place, right in enumerate(code):
        for wrong in set(keys.ALPHABET) - {right}:
            with pytest.raises(keys.InvalidKey):
                keys.parse(code[:place] + wrong + code[place + 1 :])


@pytest.mark.slow
@given(CODES)
def test_every_swap_of_neighbours_is_caught(code):
    for place in range(11):
        if code[place] != code[place + 1]:
            with pytest.raises(keys.InvalidKey):
                keys.parse(code[:place] + code[place + 1] + code[place] + code[place + 2 :])


@pytest.mark.slow
@given(CODES, st.data())
def test_case_dashes_spaces_and_lookalikes_do_not_matter(code, data):
    written = ""
    for place, symbol in enumerate(code):
        if place and place % 4 == 0:
            written += data.draw(st.sampled_from(["", *DASHES, " - ", "--"]))
        written += data.draw(st.sampled_from(LOOKALIKES.get(symbol, symbol + symbol.lower())))
    padding = data.draw(st.sampled_from(["", " ", "\N{NO-BREAK SPACE}", "\n"]))
    assert keys.parse(padding + written + padding) == code


@pytest.mark.slow
@given(CODES, st.sampled_from(["NIMES", "nîmes", "Ville de Nîmes", "CD30", "OIL", "UGAP2026", "94"]))
def test_the_prefix_is_decoration(code, prefix):
    assert keys.parse(keys.display(prefix, code)) == code
    assert keys.parse(f"{prefix} {code}") == code


@given(CODES)
def test_full_width_symbols_are_read(code):
    wide = "".join(chr(ord(symbol) + 0xFEE0) for symbol in code)
    assert keys.parse(f"ＮＩＭＥＳ－{wide}") == code


@given(CODES)
def test_invisible_characters_of_an_e_mail_are_passed_over(code):
    zero, soft, mark = "\N{ZERO WIDTH SPACE}", "\N{SOFT HYPHEN}", "\N{LEFT-TO-RIGHT MARK}"
    pasted = f"{zero}{code[:4]}-{soft}{code[4:8]}-{mark}{code[8:]}\N{ZERO WIDTH NO-BREAK SPACE}"
    assert keys.parse(pasted) == code


@pytest.mark.slow
@given(CODES)
def test_quotes_and_a_full_stop_around_it_are_passed_over(code):
    assert keys.parse(f"« {keys.display('NIMES', code)} ».") == code


@pytest.mark.slow
@given(st.text(max_size=60))
def test_anything_at_all_is_a_key_or_a_typo(text):
    with contextlib.suppress(keys.InvalidKey):
        code = keys.parse(text)
        assert keys.compute_check_symbol(code[:-1]) == code[-1]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "Saisissez la clé"),
        ("  - ", "Saisissez la clé"),
        ("NIMES-7K3M", "il en manque"),
        ("NIMES-7K3M-Q9TX-2HW", "Le groupe « 2HW » compte 3 caractères"),
        ("NIMES-7K3M-Q9TXX-2HWB", "Le groupe « Q9TXX » compte 5 caractères"),
        ("7K3M-Q9TX-2HU2", "« U »"),
        ("NIMES-7K3M-Q9TX-2HW@", "« @ »"),
        ("7K3M-Q9TX-0000", "faute de frappe"),
    ],
)
def test_a_typo_says_what_is_wrong(typed, message):
    with pytest.raises(keys.InvalidKey, match=message):
        keys.parse(typed)


def test_three_uneven_groups_without_a_prefix_are_a_key():
    code = "7K3M9QTX2HW" + keys.compute_check_symbol("7K3M9QTX2HW")
    assert keys.parse(f"{code[:5]}-{code[5:8]}-{code[8:]}") == code


def test_a_typo_repeats_no_whole_key():
    with pytest.raises(keys.InvalidKey) as caught:
        keys.parse("NIMES-7K3M-Q9TX-0000")
    assert "7K3M" not in str(caught.value)
