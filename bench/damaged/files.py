"""All damaged files, made from one directory."""

from collections.abc import Iterator

# Each module registers its file makers on import.
from bench.damaged import grouped_rows, misleading_columns, observed_lists, random_lists, rows_by_name, rows_with_uai  # noqa: F401
from bench.damaged.directory import SchoolDirectory
from bench.damaged.expectations import DamagedFile
from bench.damaged.row_generator import RowGenerator, list_file_makers


def damaged_files(directory: SchoolDirectory, *, size: int, seed: int = 2026) -> Iterator[DamagedFile]:
    """Make every file, the same ones from the same directory and seed, of some `size` rows each."""
    for make in list_file_makers():
        yield make(RowGenerator(directory, make.__name__, size, seed))
