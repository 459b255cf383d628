"""What the frame of every page shows: the menu, the help, the page that waits, and whether the user teaches.

A member sees the pages that their roles open, and the sections that have one.
"""

import datetime
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import resolve, reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from core.cells import get_cells
from core.links import portal_url
from core.registry import Registry
from web.access import get_policy

#: Returns whether a signed-in user teaches.
type TeachingCheck = Callable[[Any], bool]


#: By app, what tells whether a user teaches.
teaching_checks: Registry[TeachingCheck] = Registry("check of who teaches")


def is_teaching(request: HttpRequest) -> bool:
    """Return whether the user of the request teaches; False where nobody is signed in."""
    user = getattr(request, "user", None)
    return user is not None and user.is_authenticated and any(check(user) for check in teaching_checks.values())


def site(request: HttpRequest) -> dict[str, Any]:
    """Return what the base templates show: the portal's URL, other cells, the tenant, and whether the user teaches."""
    tenant = getattr(request, "tenant", None)
    return {
        "portal_address": portal_url("/"),
        "other_cells": get_cells().others,
        # Asked for by the menu, once a page, unless the view knows.
        "teaches": SimpleLazyObject(lambda: is_teaching(request)),
        "collectivity": tenant if tenant is not None and tenant.schema_name != "public" else None,
    }


# A page that waits for its visitor while they sign in, confirm an address or choose a new password.
#
# Kept in the session: each page on the way says what waits (`{% pending_page_notice %}`), and signing in leads there.

_SESSION_KEY = "pending_page"
#: A computer may be shared: what somebody left there waits for a day.
KEPT_FOR = datetime.timedelta(days=1)


class PendingPage(NamedTuple):
    """The path to go back to, and what waits there, as a French sentence."""

    path: str
    sentence: str


def keep_pending_page(request: HttpRequest, page: PendingPage) -> None:
    """Have the visitor come back to this page once they are signed in; it replaces another one."""
    request.session[_SESSION_KEY] = [*page, timezone.now().timestamp()]


def get_pending_page(request: HttpRequest) -> PendingPage | None:
    """Return the page that waits for the visitor, if any."""
    # The emptiness first: it reads nothing, and leaves the pages of visitors without `Vary: Cookie`.
    session = getattr(request, "session", None)
    kept: list[Any] | None = None if session is None or session.is_empty() else session.get(_SESSION_KEY)
    if kept is None:
        return None
    path, sentence, kept_at = kept
    if timezone.now().timestamp() - kept_at > KEPT_FOR.total_seconds():
        return None
    return PendingPage(path, sentence)


def forget_pending_page(request: HttpRequest) -> None:
    """Remove the page that waited."""
    request.session.pop(_SESSION_KEY, None)


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


#: The section apart, in the corner of the page.
OFFICE_SECTION = "Bureau"

_sections: Registry[str] = Registry("section of the menu")
#: By name of the page, its section and label; the first that a member may open is the section's.
_pages: Registry[tuple[str, str]] = Registry("page of the menu")


def declare_section(label: str, *, rank: int) -> None:
    """Declare a section; `rank`: its place. Raises `ImproperlyConfigured` where the label is taken."""
    _sections.declare(label, label, rank=rank)


def declare_page(name: str, label: str, *, section: str, rank: int = 0) -> None:
    """Declare a page of a section by the name of its view; `rank`: its place there.

    Raises `ImproperlyConfigured` where it is declared already.
    """
    _pages.declare(name, (section, label), rank=rank)


def list_pages(section: str) -> list[tuple[str, str]]:
    """Return the name and label of each page of a section, in order."""
    return [(name, label) for name, (its, label) in _pages.items() if its == section]


@dataclass(frozen=True)
class MenuEntry:
    """A link of the menu; `current`: it is the closest match of the current path, or its section."""

    url: str
    label: str
    current: bool


@dataclass(frozen=True)
class OfficeMenu:
    """What a member sees: sections, the tabs of the current one where it has several pages, and « Bureau »."""

    sections: list[MenuEntry]
    tabs: list[MenuEntry]
    tabs_label: str
    office_pages: list[MenuEntry]

    @property
    def is_at_office_page(self) -> bool:
        """Whether the current page is one of « Bureau »."""
        return any(entry.current for entry in self.office_pages)


@functools.cache
def _locate(name: str) -> tuple[str, frozenset[str]]:
    """Return URL and roles of a page; the roles are those of its access policy, empty for every member."""
    url = reverse(name, urlconf="config.urls_tenant")
    policy = get_policy(resolve(url, urlconf="config.urls_tenant").func)
    return url, frozenset(getattr(policy, "roles", ()))


def build_menu(path: str, roles: Iterable[str]) -> OfficeMenu:
    """Return the menu of a member with these roles at a path."""
    member_roles = frozenset(roles)
    sections = [(label, _list_open(list_pages(label), member_roles)) for label in _sections]
    office_pages = _list_open(list_pages(OFFICE_SECTION), member_roles)
    urls = [url for _, pages in sections for url, _ in pages] + [url for url, _ in office_pages]
    closest = max((url for url in urls if _leads_to(url, path)), key=len, default=None)
    tabs: list[MenuEntry] = []
    tabs_label = ""
    entries = []
    for label, pages in sections:
        if not pages:
            continue
        current = any(url == closest for url, _ in pages)
        if current and len(pages) > 1:
            tabs, tabs_label = [MenuEntry(url, name, url == closest) for url, name in pages], label
        # A section of one page is that page: who may not buy has « Lots », not « Achats ».
        entries.append(MenuEntry(pages[0][0], label if len(pages) > 1 else pages[0][1], current))
    return OfficeMenu(entries, tabs, tabs_label, [MenuEntry(url, name, url == closest) for url, name in office_pages])


def _list_open(pages: Sequence[tuple[str, str]], member_roles: frozenset[str]) -> list[tuple[str, str]]:
    located = [(*_locate(name), label) for name, label in pages]
    return [(url, label) for url, roles, label in located if not roles or roles & member_roles]


def _leads_to(url: str, path: str) -> bool:
    return path == url or (url != "/" and path.startswith(url))
