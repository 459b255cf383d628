"""What people write in a request and its answer: one short text, that mails repeat."""

from __future__ import annotations

from collections.abc import Iterable

from django.core.exceptions import ValidationError

from accounts.models import User
from core.contact_details import check_no_address
from licensing.requests.exceptions import BadRequestSentence
from licensing.requests.models import MAX_REASON
from licensing.requests.name_check import find_named_person


def clean_sentence(text: str, *, required: str = "") -> str:
    """Return the text on one line. Raises `BadRequestSentence`; `required`: its message where nothing is written."""
    sentence = " ".join(text.split())
    if not sentence:
        if required:
            raise BadRequestSentence(required)
        return ""
    if len(sentence) > MAX_REASON:
        raise BadRequestSentence(f"{MAX_REASON} caractères au plus : ici, {len(sentence)}. Abrégez.")
    try:
        check_no_address(sentence)
    except ValidationError as error:
        raise BadRequestSentence(" ".join(error.messages)) from None
    return sentence


def check_names_nobody(sentence: str, people: Iterable[User]) -> None:
    """Raise `BadRequestSentence` where a sentence that leaves the school names one of its teachers."""
    if name := find_named_person(sentence, people):
        raise BadRequestSentence(
            f"Votre motif nomme {name} : la collectivité n'a pas à savoir de qui il s'agit. Écrivez combien de classes"
            " attendent, sans nommer personne."
        )
