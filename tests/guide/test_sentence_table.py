"""`docs/guide-phrase-par-phrase.md`: every test it names exists, and every sentence is in the guide."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TABLE = ROOT / "docs" / "guide-phrase-par-phrase.md"
GUIDE = ROOT.parent / "shared" / "seed" / "guide-chef-etablissement.txt"
#: 0 is the introduction.
SECTIONS = (0, 1, 2, 3, 4, 5)
#: Tests of what is not in the guide.
OURS = {"test_une_direction_est_verifiee_avant_de_voir_un_enseignant"}


def rows() -> list[tuple[int, str, str]]:
    """Return (section, sentence, test) for each line of the table."""
    found, section = [], 0
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = int(line[3])
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 4 and cells[3].startswith("`test_"):
            found.append((section, cells[1], cells[3].strip("`")))
    return found


def list_tests(section: int) -> set[str]:
    """Return the names of the tests written for a section."""
    tree = ast.parse((ROOT / "tests" / "guide" / f"test_section_{section}.py").read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def normalise_text(text: str) -> str:
    """Return the text with single spaces and straight apostrophes."""
    return " ".join(text.replace("’", "'").replace("\xa0", " ").split())


@pytest.mark.parametrize("section", SECTIONS)
def test_every_sentence_has_its_test_and_every_test_its_sentence(section):
    named = [test for where, _, test in rows() if where == section]
    assert len(named) == len(set(named)) > 0
    assert set(named) == list_tests(section) - OURS


@pytest.mark.skipif(not GUIDE.exists(), reason="the printed guide does not lie beside the project")
def test_the_sentences_are_those_of_the_printed_guide():
    guide = normalise_text(GUIDE.read_text(encoding="utf-8"))
    missing = [
        part
        for _, sentence, _ in rows()
        for part in sentence.split(" · ")
        if normalise_text(part) not in guide and not re.search(re.escape(normalise_text(part).rstrip(" *")), guide)
    ]
    assert missing == []
