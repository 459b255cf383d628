"""What can be corrected in a row, on the pages and by programs."""

from __future__ import annotations

from imports.enums import Purpose
from imports.meanings import Meaning

#: By what the table is for. The school is chosen apart, by its name or UAI.
FIELDS = {
    Purpose.ATTRIBUTION: (Meaning.UAI, Meaning.UNITS, Meaning.EMAIL),
    Purpose.REMIT: (Meaning.UAI, Meaning.CLASSES, Meaning.CONTACT_NAME, Meaning.EMAIL, Meaning.PHONE),
}
LONGEST = 300
