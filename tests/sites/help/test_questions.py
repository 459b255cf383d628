"""The frequent questions: all of them, and those that a search finds."""

from __future__ import annotations

import re

import pytest

from sites.help.questions import find_sections, read_sections


def list_titles(search):
    return [question.title for section in find_sections(search) for question in section.questions]


def test_all_questions_are_shown_by_section(portal, django_assert_num_queries):
    with django_assert_num_queries(0):
        page = portal.get("/faq/").content.decode()
    questions = [question for section in read_sections() for question in section.questions]
    assert page.count("<summary>") == len(questions) >= 30
    assert f"{len(questions)}\xa0réponses" in page
    anchors = [question.anchor for question in questions]
    assert len(set(anchors)) == len(anchors)


@pytest.mark.parametrize("search", ["cle recue", "CLÉ REÇUE", "  reçue   clé "])
def test_a_search_needs_all_words_without_accents_or_capitals(search):
    titles = list_titles(search)
    assert "Où dois-je saisir la clé que j'ai reçue ?" in titles
    assert 0 < len(titles) < len(list_titles(""))


@pytest.mark.parametrize("apostrophe", ["'", "’"])
def test_either_apostrophe_finds(apostrophe):
    assert "Je n'ai pas reçu ma clé. Que faire ?" in list_titles(f"n{apostrophe}ai pas reçu")


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ("certificat effacement", "1\xa0réponse à «\xa0certificat effacement\xa0»"),
        ("CNIL-introuvable", "0\xa0réponse à «\xa0CNIL-introuvable\xa0»"),
        ("KeePass <b>", "0\xa0réponse à «\xa0KeePass &lt;b&gt;\xa0»"),
    ],
)
def test_the_page_says_how_many_answers_it_found(portal, search, words):
    page = portal.get("/faq/", {"q": search}).content.decode()
    assert words in re.sub(r"[ \n]+", " ", page.replace("&nbsp;", "\xa0"))


def test_links_of_the_answers_lead_to_pages(portal):
    answers = "".join(question.answer for section in read_sections() for question in section.questions)
    addresses = set(re.findall(r'href="([^"]+)"', answers))
    assert len(addresses) >= 4
    assert [address for address in addresses if portal.get(address).status_code >= 400] == []
