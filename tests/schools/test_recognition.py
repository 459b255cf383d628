"""Rows of a list, and the schools they mean."""

from __future__ import annotations

import pytest

from schools.recognition import How, Named, Scope, recognise
from tests.factories.schools import SchoolFactory

pytestmark = pytest.mark.django_db
NOWHERE = Scope(frozenset(), frozenset())


def test_a_school_is_found_by_its_uai_whatever_the_case_and_the_spaces():
    school = SchoolFactory()
    spaced = f"{school.uai[:3]} {school.uai[3:7]}-{school.uai[7].lower()}"
    found = recognise([Named(1, uai=school.uai), Named(2, uai=spaced)], NOWHERE)
    assert [(each.uai, each.how, each.doubt) for each in found.values()] == [(school.uai, How.UAI, "")] * 2


def test_a_valid_uai_that_the_directory_lacks_is_an_unknown_school():
    [found] = recognise([Named(1, uai="0311131L")], NOWHERE).values()
    assert (found.uai, found.how, found.doubt) == ("", None, "unknown_school")
