"""The form of activation keys: how they are made, written and read back. Pure: no database, no secrets.

A code is twelve symbols of Crockford's base 32: eleven drawn at random (55 bits) and a check symbol, a weighted sum
over GF(32). The weights are distinct neighbours and none is zero, so every single wrong symbol and every swap of
neighbours is caught. Written `NIMES-7K3M-Q9TX-2HWB`: the prefix tells people where it comes from and is no part of it.
"""

from __future__ import annotations

import re
import secrets
import unicodedata

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 12
GROUP = 4
_VALUE = {symbol: value for value, symbol in enumerate(ALPHABET)}
# What people write for what they see: Crockford's own equivalents.
_VALUE |= {"O": 0, "I": 1, "L": 1}
# Every dash there is, and what e-mail programs and people put around a string they copy.
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


# What each symbol adds to the sum at each of the eleven places.
_ADDS = [
    {symbol: _POWERS[(_LOGARITHMS[value] + position) % 31] if value else 0 for symbol, value in _VALUE.items()}
    for position in range(1, LENGTH)
]


def check_symbol(data: str) -> str:
    """Return the check symbol of eleven symbols of the alphabet."""
    total = 0
    for adds, symbol in zip(_ADDS, data, strict=False):
        total ^= adds[symbol]
    return ALPHABET[total]


class Typo(ValueError):
    """What was typed cannot be a key; the message says where, in French, for the person who typed it."""


# Two symbols at a time: a generator that is asked for sixty thousand codes should not loop over each one's symbols.
_PAIRS = [ALPHABET[pair >> 5] + ALPHABET[pair & 31] for pair in range(1024)]
# What a pair adds to the check sum at each of the five places that pairs have.
_PAIR_ADDS = [
    [_ADDS[place][pair[0]] ^ _ADDS[place + 1][pair[1]] for pair in _PAIRS] for place in range(0, LENGTH - 2, 2)
]
_LAST_ADDS = [_ADDS[LENGTH - 2][symbol] for symbol in ALPHABET]


def generate() -> str:
    """Return a new code of twelve symbols, drawn from the system's generator."""
    bits = secrets.randbits(5 * (LENGTH - 1))
    a, b, c, d, e = bits & 1023, bits >> 10 & 1023, bits >> 20 & 1023, bits >> 30 & 1023, bits >> 40 & 1023
    last = bits >> 50
    adds = _PAIR_ADDS
    check = adds[0][a] ^ adds[1][b] ^ adds[2][c] ^ adds[3][d] ^ adds[4][e] ^ _LAST_ADDS[last]
    return _PAIRS[a] + _PAIRS[b] + _PAIRS[c] + _PAIRS[d] + _PAIRS[e] + ALPHABET[last] + ALPHABET[check]


def display(prefix: str, code: str) -> str:
    """Return the code as people read it: `NIMES-7K3M-Q9TX-2HWB`."""
    groups = [code[start : start + GROUP] for start in range(0, LENGTH, GROUP)]
    return "-".join([prefix, *groups] if prefix else groups)


def parse(text: str) -> str:
    """Return the twelve symbols that somebody typed, whatever the case, spaces, dashes and look-alikes.

    Raises `Typo` when they cannot be a key: too short, a symbol that keys do not have, or a check symbol that does
    not agree. Never touches the database.
    """
    # Full-width and other forms of the same letters are the same letters; soft hyphens and marks of direction, which
    # nobody sees, are nothing.
    visible = (sign for sign in unicodedata.normalize("NFKC", text) if unicodedata.category(sign) != "Cf")
    groups = [group for group in _SEPARATORS.split("".join(visible).upper()) if group]
    written = "".join(groups)
    if not written:
        raise Typo("Saisissez la clé reçue par e-mail.")
    if len(written) < LENGTH:
        raise Typo(
            f"Une clé compte {LENGTH} caractères après son préfixe, en trois groupes de quatre : il en manque. "
            "Recopiez-la en entier."
        )
    if len(groups) > LENGTH // GROUP and all(len(group) <= GROUP + 1 for group in groups[-3:]):
        # Written in groups: say which of them is too short or too long.
        for group in groups[-3:]:
            if len(group) != GROUP:
                raise Typo(
                    f"Le groupe « {group} » compte {len(group)} caractères au lieu de {GROUP} : comparez-le à la clé "
                    "reçue."
                )
    code = ""
    for symbol in written[-LENGTH:]:
        if symbol not in _VALUE:
            raise Typo(f"Le caractère « {symbol} » n'apparaît dans aucune clé : comparez-la à celle reçue.")
        code += ALPHABET[_VALUE[symbol]]
    if check_symbol(code[:-1]) != code[-1]:
        raise Typo("Cette clé comporte une faute de frappe : comparez-la à celle de l'e-mail, groupe par groupe.")
    return code
