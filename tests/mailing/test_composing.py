import email
import email.policy

import pytest
from django.core.mail.backends.console import EmailBackend as Console
from django_tenants.utils import schema_context

from core.connections import connection
from mailing.kinds import EmailAttachment, RenderedEmail
from mailing.mime import build_message_id, compose, encode_address
from mailing.models import Message
from tests.conftest import TERM

MESSAGE = Message(pk=7, kind="note", recipient="ce.0300001a@ac-exemple.example", created_at=TERM)
LONG = "Syndicat intercommunal à vocation scolaire « Vallée de l’Érieux », du Haut-Vivarais et de l’Eyrieux réunis"


def sent(**fields):
    content = compose(MESSAGE, RenderedEmail(**{"subject": "Sujet", "text": "Texte.", **fields}), at=TERM)
    data = content.as_bytes()
    return data, email.message_from_bytes(data, policy=email.policy.default)


def test_a_message_is_seven_bit_with_short_lines():
    data, _ = sent(subject=LONG, text="é" * 5000 + "\nFrom ici\n.\n", html="<p>" + "œ" * 5000 + "</p>", from_name=LONG)
    assert data.isascii()
    assert data.count(b"\n") == data.count(b"\r\n")
    assert max(len(line) for line in data.split(b"\r\n")) <= 78


def test_a_composed_message_parses_back():
    text = "Bonjour,\n\nFrom ici : « œuvre » = 1\u00a0€.\n.\nFin  \n"
    _, read = sent(subject=LONG, text=text, html="<p>œ = é</p>", from_name='Ville de "Nîmes", service')
    assert read["Subject"] == LONG
    assert read["From"].addresses[0].addr_spec == "ne-pas-repondre@peps.localhost"
    assert read["From"].addresses[0].display_name == 'Ville de "Nîmes", service'
    assert read.get_body(("plain",)).get_content().replace("\r\n", "\n") == text
    assert read.get_body(("html",)).get_content() == "<p>œ = é</p>\r\n"
    assert read.get_content_type() == "multipart/alternative"


def test_parts_that_name_a_boundary_stay_whole():
    named = "--=_mixed\n--=_alternative--\n"
    attached = EmailAttachment(filename="cgv.pdf", content=bytes(range(256)) * 40, content_type="application/pdf")
    _, read = sent(text=named, html=named, attachments=(attached,))
    assert [part.get_content_type() for part in read.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "application/pdf"
    ]  # fmt: skip
    assert read.get_body(("plain",)).get_content().replace("\r\n", "\n") == named
    [part] = read.iter_attachments()
    assert (part.get_filename(), part.get_content()) == ("cgv.pdf", attached.content)


def test_a_header_of_several_lines_is_refused():
    with pytest.raises(ValueError, match="List-Unsubscribe"):
        sent(unsubscribe_url="https://peps.example/\r\nBcc: c@d.example")


def test_a_sender_s_name_is_no_address():
    """Stored before names were checked, or taken from the directory of schools."""
    _, read = sent(from_name="Préfet <prefet@gouv.fr>\u202e\r\nBcc: x")
    assert read["From"].addresses[0].display_name == "Préfet prefet gouv.fr Bcc: x"
    assert read["From"].addresses[0].addr_spec == "ne-pas-repondre@peps.localhost"
    assert str(sent(from_name="<@>")[1]["From"]) == "Pep's <ne-pas-repondre@peps.localhost>"


def test_a_text_alone_has_one_part():
    _, read = sent()
    assert read.get_content_type() == "text/plain"
    assert read["MIME-Version"] == "1.0"
    assert str(read["From"]) == "Pep's <ne-pas-repondre@peps.localhost>"
    assert read["Reply-To"] is None
    assert read["Date"] == "Tue, 24 Nov 2026 10:00:00 +0100"


def test_the_message_id_stays_the_same_and_tells_schemas_apart():
    with schema_context("c_nimes"):
        first = build_message_id(MESSAGE)
        assert build_message_id(MESSAGE) == first
        assert first.startswith("<c_nimes.7.")
    with schema_context("c_gard"):
        assert build_message_id(MESSAGE) != first
    assert connection.schema_name == "public"


@pytest.mark.parametrize(
    "wrong", ["", "a", "a@", "@b.example", "a b@c.example", "a@b.example\nBcc: c@d.example", "é@b.fr"]
)
def test_an_invalid_address_is_refused(wrong):
    with pytest.raises(ValueError, match="Not an address"):
        encode_address(wrong)


def test_an_accented_domain_is_written_in_ascii():
    assert encode_address("mairie@nîmes.example") == "mairie@xn--nmes-0pa.example"


def test_django_s_own_backends_write_it(capsys):
    email = compose(MESSAGE, RenderedEmail(subject="Sujet", text="Texte."), at=TERM)
    Console(alias="default").write_message(email)
    assert "Texte." in capsys.readouterr().out
