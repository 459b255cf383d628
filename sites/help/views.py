"""Pages of the help: the guides, their PDFs, frequent questions, accessibility, and the site map."""

import datetime
import functools
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString

from accounts.models import Profile
from core.documents import build_file_response
from core.foreign_values import cut_search
from sites.help import guides
from sites.help.guides import render_guide, render_pdf
from sites.help.questions import find_guide_sections, find_questions, list_sections
from tenants.models import Collectivity
from web.access import public_page
from web.frame import OFFICE_PARAMETER

GRID_FILE = Path(__file__).with_name("accessibility_grid.toml")
COMPLIANT, NON_COMPLIANT, NOT_APPLICABLE = "conforme", "non conforme", "non applicable"
#: Themes of the RGAA 4.1, in its order.
THEMES = (
    "Images", "Cadres", "Couleurs", "Multimédia", "Tableaux", "Liens", "Scripts", "Éléments obligatoires",
    "Structuration de l’information", "Présentation de l’information", "Formulaires", "Navigation", "Consultation",
)  # fmt: skip


@dataclass(frozen=True)
class CheckedCriterion:
    """A criterion of the RGAA, its state, how it was checked, and what was found."""

    number: str
    text: str
    state: str
    method: str
    note: str


@dataclass(frozen=True)
class CheckedTheme:
    """The criteria of a theme."""

    number: int
    title: str
    criteria: tuple[CheckedCriterion, ...]


@dataclass(frozen=True)
class AccessibilityGrid:
    """All criteria, and the day on which they were checked."""

    checked_on: datetime.date
    criteria: tuple[CheckedCriterion, ...]

    def count(self, state: str) -> int:
        """Return how many criteria are in a state."""
        return sum(criterion.state == state for criterion in self.criteria)

    @property
    def rate(self) -> int:
        """Return the percentage of compliant criteria among those that apply, rounded down."""
        compliant = self.count(COMPLIANT)
        return 100 * compliant // (compliant + self.count(NON_COMPLIANT))

    @property
    def failures(self) -> list[CheckedCriterion]:
        """Return the criteria that are not met."""
        return [criterion for criterion in self.criteria if criterion.state == NON_COMPLIANT]

    @property
    def themes(self) -> list[CheckedTheme]:
        """Return the criteria by theme."""
        return [
            CheckedTheme(number, title, tuple(one for one in self.criteria if one.number.startswith(f"{number}.")))
            for number, title in enumerate(THEMES, start=1)
        ]


@functools.cache
def read_grid() -> AccessibilityGrid:
    """Return the grid."""
    content = tomllib.loads(GRID_FILE.read_text(encoding="utf-8"))
    criteria = tuple(CheckedCriterion(**criterion) for criterion in content["criterion"])
    return AccessibilityGrid(content["checked_on"], criteria)


# The way back to the office from which the help was opened.
#
# An address carries the office's name only: the link is built from the office that has it, and so leads nowhere else.

_SLUG = re.compile(r"[a-z0-9-]{1,40}")
#: « Ville de Nîmes », « Ville d’Alès », « Commune du Vigan ».
_TOWN = re.compile(r"^(?:Ville|Commune|Mairie) (?=de |du |des |d['’])")
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
    town, is_town = _TOWN.subn("", collectivity.name, count=1)
    label = f"Retour au bureau {town}" if is_town and town else f"Retour au bureau ({collectivity.name})"
    return WayBack(label, collectivity.office_url(), f"?{OFFICE_PARAMETER}={slug}", slug)


def keep_way_back(body: SafeString, way_back: WayBack | None) -> SafeString:
    """Return a guide's HTML, whose links to other guides lead back to the same office."""
    return SafeString(_GUIDE_LINK.sub(rf"\g<1>{way_back.query}", body)) if way_back else body


def _find_guide(slug: str) -> guides.Guide:
    try:
        return guides.BY_SLUG[slug]
    except KeyError:
        raise Http404 from None


@public_page
def list_guides(request: HttpRequest) -> HttpResponse:
    """List the guides by profile, the reader's own first."""
    way_back = find_way_back(request)
    own, others = guides.list_readable(request.user, in_office=way_back is not None)
    return render(request, "help/guides.html", {"own": own, "others": others, "way_back": way_back})


@public_page
def show_guide(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a guide with its contents."""
    guide = _find_guide(slug)
    page, way_back = render_guide(guide.read()), find_way_back(request)
    content = {"guide": guide, "page": page, "body": keep_way_back(page.body, way_back), "way_back": way_back}
    return render(request, "help/guide.html", content)


@public_page
def download_guide(_request: HttpRequest, slug: str) -> HttpResponse:
    """Return a guide as a PDF."""
    guide = _find_guide(slug)
    return build_file_response(
        render_pdf(guide.slug), name=f"{guide.path.stem}.pdf", content_type="application/pdf", inline=True
    )


@public_page
def list_questions(request: HttpRequest) -> HttpResponse:
    """Show the frequent questions; with `q`, those and the sections of guides that answer it, the best first."""
    search = cut_search(request.GET.get("q", ""))
    way_back = find_way_back(request)
    profile = getattr(request.user, "profile", "") or (Profile.AGENT if way_back else "")
    if not search:
        sections = list_sections(profile)
        count = sum(len(section.questions) for section in sections)
        return render(request, "help/questions.html", {"sections": sections, "count": count, "way_back": way_back})
    own, others = guides.list_readable(request.user, in_office=way_back is not None)
    readable = own + others
    questions, guide_sections = find_questions(search, profile=profile), find_guide_sections(search, readable)
    content = {"questions": questions, "guide_sections": guide_sections, "count": len(questions) + len(guide_sections)}
    content |= {"search": search, "guides": readable, "way_back": way_back}
    return render(request, "help/questions.html", content)


@public_page
def show_declaration(request: HttpRequest) -> HttpResponse:
    """Show the accessibility declaration."""
    grid = read_grid()
    counts = {"compliant": grid.count(COMPLIANT), "not_applicable": grid.count(NOT_APPLICABLE)}
    return render(request, "help/accessibility.html", {"grid": grid, **counts})


@public_page
def show_grid(request: HttpRequest) -> HttpResponse:
    """Show the RGAA's criteria as they were checked."""
    return render(request, "help/accessibility_grid.html", {"grid": read_grid()})


@public_page
def show_site_map(request: HttpRequest) -> HttpResponse:
    """List the pages of the portal."""
    own, others = guides.list_readable(request.user)
    return render(request, "help/site_map.html", {"guides": own + others})
