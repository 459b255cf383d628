"""Addresses pasted from mail programs and spreadsheets are read; what is not understood is said by line."""

import pytest

from licensing.requests.invitations.address_list import parse_addresses


def read(text):
    return [tuple(person) for person in parse_addresses(text).people]


@pytest.mark.parametrize(
    "line",
    [
        "Léa Martin <lea.martin@ac-nimes.fr>",
        '"Léa Martin" <lea.martin@ac-nimes.fr>,',
        "« Léa Martin » lea.martin@ac-nimes.fr ;",
        "Léa Martin <mailto:lea.martin@ac-nimes.fr>",
        "Léa Martin [mailto:lea.martin@ac-nimes.fr?subject=Bonjour]",
        "lea.martin@ac-nimes.fr (Léa Martin)",
        "Léa\tMartin\tlea.martin@ac-nimes.fr",
        "Léa;Martin;lea.martin@ac-nimes.fr",
        "lea.martin@ac-nimes.fr\tLéa Martin",
        "Mme Léa Martin <lea.martin@ac-nimes.fr>",
        " • Léa Martin : lea.martin@ac-nimes.fr.",
        "\ufeffLéa Martin <lea.martin@ac-nimes.fr\u200b>",
    ],
)
def test_name_and_address_are_read_as_any_program_writes_them(line):
    assert read(line) == [("lea.martin@ac-nimes.fr", "Léa Martin")]


@pytest.mark.parametrize("line", ["Martin, Léa <lea.martin@ac-nimes.fr>", '"MARTIN, Léa" <lea.martin@ac-nimes.fr>'])
def test_a_comma_stands_after_the_surname_which_is_then_in_capitals(line):
    assert read(line) == [("lea.martin@ac-nimes.fr", "Léa MARTIN")]


@pytest.mark.parametrize(
    "address", ["lea@ac-nimes.fr", "<lea@ac-nimes.fr>", "mailto:lea@ac-nimes.fr", "'lea@ac-nimes.fr'"]
)
def test_an_address_alone_names_nobody(address):
    assert read(address) == [("lea@ac-nimes.fr", "")]


def test_several_addresses_stand_on_one_line():
    text = 'Léa Martin <lea@x.fr>; "Durand, Paul" <paul@x.fr>, ines@x.fr;sam@x.fr zoe@x.fr (Zoé Petit), noa@x.fr'
    assert read(text) == [
        ("lea@x.fr", "Léa Martin"),
        ("paul@x.fr", "Paul DURAND"),
        ("ines@x.fr", ""),
        ("sam@x.fr", ""),
        ("zoe@x.fr", "Zoé Petit"),
        ("noa@x.fr", ""),
    ]  # fmt: skip


def test_each_line_without_a_valid_address_is_reported_with_its_number():
    listed = parse_addresses("lea@x.fr\n\nMartin Paul\npaul@x\n  ;;\nines@x.fr")
    assert [person.email for person in listed.people] == ["lea@x.fr", "ines@x.fr"]
    assert [(line.number, line.text) for line in listed.bad_lines] == [(3, "Martin Paul"), (4, "paul@x")]
    assert [line.reason for line in listed.bad_lines] == [
        "il y manque l’adresse e-mail",
        "« paul@x » n’est pas une adresse e-mail",
    ]


def test_a_bad_address_does_not_hide_the_good_ones_of_its_line():
    listed = parse_addresses("lea@x.fr; paul@@x.fr; ines@x.fr")
    assert [person.email for person in listed.people] == ["lea@x.fr", "ines@x.fr"]
    assert [line.number for line in listed.bad_lines] == [1]


def test_an_address_that_stands_twice_is_kept_once_with_its_name():
    listed = parse_addresses("lea@x.fr\nLéa Martin <LEA@x.fr>\nlea@x.fr\nLEA MARTIN <lea@x.fr>")
    assert listed.people == [("LEA@x.fr", "Léa Martin")]
    assert listed.repeated == 3


def test_two_names_of_one_mailbox_are_two_people():
    assert read("Léa Martin <ecole@x.fr>\nPaul Durand <ecole@x.fr>") == [
        ("ecole@x.fr", "Léa Martin"),
        ("ecole@x.fr", "Paul Durand"),
    ]


@pytest.mark.parametrize("name", ["Gagnez sur www.exemple.example", "Léa CE1 n° 3", "L" * 70, "Léa\u202eMartin"])
def test_a_name_that_no_e_mail_may_repeat_is_left_out(name):
    assert read(f"{name} <lea@x.fr>") == [("lea@x.fr", "")]


def test_a_long_text_is_read_in_linear_time():
    """A text of 20,000 letters that matches nearly everywhere: a quadratic reading would take minutes."""
    assert parse_addresses("a@" * 10_000).people == []
    assert len(parse_addresses("\n".join(f"a{n}@x.fr" for n in range(1_500))).people) == 1_500
