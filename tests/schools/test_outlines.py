"""Outlines from open data: what is read, simplified, replaced and refused."""

import gzip
import io
import json
import math
from itertools import pairwise

import pytest
from django.core.management import CommandError, call_command

from schools.models import TerritoryOutline
from schools.outlines import TOLERANCE, simplify
from tests.conftest import TERM
from tests.sites.office.term_history import make_outline, write_geojson

SQUARE = [[4.0, 43.0], [5.0, 43.0], [5.0, 44.0], [4.0, 44.0], [4.0, 43.0]]
NIMES = {"code": "30189", "nom": "Nîmes", "siren": "213001894", "codeDepartement": "30"}

pytestmark = pytest.mark.django_db


def load(file, **options):
    """Load the file and return what the command says."""
    out = io.StringIO()
    call_command("load_outlines", str(file), stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def write(tmp_path):
    """Writes a file of features, or of any bytes."""

    def run(*features, content=None):
        file = tmp_path / "contours.geojson"
        if content is None:
            return write_geojson(file, *features)
        file.write_bytes(content)
        return file

    return run


@pytest.mark.parametrize(
    ("properties", "level", "code", "siren"),
    [
        (NIMES, "commune", "30189", "213001894"),
        ({"code": "2A004", "nom": "Ajaccio"}, "commune", "2A004", ""),
        ({"code": "243000643", "nom": "CA Nîmes Métropole"}, "epci", "243000643", "243000643"),
        ({"code": "30", "nom": "Gard", "region": "76"}, "departement", "30", ""),
        ({"code": "974", "nom": "La Réunion"}, "departement", "974", ""),
        ({"INSEE_COM": "30189", "NOM": "Nîmes", "INSEE_DEP": "30", "SIREN_EPCI": "243000643"}, "commune", "30189", ""),
        ({"CODE_SIREN": "243000643", "NOM": "CA", "NATURE": "CA"}, "epci", "243000643", "243000643"),
        ({"INSEE_DEP": "2A", "NOM": "Corse-du-Sud", "INSEE_REG": "94"}, "departement", "2A", ""),
        ({"INSEE_REG": "76", "NOM": "Occitanie"}, "region", "76", ""),
        ({"code_insee": "30189", "code_siren": "213001894", "nom_officiel": "N"}, "commune", "30189", "213001894"),
    ],
)
def test_the_properties_of_each_publisher_are_known(write, properties, level, code, siren):
    load(write((properties, SQUARE)))
    outline = TerritoryOutline.objects.get()
    assert (outline.level, outline.code, outline.siren) == (level, code, siren)
    assert outline.name in properties.values()


def test_a_code_of_two_digits_needs_a_level(write):
    file = write(({"code": "11", "nom": "Aude ou Île-de-France"}, SQUARE))
    with pytest.raises(CommandError, match="--level departement ou --level region"):
        load(file)
    assert "Région : 1\xa0contour chargé" in load(file, level="region")
    assert TerritoryOutline.objects.get().level == "region"


def test_a_level_that_the_codes_do_not_have_is_refused(write):
    with pytest.raises(CommandError, match="aucun code connu"):
        load(write((NIMES, SQUARE)), level="epci")


def test_an_outline_is_replaced(write):
    load(write((NIMES, SQUARE)), source="IGN 2025")
    load(write((NIMES | {"nom": "Nîmes-la-Neuve"}, [[lon + 1, lat] for lon, lat in SQUARE])), source="IGN 2026")
    outline = TerritoryOutline.objects.get()
    assert (outline.name, outline.source, outline.rings[0][0]) == ("Nîmes-la-Neuve", "IGN 2026", [5.0, 43.0])


def test_two_features_of_one_code_are_one_outline(write):
    assert "1\xa0contour chargé" in load(write((NIMES, SQUARE), (NIMES, make_outline())))


def test_compressed_files_islands_and_single_features_are_read(write):
    island = [[lon / 10 + 5, lat] for lon, lat in SQUARE]
    islet = [[lon / 100_000, lat / 100_000 + 43.5] for lon, lat in SQUARE]
    feature = {
        "type": "Feature",
        "properties": NIMES,
        "geometry": {"type": "MultiPolygon", "coordinates": [[SQUARE], [island], [islet]]},
    }
    load(write(content=gzip.compress(json.dumps(feature).encode())))
    assert len(TerritoryOutline.objects.get().rings) == 2


def test_what_is_no_surface_is_named_and_the_rest_is_loaded(write):
    point = {"type": "Feature", "properties": NIMES, "geometry": {"type": "Point", "coordinates": [4.3, 43.8]}}
    good = {
        "type": "Feature",
        "properties": {"code": "30007"},
        "geometry": {"type": "Polygon", "coordinates": [SQUARE]},
    }
    nothing = {"type": "Feature", "properties": {"code": "30008"}, "geometry": None}
    content = json.dumps({"type": "FeatureCollection", "features": [point, good, nothing, 7]}).encode()
    reported = load(write(content=content))
    assert "objet 1 : ce n'est pas une surface" in reported
    assert "objet 3 : son contour est vide" in reported
    assert "objet 4 : il n'a pas de propriétés" in reported
    assert TerritoryOutline.objects.get().name == "30007"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "n'est pas un GeoJSON lisible"),
        (b"PK\x03\x04 un classeur", "n'est pas un GeoJSON lisible"),
        (b"\x1f\x8b\x08coupe", "compress"),
        (b"[" * 500_000, "n'est pas un GeoJSON lisible"),
        (b'{"type": "FeatureCollection", "features": [NaN]}', "n'est pas un GeoJSON lisible"),
        (b'{"type": "Topology", "objects": {}}', "sans les objets"),
        (b'{"type": "FeatureCollection", "features": []}', "n'est pas un GeoJSON lisible"),
        (lambda: gzip.compress(b" " * (101 * 1024 * 1024)), "100 Mo"),
    ],
    ids=["empty", "zip", "gzip", "deep", "nan", "topojson", "no-feature", "bomb"],
)
def test_a_foreign_file_is_refused_in_french_and_nothing_is_written(write, content, words):
    with pytest.raises(CommandError, match=words):
        load(write(content=content() if callable(content) else content))
    assert not TerritoryOutline.objects.exists()


