"""NUL and oversize in every parameter and body of every endpoint: refused in words, never a failure of ours."""

import copy
from urllib.parse import quote, urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from api.parsers import StrictJsonParser
from tests.api.client import assert_problem
from tests.api.routes import API_ROUTES
from tests.api.samples import SAMPLES
from tests.api.schema_check import find_operation
from tests.tiers import sampled

OVERSIZE = 200_000
TEXT_ARGUMENTS = {"uai", "id"}


def describe(route):
    return find_operation(route.method, f"/api/v1{route.path()}")[1]


def sample_path(route):
    return route.path(SAMPLES[route.name]() if route.arguments else None)


def list_examples(route):
    """Return the bodies that the description gives as examples, or an empty one."""
    content = describe(route).get("requestBody", {}).get("content", {}).get("application/json", {})
    return [copy.deepcopy(one["value"]) for one in content.get("examples", {}).values()] or [{}]


def iter_spoilt(body, text):
    """Yield the body with `text` in place of each of its texts in turn."""
    if isinstance(body, str):
        yield text
    elif isinstance(body, dict | list):
        for key, inner in list(body.items() if isinstance(body, dict) else enumerate(body)):
            for spoilt in iter_spoilt(inner, text):
                changed = copy.copy(body)
                changed[key] = spoilt
                yield changed


def takes_json(route):
    return route.method in ("POST", "PUT", "PATCH") and StrictJsonParser in route.view.parser_classes


JSON_ROUTES = [route for route in API_ROUTES if takes_json(route)]
LISTS = [route for route in API_ROUTES if route.method == "GET"]
every_json_route = pytest.mark.parametrize("route", sampled(JSON_ROUTES), ids=str)


def test_every_body_is_json_or_the_form_that_is_tried_apart():
    others = {route.name for route in API_ROUTES if route.method in ("POST", "PUT", "PATCH")} - {
        route.name for route in JSON_ROUTES
    }
    assert others == {"api:imports"}


@every_json_route
def test_nul_anywhere_in_a_body_is_refused_with_its_place(api, route):
    path = sample_path(route)
    bodies = [spoilt for example in list_examples(route) for spoilt in iter_spoilt(example, "a\x00b")]
    bodies += [{"a": {"b": [[{"c": "\x00"}]]}}, {"a\x00": 1}, {"a": {"\x00": 1}}, ["\x00"], "\x00"]
    for body in bodies:
        result = assert_problem(api.request(route.method, path, body), 400, "invalid_request")
        assert {fault["code"] for fault in result["errors"]} == {"null_characters_not_allowed"}, body


@every_json_route
def test_an_oversized_text_in_a_body_is_no_failure(api, route):
    path = sample_path(route)
    for example in list_examples(route):
        for body in iter_spoilt(example, "x" * OVERSIZE):
            assert 400 <= api.request(route.method, path, body).status_code < 500


@every_json_route
def test_a_body_that_is_too_large_or_nested_too_deep_is_refused(api, route, settings):
    path = sample_path(route)
    for depth in (33, 3_000, 100_000):
        nested = b'{"a": ' + b"[" * depth + b"]" * depth + b"}"
        assert_problem(api.request(route.method, path, nested), 400, "parse_error")
    assert_problem(api.request(route.method, path, b'{"a": %s}' % (b"9" * 5_000)), 400, "parse_error")
    settings.API_MAX_BODY_BYTES = 1_000
    assert_problem(api.request(route.method, path, {"a": "x" * 1_000}), 413, "body_too_large")


def test_the_place_of_nul_is_named(api):
    body = {"pool": 1, "mode": "best_effort", "allocations": [{"school": "0300001A"}, {"school": "a\x00", "units": 1}]}
    result = assert_problem(api.post("/allocations/bulk", body), 400, "invalid_request")
    assert result["errors"] == [
        {
            "code": "null_characters_not_allowed",
            "detail": "Le caractère nul n'est pas autorisé.",
            "field": "allocations.school",
            "row": 1,
        }
    ]


def test_a_text_that_only_looks_like_nul_is_taken(api):
    school = SAMPLES["api:portfolio_school"]()["uai"]
    answer = api.request("PUT", f"/portfolio/{school}", rb'{"contact_name": "a\\u0000"}')
    assert answer.json()["contact_name"] == r"a\u0000"


@pytest.mark.parametrize("route", sampled(LISTS), ids=str)
@pytest.mark.parametrize("value", ["a\x00b", "x" * OVERSIZE], ids=["nul", "oversize"])
def test_no_parameter_takes_nul_or_an_oversized_text(api, route, value):
    path = sample_path(route)
    names = {one["name"] for one in describe(route).get("parameters", ()) if one["in"] == "query"}
    for name in (*names, "unknown", "a\x00"):
        answer = api.get(f"{path}?{urlencode({name: value})}")
        assert_problem(answer, 400, "invalid_request")
    assert_problem(api.get(f"{path}?{urlencode({value: '1'})}"), 400, "invalid_request")


@pytest.mark.parametrize("route", sampled([each for each in API_ROUTES if each.arguments & TEXT_ARGUMENTS]), ids=str)
def test_no_text_of_a_path_takes_nul_or_is_oversized(api, route):
    body = {} if route.method != "GET" else None
    path = route.path(dict.fromkeys(route.arguments, "PLACE"))
    assert_problem(api.request(route.method, path.replace("PLACE", quote("a\x00b")), body), 400, "invalid_request")
    assert api.request(route.method, path.replace("PLACE", "x" * OVERSIZE), body).status_code in (400, 404)


@pytest.mark.parametrize("route", sampled([each for each in API_ROUTES if each.arguments - TEXT_ARGUMENTS]), ids=str)
def test_an_oversized_number_in_a_path_names_nothing(api, route):
    path = route.path(dict.fromkeys(route.arguments, int("9" * 30)))
    body = {} if route.method in ("POST", "PUT", "PATCH", "DELETE") else None
    assert api.request(route.method, path, body).status_code in (400, 404)


def test_an_unknown_address_takes_no_nul_either(api):
    assert_problem(api.get("/rien/%00"), 400, "invalid_request")
    assert_problem(api.get(f"/rien/{'x' * OVERSIZE}"), 404, "not_found")


@pytest.mark.parametrize("value", ["a\x00b", "x" * OVERSIZE], ids=["nul", "oversize"])
def test_no_field_of_an_upload_takes_nul_or_an_oversized_text(api, value):
    for name in ("purpose", "pool", "volume", "units_for_all", "unknown", "a\x00"):
        file = SimpleUploadedFile("a.csv", b"UAI;Licences\n0300001A;1\n")
        answer = api.upload("/imports", {"file": file, "purpose": "portfolio"} | {name: value})
        assert_problem(answer, 400, "invalid_request")


def test_nul_in_a_file_name_is_dropped(api):
    file = SimpleUploadedFile("a\x00b.csv", b"UAI\n0300001A\n")
    assert api.upload("/imports", {"file": file, "purpose": "portfolio"}).status_code in (201, 400)
