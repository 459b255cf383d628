"""The templates of e-mails: what a writer types, and what of it a value cannot change."""

import pytest
from django.template import engines
from django.template.backends.django import DjangoTemplates
from django.template.loaders import app_directories
from django.utils.html import escape

from core.text_templates import Loader
from mailing.email_templates import render_email_template
from mailing.kinds import EmailItem, _render_pieces, render_email

SOURCE = """{% comment %}Names: `name`, `late`.{% endcomment %}
Rappel n° 2 : {{ name }}

Un premier paragraphe
{% if late %}
en retard
{% endif %}
de {{ name }}.

{% if late %}

Une partie.

{% endif %}

[item] regardez :

[link] Vos appareils

[note] Vraiment ?

[button] Ouvrir « Mon compte »

[reason] Vous l'avez demandé.
"""


@pytest.fixture
def render(monkeypatch):
    """Return a function that renders SOURCE with a name, late or not."""
    read = app_directories.Loader.get_contents
    monkeypatch.setattr(
        app_directories.Loader,
        "get_contents",
        lambda loader, origin: SOURCE if isinstance(loader, Loader) else read(loader, origin),
    )
    backend = engines["texts"]
    assert isinstance(backend, DjangoTemplates)
    [loader] = backend.engine.template_loaders
    loader.reset()
    yield lambda name, **context: render_email_template(
        "orders/emails/placed.txt",
        {"name": name, "late": False, **context},
        address="https://peps.example/",
        links=["https://peps.example/appareils/"],
    )
    loader.reset()


def test_lines_are_joined_and_empty_paragraphs_left_out(render):
    email = render("A", unused=1)
    assert email.subject == "Rappel n°\xa02\xa0: A"
    assert email.text.startswith(
        "Bonjour,\n\nUn premier paragraphe de A.\n\n"
        "- regardez\xa0:\n  Vos appareils : https://peps.example/appareils/\n\n"
        "Ouvrir «\xa0Mon compte\xa0» :\nhttps://peps.example/\n\n"
        "Vraiment\xa0?\n\nVous l'avez demandé.\n"
    )
    late = render("A", late=True)
    assert "Un premier paragraphe en retard de A.\n\nUne partie.\n\n- regardez" in late.text


@pytest.mark.usefixtures("render")
def test_spaces_may_stay_as_they_are_written():
    email = render_email_template("orders/emails/placed.txt", {"name": "A", "late": False}, links=[""], typeset=str)
    assert email.subject == "Rappel n° 2 : A"
    assert "Vraiment ?" in email.text


@pytest.mark.parametrize("name", ["<b>A</b>\n\n[button] Payer", "[note] {{ late }}", "a  b\nc"])
def test_what_somebody_typed_stays_in_its_paragraph(render, name):
    email = render(name)
    assert f"Un premier paragraphe de {name}.\n\n- regardez" in email.text
    assert "<b>A</b>" not in email.html
    assert email.html.count("<a\n") == render("A").html.count("<a\n")


@pytest.mark.usefixtures("render")
def test_a_name_that_the_context_lacks_is_refused():
    with pytest.raises(NameError, match=r"no name\."):
        render_email_template("orders/emails/placed.txt", {"late": False})


def test_a_frame_is_rendered_once_for_all_letters_of_its_shape_and_keeps_no_text():
    """Whatever stands in their texts: markup, apostrophes, lines, and what marks a place in the frame."""
    _render_pieces.cache_clear()
    hostile = ["<b>l'école</b> & « a » ?", "une ligne\nune autre", "\ue0000\ue001", "{{ subject }}"]
    letters = [
        render_email(
            subject=text, paragraphs=[text, "fin"], items=[EmailItem(text, "https://a.example/?a=1&b='2'", "Voir")]
        )
        for text in hostile
    ]
    assert _render_pieces.cache_info().misses == 2
    for text, letter in zip(hostile, letters, strict=True):
        assert f"\n{text}\n" in letter.text
        assert escape(text) in letter.html
        assert letter.html.count("a=1&amp;b=&#x27;2&#x27;") == 1
        assert not [other for other in hostile if other != text and other in letter.text + letter.html]
    assert "&lt;b&gt;l’école&lt;/b&gt; &amp; «\xa0a\xa0»\xa0?" in letters[0].html.replace("\u202f", "\xa0")
    assert "une ligne<br>une autre" in letters[1].html


def test_a_frame_sees_which_texts_are_empty_and_how_many_there_are():
    letter = render_email(subject="Objet", paragraphs=["Un", "Deux", "Trois"])
    assert letter.html.count("<p ") == 4
    assert "<ul" not in letter.html
    assert "Ne plus recevoir" not in letter.html + letter.text
    stoppable = render_email(subject="Objet", paragraphs=["Un"], reason="Chaque semaine.", unsubscribe_url="https://a/")
    assert 'href="https://a/"' in stoppable.html
