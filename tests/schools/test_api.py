"""`/api/v1/schools/`: for members of the office that is asked, in JSON whatever the answer."""

from __future__ import annotations

import pytest

from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.schools import SchoolFactory

SCHOOLS = "/api/v1/schools/"


@pytest.fixture
def member(nimes):
    return MemberFactory().user


@pytest.fixture
def api(office, member):
    return office("nimes", member)


def codes(answer):
    assert answer.status_code == 200, answer.content
    return [school["uai"] for school in answer.json()["results"]]


@pytest.mark.parametrize("path", [SCHOOLS, f"{SCHOOLS}0301001A/", "/api/v1/schema/", "/api/v1/", "/api/v1/rien/"])
def test_each_door_answers_in_json(nimes, office, member, path):
    visitor, stranger = office("nimes").get(path), office("nimes", UserFactory()).get(path)
    neighbour = office("gard", member).get(path)
    assert [answer.status_code for answer in (visitor, stranger, neighbour)] == [401, 404, 404]
    assert [answer.json()["code"] for answer in (visitor, stranger, neighbour)] == [
        "not_authenticated", "not_found", "not_found"
    ]  # fmt: skip


def test_a_member_who_left_is_a_stranger(nimes, office):
    assert office("nimes", MemberFactory(left_at=TERM).user).get(SCHOOLS).status_code == 404


def test_the_portal_has_no_api(portal):
    assert portal.get(SCHOOLS).status_code == 404


def test_nothing_there_is_said_in_json(api):
    for path in ("/api/v1/rien/", f"{SCHOOLS}0301001A/", f"{SCHOOLS}0301001A/rien", f"{SCHOOLS}%00/"):
        answer = api.get(path)
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/json"), path


def test_nothing_can_be_written(api):
    assert api.post(SCHOOLS, {}, content_type="application/json").status_code == 405


def test_a_school_by_its_code_in_any_case(api):
    school = SchoolFactory(name="École Zola")
    for typed in (school.uai, school.uai.lower(), school.uai[1:]):
        assert api.get(f"{SCHOOLS}{typed}/").json()["name"] == "École Zola"


def test_filters(api):
    zola = SchoolFactory(name="École Zola", departement_code="013", commune_code="13055", postal_code="13001").uai
    nursery = SchoolFactory(name="Les Lilas", has_nursery=True, has_elementary=False).uai
    gone = SchoolFactory(name="École fermée", state="closed", closed_at=TERM).uai
    for query, found in {
        "departement=013": [zola],
        "commune=13055": [zola],
        "postal_code=13001": [zola],
        "has_elementary=false": [nursery],
        "has_nursery=true": [nursery],
        "state=closed": [gone],
        "state=open&state=closing": [zola, nursery],
        "search=zola": [zola],
        "search=ecole&departement=030": [gone],
        f"search={nursery.lower()}": [nursery],
    }.items():
        assert codes(api.get(f"{SCHOOLS}?{query}")) == sorted(found), query
    for nonsense in ("state=gone", "commune=%00", "search=%00", "changed_since=hier"):
        assert api.get(f"{SCHOOLS}?{nonsense}").status_code == 400, nonsense


def test_pages_follow_one_another(api):
    everyone = sorted(school.uai for school in SchoolFactory.create_batch(5))
    answer = api.get(f"{SCHOOLS}?page_size=2").json()
    seen = [school["uai"] for school in answer["results"]]
    while answer["next"]:
        answer = api.get(answer["next"]).json()
        seen += [school["uai"] for school in answer["results"]]
    assert seen == everyone


@pytest.mark.parametrize("schools", [1, 20])
def test_the_queries_do_not_grow_with_the_list(api, schools, django_assert_num_queries):
    SchoolFactory.create_batch(schools)
    api.get(SCHOOLS)
    with django_assert_num_queries(7):
        assert len(codes(api.get(SCHOOLS))) == schools


def test_the_schema_describes_it(api):
    schema = api.get("/api/v1/schema/").json()
    assert "/api/v1/schools/{uai}/" in schema["paths"]
    asked = {parameter["name"] for parameter in schema["paths"]["/api/v1/schools/"]["get"]["parameters"]}
    assert {"search", "departement", "commune", "state", "has_elementary", "cursor"} <= asked
