"""Names that strangers type and that our e-mails repeat: no address, no invisible letter, no text of their own. Pure.

Whoever signs up chooses the mailbox we write to: a name that holds a link would make us send it for them.
"""

from __future__ import annotations

import re
import unicodedata

from django.core.exceptions import ValidationError

#: Longest name of a person in our e-mails; civil registers have longer ones, which nobody types.
MAX_LENGTH = 60
#: What mail programs turn into a link: an address, « www. », a domain. « S.I.V.U. » and « M. Dupont » are none.
_LINK = re.compile(r"://|@|\bwww\.|\w\.\w{2,}", re.IGNORECASE)
_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})


def check_no_address(text: str) -> None:
    """Raise `ValidationError` where a name holds a web or e-mail address, or an invisible character."""
    if any(unicodedata.category(letter) in _INVISIBLE for letter in text):
        raise ValidationError("Ce texte contient un caractère invisible : saisissez-le de nouveau, sans le copier.")
    if _LINK.search(unicodedata.normalize("NFKC", text)):
        raise ValidationError(
            "Une adresse de site ou d'e-mail n'a pas sa place ici. Si ce n'en est pas une, mettez une espace après le "
            "point."
        )


def check_person_name(text: str) -> None:
    """Raise `ValidationError` where a name is longer than `MAX_LENGTH`, or what `check_no_address` refuses."""
    if len(text) > MAX_LENGTH:
        raise ValidationError(f"{MAX_LENGTH} caractères au plus : ici, {len(text)}. Abrégez.")
    check_no_address(text)
