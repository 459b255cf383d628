"""Where the help of a page is. The frame of the pages is below the guides, which register their places here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.urls import portal_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest

#: Of the beginning of a view's name, at a kind of host, the path of its help.
_places: dict[tuple[str, str], str] = {}
#: Where the guides begin.
HELP_PATH = "/aide/"


def register(places: Mapping[tuple[str, str], str]) -> None:
    """Register paths such as « /aide/collectivite/#acheter-des-licences ».

    By kind of host, « portal » or « office », and by how the names of the views begin: the longest beginning counts.
    """
    _places.update(places)


def find_help_path(host: str, view_name: str) -> str:
    """Return the path of the help of a view at a kind of host; of the list of guides where it has no place in one."""
    beginnings = (view_name[:length] for length in range(len(view_name), 0, -1))
    return next((_places[host, name] for name in beginnings if (host, name) in _places), HELP_PATH)


def find_help(request: HttpRequest) -> str:
    """Return the absolute URL of the help of the page that answers the request."""
    tenant = getattr(request, "tenant", None)
    host = "portal" if tenant is None or tenant.schema_name == "public" else "office"
    match = request.resolver_match
    return portal_url(find_help_path(host, match.view_name if match else ""))
