"""Pages of the help: the guides, their PDFs, frequent questions, accessibility, and the site map."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.models import Profile
from core.documents import build_file_response
from core.foreign_values import cut_search
from sites.help import accessibility, guides
from sites.help.markdown import render_guide
from sites.help.pdf import render_pdf
from sites.help.questions import find_guide_sections, find_questions, list_sections
from sites.help.way_back import find_way_back, keep_way_back
from web.access import public_page


def _find_guide(slug: str) -> guides.Guide:
    try:
        return guides.BY_SLUG[slug]
    except KeyError:
        raise Http404 from None


@public_page
def list_guides(request: HttpRequest) -> HttpResponse:
    """List the guides by profile, the reader's own first."""
    way_back = find_way_back(request)
    in_office = way_back is not None
    content = {
        "own": guides.list_own(request.user, in_office=in_office),
        "others": guides.list_others(request.user, in_office=in_office),
        "way_back": way_back,
    }
    return render(request, "help/guides.html", content)


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
    in_office = way_back is not None
    readable = (
        *guides.list_own(request.user, in_office=in_office),
        *guides.list_others(request.user, in_office=in_office),
    )
    questions, guide_sections = find_questions(search, profile=profile), find_guide_sections(search, readable)
    content = {"questions": questions, "guide_sections": guide_sections, "count": len(questions) + len(guide_sections)}
    return render(
        request, "help/questions.html", content | {"search": search, "guides": readable, "way_back": way_back}
    )


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
    listed = (*guides.list_own(request.user), *guides.list_others(request.user))
    return render(request, "help/site_map.html", {"guides": listed})
