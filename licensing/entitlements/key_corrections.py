"""Keys that a mistyped one may mean: for the operator's search, and nowhere else. Pure.

Whoever enters a key to redeem it gets no correction: it would be a guess among a dozen for the price of one.
"""

from __future__ import annotations

import re

from licensing.entitlements.keys import ALPHABET, LENGTH, InvalidKey, parse

#: What is typed between the symbols of a key.
_GAPS = re.compile(r"[\W_]+")
_GROUPS = 3


def list_corrections(text: str) -> list[str]:
    """Return the codes one slip away from a mistyped one: a symbol wrong, missing, doubled, or two swapped.

    The check symbol leaves about a dozen of them. Empty for a well-formed key, and where the text is too far from one.
    """
    try:
        parse(text)
    except InvalidKey:
        symbols = _read_symbols(text)
    else:
        return []
    found = []
    for candidate in sorted(_edits(symbols)):
        try:
            found.append(parse(candidate))
        except InvalidKey:
            continue
    return list(dict.fromkeys(found))


def _read_symbols(text: str) -> str:
    """Return the symbols of a key without its prefix, which only groups or the usual length tell apart."""
    groups = [group for group in _GAPS.split(text.upper()) if group]
    symbols = "".join(groups)
    if len(groups) > _GROUPS and len(symbols) > LENGTH:
        return "".join(groups[-_GROUPS:])
    return symbols if len(symbols) <= LENGTH + 1 else symbols[-LENGTH:]


def _edits(symbols: str) -> set[str]:
    places = range(len(symbols))
    if len(symbols) == LENGTH:
        replaced = {symbols[:at] + other + symbols[at + 1 :] for at in places for other in ALPHABET}
        return replaced | {symbols[:at] + symbols[at + 1] + symbols[at] + symbols[at + 2 :] for at in range(LENGTH - 1)}
    if len(symbols) == LENGTH - 1:
        return {symbols[:at] + other + symbols[at:] for at in range(LENGTH) for other in ALPHABET}
    if len(symbols) == LENGTH + 1:
        return {symbols[:at] + symbols[at + 1 :] for at in places}
    return set()
