"""What the walks rest on: the place of each form in its template, and the names that a view reads."""

import pytest
from django.http import QueryDict

from tests.factories.accounts import OperatorFactory
from tests.forms.page_forms import Target, read_page
from tests.forms.submission import record_reading
from tests.forms.template_tags import find_walk, list_places
from tests.forms.walk import FormWalk

SEARCH = "/admin/rechercher/"


@pytest.mark.slow
def test_every_form_of_a_template_has_a_walk():
    places = list_places()
    assert len(places) > 250
    assert [place for place in places if not find_walk(place)] == []


def test_a_renamed_control_is_a_fault(portal):
    portal.force_login(OperatorFactory())
    answer = portal.get(SEARCH)
    answer.content = answer.content.replace(b'name="query"', b'name="recherche"')
    walk = FormWalk()
    walk.read(portal, answer)
    assert f"{SEARCH}: admin:global_search does not read « recherche »" in walk.unread


@pytest.mark.parametrize(
    ("read", "names"),
    [
        (lambda data: data["a"], {"a"}),
        (lambda data: data.get("absent"), {"absent"}),
        (lambda data: data.getlist("a"), {"a"}),
        (lambda data: "b" in data, {"b"}),
        (lambda data: data.copy().get("a"), {"a"}),
        (lambda data: data.dict().get("a"), {"a"}),
        (lambda data: data.urlencode(), set()),
        (lambda data: dict(data.items()), set()),
    ],
)
def test_looking_a_name_up_is_reading_it_and_listing_all_is_not(read, names):
    found = set()
    read(record_reading(QueryDict("a=1&a=2&b=3"), found))
    assert found == names


def test_a_form_sends_what_a_browser_would():
    html = """
    <form method="post" action="/la/" hx-post="/ici/"><input name="a" value="1"><input type="checkbox" name="b">
    <select name="c"><option value="x">X<option value="y" selected>Y</select><textarea name="d">Texte</textarea>
    <input name="e" disabled><button name="do" value="go">Va</button></form><button form="other">Autre</button>
    <form id="other"><input type="email" name="f"></form>
    """
    first, other = read_page(html, "/page/").forms
    assert first.targets == [Target("post", "/la/"), Target("post", "/ici/", htmx=True)]
    assert first.values(filled=False) == {"a": ["1"], "c": ["y"], "d": ["Texte"]}
    assert first.values(filled=True)["b"] == ["on"]
    assert [button.name for button in first.buttons] == ["do"]
    assert (other.targets, len(other.buttons)) == ([Target("get", "/page/")], 1)
    assert other.values(filled=True) == {"f": ["a@exemple.example"]}
