"""The frequent questions: all of them, and those that a search finds."""

import re

import pytest

from sites.help.guides import GUIDES
from sites.help.questions import SECTION_OF_PROFILE, find_guide_sections, find_questions, read_search, read_sections
from tests.factories.accounts import UserFactory


def list_titles(search):
    return [question.title for question in find_questions(search)]


def test_all_questions_are_shown_by_section(portal, django_assert_num_queries):
    with django_assert_num_queries(0):
        page = portal.get("/faq/").content.decode()
    questions = [question for section in read_sections() for question in section.questions]
    assert page.count("<summary>") == len(questions) >= 30
    assert f"{len(questions)}\xa0réponses" in page
    anchors = [question.anchor for question in questions]
    assert len(set(anchors)) == len(anchors)


@pytest.mark.parametrize("profile", list(SECTION_OF_PROFILE))
def test_the_section_of_the_reader_s_profile_comes_first(portal, profile, db):
    portal.force_login(UserFactory(profile=profile))
    page = portal.get("/faq/").content.decode()
    anchors = re.findall(r'<h2 id="((?!foot)[^"]+)"', page)
    assert anchors[0] == SECTION_OF_PROFILE[profile]
    assert sorted(anchors) == sorted(section.anchor for section in read_sections())
    assert anchors == re.findall(r'<li><a href="#([^"]+)"', page)


#: What visitors typed, and the question that answers it.
SEARCHES = [
    ("changer d'école", "Je change d'école pendant l'année : que devient ma licence ?"),
    ("changer", "Je change d'école, ou je quitte la direction : que deviennent les licences ?"),
    ("deux", "Deux enseignants pour une classe, un mi-temps : faut-il deux licences ?"),
    ("deux enseignants", "Deux enseignants pour une classe, un mi-temps : faut-il deux licences ?"),
    ("2 enseignants pour une classe", "Deux enseignants pour une classe, un mi-temps : faut-il deux licences ?"),
    ("collègue", "Deux enseignants pour une classe, un mi-temps : faut-il deux licences ?"),
    ("mi-temps", "Deux enseignants pour une classe, un mi-temps : faut-il deux licences ?"),
    ("remplaçant", "Un remplaçant prend ma classe. Que faire ?"),
    ("école privée", "Notre école est privée : pouvons-nous acheter ?"),
    ("renouveler", "Comment renouveler nos licences pour l'année prochaine ?"),
    ("renouvellement", "Comment renouveler nos licences pour l'année prochaine ?"),
    ("parents", "Parents, que pouvons-nous faire ? Faut-il acheter quelque chose ?"),
    ("prix mairie", "Quel est le prix pour une mairie ?"),
    ("collectivité acheter", "Comment une commune ou une autre collectivité peut-elle acheter des licences ?"),
    ("clé perdue", "J'ai perdu ma clé. Où la retrouver ?"),
    ("CLÉS  PERDUES ?", "J'ai perdu ma clé. Où la retrouver ?"),
    ("cle recue", "Où dois-je saisir la clé que j'ai reçue ?"),
    ("n'ai pas reçu", "Je n'ai pas reçu ma clé. Que faire ?"),
    ("n’ai pas reçu", "Je n'ai pas reçu ma clé. Que faire ?"),
]


@pytest.mark.parametrize(("search", "title"), SEARCHES)
def test_any_of_the_words_finds_its_question_among_the_first(search, title):
    assert title in list_titles(search)[:2]
    assert len(list_titles(search)) <= 3


def test_small_words_are_ignored_unless_there_are_no_others():
    assert read_search("Comment avoir une licence pour ma classe") == ["avoir", "licenc", "clas"]
    assert read_search("pour qui") == ["pour", "qui"]
    assert list_titles("?") == []


def test_a_search_finds_sections_of_the_guides_that_the_reader_is_shown(portal):
    assert ("enseignant", "enseigner-a-deux") in [
        (guide.slug, section.anchor) for guide, section in find_guide_sections("deux", GUIDES)
    ]
    page = portal.get("/faq/", {"q": "deux"}).content.decode()
    assert 'href="/aide/enseignant/#enseigner-a-deux"' in page
    # The operator's guide alone has a section on it.
    assert find_guide_sections("trop-perçu", GUIDES)
    assert "/aide/exploitant/" not in portal.get("/faq/", {"q": "trop-perçu"}).content.decode()


def test_a_search_without_answer_leads_to_the_guides(portal):
    page = portal.get("/faq/", {"q": "introuvable"}).content.decode()
    main = page.partition('id="reponses"')[2].partition("</main>")[0]
    assert re.findall(r'href="([^"]+)"', main) == [
        "/contact/", "/aide/chef-etablissement/", "/aide/enseignant/", "/aide/collectivite/", "/aide/referent-donnees/",
    ]  # fmt: skip


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


@pytest.mark.slow
def test_links_of_the_answers_lead_to_pages(portal):
    answers = "".join(question.answer for section in read_sections() for question in section.questions)
    addresses = set(re.findall(r'href="([^"]+)"', answers))
    assert len(addresses) >= 4
    assert [address for address in addresses if portal.get(address).status_code >= 400] == []
