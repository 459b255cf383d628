"""First name and surname are told apart in one field, and guessed from an address where it names somebody."""

import pytest

from licensing.requests.invitations.models import guess_name, split_name, suggest_username


@pytest.mark.parametrize(
    ("typed", "first", "last"),
    [
        ("Léa Martin", "Léa", "Martin"),
        ("Léa MARTIN", "Léa", "MARTIN"),
        ("MARTIN Léa", "Léa", "MARTIN"),
        ("Jean-Pierre de la Tour", "Jean-Pierre", "de la Tour"),
        ("Marie Anne DE LA TOUR", "Marie Anne", "DE LA TOUR"),
        ("LEA MARTIN", "LEA", "MARTIN"),
        ("Léa", "Léa", ""),
        ("", "", ""),
    ],
)
def test_words_in_capitals_are_the_surname_else_those_after_the_first(typed, first, last):
    assert split_name(typed) == (first, last)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("lea.martin@ac-nimes.fr", "Lea Martin"),
        ("jean-pierre.durand2@ac-nimes.fr", "Jean-Pierre Durand"),
        ("lea_martin@x.fr", "Lea Martin"),
        ("l.martin@ac-nimes.fr", ""),
        ("leamartin@x.fr", ""),
        ("ce.0301234a@ac-nimes.fr", ""),
        ("ecole.jaures@nimes.fr", ""),
        ("@x.fr", ""),
    ],
)
def test_an_address_names_somebody_only_by_first_name_and_surname(address, name):
    assert guess_name(address) == name


def test_a_sign_in_name_is_made_of_letters_alone():
    assert suggest_username(split_name("Zoé d’Été-Lefèvre")) == "zoe.d-ete-lefevre"
