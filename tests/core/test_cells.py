"""Cells: which one a host and a key belong to, and what the configuration refuses."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.cells import read_cells
from core.cells import Cell, CellMap

OCCITANIE = Cell("OC", "occitanie.peps.example", "Occitanie")
BRETAGNE = Cell("BR", "bretagne.peps.example", "Bretagne")
CELLS = CellMap(OCCITANIE, (BRETAGNE,))
WRITTEN = "OC:occitanie.peps.example:Occitanie, BR:bretagne.peps.example:Bretagne"


def test_without_a_configuration_there_is_one_and_nothing_is_elsewhere(monkeypatch):
    monkeypatch.delenv("CELLS", raising=False)
    cells = read_cells("peps.example")
    assert cells == CellMap()
    assert cells.mark == ""
    assert cells.find_other_by_host("bretagne.peps.example") is None
    assert cells.find_other_by_key_prefix("BREST") is None


def test_this_cell_is_the_one_of_the_base_domain(monkeypatch):
    monkeypatch.setenv("CELLS", WRITTEN)
    assert read_cells("occitanie.peps.example") == CELLS
    assert read_cells("bretagne.peps.example") == CellMap(BRETAGNE, (OCCITANIE,))


@pytest.mark.parametrize(
    "written",
    [
        "OC:occitanie.peps.example",
        "oc:occitanie.peps.example:Occitanie",
        "O1:occitanie.peps.example:Occitanie",
        "OCC:occitanie.peps.example:Occitanie",
        "OC:occitanie:Occitanie",
        "OC:occitanie.peps.example: ",
        "BR:bretagne.peps.example:Bretagne",
        WRITTEN.replace("BR:", "OC:"),
        WRITTEN.replace(":Bretagne", ":Occitanie"),
        WRITTEN.replace("bretagne.peps", "bretagne.occitanie.peps"),
        f"{WRITTEN}, PP:peps.example:Portail",
        WRITTEN.replace("bretagne.", "occitanie."),
    ],
)
def test_what_would_send_people_astray_stops_the_start(monkeypatch, written):
    monkeypatch.setenv("CELLS", written)
    with pytest.raises(ImproperlyConfigured, match="CELLS"):
        read_cells("occitanie.peps.example")


@pytest.mark.parametrize(
    ("host", "cell"),
    [
        ("bretagne.peps.example", BRETAGNE),
        ("rennes.bretagne.peps.example", BRETAGNE),
        ("Rennes.Bretagne.PEPS.example:8443", BRETAGNE),
        ("rennes.bretagne.peps.example.", BRETAGNE),
        ("nimes.occitanie.peps.example", None),
        ("bretagne.occitanie.peps.example", None),
        ("faussebretagne.peps.example", None),
        ("bretagne.peps.example.evil.example", None),
        ("", None),
        ("[::1]:8000", None),
    ],
)
def test_a_host_belongs_to_the_cell_above_it(host, cell):
    assert CELLS.find_other_by_host(host) == cell


@pytest.mark.parametrize(
    ("prefix", "cell"), [("BRRENNES", BRETAGNE), ("BR", BRETAGNE), ("OCBREST", None), ("B", None), ("", None)]
)
def test_a_key_belongs_to_the_cell_whose_letters_begin_it(prefix, cell):
    assert CELLS.find_other_by_key_prefix(prefix) == cell


def test_digits_that_look_like_letters_are_read_as_them():
    assert CellMap(BRETAGNE, (OCCITANIE,)).find_other_by_key_prefix("0CNIMES") == OCCITANIE
