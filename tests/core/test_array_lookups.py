"""`in_array` finds what `in` finds, with one parameter."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.models import GatheredValues
from schools.models import Affiliation, School
from tests.factories.schools import AffiliationFactory, SchoolFactory


@pytest.fixture
def schools(db):
    return SchoolFactory.create_batch(3)


def test_texts(schools):
    wanted = [school.uai for school in schools[:2]]
    assert set(School.objects.filter(uai__in_array=wanted)) == set(schools[:2])


def test_a_longer_text_is_not_cut_to_the_width_of_the_column(schools):
    assert not School.objects.filter(uai__in_array=[f"{schools[0].uai}9"]).exists()


def test_integers_and_foreign_keys(schools):
    affiliations = [AffiliationFactory(school=school) for school in schools]
    assert Affiliation.objects.get(pk__in_array=[affiliations[1].pk, -1]) == affiliations[1]
    assert Affiliation.objects.get(school_id__in_array={schools[2].uai}) == affiliations[2]


def test_no_value_finds_nothing(schools):
    AffiliationFactory(school=schools[0])
    assert not School.objects.filter(uai__in_array=[]).exists()
    assert not Affiliation.objects.filter(pk__in_array=[]).exists()


def test_values_that_the_database_gathered(schools):
    AffiliationFactory(school=schools[0])
    gathered = GatheredValues.read(School.objects.exclude(uai=schools[0].uai), "uai")
    assert set(School.objects.filter(uai__in_array=gathered)) == set(schools[1:])
    assert not Affiliation.objects.filter(school__in_array=gathered).exists()
    nothing = GatheredValues.read(School.objects.filter(uai="x"), "uai")
    assert not School.objects.filter(uai__in_array=nothing).exists()


def test_the_values_are_one_parameter(schools):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        list(School.objects.filter(uai__in_array=[school.uai for school in schools]).values_list("uai"))
    assert queries[0]["sql"].count(",") <= 1
