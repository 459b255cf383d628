"""Looking schools up: by name, commune, postal code or UAI, whatever the case and the accents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import F, Q

from schools import uai
from schools.folding import words
from schools.models import School

if TYPE_CHECKING:
    from django.db.models import QuerySet

ORDER = (F("closed_at").asc(nulls_first=True), "name_folded", "uai")


def matching(text: str) -> QuerySet[School]:
    """Return every school that has all the words of `text`; none where there is no word in it."""
    sought = words(text)
    if not sought:
        return School.objects.none()
    condition = Q()
    for word in sought:
        condition &= Q(search_text__contains=word if len(word) > 2 else f" {word}")  # noqa: PLR2004
    return School.objects.filter(condition)


def search(text: str) -> QuerySet[School]:
    """Return the schools that `text` most likely means, best first."""
    code = uai.normalise(text)
    if uai.is_valid(code):
        return School.objects.filter(pk=code)
    return matching(text).order_by(*ORDER)
