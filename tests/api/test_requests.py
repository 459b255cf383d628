"""Behaviour common to all API endpoints: parsing, errors, pagination, conditional requests."""

import base64

import pytest

from tests.api.client import assert_problem
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory


@pytest.mark.parametrize("path", ["/", "/rien", "/schools/", "/schools/0301001A", "/schools/a/b"])
def test_an_unknown_url_is_a_json_404(api, path):
    assert_problem(api.get(path), 404, "not_found")


@pytest.mark.slow
def test_a_method_that_is_not_allowed_is_a_405(api):
    answer = api.post("/schools")
    assert_problem(answer, 405, "method_not_allowed")
    assert answer["Allow"] == "GET, HEAD"
    for method in ("OPTIONS", "DELETE", "TRACE", "PATCH"):
        for path in ("/schools", "/schools?x=1", "/schools/0301001A?x=1"):
            assert_problem(api.request(method, path), 405, "method_not_allowed")


def test_the_portal_has_no_api(portal):
    assert portal.get("/api/v1/schools").status_code == 404


def test_list_parameters_are_refused_by_other_methods(api):
    result = assert_problem(api.upload("/imports?purpose=portfolio", {}), 400, "invalid_request")
    assert [fault["field"] for fault in result["errors"]] == ["purpose"]
    assert_problem(api.request("TRACE", "/imports?purpose=portfolio"), 405, "method_not_allowed")


@pytest.mark.parametrize(
    "body", [r'{"\ud800": 1}', r'{"contact_name": "\uDFFF"}', r'{"contact_name": "\ude00\ud83d"}', r'["\ud83d"]']
)
def test_a_lone_surrogate_is_refused(api, body):
    school = PortfolioSchoolFactory().school
    assert_problem(api.request("PUT", f"/portfolio/{school.uai}", body.encode()), 400, "parse_error")
    answer_of_pair = api.request("PUT", f"/portfolio/{school.uai}", rb'{"contact_name": "\ud83d\ude00 \u00e9"}')
    assert answer_of_pair.json()["contact_name"] == "\U0001f600 é"


def test_the_description_states_the_accepted_body(office):
    description = office("nimes").get("/api/v1/openapi.json").json()
    created = description["paths"]["/api/v1/imports"]["post"]["responses"]["201"]
    assert {"Location", "RateLimit", "Idempotent-Replayed"} <= set(created["headers"])
    schemas = description["components"]["schemas"]
    schools = schemas["PortfolioUpsertRequest"]["properties"]["schools"]
    assert (schools["minItems"], schools["maxItems"]) == (1, 10_000)
    contact = schemas["PortfolioContactRequest"]
    assert contact["additionalProperties"] is False
    name = contact["properties"]["contact_name"]
    del name["description"]
    assert name == {"type": ["string", "null"], "pattern": r"^[^\x00]*$", "maxLength": 150}


@pytest.mark.parametrize(
    ("number", "status"), [("8.0", 200), ("8.5", 400), ("1e999", 400), ("1e30", 400), ("8e0", 200)]
)
def test_a_whole_number_may_be_written_as_json_has_it(api, number, status):
    school = PortfolioSchoolFactory().school
    assert api.request("PUT", f"/portfolio/{school.uai}", f'{{"classes": {number}}}'.encode()).status_code == status


def test_pages_follow_each_other_while_schools_come(api):
    uais = sorted(SchoolFactory().uai for _ in range(7))
    first = api.get("/schools?limit=3").json()
    assert [school["uai"] for school in first["data"]] == uais[:3]
    came = SchoolFactory().uai
    seen, address = [*uais[:3]], first["next"]
    while address is not None:
        page = api.get(address.partition("/api/v1")[2]).json()
        seen += [school["uai"] for school in page["data"]]
        address = page["next"]
    assert seen == sorted({*uais, *([came] if came > uais[2] else [])})


