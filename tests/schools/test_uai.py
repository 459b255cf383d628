"""The UAI: its check letter, and the repairs of damaged codes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schools import uai

DIGITS = st.from_regex(r"[0-9]{7}", fullmatch=True)


def test_the_letter_of_real_codes():
    assert [uai.check_letter(digits) for digits in ("0311131", "0940176", "9710003")] == ["L", "F", "B"]


@pytest.mark.parametrize("digits", ["", "031113", "03111311", "031113L", "٠٣١١١٣١"])
def test_only_seven_digits_have_a_letter(digits):
    with pytest.raises(ValueError, match="Seven digits"):
        uai.check_letter(digits)


@pytest.mark.slow
@given(DIGITS, st.integers(0, 6), st.integers(1, 9))
def test_every_wrong_digit_is_caught(digits, place, shift):
    wrong = digits[:place] + str((int(digits[place]) + shift) % 10) + digits[place + 1 :]
    assert not uai.is_valid(wrong + uai.check_letter(digits))


@pytest.mark.slow
@given(DIGITS, st.integers(0, 5))
def test_every_swap_of_neighbours_is_caught(digits, place):
    swapped = digits[:place] + digits[place + 1] + digits[place] + digits[place + 2 :]
    assert uai.is_valid(swapped + uai.check_letter(digits)) == (swapped == digits)


@pytest.mark.slow
@given(DIGITS)
def test_a_valid_code_is_left_as_it_is(digits):
    code = digits + uai.check_letter(digits)
    assert uai.normalise(code) == code
    assert uai.normalise(f" {code[:3]} {code[3:7]}-{code[7].lower()}\u00a0") == code
    assert uai.describe_error(code) == ""


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("0311131l", "0311131L"),
        ("311131L", "0311131L"),  # Excel dropped the zero
        ("10001w", "0010001W"),  # and two of them
        ("O311131L", "0311131L"),  # an O for a zero
        ("03lll3lL", "0311131L"),  # an L for each one
        ("'0311131L", "0311131L"),  # the apostrophe that keeps Excel from counting
        ("031.1131.L", "0311131L"),
        ("0311131L", "0311131L"),
    ],
)
def test_a_code_with_one_possible_repair_is_repaired(typed, meant):
    assert uai.normalise(typed) == meant


@pytest.mark.parametrize("typed", ["", "  ", "311131M", "0311131", "1L", "971000B", "École Jean Jaurès", "0311131LL"])
def test_a_code_without_a_unique_repair_is_left(typed):
    assert not uai.is_valid(uai.normalise(typed))
    assert uai.describe_error(typed)


@pytest.mark.slow
@given(st.text())
def test_any_text_is_valid_or_has_a_named_problem(text):
    assert uai.is_valid(uai.normalise(text)) == (uai.describe_error(text) == "")


def test_the_problem_is_named():
    assert "manque" in uai.describe_error(" ")
    assert "faute de frappe" in uai.describe_error("0311131M")
    assert "dernière lettre" in uai.describe_error("0311131")
    assert "n'est pas un UAI" in uai.describe_error("Jean Jaurès")


def test_several_codes_in_one_cell():
    assert uai.find_all("0311131l, 0940176F / 0311131L") == ["0311131L", "0940176F"]
    assert uai.find_all("École Jean Jaurès (0940176f)") == ["0940176F"]
    assert uai.find_all("École Jean Jaurès") == []


@pytest.mark.slow
@given(DIGITS, st.integers(0, 6), st.integers(0, 9), st.sampled_from(uai.LETTERS))
def test_one_typing_error_stays_within_the_neighbours(digits, place, digit, letter):
    code = digits + uai.check_letter(digits)
    slipped = {
        digits + letter,
        digits,
        digits.lstrip("0") + ".0" if len(digits.lstrip("0")) >= 5 else digits,
        digits[:place] + str(digit) + digits[place + 1 :] + code[7],
        digits[:place] + digits[place + 1 :] + code[7],
        digits[:place] + str(digit) + digits[place:] + code[7],
        digits[:place] + digits[place + 1 : place + 2] + digits[place] + digits[place + 2 :] + code[7],
    } - {code}
    for text in slipped:
        assert code in uai.find_similar(text) or uai.normalise(text) == code, text


@pytest.mark.slow
@given(st.text())
def test_every_neighbour_is_valid(text):
    assert all(map(uai.is_valid, uai.find_similar(text)))


def test_confusable_letters_and_digits_are_exchanged():
    assert "0311131L" in uai.find_similar("03I1l3lM")
    assert "0300294G" in uai.find_similar("03002946")
    assert "0300289B" in uai.find_similar("03002898")
    assert uai.find_similar("à créer") == frozenset()
