"""What the description says of a list's parameters is what the list takes."""

from __future__ import annotations

import pytest

from tests.api.described import operation
from tests.api.program import refused
from tests.api.samples import SAMPLES
from tests.api.ways import WAYS

#: Where the description names no bound, as long as an address may reasonably be.
UNBOUNDED = 1_000


def _texts():
    for way in WAYS:
        if way.method != "GET":
            continue
        _, described = operation("GET", f"/api/v1{way.path()}")
        for parameter in described.get("parameters", ()):
            said = parameter["schema"]
            if parameter["in"] == "query" and said.get("type") == "string" and not said.keys() & {"enum", "format"}:
                yield pytest.param(way, parameter["name"], said.get("maxLength"), id=f"{way}?{parameter['name']}")


@pytest.mark.parametrize(("way", "name", "longest"), list(_texts()))
def test_a_text_as_long_as_the_description_allows_is_taken(api, way, name, longest):
    path = way.path(SAMPLES[way.name]() if way.wants else None)
    taken = api.get(f"{path}?{name}={'x' * (longest or UNBOUNDED)}")
    if name == "cursor":
        refused(taken, 404, "invalid_cursor")
    else:
        assert taken.status_code == 200
    if longest is not None:
        assert api.get(f"{path}?{name}={'x' * (longest + 1)}").status_code in (400, 404)
