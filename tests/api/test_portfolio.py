"""`/portfolio`: the schools a collectivity is responsible for."""

from typing import Any

import pytest

from collectivities.models import AuditEntry, PortfolioSchool
from schools.models import SchoolState
from tests.api.client import assert_problem, create_client
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory, next_uai


def uais(answer):
    return [row["uai"] for row in answer.json()["data"]]


def contact(school):
    row = PortfolioSchool.objects.get(school=school)
    return (row.contact_name, row.contact_email, row.contact_phone, row.classes)


def test_a_portfolio_school_is_returned(api):
    school = SchoolFactory(name="École Jean Jaurès", state=SchoolState.CLOSED, closed_at="2026-08-31T00:00:00Z")
    PortfolioSchoolFactory(school=school, contact_name="Claire", contact_email="c@ville.example", classes=8)
    outcome = api.get(f"/portfolio/{school.uai.lower()}").json()
    added_at = outcome.pop("added_at")
    assert added_at.endswith("Z")
    assert outcome == {
        "uai": school.uai,
        "name": "École Jean Jaurès",
        "commune": "Nîmes",
        "commune_code": "30189",
        "state": "closed",
        "contact_name": "Claire",
        "contact_email": "c@ville.example",
        "contact_phone": "",
        "classes": 8,
    }
    assert_problem(api.get(f"/portfolio/{SchoolFactory().uai}"), 404, "not_found")
    assert_problem(api.get("/portfolio/x"), 404, "not_found")


@pytest.mark.slow
def test_the_portfolio_is_filtered_by_words_commune_contact_and_school(api):
    jaures = SchoolFactory(name="École Jean Jaurès")
    ales = SchoolFactory(name="École Marie Curie", commune="Alès", commune_code="30007", email="")
    PortfolioSchoolFactory(school=jaures, contact_email="c@ville.example")
    PortfolioSchoolFactory(school=ales)
    SchoolFactory(name="École Jean Moulin")
    everything = [jaures.uai, ales.uai]
    for query, found in {
        "": everything,
        "search=JAURES nimes": [jaures.uai],
        "search=ecole": everything,
        "commune=30007": [ales.uai],
        "contact=with": [jaures.uai],
        "contact=without": [ales.uai],
        "contact=unreachable": [ales.uai],
        f"school={ales.uai.lower()}": [ales.uai],
        "school=x": [],
    }.items():
        assert uais(api.get(f"/portfolio?{query.replace(' ', '%20')}")) == found, query
    for wrong in ("contact=maybe", "contact=", "classes=3"):
        assert_problem(api.get(f"/portfolio?{wrong}"), 400, "invalid_request")


def test_a_portfolio_page_takes_a_constant_number_of_queries(api, django_assert_num_queries):
    api.get("/portfolio")
    for _ in range(2):
        PortfolioSchoolFactory.create_batch(4)
        with django_assert_num_queries(7):
            api.get("/portfolio?limit=3")


def test_portfolio_pages_are_ordered_by_uai(api):
    expected = sorted(PortfolioSchoolFactory().school_id for _ in range(5))
    first = api.get("/portfolio?limit=3").json()
    second = api.get(first["next"].partition("/api/v1")[2]).json()
    assert [row["uai"] for row in [*first["data"], *second["data"]]] == expected
    assert second["next"] is None


def test_put_adds_a_school_to_the_portfolio(api):
    school = SchoolFactory()
    first = api.request("PUT", f"/portfolio/{school.uai}", {"contact_email": " c@ville.example ", "classes": 8})
    assert (first.status_code, first.json()["contact_email"]) == (201, "c@ville.example")
    assert first["Location"].endswith(f"/api/v1/portfolio/{school.uai}")
    again = api.request("PUT", f"/portfolio/{school.uai}", {"contact_email": "c@ville.example", "classes": 8})
    assert (again.status_code, again.json()) == (200, first.json())
    assert "Location" not in again
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_name, entry.school_id) == (
        "portfolio.added",
        "Jeton « SI de la ville »",
        school.uai,
    )


