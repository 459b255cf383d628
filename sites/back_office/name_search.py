"""Search of clients, people, schools and orders by telephone number and by name, as people type and misspell them.

Every word must begin a word of the name; where that finds nothing, be like one (trigrams) or a letter away from one.
« Mairie d'Alès » is searched as « ales »: what a collectivity is called before its name differs from one paper to the
next.
"""

import re
from typing import NamedTuple

from django.db.models import CharField, Expression, F, Func, Model, Q, QuerySet, TextField, Value
from django.db.models.functions import Concat, Right

from accounts.models import User
from licensing.books.billing.models import Invoice
from licensing.books.billing.queries import ClientText
from licensing.orders.models import UNSIGNED_STATES, Order, OrderState
from schools import queries as school_queries
from schools.folding import edit_distance, fold
from schools.models import DirectoryWord, Fold, School
from sites.back_office.sale_search import select_orders
from tenants.models import Collectivity, OfficeRequest

#: A shorter word is near to too many; a longer one with a slip is found by its trigrams.
MIN_LETTERS, MAX_LETTERS = 4, 12
#: Spellings of one sound that are more than a letter apart: « Alais » is Alès.
_SOUNDS = (("eau", "au", "o"), ("ai", "ei", "e"), ("qu", "k", "c"), ("ph", "f"))
_SOUND_OF = {spelling: "(" + "|".join(spellings) + ")" for spellings in _SOUNDS for spelling in spellings}
_SPELLINGS = re.compile("|".join(sorted(_SOUND_OF, key=len, reverse=True)))
_LETTER = "[^ ]"


def build_near_pattern(word: str) -> str | None:
    """Return the regular expression of a folded text that has a word near this folded one; None if it is too short.

    Near: a letter more, less, other, or swapped with the next, after the first letter; or the same sounds. The whole
    word counts: « aisha » is near « aicha », and not « aichatou ». Pure.
    """
    if not MIN_LETTERS <= len(word) <= MAX_LETTERS:
        return None
    other = [word[:at] + f"{_LETTER}?" + word[at + 1 :] for at in range(1, len(word))]
    more = [word[:at] + _LETTER + word[at:] for at in range(1, len(word) + 1)]
    swapped = [word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in range(len(word) - 1)]
    same_sounds = _SPELLINGS.sub(lambda match: _SOUND_OF[match[0]], word)
    return f" ({'|'.join((*other, *more, *swapped, same_sounds))})( |$)"


#: Rows of each kind: whoever sees as many types another word.
MAX_NAMED = 20
_MAX_WORDS = 6
#: A shorter word has too few trigrams to be like another.
_MIN_ALIKE = 4
#: Letters of a word that is corrected, and how many edits away another may be.
_MIN_CORRECTED, _MAX_DISTANCE = 6, 2
#: Words of the directory that are compared with one.
_MAX_NEAR_WORDS = 50
#: Before a collectivity's own name, in some papers and not in others.
_COMMON = frozenset((
    "a", "au", "aux", "commune", "communaute", "conseil", "d", "de", "departement", "departemental", "des", "du",
    "en", "et", "l", "la", "le", "les", "mairie", "metropole", "region", "regional", "ville",
))  # fmt: skip
#: Orders that no invoice names yet.
_NOT_INVOICED = (OrderState.DRAFT, *UNSIGNED_STATES)


class FoundSchools(NamedTuple):
    """The first schools, and how many there are."""

    schools: list[School]
    total: int


class PersonText(Func):
    """The search text of an account, as its index has it (migration tenants.0003)."""

    function = "public.accounts_person_text"
    output_field = TextField()


def split_name(text: str) -> list[str]:
    """Return the folded words to search; the common ones only where there are no others. Pure."""
    words = list(dict.fromkeys(fold(text).split()))
    return ([word for word in words if word not in _COMMON] or words)[:_MAX_WORDS]


def find_collectivities(words: list[str]) -> list[Collectivity]:
    """Return the collectivities of a name or SIREN, by name."""
    text = Concat(Value(" "), Fold(Concat("name", Value(" "), "slug", Value(" "), "siren")), output_field=TextField())
    return find_rows(Collectivity.objects.order_by("name", "pk"), text, words)


def find_people(words: list[str]) -> list[User]:
    """Return the accounts of a name, username or address, by name."""
    text = PersonText("first_name", "last_name", "username", "email")
    return find_rows(User.objects.order_by("last_name", "first_name", "pk"), text, words)


def find_office_requests(words: list[str]) -> list[OfficeRequest]:
    """Return the requests of an office by name, SIREN, applicant or address, the latest first."""
    parts = ("name", Value(" "), "siren", Value(" "), "applicant", Value(" "), "email")
    text = Concat(*parts, output_field=TextField())
    requests = OfficeRequest.objects.order_by("-pk")
    return find_rows(requests, Concat(Value(" "), Fold(text), output_field=TextField()), words)


def find_collectivities_by_any(words: list[str]) -> list[Collectivity]:
    """Return the collectivities with at least one of these words: for « viel de nimes », of which one is misspelt."""
    long = [word for word in words if len(word) >= _MIN_ALIKE]
    found = {one.pk: one for word in long for one in find_collectivities([word])}
    return list(found.values())[:MAX_NAMED]


