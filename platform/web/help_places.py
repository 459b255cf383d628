"""Where the help of a page is. The frame of the pages is below the guides, which declare their places here."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpRequest

from core.urls import portal_url

#: Of the beginning of a view's name, at a kind of host, the path of its help.
_places: dict[tuple[str, str], str] = {}
#: Where the guides begin.
HELP_PATH = "/aide/"
#: In the address of the help, the name of the office from which it was opened, to which it leads back.
OFFICE_PARAMETER = "bureau"


def declare_places(places: Mapping[tuple[str, str], str]) -> None:
    """Declare paths such as « /aide/collectivite/#acheter-des-licences ».

    By kind of host, « portal » or « office », and by how the names of the views begin: the longest beginning counts.
    A kind such as « office: viewer » is of members who have that role only; their other places are those of « office ».
    """
    _places.update(places)


def find_help_path(host: str, view_name: str) -> str:
    """Return the path of the help of a view at a kind of host; of the list of guides where it has no place in one."""
    beginnings = (view_name[:length] for length in range(len(view_name), 0, -1))
    return next((_places[host, name] for name in beginnings if (host, name) in _places), HELP_PATH)


def find_help(request: HttpRequest) -> str:
    """Return the absolute URL of the help of the page that answers the request; an office's leads back to it."""
    tenant = getattr(request, "tenant", None)
    match = request.resolver_match
    view_name = match.view_name if match else ""
    if tenant is None or tenant.schema_name == "public":
        return portal_url(find_help_path("portal", view_name))
    roles = getattr(getattr(request, "member", None), "roles", [])
    path = find_help_path(f"office: {roles[0]}", view_name) if len(roles) == 1 else HELP_PATH
    if path == HELP_PATH:
        path = find_help_path("office", view_name)
    address, mark, anchor = path.partition("#")
    return portal_url(f"{address}?{OFFICE_PARAMETER}={tenant.slug}{mark}{anchor}")
