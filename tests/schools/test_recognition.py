"""Rows of a list that carry a UAI, right or damaged, and the schools they mean."""

import pytest

from schools.recognition import RecognitionMethod, SchoolReference, SearchScope, pipeline
from schools.recognition.pipeline import recognise
from schools.uai import LETTERS
from tests.factories.schools import SchoolFactory

pytestmark = pytest.mark.django_db
NOWHERE = SearchScope(frozenset(), frozenset())


@pytest.fixture
def jaures():
    return SchoolFactory(uai="0300294G", name="École élémentaire Jean Jaurès")


def one(**cells):
    [found] = recognise([SchoolReference(1, **cells)], NOWHERE).values()
    return found


def proposed(found):
    return [proposal.uai for proposal in found.proposals]


def test_rows_mean_the_same_schools_however_many_are_read_at_once(jaures, monkeypatch):
    cells = [("0300294G", "Jean Jaurès"), ("0300294H", "Jean Jaurès"), ("", "Jean Jaurès"), ("0300294g", "Hugo")]
    rows = [SchoolReference(key, uai, name, "Nîmes") for key, (uai, name) in enumerate(cells)]
    together = recognise(rows, NOWHERE)
    monkeypatch.setattr(pipeline, "_ROWS_AT_ONCE", 1)
    assert recognise(iter(rows), NOWHERE) == together
    assert together[0].uai == jaures.uai


@pytest.mark.parametrize("cell", ["0300294G", " 030 0294-g ", "'0300294G", "030.0294.G"])
def test_case_and_separators_do_not_matter(jaures, cell):
    found = one(uai=cell, name="ÉCOLE ÉLÉMENTAIRE JEAN JAURES", commune="NIMES")
    assert (found.uai, found.match_method, found.confidence, found.doubt_code) == (
        jaures.uai,
        RecognitionMethod.UAI,
        1.0,
        "",
    )


@pytest.mark.parametrize("cell", ["300294G", "O3OO294G", "03OO294g", "École Jaurès (300294g)"])
def test_a_repair_proven_by_the_check_letter_needs_nothing_else(jaures, cell):
    alone, data = one(uai=cell), one(uai=cell, name="E.E.PU Jean Jaurès", postal_code="30000")
    assert [(each.uai, each.match_method) for each in (alone, data)] == [(jaures.uai, RecognitionMethod.REPAIRED)] * 2
    assert alone.confidence < data.confidence


@pytest.mark.parametrize(
    "cell",
    ["0300294H", "0300294", "300294", "300294.0", "0300924G", "0300394G", "030294G", "03002294G", "0300Z94G"],
    ids=["letter", "no letter", "nor zero", "decimals", "swapped", "digit", "left out", "doubled", "misread"],
)
def test_an_unproven_repair_needs_a_matching_name(jaures, cell):
    named = one(uai=cell, name="EEPU J. Jaurès", commune="Nîmes")
    assert (named.uai, named.match_method) == (jaures.uai, RecognitionMethod.REPAIRED)
    alone = one(uai=cell)
    assert (alone.uai, alone.doubt_code, proposed(alone)) == ("", "uncertain_repair", [jaures.uai])
    other = one(uai=cell, name="Collège Voltaire", commune="Alès")
    assert (other.uai, other.doubt_code) == ("", "uncertain_repair")


def test_a_commune_proves_an_unambiguous_repair(jaures):
    assert one(uai="0300294H", commune="Nîmes").uai == jaures.uai
    SchoolFactory(uai="0300295H")
    found = one(uai="0300294H", commune="Nîmes")
    assert (found.uai, found.doubt_code, set(proposed(found))) == ("", "uncertain_repair", {jaures.uai, "0300295H"})


def test_two_possible_repairs_are_distinguished_by_the_name():
    digits = "0300294"
    schools = {letter: SchoolFactory(uai=uai) for letter, uai in (("G", "0300294G"), ("H", "0300295H"))}
    schools["G"].name, schools["H"].name = "École primaire Jules Ferry", "École primaire Anatole France"
    for school in schools.values():
        school.save()
    # The letter is wrong, or the last digit is.
    assert one(uai=digits + "H", name="École Anatole France", commune="Nîmes").uai == "0300295H"
    assert one(uai=digits + "H", name="École J. Ferry", commune="Nîmes").uai == "0300294G"


def test_a_closed_school_is_still_matched_by_its_uai(jaures):
    closed = SchoolFactory(state="closed", closed_at="2025-09-01T00:00Z")
    assert one(uai=closed.uai, name=closed.name, commune="Nîmes").uai == closed.uai


def test_a_valid_uai_that_the_directory_lacks_is_unknown_and_its_name_is_proposed(jaures):
    found = one(uai="0311131L", name="École Jean Jaurès", commune="Nîmes")
    assert (found.uai, found.match_method, found.doubt_code, proposed(found)) == (
        "",
        None,
        "unknown_school",
        [jaures.uai],
    )


@pytest.mark.parametrize("cell", ["", "  ", "?", "à créer", "néant"])
def test_without_a_uai_the_name_decides(jaures, cell):
    found = one(uai=cell, name="École élémentaire Jean Jaurès", commune="Nîmes")
    assert (found.uai, found.match_method) == (jaures.uai, RecognitionMethod.NAME)


def test_a_uai_that_contradicts_the_name_is_doubted(jaures):
    found = one(uai="9999999X", name="École élémentaire Jean Jaurès", commune="Nîmes")
    assert (found.uai, found.doubt_code, proposed(found)) == ("", "uai_invalid", [jaures.uai])


def test_two_uai_in_a_cell_are_both_proposed(jaures):
    other = SchoolFactory()
    found = one(uai=f"{jaures.uai} / {other.uai}", name="École Jean Jaurès", commune="Nîmes")
    assert (found.uai, found.doubt_code, proposed(found)) == ("", "multiple_uais", [jaures.uai, other.uai])


def test_of_two_uai_the_only_open_school_is_taken(jaures):
    closed = SchoolFactory(state="closed", closed_at="2025-09-01T00:00Z")
    for other in (closed.uai, "0311131L"):
        found = one(uai=f"{other}, {jaures.uai}", name="École Jean Jaurès", commune="Nîmes")
        assert (found.uai, found.match_method) == (jaures.uai, RecognitionMethod.REPAIRED)
    assert one(uai=f"{closed.uai}, {jaures.uai}", name="Collège Voltaire", commune="Alès").doubt_code == "multiple_uais"


def test_an_empty_row_misses_its_uai():
    assert one().doubt_code == "uai_missing"
    assert one(uai="Total").doubt_code == "uai_invalid"


@pytest.mark.parametrize("rows", [1, 1_000])
def test_the_queries_do_not_grow_with_the_rows(jaures, rows, django_assert_max_num_queries):
    letters = [letter for letter in LETTERS if letter != "G"]
    manners = [
        {"uai": jaures.uai, "name": jaures.name, "commune": "Nîmes"},
        {"uai": "0300294" + letters[0], "name": "Jaurès", "commune": "Nîmes"},
        {"name": "École élém. Jean Jauers", "commune": "Nimse"},
        {"name": "École Jean Jaurès - Nîmes"},
        {"name": "Jean Jaurès", "departement": "Gard"},
        {"uai": "0311131L", "name": "Collège Diderot", "postal_code": "30000"},
    ]
    named = [SchoolReference(key, **cells) for key, cells in enumerate(manners * rows)]
    with django_assert_max_num_queries(8):
        assert len(recognise(named, NOWHERE)) == len(named)
