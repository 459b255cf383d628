"""Editable fields of a row, on the pages and in the API."""

from __future__ import annotations

from imports.enums import Purpose
from imports.meanings import Meaning

#: By purpose. On the pages the school can also be picked from search results.
EDITABLE_COLUMNS = {
    Purpose.ALLOCATION: (Meaning.UAI, Meaning.UNITS, Meaning.EMAIL),
    Purpose.PORTFOLIO: (Meaning.UAI, Meaning.CLASSES, Meaning.CONTACT_NAME, Meaning.EMAIL, Meaning.PHONE),
}
MAX_LENGTH = 300
