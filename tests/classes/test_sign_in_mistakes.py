"""What a child reads of what they typed wrongly, and that it tells nothing of what exists."""

import random

import pytest

from licensing.classes import words
from licensing.classes.words import find_mistakes

LOGIN, PASSWORD = "lapin-tulipe-5837", "bateau-foret-ecole"


def read(login=LOGIN, password=PASSWORD):
    """Return the sentences by field, with plain spaces."""
    return {field: sentence.replace("\u00a0", " ") for field, sentence in find_mistakes(login, password)}


@pytest.mark.parametrize(
    ("login", "sentence"),
    [
        ("leopar tulipe 5837", "Je ne connais pas l’animal « leopar ». Est-ce « léopard » ?"),
        ("Lucas", "Je ne connais pas l’animal « Lucas ». Regarde ta carte."),
        ("girafetulipe5837", "Je ne connais pas l’animal « girafetulipe »"),
        ("lapin", "Il manque le mot qui suit « lapin »"),
        ("léopard 5837", "Il manque le mot qui suit « léopard »"),
        ("lapin tulippe 5837", "Je ne connais pas le mot « tulippe ». Est-ce « tulipe » ?"),
        # Quoted as it was written.
        ("lapin Palmié 5837", "Je ne connais pas le mot « Palmié ». Est-ce « palmier » ?"),
        ("lapin palmie\u0301 5837", "Je ne connais pas le mot « palmié »"),
        ("lionceautulippe5837", "Je ne connais pas le mot « tulippe »"),
        ("lapin tulipe", "Il manque le nombre"),
        ("lapin tulipe 583", "Le nombre a 4 chiffres. Tu en as écrit 3."),
        ("lapin tulipe 58371", "Le nombre a 4 chiffres. Tu en as écrit 5."),
        ("lapin tulipe 5837 bleu", "Le nombre vient à la fin"),
        ("5837", "Il manque ton animal"),
        ("abcdefghijklmnopqrstuvwxyz tulipe 5837", "« abcdefghijklmnopqrst… »"),
    ],
)
def test_the_login_s_mistake_is_named_and_the_card_says_where_to_look(login, sentence):
    mistakes = read(login)
    assert list(mistakes) == ["login"]
    assert sentence in mistakes["login"]
    assert mistakes["login"].endswith("Regarde ta carte.")


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("bato foret ecole", "Je ne connais pas le mot « bato »"),
        ("bateau FORÊTS pomme", "Je ne connais pas le mot « FORÊTS »"),
        ("bateau soleille pomme", "Est-ce « soleil » ?"),
        ("bateau forêt", "Ton mot de passe a 3 mots. Tu en as écrit 2."),
        ("bateau foret ecole pomme", "Tu en as écrit 4."),
        ("bateauforetecol", "Écris-les avec un espace entre les mots."),
        ("bateau foret ecole 3", "Il n’y a pas de chiffre"),
        ("!", "Tu en as écrit 0."),
    ],
)
def test_the_password_s_mistake_is_named(password, sentence):
    mistakes = read(password=password)
    assert list(mistakes) == ["password"]
    assert sentence in mistakes["password"]
    assert mistakes["password"].endswith("Regarde ta carte.")


def test_each_field_has_its_own_mistake():
    assert list(read("lapin", "rien")) == ["login", "password"]


def test_whatever_can_be_somebody_s_has_no_mistake():
    """Else the page would say of a well-formed login, or password, whether it exists."""
    draw = random.Random(17)  # noqa: S311 - no secret
    for separator in ("-", " ", ""):
        for _ in range(100):
            login = (draw.choice(words.list_words("pupils")), words.generate_code().replace("-", separator))
            password = words.generate_password().split("-")
            typed = separator.join(login), separator.join(password)
            assert find_mistakes(*typed) == []
            assert find_mistakes(*map(words.spell, typed)) == []


def test_a_long_text_is_answered_at_once():
    """The words of a password are looked for within 80 letters."""
    assert list(read("a" * 100, "".join(words.list_words("passwords")))) == ["login", "password"]
