"""The fields of the sign-up form."""

from tests.accounts.emails import PASSWORD

PERSON = {
    "profile": "principal",
    "username": "testchefetab",
    "last_name": "Colas",
    "first_name": "Benoît",
    "email": "ecole@exemple.example",
    "phone": "01 45 72 00 00",
    "password1": PASSWORD,
    "password2": PASSWORD,
}


TYPED = {
    "not_listed": "on",
    "school_name": "École primaire publique",
    "address": "25 rue Léon-Paul Fargue",
    "address_extra": "Bât. B",
    "postal_code": "75006",
    "city": "Paris",
    "country": "France",
}
