"""The drawings of the animals of pupils' logins, as docs/animals.md describes them."""

import io
import re
from functools import cache
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.staticfiles import finders
from fontTools.pens.boundsPen import BoundsPen
from fontTools.svgLib.path import SVGPath
from lxml import etree

from core.documents import PdfDocument
from licensing.classes.words import list_words
from tests.conftest import TERM

FOLDER = Path(apps.get_app_config("classes").path) / "static" / "classes" / "animals"
WORDS = list_words("pupils")
SIDE = 64
MAX_BYTES = 1_500
MAX_TOTAL_BYTES = 130_000
INK = "#1b2536"
SVG = "{http://www.w3.org/2000/svg}"
ROOT_ATTRIBUTES = {"viewBox": f"0 0 {SIDE} {SIDE}", "aria-hidden": "true", "focusable": "false"}
PAINT = {"fill", "stroke", "stroke-width"}
ATTRIBUTES = {
    "g": PAINT | {"stroke-linecap", "stroke-linejoin"},
    "path": PAINT | {"d"},
    "circle": PAINT | {"cx", "cy", "r"},
    "ellipse": PAINT | {"cx", "cy", "rx", "ry"},
}
COLOUR = re.compile(r"none|#[0-9a-f]{3}|#[0-9a-f]{6}")
#: At most one decimal.
NUMBER = r"-?(?:\d+(?:\.\d)?|\.\d)(?!\d)"
LENGTH = re.compile(rf"{NUMBER}|round")
#: Without arcs, which programs draw differently.
PATH = re.compile(rf"(?:[MLHVCSQZlhvcsq]|{NUMBER}| )+")


@cache
def read(animal):
    return (FOLDER / f"{animal}.svg").read_text(encoding="ascii")


def parse(animal):
    return etree.fromstring(read(animal))


def is_plain(element):
    """Whether an element is a group or a shape, without text, whose attributes are all known and plain."""
    tag = element.tag.removeprefix(SVG)
    values = {"fill": COLOUR, "stroke": COLOUR, "d": PATH}
    return (
        tag in ATTRIBUTES
        and ATTRIBUTES[tag].issuperset(element.keys())
        and not f"{element.text or ''}{element.tail or ''}".strip()
        and all(values.get(name, LENGTH).fullmatch(value) for name, value in element.items())
    )


def measure(animal):
    """Return left, top, right and bottom of a drawing, without the width of its lines."""
    bounds = BoundsPen(None)
    SVGPath.fromstring(read(animal).encode()).draw(bounds)
    return bounds.bounds


def count_bytes(document):
    """Return how many bytes of drawing its first page has."""
    contents = document.pages[1].contents
    assert isinstance(contents, bytearray)
    return len(contents)


def test_every_word_has_its_drawing_and_nothing_else_stands_there():
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(f"{word}.svg" for word in WORDS)


def test_every_drawing_is_served():
    assert all(finders.find(f"classes/animals/{word}.svg") == str(FOLDER / f"{word}.svg") for word in WORDS)


def test_drawings_are_plain_shapes_that_a_strict_page_may_contain():
    drawings = {word: parse(word) for word in WORDS}
    assert {word for word, one in drawings.items() if (one.tag, one.attrib) != (f"{SVG}svg", ROOT_ATTRIBUTES)} == set()
    elements = [(word, element) for word, one in drawings.items() for element in list(one.iter())[1:]]
    assert [(word, element.tag, element.attrib) for word, element in elements if not is_plain(element)] == []


def test_all_have_the_same_dark_line():
    assert {
        (group.get("stroke"), group.get("stroke-width"), group.get("stroke-linejoin"))
        for group in (parse(word)[0] for word in WORDS)
    } == {(INK, "2.5", "round")}


@pytest.mark.slow
def test_a_drawing_fills_its_grid_and_is_not_cut_off():
    sides = {word: measure(word) for word in WORDS}
    assert {word: side for word, side in sides.items() if min(side) < 0 or max(side) > SIDE} == {}
    assert {
        word for word, (left, top, right, bottom) in sides.items() if max(right - left, bottom - top) < SIDE * 0.8
    } == set()


def test_drawings_are_light():
    sizes = {word: len(read(word)) for word in WORDS}
    assert {word: size for word, size in sizes.items() if size > MAX_BYTES} == {}
    assert sum(sizes.values()) < MAX_TOTAL_BYTES


def test_no_two_animals_differ_by_colour_alone():
    shapes = {word: re.sub(r' (?:fill|stroke)="[^"]*"', "", read(word)) for word in WORDS}
    assert len(set(shapes.values())) == len(WORDS)


@pytest.mark.slow
def test_documents_draw_every_animal(caplog, recwarn):
    document = PdfDocument(title="Animaux", at=TERM)
    document.add_page()
    for word in WORDS:
        before = count_bytes(document)
        document.image(io.BytesIO(read(word).encode()), x=20, y=20, w=20)
        assert count_bytes(document) - before > 500, word
    assert document.output().startswith(b"%PDF")
    assert [record.getMessage() for record in caplog.records] + [str(one.message) for one in recwarn.list] == []