def find_schools(text: str) -> FoundSchools:
    """Return the schools of a name or place, open ones first. The directory's search corrects spelling itself.

    What it does not correct is searched by the nearest words of the directory, two letters away.
    """
    schools = school_queries.search(text)
    first = list(schools[: MAX_NAMED + 1])
    if not first and (near := _build_near_condition(split_name(text))) is not None:
        schools = School.objects.filter(near).order_by(*school_queries.DEFAULT_ORDER)
        first = list(schools[: MAX_NAMED + 1])
    total = len(first) if len(first) <= MAX_NAMED else schools.count()
    return FoundSchools(first[:MAX_NAMED], total)


def _build_near_condition(words: list[str]) -> Q | None:
    """Return the condition that a school has these words, or words of the directory two letters away from them."""
    meant = Q()
    for word in words:
        either = Q(search_text__contains=f" {word}")
        if len(word) >= _MIN_CORRECTED and word.isalpha():
            alike = DirectoryWord.objects.filter(word__trigram_similar=word).values_list("word", flat=True)
            for other in [one for one in alike[:_MAX_NEAR_WORDS] if edit_distance(word, one) <= _MAX_DISTANCE]:
                either |= Q(search_text__contains=f" {other}")
        meant &= either
    return meant if words else None


def find_invoices(words: list[str]) -> list[Invoice]:
    """Return the invoices of a client, the latest first."""
    invoices = Invoice.objects.select_related("order").defer("xml").order_by("-year", "-sequence")
    return find_rows(invoices, ClientText(F("snapshot")), words)


def find_orders(words: list[str]) -> list[Order]:
    """Return the orders that are not invoiced yet, by the name of who pays or is served, the latest first."""
    orders = select_orders(Order.objects.filter(state__in=_NOT_INVOICED))
    names = Concat("bill_name", Value(" "), "collectivity__name", Value(" "), "school__name")
    return find_rows(orders, Concat(Value(" "), Fold(names), output_field=TextField()), words)


def find_orders_by_email(words: list[str]) -> list[Order]:
    """Return the orders whose invoices go to an address that is nearly this one, the latest first."""
    text = Concat(Value(" "), Fold("bill_email"), output_field=TextField())
    return find_rows(select_orders(Order.objects.all()), text, words)


def find_sales_of(collectivities: list[Collectivity], schools: list[School]) -> tuple[list[Order], list[Invoice]]:
    """Return the latest orders and invoices of clients. Two queries."""
    ordered = Q(collectivity__in=collectivities) | Q(school__in=[one.pk for one in schools])
    billed = Q(order__collectivity__in=collectivities) | Q(order__school__in=[one.pk for one in schools])
    orders = select_orders(Order.objects.filter(ordered))
    invoices = Invoice.objects.filter(billed).select_related("order").defer("xml").order_by("-year", "-sequence")
    return list(orders[:MAX_NAMED]), list(invoices[:MAX_NAMED])


def find_rows[Row: Model](rows: QuerySet[Row], text: Expression | Func, words: list[str]) -> list[Row]:
    """Return the first rows whose folded `text` has words that begin with these, or else words like them."""
    if not words:
        return []
    named = rows.alias(named=text)
    begins, alike = Q(), Q()
    for word in words:
        begins &= Q(named__contains=f" {word}")
        alike &= _is_like(word)
    return list(named.filter(begins)[:MAX_NAMED]) or list(named.filter(alike)[:MAX_NAMED])


def _is_like(word: str) -> Q:
    """Return the condition that a name has a word like this one, or one that begins with it where it is short."""
    if len(word) < _MIN_ALIKE:
        return Q(named__contains=f" {word}")
    similar, near = Q(named__trigram_strict_word_similar=word), build_near_pattern(word)
    return similar | Q(named__regex=near) if near else similar


#: A French number without its « 0 » or « +33 ».
_DIGITS = 9
OFFICE_SQL = r"""
SELECT 'Répond aux écoles', concat_ws(', ', nullif(contact_name, ''), contact_phone)
FROM {schema}.collectivities_officesettings WHERE right(regexp_replace(contact_phone, '\D', '', 'g'), 9) = %s
UNION ALL SELECT 'Contact d''une école', concat_ws(', ', school_id, nullif(contact_name, ''), contact_phone)
FROM {schema}.collectivities_portfolioschool WHERE right(regexp_replace(contact_phone, '\D', '', 'g'), 9) = %s
"""


def find_people_by_phone(number: str) -> list[User]:
    """Return the accounts with a number, given by its last nine digits."""
    return _find(User.objects.order_by("last_name", "pk"), number)


def find_schools_by_phone(number: str) -> list[School]:
    """Return the schools with a number. Reads the whole directory: some 0.1 s."""
    return _find(School.objects.order_by("pk"), number)


def find_requests_by_phone(number: str) -> list[OfficeRequest]:
    """Return the requests of an office with a number, the latest first."""
    return _find(OfficeRequest.objects.order_by("-pk"), number)


def _find[Row: Model](rows: QuerySet[Row], number: str) -> list[Row]:
    digits = Func(F("phone"), Value(r"\D"), Value(""), Value("g"), function="regexp_replace", output_field=CharField())
    return list(rows.exclude(phone="").alias(digits=Right(digits, _DIGITS)).filter(digits=number)[:MAX_NAMED])
