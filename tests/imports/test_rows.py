"""Hand-written JSON for COPY round-trips, whatever the cells contain."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from imports import rows

SIGNS = {"t": "\t", "n": "\n", "r": "\r"}
# Favours characters that JSON or COPY escapes.
TEXTS = st.text(st.one_of(st.sampled_from('\\"\t\n\r\u00a0é,:{}'), st.characters(codec="utf-8")), max_size=12)


def parse_copy_line(written):
    return re.sub(r"\\(.)", lambda found: SIGNS.get(found[1], found[1]), written)


@given(st.dictionaries(st.sampled_from(["uai", "name", "commune", "email", "units"]), TEXTS))
def test_cells_come_back_as_they_were(cells):
    written = rows._json_object(cells)  # noqa: SLF001 - the hand-written JSON
    assert not set(written) & set("\t\n\r")
    assert json.loads(parse_copy_line(written)) == cells
