"""The operator's view of the directory."""

import pytest

from schools.directory.operations import synchronise
from schools.models import School
from tests.conftest import TERM
from tests.factories.accounts import OperatorFactory
from tests.factories.schools import SchoolFactory
from tests.schools.directory_files import make_row, write_file


@pytest.fixture
def operator(portal):
    user = OperatorFactory()
    portal.force_login(user)
    return portal


@pytest.mark.parametrize("typed", ["école ZOLA", "nimes zola", "{uai}", "{short}", "Ecole.Zola@ac-exemple.example"])
def test_a_school_is_found_by_any_of_its_fields(operator, typed):
    SchoolFactory(name="École Hugo")
    school = SchoolFactory(name="École Zola", email="ecole.zola@ac-exemple.example")
    text = typed.format(uai=school.uai.lower(), short=school.uai[1:])
    page = operator.get("/admin/schools/school/", {"q": text})
    assert [found.pk for found in page.context["cl"].result_list] == [school.pk]


@pytest.mark.slow
def test_the_last_synchronisation_is_shown(operator, tmp_path):
    synchronise(path=write_file(tmp_path / "annuaire-2026.csv", [make_row(1)]), by=None, at=TERM)
    assert "annuaire-2026.csv" in operator.get("/admin/schools/directorysync/").content.decode()


@pytest.mark.slow
def test_nothing_can_be_written(operator):
    school = SchoolFactory(name="École Zola")
    address = f"/admin/schools/school/{school.pk}/change/"
    assert operator.get(address).status_code == 200
    assert operator.post(address, {"name": "École Hugo"}).status_code == 403
    assert operator.post(f"/admin/schools/school/{school.pk}/delete/", {"post": "yes"}).status_code == 403
    assert operator.get("/admin/schools/directorysync/add/").status_code == 403
    assert School.objects.get().name == "École Zola"
