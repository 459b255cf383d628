"""Pages of the help: the guides, their PDFs, frequent questions, accessibility, and the site map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404
from django.shortcuts import render

from core.file_responses import build_file_response
from core.search_terms import cut_search
from sites.help import accessibility, guides
from sites.help.markdown import render_guide
from sites.help.pdf import render_pdf
from sites.help.questions import find_sections
from web.access import public_page

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


def _find(slug: str) -> guides.Guide:
    try:
        return guides.BY_SLUG[slug]
    except KeyError:
        raise Http404 from None


@public_page
def list_guides(request: HttpRequest) -> HttpResponse:
    """List the guides by profile."""
    return render(request, "help/guides.html", {"guides": guides.GUIDES})


@public_page
def show_guide(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a guide with its contents."""
    guide = _find(slug)
    return render(request, "help/guide.html", {"guide": guide, "page": render_guide(guide.read())})


@public_page
def download_guide(_request: HttpRequest, slug: str) -> HttpResponse:
    """Return a guide as a PDF."""
    guide = _find(slug)
    return build_file_response(
        render_pdf(guide.slug), name=f"{guide.path.stem}.pdf", content_type="application/pdf", inline=True
    )


@public_page
def list_questions(request: HttpRequest) -> HttpResponse:
    """Show the frequent questions; with `q`, those that have all its words."""
    search = cut_search(request.GET.get("q", ""))
    sections = find_sections(search)
    count = sum(len(section.questions) for section in sections)
    return render(request, "help/questions.html", {"search": search, "sections": sections, "count": count})


@public_page
def show_declaration(request: HttpRequest) -> HttpResponse:
    """Show the accessibility declaration."""
    grid = accessibility.read_grid()
    counts = {
        "compliant": grid.count(accessibility.COMPLIANT),
        "not_applicable": grid.count(accessibility.NOT_APPLICABLE),
    }
    return render(request, "help/accessibility.html", {"grid": grid} | counts)


@public_page
def show_grid(request: HttpRequest) -> HttpResponse:
    """Show the RGAA's criteria as they were checked."""
    return render(request, "help/accessibility_grid.html", {"grid": accessibility.read_grid()})


@public_page
def show_site_map(request: HttpRequest) -> HttpResponse:
    """List the pages of the portal."""
    return render(request, "help/site_map.html", {"guides": guides.GUIDES})
