"""« Crédits »: the licence of each programme and typeface is the one that its installed package states."""

import json
import re
from importlib import metadata

import pytest
from django.conf import settings

from tests.html import collapse

#: Package of each name of the page: one of Python, or one of npm.
PYTHON = {
    "Django": "django",
    "django-allauth": "django-allauth",
    "django-htmx": "django-htmx",
    "django-tables2": "django-tables2",
    "psycopg": "psycopg",
    "fpdf2": "fpdf2",
    "factur-x": "factur-x",
    "segno": "segno",
    "markdown-it-py": "markdown-it-py",
}
NPM = {
    "htmx": "htmx.org",
    "Bootstrap": "bootstrap",
    "Atkinson Hyperlegible Next": "@fontsource-variable/atkinson-hyperlegible-next",
    "Andika": "@fontsource/andika",
    "Source Sans 3": "@expo-google-fonts/source-sans-3",
}
#: Neither states its licence in a package's metadata.
RUNTIMES = {"Python": "PSF", "PostgreSQL": "PostgreSQL"}
_FAMILIES = ("LGPL", "0BSD", "BSD", "MIT", "Apache")


def read_python_licence(package):
    """Return what the package's metadata say of its licence, in any of the fields that say it."""
    stated = metadata.metadata(package)
    fields = (
        stated.get("License-Expression"),
        *(value for value in stated.get_all("Classifier", ()) if value.startswith("License ::")),
        stated.get("License"),
    )
    return next(filter(None, fields))


def read_npm_licence(package):
    """Return the licence that the package's manifest states."""
    return json.loads((settings.ROOT / "node_modules" / package / "package.json").read_text())["license"]


def find_family(licence):
    """Return the family by which the page calls a licence: « BSD » of « BSD-3-Clause »."""
    if "OFL-1.1" in licence:
        return "SIL Open Font License 1.1"
    return next(family for family in _FAMILIES if family in licence)


@pytest.fixture
def stated(portal):
    """Return the licence of each name of the page."""
    page = re.sub(r"<[^>]+>", " ", collapse(portal.get("/credits/").content.decode()))
    names = "|".join(map(re.escape, [*PYTHON, *NPM, *RUNTIMES]))
    found = re.findall(rf"({names})(?:, d[eu’][^()]*)? \(([^()]+)\)", page)
    assert len(found) == page.count("(") - page.count("(0)")
    return dict(found)


def test_each_licence_is_the_package_s(stated):
    assert stated == (
        {name: find_family(read_python_licence(package)) for name, package in PYTHON.items()}
        | {name: find_family(read_npm_licence(package)) for name, package in NPM.items()}
        | RUNTIMES
    )
