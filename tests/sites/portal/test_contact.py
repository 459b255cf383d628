"""The contact form: queued as an e-mail with reply-to, keys masked."""

import pytest

from mailing.models import Message
from sites.portal.contact import mask_keys, render_contact
from tests.factories.accounts import PrincipalFactory

WORDS = {
    "name": "Camille Martin",
    "email": "camille@exemple.example",
    "profile": "principal",
    "school": "École Jean Jaurès",
    "subject": "cle",
    "message": "Ma clé NIMES-7K3M-Q9TX-2HWB est refusée.",
}


def test_a_message_is_queued_for_the_team_with_its_sender_to_answer_to(portal, settings):
    answer = portal.post("/contact/", WORDS, follow=True)
    assert "votre message est parti" in answer.content.decode()
    message = Message.objects.get()
    assert message.recipient == settings.CONTACT_EMAIL
    rendered = render_contact(message)
    assert rendered.reply_to == "camille@exemple.example"
    assert "École Jean Jaurès" in rendered.text
    assert "[Contact] Ma clé d’activation – Camille Martin" in rendered.subject


def test_no_key_is_kept_in_the_outbox(portal):
    portal.post("/contact/", WORDS)
    assert "7K3M" not in str(Message.objects.get().context)


@pytest.mark.parametrize("text", ["NIMES-7K3M-Q9TX-2HWB", "7k3m-q9tx-2hwb", "nimes 7K3M-Q9TX-2HWB", "(7K3M–Q9TX–2HWB)"])
def test_a_key_is_masked_however_it_is_written(text):
    assert "[clé masquée]" in mask_keys(f"Voici : {text}.")
    assert "9TX" not in mask_keys(text).upper()


def test_ordinary_words_are_not_masked():
    text = "L'école Jean-Jaurès, 30000 Nîmes, tél. 04-66-00-00-00, année 2026-2027."
    assert mask_keys(text) == text


def test_a_missing_field_is_reported_and_nothing_is_sent(portal):
    answer = portal.post("/contact/", WORDS | {"email": "pas une adresse", "message": ""})
    assert answer.status_code == 422
    assert "Saisissez une adresse" in answer.content.decode() or "adresse e-mail valide" in answer.content.decode()
    assert "Camille Martin" in answer.content.decode()
    assert not Message.objects.exists()


def test_a_robot_that_fills_in_the_hidden_field_is_ignored(portal):
    portal.post("/contact/", WORDS | {"website": "https://exemple.example"})
    assert not Message.objects.exists()


@pytest.mark.parametrize("name", ["Camille\r\nBcc: autre", "Camille <autre@exemple.example>", "=1+1"])
def test_a_name_that_a_header_would_not_show_as_one_is_refused(portal, name):
    answer = portal.post("/contact/", WORDS | {"name": name})
    assert list(answer.context["form"].errors) == ["name"]
    assert not Message.objects.exists()


def test_a_signed_in_user_need_not_give_name_and_email(portal):
    portal.force_login(PrincipalFactory(first_name="Camille", last_name="Martin", email="cm@exemple.example"))
    page = portal.get("/contact/?sujet=achat").content.decode()
    assert 'value="Camille Martin"' in page
    assert 'value="cm@exemple.example"' in page
    assert '<option value="achat" selected>' in page


@pytest.mark.slow
def test_messages_per_network_are_limited_and_the_text_is_kept(portal):
    for _ in range(10):
        portal.post("/contact/", WORDS)
    answer = portal.post("/contact/", WORDS)
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    assert "Votre message n’est pas parti" in answer.content.decode()
    assert "Camille Martin" in answer.content.decode()
    assert Message.objects.count() == 10
