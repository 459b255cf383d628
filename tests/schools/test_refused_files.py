"""A file that was cut, recoded or is something else changes nothing, and is refused with a French message."""

import gzip

import pytest

from schools.directory.operations import synchronise
from schools.exceptions import DirectoryRefused
from schools.models import School
from tests.conftest import TERM
from tests.schools.directory_files import make_row, write_file

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(tmp_path):
    """A sound file of forty schools."""
    return write_file(tmp_path / "annuaire.csv", [make_row(number) for number in range(1, 41)])


def refusal_of(path) -> str:
    with pytest.raises(DirectoryRefused) as refusal:
        synchronise(path=path, by=None, at=TERM)
    assert not School.objects.exists()
    return str(refusal.value)


def test_an_empty_file(file):
    file.write_bytes(b"")
    assert refusal_of(file) == "Ce fichier est vide."


def test_a_header_alone(file):
    file.write_bytes(file.read_bytes().split(b"\n")[0] + b"\n")
    assert "Aucune ligne" in refusal_of(file)


def test_a_folder(tmp_path):
    assert "ne peut pas être lu" in refusal_of(tmp_path)


def test_missing_columns_are_named(tmp_path):
    path = write_file(tmp_path / "liste.csv", [make_row(1)], "Identifiant_de_l_etablissement;Nom_commune;etat")
    assert "« nom_etablissement », « code_postal »" in refusal_of(path)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le"])
def test_another_encoding(file, encoding):
    file.write_bytes(file.read_text("utf-8-sig").encode(encoding))
    message = refusal_of(file)
    assert "UTF-8" in message or "octets nuls" in message


def test_utf_8_decoded_as_windows_1252_and_saved_again(file):
    file.write_text(file.read_text("utf-8-sig").encode().decode("cp1252", "replace"), encoding="utf-8")
    assert "accents" in refusal_of(file)


def test_cut_in_the_middle_of_a_line(file):
    file.write_bytes(file.read_bytes()[:-40])
    assert "coupé" in refusal_of(file)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.77, 0.95])
def test_cut_anywhere(file, share):
    content = file.read_bytes()
    cut = content[: int(len(content) * share)]
    file.write_bytes(cut.rsplit(b"\n", 1)[0] + b"\n0301099")
    assert "coupé" in refusal_of(file)


def test_a_gzip_that_was_cut(file, tmp_path):
    packed = gzip.compress(file.read_bytes())
    path = tmp_path / "annuaire.csv.gz"
    path.write_bytes(packed[:-30])
    assert "coupé" in refusal_of(path)


def test_a_gzip_that_was_damaged(file, tmp_path):
    packed = bytearray(gzip.compress(file.read_bytes()))
    packed[len(packed) // 2] ^= 0xFF
    path = tmp_path / "annuaire.csv.gz"
    path.write_bytes(packed)
    assert refusal_of(path)


def test_a_quote_left_open_until_the_end(file):
    file.write_bytes(file.read_bytes().replace("École élémentaire n° 7;".encode(), b'"Ecole 7;'))
    assert "guillemet" in refusal_of(file)


def test_a_quote_that_swallows_lines_until_another(file):
    content = file.read_bytes().replace("École élémentaire n° 7;".encode(), b'"Ecole 7;')
    file.write_bytes(content.replace("École élémentaire n° 9;".encode(), b'Ecole 9";'))
    assert "guillemet" in refusal_of(file)


def test_nul_bytes(file):
    content = file.read_bytes()
    file.write_bytes(content[:2000] + b"\0" * 20 + content[2020:])
    assert "octets nuls" in refusal_of(file)


@pytest.mark.parametrize(("start", "kind"), [(b"PK\x03\x04", "classeur"), (b"\xd0\xcf\x11\xe0", "Excel")])
def test_a_workbook(file, start, kind):
    file.write_bytes(start + file.read_bytes())
    assert kind in refusal_of(file)


def test_a_file_without_line_breaks_does_not_fill_the_memory(file):
    file.write_bytes(b"a" * 1_000_000)
    assert "démesurément longue" in refusal_of(file)


def test_a_line_break_in_a_cell_is_a_cell_like_another(file):
    file.write_bytes(file.read_bytes().replace("École élémentaire n° 7;".encode(), b'"Ecole\n7";'))
    synchronise(path=file, by=None, at=TERM)
    assert School.objects.filter(name="Ecole 7").exists()


def test_one_garbled_line_costs_one_line(file):
    file.write_bytes(file.read_bytes().replace("École élémentaire n° 7;".encode(), "CollÃ¨ge 7;".encode()))
    report = synchronise(path=file, by=None, at=TERM)
    assert [row.reason for row in report.refused] == ["Les accents de cette ligne sont abîmés."]


def test_commas_and_a_last_line_without_a_line_break(tmp_path):
    path = write_file(tmp_path / "annuaire.csv", [make_row(1)])
    path.write_bytes(path.read_bytes().replace(b";", b",").rstrip(b"\n"))
    assert len(synchronise(path=path, by=None, at=TERM).added) == 1
