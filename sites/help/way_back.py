"""The way back to the office from which the help was opened.

An address carries the office's name only: the link is built from the office that has it, and so leads nowhere else.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from django.http import HttpRequest
from django.utils.safestring import SafeString

from tenants.models import Collectivity
from web.frame import OFFICE_PARAMETER

_SLUG = re.compile(r"[a-z0-9-]{1,40}")
#: « Ville de Nîmes », « Ville d’Alès », « Commune du Vigan ».
_TOWN = re.compile(r"(?:Ville|Commune|Mairie) (?=de |du |des |d['’])")
_GUIDE_LINK = re.compile(r'(?<= href=")(/aide/[a-z-]+/)')


class WayBack(NamedTuple):
    """A link to an office."""

    #: « Retour au bureau de Nîmes ».
    label: str
    url: str
    #: What the other pages of the help need in their addresses to lead back too: « ?bureau=nimes ».
    query: str
    slug: str


def find_way_back(request: HttpRequest) -> WayBack | None:
    """Return the way back to the office that the address names; None where none has that name. One query at most."""
    slug = request.GET.get(OFFICE_PARAMETER, "")
    if not _SLUG.fullmatch(slug):
        return None
    collectivity = Collectivity.objects.filter(slug=slug).first()
    if collectivity is None:
        return None
    return WayBack(_name_way_back(collectivity.name), collectivity.office_url(), f"?{OFFICE_PARAMETER}={slug}", slug)


def keep_way_back(body: SafeString, way_back: WayBack | None) -> SafeString:
    """Return a guide's HTML, whose links to other guides lead back to the same office."""
    return SafeString(_GUIDE_LINK.sub(rf"\g<1>{way_back.query}", body)) if way_back else body


def _name_way_back(collectivity: str) -> str:
    town = _TOWN.sub("", collectivity, count=1) if _TOWN.match(collectivity) else ""
    return f"Retour au bureau {town}" if town else f"Retour au bureau ({collectivity})"
