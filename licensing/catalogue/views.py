"""Public pages of the general terms of sale: the current version, and each version at its own URL."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from core import formatting
from licensing.catalogue import terms
from web.access import public_page


@public_page
def terms_of_sale(request: HttpRequest, version: str = "") -> HttpResponse:
    """Show a version (the current one by default) with links to the others."""
    version = version or terms.CURRENT
    if version not in terms.VERSIONS:
        raise Http404
    text, contents = terms.add_contents(terms.render_terms(version))
    context = {
        "version": version,
        "since": formatting.long_date(terms.VERSIONS[version]),
        "current": version == terms.CURRENT,
        "text": text,
        "contents": contents,
        "others": [(one, formatting.long_date(since)) for one, since in terms.VERSIONS.items() if one != version],
    }
    return render(request, "catalogue/terms.html", context)