@pytest.mark.slow
def test_absent_fields_are_kept_and_null_or_empty_fields_are_cleared(api):
    school = SchoolFactory()
    PortfolioSchoolFactory(
        school=school, contact_name="Claire", contact_email="c@ville.example", contact_phone="04 66", classes=8
    )
    api.request("PUT", f"/portfolio/{school.uai}", {})
    assert contact(school) == ("Claire", "c@ville.example", "04 66", 8)
    assert not AuditEntry.objects.exists()
    api.request("PUT", f"/portfolio/{school.uai}", {"contact_name": "  Paul   Roy ", "classes": None})
    assert contact(school) == ("Paul Roy", "c@ville.example", "04 66", None)
    api.request("PUT", f"/portfolio/{school.uai}", {"contact_name": None, "contact_email": "", "contact_phone": ""})
    assert contact(school) == ("", "", "", None)
    assert set(AuditEntry.objects.values_list("action", flat=True)) == {"portfolio.contact_updated"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"contact_email": "pas une adresse"}, "contact_email"),
        ({"classes": 101}, "classes"),
        ({"classes": -1}, "classes"),
        ({"classes": "8"}, "classes"),
        ({"classes": True}, "classes"),
        ({"contact_name": "n" * 151}, "contact_name"),
        ({"contact_phone": "0\x00"}, "contact_phone"),
        ({"email": "a@b.example"}, "email"),
    ],
)
def test_an_invalid_field_of_a_school_is_named(api, body, field):
    school = SchoolFactory()
    outcome = assert_problem(api.request("PUT", f"/portfolio/{school.uai}", body), 400, "invalid_request")
    assert [fault["field"] for fault in outcome["errors"]] == [field]
    assert not PortfolioSchool.objects.exists()


@pytest.mark.parametrize("uai", ["x", "0300000A", "1e9"])
def test_a_school_unknown_to_the_directory_is_refused(api, uai):
    assert_problem(api.request("PUT", f"/portfolio/{uai}", {}), 404, "unknown_school")


def test_a_school_is_removed_once(api):
    school = PortfolioSchoolFactory().school
    answer = api.request("DELETE", f"/portfolio/{school.uai}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert_problem(api.request("DELETE", f"/portfolio/{school.uai}"), 404, "not_found")
    assert_problem(api.request("DELETE", "/portfolio/x"), 404, "not_found")
    assert AuditEntry.objects.get().action == "portfolio.removed"


def test_a_bulk_update_returns_a_result_per_school(api):
    new, there, same = SchoolFactory(), SchoolFactory(), SchoolFactory()
    PortfolioSchoolFactory(school=there, contact_name="Claire", classes=3)
    PortfolioSchoolFactory(school=same, classes=5)
    outside = PortfolioSchoolFactory().school
    rows = [
        {"uai": same.uai.lower(), "classes": 5},
        {"uai": new.uai, "contact_email": "n@ville.example"},
        {"uai": there.uai, "contact_name": None, "classes": 4},
    ]
    assert api.post("/portfolio/bulk", {"schools": rows}).json() == {
        "added": 1,
        "updated": 1,
        "unchanged": 1,
        "schools": [
            {"uai": same.uai, "result": "unchanged"},
            {"uai": new.uai, "result": "added"},
            {"uai": there.uai, "result": "updated"},
        ],
    }
    assert contact(new) == ("", "n@ville.example", "", None)
    assert contact(there) == ("", "", "", 4)
    assert PortfolioSchool.objects.filter(school=outside).exists()
    # One entry for the list, on the home page; one per school, on the school's page.
    actions = AuditEntry.objects.order_by("pk").values_list("action", "school_id")
    assert list(actions) == [
        ("portfolio.added_by_list", new.uai),
        ("portfolio.contact_updated_by_list", there.uai),
        ("portfolio.bulk_updated", ""),
    ]


def test_one_invalid_row_rejects_the_list_and_every_invalid_row_is_named(api):
    right, twice = SchoolFactory(), SchoolFactory()
    unknown = next_uai()
    rows: list[Any] = [
        {"uai": right.uai},
        {"uai": twice.uai},
        {"uai": unknown},
        {"uai": f" {twice.uai}"},
        {"uai": "\x01"},
    ]
    outcome = assert_problem(api.post("/portfolio/bulk", {"schools": rows}), 409, "rows_rejected")
    found = [(fault["row"], fault["field"], fault["code"]) for fault in outcome["errors"]]
    assert found == [
        (2, "schools.uai", "unknown_school"),
        (3, "schools.uai", "duplicate_school"),
        (4, "schools.uai", "unknown_school"),
    ]
    rows += [{"uai": right.uai, "contact_email": "non"}, {"uai": next_uai(), "classes": 101}, "x", {"classes": 3}]
    outcome = assert_problem(api.post("/portfolio/bulk", {"schools": rows}), 400, "invalid_request")
    assert {(fault["row"], fault["field"]) for fault in outcome["errors"]} == {
        (2, "schools.uai"),
        (3, "schools.uai"),
        (4, "schools.uai"),
        (5, "schools.uai"),
        (5, "schools.contact_email"),
        (6, "schools.uai"),
        (6, "schools.classes"),
        (7, "schools"),
        (8, "schools.uai"),
    }
    assert not PortfolioSchool.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    "body", [[], {}, {"schools": []}, {"schools": {}}, {"schools": None}, {"schools": [[]]}, {"schools": "0301234D"}]
)
@pytest.mark.parametrize("path", ["/portfolio/bulk", "/portfolio/remove"])
def test_a_body_that_is_no_list_is_refused(api, path, body):
    assert_problem(api.post(path, body), 400, "invalid_request")


