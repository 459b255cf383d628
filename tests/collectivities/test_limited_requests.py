"""Requests that cost the server much: files that are made, searches of very many words, logos that do not end."""

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from PIL import Image

from accounts import throttling
from accounts.throttling import RateLimit
from collectivities import logos
from collectivities.capabilities import Role
from collectivities.models import OfficeSettings
from core.bounded_process import ProcessLimits
from core.foreign_values import MAX_SEARCH_LENGTH, cut_search
from schools.queries import search
from tests.factories.collectivities import MemberFactory
from tests.factories.schools import SchoolFactory

FILES = ("/journal/export/", "/attributions/export.xlsx", "/imports/liste.xlsx")
SEARCHES = ("/journal/?text=", "/ecoles/?text=", "/attributions/?q=", "/imports/?q=", "/messages/?texte=")


@pytest.mark.slow
def test_files_are_made_so_often_and_no_more_for_one_account(bureau, office, monkeypatch):
    monkeypatch.setattr("accounts.throttling.DOWNLOADS", RateLimit("downloads", 3, throttling.DOWNLOADS.window))
    assert [bureau.get(path).status_code for path in FILES] == [200, 200, 200]
    for path in FILES:
        refused = bureau.get(path)
        assert (refused.status_code, int(refused["Retry-After"]) > 0) == (429, True)
        assert "3 fichiers au plus" in refused.content.decode()
    # Another account's files, and this one's pages, are not concerned.
    assert office("nimes", MemberFactory(roles=[Role.VIEWER]).user).get(FILES[0]).status_code == 200
    assert bureau.get("/journal/").status_code == 200


@pytest.mark.parametrize("page", SEARCHES)
def test_a_search_of_very_many_words_makes_no_longer_a_query(bureau, page):
    words = "+".join(f"mot{number}" for number in range(600))
    with CaptureQueriesContext(connection) as made:
        assert bureau.get(page + words).status_code == 200
    assert not [query["sql"] for query in made if "mot60" in query["sql"] and "session" not in query["sql"]]


def test_a_search_is_cut_and_finds_what_it_begins_with(db):
    school = SchoolFactory(name="École élémentaire Jean Jaurès", commune="Nîmes")
    assert [found.pk for found in search("école élémentaire jean jaurès nîmes" + " nîmes" * 500)] == [school.pk]
    assert cut_search(" a  b ") == "a b"
    assert len(cut_search("x" * 1_000)) == MAX_SEARCH_LENGTH


@pytest.mark.slow
@pytest.mark.parametrize(
    ("costs", "words"),
    [(ProcessLimits(memory_bytes=128 * 1024 * 1024), "mémoire"), (ProcessLimits(wall_seconds=0.01), "temps")],
)
def test_a_logo_that_costs_too_much_is_refused_and_nothing_is_saved(bureau, monkeypatch, costs, words):
    monkeypatch.setattr(logos, "_LIMITS", costs)
    upload = io.BytesIO()
    Image.new("RGB", (4_900, 5_000)).save(upload, "PNG")
    fields = {"sender_name": "N", "contact_name": "Nora", "contact_phone": "0466000000"}
    logo = SimpleUploadedFile("logo.png", upload.getvalue())
    answer = bureau.post("/reglages/", {**fields, "logo": logo})
    assert words in answer.content.decode()
    assert not OfficeSettings.objects.filter(sender_name="N").exists()
