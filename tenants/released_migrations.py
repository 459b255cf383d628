"""The migrations of released versions, which never change: their list, and what differs from it.

`released_migrations.txt`, at the root of the repository, holds a line for each: SHA-256 and path (docs/decisions/0075).
`manage.py check_migrations --release` writes it when a version is cut.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

RELEASED_LIST = "released_migrations.txt"
_HEADER = "# SHA-256 and path of each migration of a released version, by `manage.py check_migrations --release`.\n"


class MigrationChanges(NamedTuple):
    """Paths, relative to the root, of released migrations that differ from the list, and of unreleased ones."""

    changed: tuple[str, ...]
    missing: tuple[str, ...]
    unreleased: tuple[str, ...]


def read_released(root: Path) -> dict[str, str]:
    """Return the hash of each released migration, by path; empty before the first release."""
    lines = (root / RELEASED_LIST).read_text(encoding="utf-8").splitlines()
    entries = (line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))
    return {path: digest for digest, path in entries}


def write_released(root: Path, paths: Iterable[str]) -> None:
    """Write the list of a new release: the migrations at `paths`, as they are now."""
    entries = "".join(f"{_hash_file(root / path)}  {path}\n" for path in sorted(paths))
    (root / RELEASED_LIST).write_text(_HEADER + entries, encoding="utf-8")


def compare_with_released(root: Path, paths: Iterable[str]) -> MigrationChanges:
    """Compare the migrations at `paths` with the released list."""
    released = read_released(root)
    present = set(paths)
    return MigrationChanges(
        changed=tuple(sorted(path for path in present & released.keys() if _hash_file(root / path) != released[path])),
        missing=tuple(sorted(released.keys() - present)),
        unreleased=tuple(sorted(present - released.keys())),
    )


def _hash_file(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
