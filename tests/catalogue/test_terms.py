"""Versions of the terms of sale: immutable, each at its own URL."""

import datetime
import hashlib
import html
import io
import re
from pathlib import Path

import pytest
from pypdf import PdfReader

from licensing.catalogue import terms
from licensing.catalogue.terms import render_terms_pdf
from tests.html import collapse

#: SHA-256 of each version. A published version never changes: a new text is a new version and a new line here.
PINNED = {
    "2026-11-27": "6fa152e4cc8834ca4ef99ed1cd1d1c678b1183e6137b037a5caf49523e81e503",
    "2026-11": "c9ff9f397c58180012b290e9457cbaf7c5142a4cd1af544cfa4c2491e4a5e187",
}

FOLDER = Path(terms.__file__).parent / "templates" / "catalogue" / "terms"


def without_anchors(page):
    """Return the page with the headings of its text as the version has them."""
    return re.sub(r'<h2 id="(?!terms-contents)[^"]*">', "<h2>", page)


def test_no_version_changes_silently():
    written = {file.stem: hashlib.sha256(file.read_bytes()).hexdigest() for file in FOLDER.iterdir()}
    assert written == PINNED


def test_every_text_is_a_version_and_the_current_one_is_the_newest():
    assert set(terms.VERSIONS) == set(PINNED)
    assert max(terms.VERSIONS, key=terms.VERSIONS.__getitem__) == terms.CURRENT == next(iter(terms.VERSIONS))


@pytest.mark.parametrize("version", terms.VERSIONS)
def test_a_version_is_read_at_its_own_address(portal, version):
    page = portal.get(f"/conditions-generales-de-vente/{version}/").content.decode()
    assert collapse(terms.render_terms(version)) in without_anchors(page)
    assert f"Version {version}" in page
    assert terms.get_terms_url(version).endswith(f"peps.localhost/conditions-generales-de-vente/{version}/")


@pytest.mark.parametrize("version", ["2020-01", "..", "2026-11.html"])
def test_an_unpublished_version_is_not_found(portal, version):
    assert portal.get(f"/conditions-generales-de-vente/{version}/").status_code == 404


def test_a_replaced_version_says_so_and_stays_complete(portal, monkeypatch):
    monkeypatch.setattr(terms, "VERSIONS", {"2027-06": datetime.date(2027, 6, 1), **terms.VERSIONS})
    monkeypatch.setattr(terms, "CURRENT", "2027-06")
    page = portal.get("/conditions-generales-de-vente/2026-11/").content.decode()
    assert "Une version plus récente l’a remplacée" in page
    assert collapse(terms.render_terms("2026-11")) in without_anchors(page)
    assert 'href="/conditions-generales-de-vente/2027-06/"' in page


@pytest.mark.slow
@pytest.mark.parametrize("version", terms.VERSIONS)
def test_a_version_as_pdf_says_all_that_its_page_says(version):
    pages = PdfReader(io.BytesIO(render_terms_pdf(version))).pages
    written = re.sub(r"\s+", "", " ".join(page.extract_text() for page in pages))
    text = html.unescape(re.sub(r"<[^>]+>", " ", terms.render_terms(version)))
    assert [word for word in text.split() if word not in written] == []
    assert "Formulairederétractation" in written


@pytest.mark.parametrize("version", terms.VERSIONS)
def test_the_contents_of_a_version_lead_to_its_articles(portal, version):
    page = portal.get(f"/conditions-generales-de-vente/{version}/").content.decode()
    text, contents = terms.add_contents(terms.render_terms(version))
    assert len(contents) == text.count("<h2 id=") == terms.render_terms(version).count("<h2>") > 10
    assert len({anchor for anchor, _ in contents}) == len(contents)
    for anchor, heading in contents:
        assert f'<a href="#{anchor}">{heading}</a>' in page
        assert f'<h2 id="{anchor}">{heading}</h2>' in page
