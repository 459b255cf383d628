"""Format of activation keys: generate, display and parse codes. Pure: no database, no secrets.

A code is twelve symbols of Crockford's base 32: eleven random (55 bits) and a check symbol, a weighted sum over GF(32).
Adjacent weights differ and none is zero, so every single wrong symbol and every swap of neighbours is detected.
Displayed as `NIMES-7K3M-Q9TX-2HWB`: the prefix names the giver and is not part of the code.
"""

from __future__ import annotations

import re
import secrets
import unicodedata

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 12
GROUP = 4
_VALUES = {symbol: value for value, symbol in enumerate(ALPHABET)}
# Look-alikes, as Crockford defines them.
_VALUES |= {"O": 0, "I": 1, "L": 1}
# Dashes, and what surrounds a string copied from an e-mail.
_SEPARATORS = re.compile(r"[\s\-_.,;:·\"'«»“”‘’<>()\[\]‐‑‒–—―−]+")


def _powers() -> tuple[int, ...]:
    """Return the powers 0 to 30 of x in GF(32) with x⁵ + x² + 1."""
    powers, value = [], 1
    for _ in range(31):
        powers.append(value)
        value <<= 1
        if value & 32:
            value ^= 0b100101
    return tuple(powers)


_POWERS = _powers()
_LOGARITHMS = {value: power for power, value in enumerate(_POWERS)}

# Contribution of each symbol to the check sum, by position.
_CHECK_TERMS = [
    {symbol: _POWERS[(_LOGARITHMS[value] + position) % 31] if value else 0 for symbol, value in _VALUES.items()}
    for position in range(1, LENGTH)
]


def compute_check_symbol(data: str) -> str:
    """Return the check symbol of at most eleven symbols of the alphabet."""
    total = 0
    for terms, symbol in zip(_CHECK_TERMS, data, strict=False):
        total ^= terms[symbol]
    return ALPHABET[total]


class InvalidKey(ValueError):
    """The text cannot be a key. The message says why, in French, for the person who typed it."""


# Symbols are drawn in pairs: generating 60,000 codes need not loop over single symbols.
_PAIRS = [ALPHABET[pair >> 5] + ALPHABET[pair & 31] for pair in range(1024)]
# Contribution of a pair to the check sum, by position of the pair.
_PAIR_CHECK_TERMS = [
    [_CHECK_TERMS[place][pair[0]] ^ _CHECK_TERMS[place + 1][pair[1]] for pair in _PAIRS]
    for place in range(0, LENGTH - 2, 2)
]
_LAST_CHECK_TERMS = [_CHECK_TERMS[LENGTH - 2][symbol] for symbol in ALPHABET]


def generate() -> str:
    """Return a new code of twelve symbols, from the system's random generator."""
    bits = secrets.randbits(5 * (LENGTH - 1))
    a, b, c, d, e = bits & 1023, bits >> 10 & 1023, bits >> 20 & 1023, bits >> 30 & 1023, bits >> 40 & 1023
    last = bits >> 50
    terms = _PAIR_CHECK_TERMS
    check = terms[0][a] ^ terms[1][b] ^ terms[2][c] ^ terms[3][d] ^ terms[4][e] ^ _LAST_CHECK_TERMS[last]
    return _PAIRS[a] + _PAIRS[b] + _PAIRS[c] + _PAIRS[d] + _PAIRS[e] + ALPHABET[last] + ALPHABET[check]


def display(prefix: str, code: str) -> str:
    """Return the code as displayed: `NIMES-7K3M-Q9TX-2HWB`."""
    groups = [code[start : start + GROUP] for start in range(0, LENGTH, GROUP)]
    return "-".join([prefix, *groups] if prefix else groups)


def parse(text: str) -> str:
    """Parse typed text into twelve symbols, ignoring case, spaces, dashes and look-alikes.

    Raises `InvalidKey` where the text is too short, has a symbol outside the alphabet, or a wrong check symbol.
    """
    groups = split_groups(text)
    symbols = "".join(groups)
    if not symbols:
        raise InvalidKey("Saisissez la clé reçue par e-mail.")
    if len(symbols) < LENGTH:
        raise InvalidKey(
            f"Une clé compte {LENGTH} caractères après son préfixe, en trois groupes de quatre : il en manque. "
            "Recopiez-la en entier."
        )
    if len(groups) > LENGTH // GROUP and all(len(group) <= GROUP + 1 for group in groups[-3:]):
        # Typed in groups: name the one that is too short or too long.
        for group in groups[-3:]:
            if len(group) != GROUP:
                raise InvalidKey(
                    f"Le groupe « {group} » compte {len(group)} caractères au lieu de {GROUP} : comparez-le à la clé "
                    "reçue."
                )
    code, strange = fold_symbols(symbols[-LENGTH:])
    if strange:
        raise InvalidKey(f"Le caractère « {strange} » n'apparaît dans aucune clé : comparez-la à celle reçue.")
    if compute_check_symbol(code[:-1]) != code[-1]:
        raise InvalidKey("Cette clé comporte une faute de frappe : comparez-la à celle de l'e-mail, groupe par groupe.")
    return code


def get_prefix(text: str) -> str:
    """Return what stands before the twelve symbols of a typed key, in capitals; empty where nothing does."""
    return "".join(split_groups(text))[:-LENGTH]


def split_groups(text: str) -> list[str]:
    """Return the groups of a typed code in capitals, without what separates or surrounds them."""
    # NFKC folds full-width and other compatibility forms; category Cf is soft hyphens and direction marks.
    visible = (
        character for character in unicodedata.normalize("NFKC", text) if unicodedata.category(character) != "Cf"
    )
    return [group for group in _SEPARATORS.split("".join(visible).upper()) if group]


def fold_symbols(symbols: str) -> tuple[str, str]:
    """Return the symbols with look-alikes replaced, and the first that is not of the alphabet, or an empty string."""
    strange = next((symbol for symbol in symbols if symbol not in _VALUES), "")
    return "".join(ALPHABET[_VALUES[symbol]] for symbol in symbols if symbol in _VALUES), strange
