"""Recognition score on damaged spreadsheets of an invented directory: a small version of the bench."""

import pytest

from bench.damaged import synthetic_directory
from bench.damaged.expectations import ExpectedMatch
from bench.damaged.files import damaged_files
from bench.damaged.scoring import score_file, sum_scores
from bench.spreadsheets import list_failures, load_schools, run_import_command
from schools.directory.operations import synchronise
from tests.conftest import TERM
from tests.factories.licensing import PoolFactory

SCHOOLS = 400
ROWS = 12


@pytest.fixture
def scored(nimes, tmp_path):
    """The score of every file of the set, read by the command against the invented directory."""
    synchronise(
        path=synthetic_directory.write_directory(
            tmp_path / "annuaire.csv", synthetic_directory.generate_schools(SCHOOLS)
        ),
        by=None,
        at=TERM,
    )
    pool = PoolFactory(capacity=1_000_000)
    return [
        score_file(file, run_import_command(file, collectivity=nimes, pool_id=pool.pk, folder=tmp_path))
        for file in damaged_files(load_schools(), size=ROWS)
    ]


def test_damaged_lists_are_read_unaided_and_find_their_schools(scored):
    total = sum_scores(scored)
    assert total.files >= 30
    assert min(total.rows[kind] for kind in ExpectedMatch) > 0
    assert not list_failures(total), "\n".join(map(str, total.mismatches))