@pytest.mark.parametrize(
    ("ring", "words"),
    [
        ([[800_000.0, 6_300_000.0], [9e5, 6.3e6], [9e5, 6.4e6], [800_000.0, 6_300_000.0]], "EPSG:4326"),
        (SQUARE[:-1], "pas fermé"),
        ([[4, 43], [5, None], [5, 44], [4, 43]], "abîmées"),
        ([[4.0, 43.0]] * 5, "vide"),
        ([[4.0, 43.0], [1e999, 43.0], [5.0, 44.0], [4.0, 43.0]], "n'est pas un GeoJSON lisible"),
        ([], "pas fermé"),
    ],
    ids=["metres", "open", "null", "one-place", "infinite", "no-position"],
)
def test_a_line_that_cannot_be_drawn_is_refused(write, ring, words):
    with pytest.raises(CommandError, match=words):
        load(write((NIMES, ring)))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CommandError, match="ne peut pas être lu"):
        load(tmp_path / "absent.geojson")


def test_a_simplified_line_stays_within_its_tolerance_of_every_position():
    angles = [2 * math.pi * number / 4_000 for number in range(4_000)]
    ring = [(4 + math.cos(angle), math.sin(angle)) for angle in angles]
    ring.append(ring[0])
    [kept] = simplify([ring])
    assert kept[0] == kept[-1]
    assert 30 < len(kept) < 100
    # Of a circle: the middle of a chord is where the line is farthest from it.
    middles = [((x + u) / 2, (y + v) / 2) for (x, y), (u, v) in pairwise(kept)]
    rounded = 0.0001
    assert max(abs(1 - math.dist((4, 0), middle)) for middle in middles) < 2 * TOLERANCE + rounded


def test_outlines_say_when_they_were_loaded(write, monkeypatch):
    monkeypatch.setattr("schools.management.commands.load_outlines.timezone.now", lambda: TERM)
    load(write((NIMES, SQUARE)))
    assert TerritoryOutline.objects.get().loaded_at == TERM
