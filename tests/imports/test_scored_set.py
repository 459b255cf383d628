"""Recognition score on damaged spreadsheets of an invented directory: a small version of the bench."""

from __future__ import annotations

import pytest

from bench.damaged import invented
from bench.damaged.files import damaged_files
from bench.damaged.scoring import score, total
from bench.damaged.truth import Expected
from bench.reading import directory, failures_of, read
from schools.directory.operations import synchronise
from tests.conftest import TERM
from tests.factories.licensing import PoolFactory

SCHOOLS = 400
ROWS = 12


@pytest.fixture
def scored(nimes, tmp_path):
    """The score of every file of the set, read by the command against the invented directory."""
    synchronise(path=invented.write(tmp_path / "annuaire.csv", invented.invented(SCHOOLS)), by=None, at=TERM)
    pool = PoolFactory(capacity=1_000_000)
    return [
        score(file, read(file, collectivity=nimes, pool_id=pool.pk, folder=tmp_path))
        for file in damaged_files(directory(), size=ROWS)
    ]


def test_damaged_lists_are_read_unaided_and_find_their_schools(scored):
    whole = total(scored)
    assert whole.files >= 30
    assert min(whole.rows[kind] for kind in Expected) > 0
    assert not failures_of(whole), "\n".join(map(str, whole.faults))
