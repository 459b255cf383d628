"""`/schools`: the directory, searched, narrowed, and read by UAI."""

import pytest

from tests.api.client import assert_problem
from tests.conftest import TERM
from tests.factories.schools import SchoolFactory


def codes(answer):
    assert answer.status_code == 200, answer.content
    return [school["uai"] for school in answer.json()["data"]]


def test_a_school_by_its_code_in_any_case(api):
    school = SchoolFactory(name="École Zola")
    for typed in (school.uai, school.uai.lower(), school.uai[1:]):
        assert api.get(f"/schools/{typed}").json()["name"] == "École Zola"


@pytest.mark.parametrize("code", ["0301001A", "rien", "0", "-1", "%20", "9" * 40])
def test_an_unknown_uai_is_a_404(api, code):
    assert_problem(api.get(f"/schools/{code}"), 404, "not_found")


@pytest.mark.slow
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
        assert codes(api.get(f"/schools?{query}")) == sorted(found), query


def test_schools_changed_since_a_moment(api):
    SchoolFactory(changed_at=TERM)
    later = SchoolFactory(changed_at=TERM.replace(hour=11)).uai
    assert codes(api.get("/schools?changed_since=2026-11-24T09:30:00Z")) == [later]