@pytest.mark.parametrize("path", ["/portfolio/bulk", "/portfolio/remove"])
def test_a_list_has_ten_thousand_schools_at_most(api, path):
    row = "0301234D" if path == "/portfolio/remove" else {"uai": "0301234D"}
    outcome = assert_problem(api.post(path, {"schools": [row] * 10_001}), 400, "invalid_request")
    assert [fault["field"] for fault in outcome["errors"]] == ["schools"]


@pytest.mark.slow
def test_a_bulk_update_takes_a_constant_number_of_queries(api, django_assert_num_queries):
    api.get("/portfolio")
    for size in (2, 20):
        there = PortfolioSchoolFactory.create_batch(size)
        rows = [{"uai": one.school_id, "classes": 3} for one in there]
        rows += [{"uai": SchoolFactory().uai} for _ in range(size)]
        # The host, the schema, the token, its limit; the directory; a savepoint; the rows added, locked and changed;
        # the names; the journal, and its sealing, of the rows that were added and of those that were changed.
        with django_assert_num_queries(20):
            api.post("/portfolio/bulk", {"schools": rows})
        with django_assert_num_queries(18):
            api.post("/portfolio/remove", {"schools": [row["uai"] for row in rows]})


def test_a_bulk_removal_returns_a_result_per_school(api):
    there = PortfolioSchoolFactory().school
    stays = PortfolioSchoolFactory().school
    absent = SchoolFactory()
    answer = api.post("/portfolio/remove", {"schools": [there.uai.lower(), absent.uai, there.uai, "x\x01"]})
    assert answer.json() == {
        "removed": 1,
        "absent": 3,
        "schools": [
            {"uai": there.uai, "result": "removed"},
            {"uai": absent.uai, "result": "absent"},
            {"uai": there.uai, "result": "absent"},
            {"uai": "X\x01", "result": "absent"},
        ],
    }
    assert list(PortfolioSchool.objects.values_list("school_id", flat=True)) == [stays.uai]
    actions = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["portfolio.removed_by_list", "portfolio.bulk_removed"]


def test_a_bulk_update_retried_with_its_idempotency_key_runs_once(api):
    rows = {"schools": [{"uai": SchoolFactory().uai}]}
    first, again = (api.post("/portfolio/bulk", rows, key="cle-1") for _ in range(2))
    assert first.json() == again.json()
    assert (again["Idempotent-Replayed"], again.json()["added"]) == ("true", 1)
    assert api.post("/portfolio/bulk", rows).json()["unchanged"] == 1


@pytest.mark.slow
def test_a_portfolio_belongs_to_one_collectivity(api, gard):
    school = PortfolioSchoolFactory().school
    theirs = create_client("gard")
    assert_problem(theirs.get(f"/portfolio/{school.uai}"), 404, "not_found")
    assert_problem(theirs.request("DELETE", f"/portfolio/{school.uai}"), 404, "not_found")
    assert theirs.request("PUT", f"/portfolio/{school.uai}", {"classes": 9}).status_code == 201
    assert api.get(f"/portfolio/{school.uai}").json()["classes"] is None


@pytest.mark.slow
def test_the_home_page_shows_a_bulk_update_as_one_event(api, office, nimes):
    api.post("/portfolio/bulk", {"schools": [{"uai": SchoolFactory().uai} for _ in range(3)]})
    page = office("nimes", MemberFactory().user).get("/").content.decode()
    assert page.count("Liste de 3") == 1
    assert "Jeton « SI de la ville »" in page
    assert "Ajout au périmètre" not in page
