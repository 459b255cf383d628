"""The words of a person in a new password: what remains without them has to be long enough.

The list of rules (`password_rules`) describes the rule, and `web/password-rules.js` ticks it by the same computation.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError

from core.formatting import add_nonbreaking_spaces
from core.french import fold

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accounts.models import User

#: Shorter words, as « de » or « li », stand in too many passwords.
MIN_WORD_LENGTH = 3
#: Letters or digits that remain at least beside the person's words.
MIN_OTHER_CHARACTERS = 6
_WORD = re.compile(r"[^\W\d_]+|\d+")
_CHARACTER = re.compile(r"[^\W_]")


def list_personal_words(values: Iterable[str]) -> list[str]:
    """Return the words of names, usernames and addresses, folded, the longest first.

    Letters and digits are words of their own: « hugo1985 » is « 1985 » and « hugo ».
    """
    words = {word for value in values for word in _WORD.findall(fold(value)) if len(word) >= MIN_WORD_LENGTH}
    return sorted(words, key=lambda word: (-len(word), word))


def is_mostly_personal(password: str, words: Iterable[str]) -> bool:
    """Return whether too little of the password remains without the words, of which it has one at least."""
    folded = fold(password)
    rest = folded
    for word in words:
        rest = rest.replace(word, " ")
    return rest != folded and len(_CHARACTER.findall(rest)) < MIN_OTHER_CHARACTERS


class PersonalWordsValidator:
    """Refuse a password that holds little more than words of the person's names, username and address.

    Django's own validator of similarity compares the password with one attribute at a time: it accepts
    « hugopetit1 » for Hugo Petit.
    """

    code = "password_mostly_personal"

    def validate(self, password: str, user: User | None = None) -> None:
        """Raise `ValidationError` for a password that is mostly the person's words."""
        if user is None:
            return
        words = list_personal_words((user.first_name, user.last_name, user.username, user.email))
        if is_mostly_personal(password, words):
            raise ValidationError(
                add_nonbreaking_spaces(
                    "Ce mot de passe tient presque tout entier dans votre nom, votre identifiant ou votre adresse : "
                    f"il lui faut au moins {MIN_OTHER_CHARACTERS} autres lettres ou chiffres."
                ),
                code=self.code,
            )

    def get_help_text(self) -> str:
        """Return the rule in one sentence."""
        return (
            "Votre mot de passe doit avoir, en plus de votre nom, de votre identifiant et de votre adresse, au moins "
            f"{MIN_OTHER_CHARACTERS} lettres ou chiffres."
        )
