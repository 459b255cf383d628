"""No directory query does a sequential scan: it would be too slow at seventy thousand schools.

What the planner would choose among a handful of rows tells nothing: there are some hundreds, and it is forbidden to
read tables whole, which it then does only where no index can answer. `python -m bench` looks at what it chooses when
there are as many as in the country.
"""

import pytest
from django.db import connection

from accounts.models import User
from bench.query_plans import QueryPlans
from schools.models import Affiliation, School
from schools.queries import search, suggest_schools_for, suggest_teachers
from tests.cluster import one_server
from tests.conftest import TERM
from tests.database_roles import execute_as_administrator
from tests.factories.accounts import TeacherFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.tiers import sampled

#: A node of a cluster plans for itself.
pytestmark = one_server


@pytest.fixture
def plans(db):
    names = [f"École n° {number}" for number in range(400)]
    places = {"commune": "Uzès", "commune_code": "30334", "postal_code": "30700"}
    schools = School.objects.bulk_create(SchoolFactory.build(name=name, **places) for name in names)
    people = User.objects.bulk_create(TeacherFactory.build() for _ in names)
    typed = {"school": None, "name": "Ecole", "postal_code": "30700", "city": "Uzès"}
    Affiliation.objects.bulk_create(
        Affiliation(user=person, since=TERM, **(typed if number % 2 else {"school": school}))
        for number, (person, school) in enumerate(zip(people, schools, strict=True))
    )
    execute_as_administrator("ANALYZE schools_school, schools_affiliation, accounts_user")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    # The one index scanned in order on purpose, until twenty rows are found.
    return QueryPlans(walked=frozenset({"school_order"}))


@pytest.fixture
def jaures(db):
    return SchoolFactory(name="École élémentaire Jean Jaurès")


@pytest.mark.slow
def test_teachers_are_proposed_to_a_school_by_indexes(plans, jaures):
    typed = {"school": None, "name": "Ecole Jean Jaures", "city": "Nîmes"}
    AffiliationFactory(user=TeacherFactory(), **typed)
    AffiliationFactory(user=TeacherFactory(), school=SchoolFactory(name="École maternelle Jean Jaurès"))
    with plans.watch():
        assert len(suggest_teachers(jaures)) == 2
    assert len(plans.asked) == 1
    assert plans.full_scans() == []


@pytest.mark.parametrize(
    "place", sampled([{"postal_code": "30000"}, {"city": "Nîmes"}, {"postal_code": "99999"}], fast=1)
)
def test_schools_are_proposed_for_a_typed_name_by_indexes(plans, jaures, place):
    affiliation = AffiliationFactory(user=TeacherFactory(), school=None, name="Ecole Jean Jaures", **place)
    with plans.watch():
        assert [school for school, _ in suggest_schools_for(affiliation)] == [jaures]
    assert plans.full_scans() == []


# Misspelt words are left to the bench: the trigram plan depends on the size of the word table.
@pytest.mark.slow
@pytest.mark.parametrize("text", ["jean jaures", "aures", "30000"])
def test_a_search_is_answered_by_indexes(plans, jaures, text):
    with plans.watch():
        list(search(text)[:20])
    assert plans.asked
    assert plans.full_scans() == []


@pytest.mark.slow
def test_a_sequential_scan_is_detected(plans, jaures):
    """Control for the tests above."""
    with plans.watch():
        list(type(jaures).objects.filter(address="1 rue de la Paix"))
    assert len(plans.full_scans()) == 1
