import pytest

from mailing.smtp_replies import MAX_ATTEMPTS, explain_reply, get_retry_delay, parse_reply


@pytest.mark.parametrize(
    ("code", "text", "begins"),
    [
        (550, b"5.1.1 The email account does not exist", "Cette adresse n'existe pas"),
        (550, b"No such user here", "Cette adresse n'existe pas"),
        (550, b"Requested action not taken", "Le serveur du destinataire refuse cette adresse"),
        (552, b"5.2.2 Over quota", "La boîte du destinataire est pleine"),
        (452, b"4.2.2 Over quota", "La boîte du destinataire est pleine"),
        (450, b"4.7.1 Try again later", "Le serveur du destinataire n'accepte pas ce message"),
        (451, b"Greylisted", "Le serveur du destinataire demande de patienter"),
        (554, b"5.7.1 Message rejected", "Le serveur du destinataire n'accepte pas"),
        (550, b"5.7.26 Unauthenticated", "Le serveur du destinataire ne reconnaît pas l'expéditeur"),
        (571, b"no", "Le serveur du destinataire a refusé le message"),
        (471, b"hm", "Le serveur du destinataire demande de patienter"),
    ],
)
def test_an_smtp_reply_is_explained_in_a_sentence_and_quoted(code, text, begins):
    result = explain_reply(parse_reply(code, text))
    assert result.startswith(begins)
    assert result.endswith(f"Réponse du serveur : {code} {text.decode()}")


def test_an_smtp_reply_is_truncated_to_one_line():
    answer = parse_reply(550, b"a\r\nb\x00\xff" + b"x" * 1000)
    assert answer.text.startswith("a b ")
    assert len(answer.text) == 300


def test_retry_delays_grow_and_end():
    waits = [get_retry_delay(attempts) for attempts in range(1, MAX_ATTEMPTS)]
    assert waits == sorted(waits)
    assert get_retry_delay(MAX_ATTEMPTS) is None
