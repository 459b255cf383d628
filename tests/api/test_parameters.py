"""List parameters accept what the OpenAPI description documents."""

import pytest

from tests.api.client import assert_problem
from tests.api.routes import API_ROUTES
from tests.api.samples import SAMPLES
from tests.api.schema_check import find_operation

#: Length to try where the description gives no bound.
UNBOUNDED = 1_000


def _texts():
    for route in API_ROUTES:
        if route.method != "GET":
            continue
        _, described = find_operation("GET", f"/api/v1{route.path()}")
        for parameter in described.get("parameters", ()):
            result = parameter["schema"]
            if parameter["in"] == "query" and result.get("type") == "string" and not result.keys() & {"enum", "format"}:
                yield pytest.param(route, parameter["name"], result.get("maxLength"), id=f"{route}?{parameter['name']}")


@pytest.mark.parametrize(("route", "name", "longest"), list(_texts()))
def test_a_text_of_the_documented_maximum_length_is_accepted(api, route, name, longest):
    path = route.path(SAMPLES[route.name]() if route.arguments else None)
    taken = api.get(f"{path}?{name}={'x' * (longest or UNBOUNDED)}")
    if name == "cursor":
        assert_problem(taken, 404, "invalid_cursor")
    else:
        assert taken.status_code == 200
    if longest is not None:
        assert api.get(f"{path}?{name}={'x' * (longest + 1)}").status_code in (400, 404)
