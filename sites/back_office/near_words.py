"""Which words may be meant by a mistyped one: those one letter away from it, or that sound like it."""

from __future__ import annotations

import re

#: A shorter word is near to too many; a longer one with a slip is found by its trigrams.
MIN_LETTERS, MAX_LETTERS = 4, 12
#: Spellings of one sound that are more than a letter apart: « Alais » is Alès.
_SOUNDS = (("eau", "au", "o"), ("ai", "ei", "e"), ("qu", "k", "c"), ("ph", "f"))
_SOUND_OF = {spelling: "(" + "|".join(spellings) + ")" for spellings in _SOUNDS for spelling in spellings}
_SPELLINGS = re.compile("|".join(sorted(_SOUND_OF, key=len, reverse=True)))
_LETTER = "[^ ]"


def build_near_pattern(word: str) -> str | None:
    """Return the regular expression of a folded text that has a word near this folded one; None if it is too short.

    Near: a letter more, less, other, or swapped with the next, after the first letter; or the same sounds. The whole
    word counts: « aisha » is near « aicha », and not « aichatou ». Pure.
    """
    if not MIN_LETTERS <= len(word) <= MAX_LETTERS:
        return None
    other = [word[:at] + f"{_LETTER}?" + word[at + 1 :] for at in range(1, len(word))]
    more = [word[:at] + _LETTER + word[at:] for at in range(1, len(word) + 1)]
    swapped = [word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in range(len(word) - 1)]
    same_sounds = _SPELLINGS.sub(lambda match: _SOUND_OF[match[0]], word)
    return f" ({'|'.join((*other, *more, *swapped, same_sounds))})( |$)"
