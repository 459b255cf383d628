"""Text normalisation in Python equals the one in the database."""

import pytest
from django.db import connection

from schools.folding import fold, split_words


@pytest.mark.parametrize(
    "text",
    ["École Élémentaire", "L'Haÿ-les-Roses", "  Sacré-Cœur  n° 2 ", "Æquoreum", "STRAßE", "Łódź", "…", "ÎLE D'ÿEU"],
)
def test_python_normalises_as_the_database_does(db, text):
    with connection.cursor() as cursor:
        cursor.execute("SELECT public.fold(%s)", [text])
        assert cursor.fetchone() == (fold(text),)


def test_saints_are_expanded():
    assert split_words("St-Exupéry, Ste Anne et saint-exupéry") == ["saint", "exupery", "sainte", "anne", "et"]
