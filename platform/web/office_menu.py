"""The menu of an office: sections, the pages of each as tabs, and the office's own pages apart. Apps declare them.

A member sees the pages that their roles open, and the sections that have one.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.urls import resolve, reverse

from core.registry import Registry
from web.access import get_policy

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
