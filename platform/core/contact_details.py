"""Names, telephone numbers and e-mail addresses that people type, and that headers, e-mails and files repeat. Pure.

Whoever signs up chooses the mailbox we write to: a name that holds a link would make us send it for them. A sender's
name that holds an address is taken for the sender's by whoever reads it, and one that begins as a formula is run by
whoever opens a file that has it.
"""

import re
import unicodedata

from django.core.exceptions import ValidationError

from core.formulas import begins_formula

# A total of 60 characters keeps the local part and each label within their limits. Possessive quantifiers: linear time,
# no backtracking.
_MAX_LENGTH = 60
ORDINARY_ADDRESS = re.compile(
    r"[A-Za-z0-9]++(?:[._-][A-Za-z0-9]++)*+@(?:[A-Za-z0-9]++(?:-[A-Za-z0-9]++)*+\.)++[A-Za-z]{2,24}"
)
_matches = ORDINARY_ADDRESS.fullmatch


def is_ordinary_address(text: str) -> bool:
    """Whether a text is certainly a valid address. If not, it may still be valid: validate it fully."""
    return len(text) <= _MAX_LENGTH and _matches(text) is not None


_SEPARATORS = re.compile(r"[\s.\-_/()\u00a0\u202f]+")
_FRENCH = re.compile(r"(?:(?:\+|00)33(?:0)?|0)([1-9]\d{8})", re.ASCII)
#: ITU-T E.164: at most fifteen digits after the plus. Short French numbers have four.
_OTHER = re.compile(r"\+\d{6,15}|3\d{3}", re.ASCII)


def clean_phone(text: str) -> str:
    """Return a number as « 04 66 12 34 56 », one of another country as typed; raises `ValidationError` for none."""
    digits = _SEPARATORS.sub("", text.replace("(0)", ""))
    if french := _FRENCH.fullmatch(digits):
        number = f"0{french[1]}"
        return " ".join(number[start : start + 2] for start in range(0, len(number), 2))
    if _OTHER.fullmatch(digits):
        return text.strip()
    raise ValidationError("Un numéro compte dix chiffres, comme 04 66 12 34 56 ; d'un autre pays, il commence par +.")


#: Longest name of a person in our e-mails; civil registers have longer ones, which nobody types.
MAX_LENGTH = 60
#: What mail programs turn into a link: an address, « www. », a domain. « S.I.V.U. » and « M. Dupont » are none.
_LINK = re.compile(r"://|@|\bwww\.|\w\.\w{2,}", re.IGNORECASE)
_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
#: What parts a name from an address in a header, also in wide letters.
_HEADER_MARKS = re.compile("[<>@＜＞＠]")


def check_no_address(text: str) -> None:
    """Raise `ValidationError` where a name holds a web or e-mail address, or an invisible character."""
    if any(unicodedata.category(letter) in _INVISIBLE for letter in text):
        raise ValidationError("Ce texte contient un caractère invisible : saisissez-le de nouveau, sans le copier.")
    if _LINK.search(unicodedata.normalize("NFKC", text)):
        raise ValidationError(
            "Une adresse de site ou d'e-mail n'a pas sa place ici. Si ce n'en est pas une, mettez une espace après le "
            "point."
        )


def check_plain_name(text: str) -> None:
    """Raise `ValidationError` where a name holds what `check_no_address` refuses, « < » or « > », or is a formula."""
    check_no_address(text)
    if _HEADER_MARKS.search(text):
        raise ValidationError("Un nom ne contient ni « < » ni « > » : saisissez-le seul, sans adresse.")
    if begins_formula(text):
        raise ValidationError(
            "Un nom ne commence pas par « = », « + », « - » ou « @ » : un tableur le prendrait pour un calcul. "
            "Retirez ce premier caractère."
        )


def check_person_name(text: str) -> None:
    """Raise `ValidationError` where a name is longer than `MAX_LENGTH`, or what `check_plain_name` refuses."""
    if len(text) > MAX_LENGTH:
        raise ValidationError(f"{MAX_LENGTH} caractères au plus : ici, {len(text)}. Abrégez.")
    check_plain_name(text)


def clean_header_name(text: str) -> str:
    """Return a stored name as a header shows it: on one line, without what would make it look like an address."""
    visible = "".join(" " if unicodedata.category(letter) in _INVISIBLE else letter for letter in text)
    return " ".join(_HEADER_MARKS.sub(" ", visible).split())
