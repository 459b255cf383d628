"""The French typography that pages, e-mails and PDFs get where they are rendered."""

import datetime

import pytest
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.template import Template
from django.template.context import Context

from core.documents import PdfDocument
from mailing.kinds import RenderedEmail
from mailing.mime import compose
from mailing.models import Message
from tests.conftest import TERM
from web.middleware import TypographyMiddleware


def test_a_page_has_curly_apostrophes_in_its_text_alone(rf):
    page = HttpResponse("<p title=\"l'an\">d&#x27;Alès</p><code>l'an</code>")
    answer = TypographyMiddleware(lambda _: page)(rf.get("/"))
    assert answer is page
    assert page.content.decode() == "<p title=\"l'an\">d’Alès</p><code>l'an</code>"


@pytest.mark.parametrize("answer", [JsonResponse({"detail": "l'an"}), StreamingHttpResponse(["<p>l'an</p>"])])
def test_other_answers_keep_their_bytes(rf, answer):
    content = b"".join(answer)
    same = TypographyMiddleware(lambda _: answer)(rf.get("/"))
    assert same is answer
    assert b"'" in content


def test_the_labels_of_a_form_are_curled_as_its_text_is(portal):
    page = portal.get("/inscription/").content.decode()
    assert "Chef d’établissement" in page
    assert "Chef d&#x27;établissement" not in page


def test_an_e_mail_has_curly_apostrophes(db):
    message = Message(pk=7, kind="note", recipient="a@exemple.example", created_at=TERM)
    rendered = RenderedEmail(subject="L'an", text="D'ici l'an", html="<p style=\"font-family: 'A b'\">l&#x27;an</p>")
    sent = compose(message, rendered, at=TERM)
    assert (sent.subject, sent.body) == ("L’an", "D’ici l’an")
    assert sent.alternatives[0][0] == "<p style=\"font-family: 'A b'\">l’an</p>"


def test_a_pdf_has_curly_apostrophes():
    document = PdfDocument(title="Essai", at=TERM)
    document.add_page()
    assert document.normalize_text("l'école 🎈") == "l’école ?"


@pytest.mark.parametrize(
    ("day", "pattern", "read"),
    [
        (datetime.date(2026, 12, 1), "j F Y", "1er\xa0décembre 2026"),
        (datetime.date(2026, 12, 21), "j F Y", "21 décembre 2026"),
        (datetime.date(2026, 12, 1), "d/m/Y", "01/12/2026"),
        (datetime.datetime(2026, 11, 30, 23, 30, tzinfo=datetime.UTC), "j F Y à H:i", "1er\xa0décembre 2026 à 00:30"),
        (None, "j F", ""),
    ],
)
def test_templates_write_the_first_day_of_a_month_as_french_does(day, pattern, read):
    assert Template("{{ day|date:pattern }}").render(Context({"day": day, "pattern": pattern})) == read


@pytest.mark.parametrize(
    ("template", "read"),
    [
        ("{{ 'Ecole Zola'|the_school }}", "l’École Zola"),
        ("{{ 'Collège Belin'|to_school }}", "au Collège Belin"),
        ("{{ 'Ecole Zola'|of_school }}", "de l’École Zola"),
        ("{{ 'Département du Gard'|of_collectivity }}", "du Département du Gard"),
        ("{{ 'Alès'|of_name }}", "d’Alès"),
        (
            "{{ 0|counted:'classe' }}, {{ 1|counted:'classe' }}, {{ 2|counted:'clé activée,clés activées' }}",
            "0\xa0classe, 1\xa0classe, 2\xa0clés activées",
        ),
        ("{{ day|long_date }}", "1er\xa0décembre 2026"),
        ("école{{ 0|pluralize }} bureau{{ none|pluralize:'x' }} {{ 0|pluralize:'a,ont' }}", "école bureau a"),
        ("école{{ 1|pluralize }} bureau{{ 2|pluralize:'x' }} {{ 2|pluralize:'a,ont' }}", "école bureaux ont"),
    ],
)
def test_filters_for_templates(template, read):
    context = Context({"day": datetime.datetime(2026, 11, 30, 23, 30, tzinfo=datetime.UTC), "none": []})
    assert Template("{% load french %}" + template).render(context) == read
