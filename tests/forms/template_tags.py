"""The forms and named controls that the project's templates write, each with its place in its template."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

from django.template import Engine
from django.template.loaders import filesystem

from tests.forms.page_forms import SOURCE
from tests.test_language import list_files

ROOT = Path(__file__).resolve().parent.parent.parent
#: The walk that must show what the templates of a folder, or a template, write; the longest beginning counts.
WALKS = {
    "collectivities/": "office",
    "collectivities/templates/collectivities/office_request.html": "portal",
    "imports/": "office",
    "licensing/classes/": "portal",
    "licensing/payments/": "portal",
    "licensing/pools/": "office",
    "licensing/reminders/": "office",
    "licensing/reminders/templates/reminders/stop": "portal",
    "licensing/plans/rebalancing/": "office",
    "licensing/requests/returns/": "office",
    "licensing/requests/school_requests/": "office",
    "platform/accounts/": "portal",
    "platform/accounts/templates/account/_confirm_and_send.html": "office",
    "platform/web/templates/web/link.html": "portal",
    "platform/web/templates/web/_office_visit.html": "office",
    "platform/web/templates/web/office.html": "office",
    "platform/web/templates/web/portal.html": "portal",
    "sites/back_office/": "back office",
    "sites/office/": "office",
    "sites/help/": "portal",
    "sites/portal/": "portal",
}
_TAG = re.compile(r"<(form|input|select|textarea|button)(?=[\s>])")
_TEMPLATE_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}")


def _list_templates() -> list[Path]:
    return [path for path in list_files("*.html") if "templates" in path.parts]


def _name_place(path: Path, line: int, column: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}:{column}"


def mark(source: str, path: Path) -> str:
    """Return the template with the place of each form and control as an attribute of it."""

    def add_place(match: re.Match[str]) -> str:
        line = source.count("\n", 0, match.start()) + 1
        column = match.start() - source.rfind("\n", 0, match.start()) - 1
        return f'{match[0]} {SOURCE}="{_name_place(path, line, column)}"'

    return _TAG.sub(add_place, source)


@contextmanager
def marked_templates() -> Iterator[None]:
    """Render the project's templates with the marks."""
    known = set(_list_templates())
    get_contents = filesystem.Loader.get_contents

    def get_marked(self, origin):
        contents = get_contents(self, origin)
        path = Path(origin.name)
        return mark(contents, path) if path in known else contents

    loaders = Engine.get_default().template_loaders
    filesystem.Loader.get_contents = get_marked
    for loader in loaders:
        loader.reset()
    try:
        yield
    finally:
        filesystem.Loader.get_contents = get_contents
        for loader in loaders:
            loader.reset()


def _blank(tag: re.Match[str]) -> str:
    """Return as many letters as the template tag has, so that places stay: `{{ … }}` may be a name, others are none."""
    return ("x" if tag[0].startswith("{{") else " ") * len(tag[0])


class _TagReader(HTMLParser):
    def __init__(self, path: Path):
        super().__init__()
        self.path = path
        self.places: set[str] = set()

    def handle_starttag(self, tag, attrs):
        if tag == "form" or (tag in ("input", "select", "textarea", "button") and "name" in dict(attrs)):
            self.places.add(_name_place(self.path, *self.getpos()))


def find_walk(place: str) -> str:
    """Return the walk that must show the place; empty if no walk is named for it."""
    return WALKS.get(max((start for start in WALKS if place.startswith(start)), key=len, default=""), "")


def list_places() -> set[str]:
    """Return the places of all forms and named controls that templates write."""
    places: set[str] = set()
    for path in _list_templates():
        reader = _TagReader(path)
        reader.feed(_TEMPLATE_TAG.sub(_blank, path.read_text(encoding="utf-8")))
        reader.close()
        places |= reader.places
    return places
