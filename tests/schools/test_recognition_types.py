"""Types beside names: a column of types completes a name, and gives no other school."""

import pytest

from schools.recognition.name_parser import parse_name
from tests.schools.named_rows import likeliest, one, proposed, school

pytestmark = pytest.mark.django_db


@pytest.fixture
def moulin():
    """A collège with its SEGPA, which the directory lists beside it."""
    school("SEGPA CLG Jean Moulin", type="")
    return school("Collège Jean Moulin")


@pytest.mark.parametrize("name", ["Collège Jean Moulin", "Jean Moulin"])
@pytest.mark.parametrize("kind", ["Générale et SEGPA", "Collège + SEGPA", "ULIS", "Collège"])
def test_the_type_of_a_college_gives_never_its_segpa(moulin, name, kind):
    found = one(name, "Nîmes", kind=kind)
    states_level = name.startswith("Collège") or kind.startswith("Collège")
    assert (likeliest(found), bool(found.uai)) == (moulin.uai, states_level)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("SEGPA du collège Jean Moulin", ""), ("Collège Jean Moulin", "SEGPA"), ("Jean Moulin", "S.E.G.P.A.")],
)
def test_a_segpa_and_its_college_are_asked_about(moulin, name, kind):
    found = one(name, "Nîmes", kind=kind)
    assert (found.uai, moulin.uai in proposed(found)) == ("", True)


def test_a_type_of_an_establishment_excludes_the_school_of_its_name():
    school("École primaire Les Lilas")
    assert one("Les Lilas", "Nîmes", kind="IME").uai == ""


def test_the_level_of_the_name_goes_before_the_type():
    nursery = school("École maternelle Jean Jaurès")
    school("École élémentaire Jean Jaurès")
    assert one("École maternelle Jean Jaurès", "Nîmes", kind="Elémentaire").uai == nursery.uai


def test_a_type_is_never_the_name():
    assert parse_name("", "École Jean Jaurès").words == ()
    assert parse_name("Jean Jaurès", "École du Centre").words == ("jean", "jaures")


@pytest.mark.parametrize("written", ["LEGT Daudet", "LP Daudet", "L.P. Alphonse Daudet", "Lycée polyvalent Daudet"])
def test_a_track_that_the_directory_does_not_know_says_nothing_against(written):
    lycee = school("Lycée Alphonse Daudet")
    for found in (one(written, "Nîmes"), one("Daudet", "Nîmes", kind=written.split()[0])):
        assert (likeliest(found), found.doubt_code) == (lycee.uai, "ambiguous_school" if not found.uai else "")


def test_the_nature_of_a_lycee_tells_its_track():
    general = school("Lycée Alphonse Daudet", nature="LYCEE ENSEIGNT GENERAL ET TECHNOLOGIQUE")
    found = one("LP Alphonse Daudet", "Nîmes")
    assert (found.uai, proposed(found)) == ("", {general.uai})
    trade = school("Lycée Alphonse Daudet", nature="LYCEE PROFESSIONNEL", commune="Alès", postal_code="30100")
    assert one("LP Alphonse Daudet", "Alès").uai == trade.uai


@pytest.mark.parametrize(
    "written", ["G.S.", "G. S.", "GS", "Gr. Scol.", "Grpe scolaire", "Groupe scol.", "Gr scolaire"]
)
def test_a_groupe_scolaire_is_an_ecole_however_it_is_written(written):
    primary = school("École primaire Jean Jaurès")
    school("Collège Jean Jaurès")
    assert one(f"{written} Jean Jaurès", "Nîmes").uai == primary.uai
    assert one("Jean Jaurès", "Nîmes", kind=written).uai == primary.uai


@pytest.mark.parametrize("kind", ["ÉCOLE ÉLÉMENTAIRE OU PRIMAIRE", "École primaire ou élémentaire"])
@pytest.mark.parametrize("name", ["École élémentaire Jean Jaurès", "École primaire Jean Jaurès"])
def test_elementary_or_primary_is_either(kind, name):
    meant = school(name)
    found = one("Jean Jaurès", "Nîmes", departement="30", kind=kind)
    assert (found.uai, found.confidence) == (meant.uai, 1.0)


def test_elementary_or_primary_is_no_maternelle():
    school("École maternelle Jean Jaurès")
    assert one("Jean Jaurès", "Nîmes", kind="ÉCOLE ÉLÉMENTAIRE OU PRIMAIRE").uai == ""