@pytest.mark.parametrize("limit", ["0", "501", "-1", "1e2", "", "x", "99999999999999999999", "٣"])
def test_a_page_has_1_to_500_rows(api, limit):
    result = assert_problem(api.get(f"/schools?limit={limit}"), 400, "invalid_request")
    assert result["errors"] == [
        {"code": "invalid_limit", "detail": "« limit » est un nombre de 1 à 500.", "field": "limit"}
    ]


def _written(text):
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor", ["x", "é", "a" * 300, _written("a" * 40), _written("a\x00"), "MDAwMDAwMUE=", "%2B%2F%2F%2F"]
)
def test_an_invalid_cursor_is_refused(api, cursor):
    assert_problem(api.get(f"/schools?cursor={cursor}"), 404, "invalid_cursor")


def test_a_parameter_that_is_unknown_or_wrong_is_refused_with_its_name(api):
    assert assert_problem(api.get("/schools?changed_since="), 400, "invalid_request")["errors"][0]["code"] == "empty"
    assert api.get("/schools?search=").status_code == 200
    wrong = "sate=open&has_nursery=oui&state=gone&type=Ecole&type=Lycee&changed_since=2026-11-25"
    result = assert_problem(api.get(f"/schools?{wrong}"), 400, "invalid_request")
    assert {fault["field"] for fault in result["errors"]} == {"sate", "has_nursery", "state", "type", "changed_since"}
    assert api.get("/schools?state=open&state=closed&has_nursery=true").status_code == 200
    assert assert_problem(api.get("/schools/0301001A?x=1"), 400, "invalid_request")["errors"][0]["field"] == "x"


@pytest.mark.slow
def test_an_unchanged_resource_is_a_304(api):
    school = SchoolFactory()
    first = api.get("/schools")
    tag = first["ETag"]
    for shown in (tag, f"W/{tag}", f'"autre", {tag}', "*"):
        again = api.get("/schools", If_None_Match=shown)
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
        assert again["RateLimit"]
    assert api.get("/schools", If_None_Match='"autre"').status_code == 200
    school.name = "École rebaptisée"
    school.save()
    changed = api.get("/schools", If_None_Match=tag)
    assert (changed.status_code, changed["ETag"] != tag) == (200, True)
    assert changed["Cache-Control"] == "private, no-cache"


def test_a_head_request_returns_the_etag(api):
    SchoolFactory()
    head = api.request("HEAD", "/schools")
    assert (head.status_code, head.content, head["ETag"]) == (200, b"", api.get("/schools")["ETag"])


def test_only_json_is_accepted_as_a_response_type(api):
    assert_problem(api.get("/schools", Accept="text/html"), 406, "not_acceptable")
    assert api.get("/schools", Accept="*/*").status_code == 200


def test_timestamps_are_in_utc(api):
    SchoolFactory()
    [school] = api.get("/schools").json()["data"]
    assert school["changed_at"].endswith("Z")


def test_a_page_costs_as_many_queries_whatever_its_length(api, django_assert_num_queries):
    api.get("/schools")
    for _ in range(2):
        SchoolFactory.create_batch(5)
        # The host, the token, its limit, its last use, the page; and the schema that is entered.
        with django_assert_num_queries(7):
            api.get("/schools")


def test_the_description_is_open_to_everybody(office):
    answer = office("nimes").get("/api/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.json()["openapi"].startswith("3.1")


def test_a_server_error_is_returned_as_json(api, monkeypatch, office):
    monkeypatch.setattr("schools.api.SchoolViewSet.list_response", lambda _: 1 / 0)
    api.client.raise_request_exception = False
    result = assert_problem(api.get("/schools"), 500, "internal_error")
    assert "rien n'a été fait" in result["detail"]
    browser = office("nimes")
    browser.raise_request_exception = False
    monkeypatch.setattr("web.access.Public.__call__", lambda *_: 1 / 0)
    assert "<h1" in browser.get("/connexion/").content.decode()
