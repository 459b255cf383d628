"""What a list may cost that its author wrote to be costly."""

import random
import string
import time
import tracemalloc

import pytest

from schools import queries
from schools.recognition import MAX_TEXT_LENGTH, SchoolReference, SearchScope
from schools.recognition.decisions import parse_uai_cell
from schools.recognition.pipeline import recognise
from schools.uai import check_letter
from tests.factories.schools import SchoolFactory

pytestmark = pytest.mark.django_db
ANYWHERE = SearchScope(frozenset(), frozenset({"030"}))


def random_word(generator, length):
    return "".join(generator.choices(string.ascii_lowercase, k=length))


def measure(rows):
    """Return what a list is recognised as, the peak of Python's memory in MB, and the seconds of processor time."""
    tracemalloc.start()
    start = time.process_time()
    try:
        found = recognise(rows, ANYWHERE)
        return found, tracemalloc.get_traced_memory()[1] / 1e6, time.process_time() - start
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("column", ["name", "commune"])
def test_1500_rows_with_a_word_of_900_letters_stay_within_bounds(column):
    SchoolFactory(uai="0300294G")
    generator = random.Random(7)  # noqa: S311 - no secret
    rows = [SchoolReference(key, **{column: random_word(generator, 900)}) for key in range(1_500)]
    found, peak, seconds = measure(rows)
    assert {result.uai for result in found.values()} == {""}
    assert (peak < 100, seconds < 30) == (True, True), f"{peak:.0f} MB, {seconds:.1f} s"


def test_a_long_word_beside_the_school_s_name_does_not_hide_the_school():
    school = SchoolFactory(uai="0300294G", name="École élémentaire Jean Jaurès")
    name = f"École élémentaire Jean Jaurès {'x' * 900}"
    [found] = recognise([SchoolReference(1, uai=school.uai, name=name, commune=school.commune)], ANYWHERE).values()
    assert found.uai == school.uai
    assert len(SchoolReference(1, name=name).shortened().name) == MAX_TEXT_LENGTH


def test_what_stands_far_into_a_cell_is_not_read():
    school = SchoolFactory(name="École élémentaire Jean Jaurès")
    near, far = (
        SchoolReference(key, name=f"{'de ' * count}École élémentaire Jean Jaurès", commune=school.commune)
        for key, count in ((1, 20), (2, MAX_TEXT_LENGTH))
    )
    found = recognise([near, far], ANYWHERE)
    assert [found[key].uai for key in (1, 2)] == [school.uai, ""]


def test_no_statement_corrects_more_than_a_batch_of_words(monkeypatch, django_assert_num_queries):
    monkeypatch.setattr("schools.queries._BATCH_WORDS", 10)
    monkeypatch.setattr("schools.queries._MAX_WORDS", 25)
    SchoolFactory(name="École Jaures")
    with django_assert_num_queries(3):
        queries.find_corrections([f"jaures{letter}{other}" for letter in "abcdefgh" for other in "ijklm"])


def test_of_a_cell_full_of_uais_the_first_are_read():
    codes = [f"03{number:05d}" for number in range(100)]
    cell = " ".join(code + check_letter(code) for code in codes)
    assert len(parse_uai_cell(cell).valid) == 10
