"""An office with a row of every model of its schema: its ids, its texts under a mark, and a checksum of its rows."""

# ruff: noqa: SLF001 - Django's `_meta`

import contextlib
import datetime
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache, cached_property
from typing import Any

from django.apps import apps
from django.db import DatabaseError, models, transaction
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django_tenants.utils import tenant_context

from api.models import IdempotencyRecord
from collectivities.letters import build_stop_url
from collectivities.models import (
    AuditEntry,
    AuditSeal,
    Letter,
    LetterChoice,
    Member,
    MemberLetter,
    OfficeSettings,
    PortfolioSchool,
)
from core.connections import connection
from imports.enums import Purpose
from imports.models import ImportProgress, RememberedLayout, SpreadsheetImport
from licensing.entitlements.models import ActivationKey
from licensing.orders.models import Order
from licensing.plans.rebalancing.models import LicenceMove, Rebalancing
from licensing.plans.renewals.models import Renewal, RenewalApplication, RenewalGift, RenewalLine, RenewalOrder
from licensing.pools.models import Allocation, Pool
from licensing.reminders.models import ReminderPolicy, ReminderStop
from licensing.requests.returns.models import ReturnRequest
from tenants.models import Collectivity, Domain
from tests.access import samples
from tests.access.routes import list_routes
from tests.api import samples as api_samples
from tests.conftest import TERM
from tests.database_roles import execute_as_administrator
from tests.factories.payments import CardPaymentFactory
from tests.factories.schools import SchoolFactory
from tests.tenant_guard import TENANT_MODELS, separate_ids
from webhooks.models import Attempt, Delivery

#: What no page holds unless it shows a row of the office: too long for a random token to have it by chance.
MARK = "zqxjvkwy"

#: Where the tables of a filled office begin to number, and where those go on that all share: every table with the same
#: numbers, so that few ids are every id.
FIRST_ID, FIRST_ID_OF_OTHERS = 7_000_001, 8_000_001
#: Numbers from here on are those of no row.
NOBODYS_FIRST_ID = 6_000_001

_TEXTS = (models.CharField, models.TextField)
#: Columns of hashes and of what is looked up by its text: under a mark, nothing would be found by them.
_NEVER_MARKED = re.compile(r"hash|nonce|digest|sha256|previous|token|fingerprint|_id$|public_id|number|uai|currency")
_ARGUMENT, _REGEX_ARGUMENT = re.compile(r"<(?:(\w+):)?(\w+)>"), re.compile(r"\(\?P<(\w+)>")
#: Models whose texts cannot be marked, with the reason.
UNMARKED = {
    LetterChoice: "a choice alone",
    MemberLetter: "a choice alone",
    AuditSeal: "hashes",
    IdempotencyRecord: "hashes",
    ActivationKey: "a code of its own alphabet",
    ReturnRequest: "its answer is there once it is closed",
    Collectivity: "its name is public",
    Domain: "its address is public",
}


def _move() -> None:
    allocation = Allocation.objects.earliest("pk")
    rebalancing = Rebalancing.objects.create(pool=allocation.pool, from_free=0, applied_at=timezone.now())
    LicenceMove.objects.create(
        rebalancing=rebalancing, allocation=allocation, before=allocation.units + 1, after=allocation.units
    )


def _renew() -> None:
    renewal = Renewal.objects.create(
        school_year=2027, changed_at=TERM, declined_at=TERM, decline_reason="Pas cette année"
    )
    RenewalLine.objects.create(renewal=renewal, school=SchoolFactory(), units=1)
    RenewalOrder.objects.create(
        renewal=renewal, order=Order.objects.filter(collectivity=connection.tenant).earliest("pk"), ordered_at=TERM
    )
    applied = RenewalApplication.objects.create(renewal=renewal, applied_at=TERM, notify_at=TERM)
    RenewalGift.objects.create(application=applied, allocation=Allocation.objects.earliest("pk"), before=1, after=2)


#: What fills the models that no sample of a route does.
FURTHER_ROWS: dict[type[models.Model], Callable[[], object]] = {
    IdempotencyRecord: lambda: IdempotencyRecord.objects.create(
        key_hash="0" * 64, fingerprint="0" * 64, status=200, content_type="application/json", answered_at=TERM
    ),
    LetterChoice: lambda: LetterChoice.objects.create(
        member=Member.objects.earliest("pk"), letter=Letter.WEEKLY, is_wanted=True, chosen_at=TERM
    ),
    MemberLetter: lambda: MemberLetter.objects.create(
        member=Member.objects.earliest("pk"),
        letter=Letter.WEEKLY,
        period=TERM.date() - datetime.timedelta(days=TERM.weekday()),
        queued_at=TERM,
    ),
    OfficeSettings: lambda: OfficeSettings.objects.create(sender_name="Service", contact_name="Contact"),
    AuditSeal: lambda: AuditSeal.objects.create(number=FIRST_ID, sealed_at=TERM, entry_ids=[], digests=b"", hash="0"),
    ImportProgress: lambda: ImportProgress.objects.create(
        import_id=SpreadsheetImport.objects.earliest("pk").pk, step="read", started_at=TERM
    ),
    RememberedLayout: lambda: RememberedLayout.objects.create(
        purpose=Purpose.PORTFOLIO, header_digest="0", titles=["Titre"], confirmed_at=TERM
    ),
    LicenceMove: _move,
    ReminderPolicy: lambda: ReminderPolicy.objects.create(pool=Pool.objects.earliest("pk")),
    ReminderStop: lambda: ReminderStop.objects.create(school=SchoolFactory(), at=TERM),
    Renewal: _renew,
    Attempt: lambda: Attempt.objects.create(delivery=Delivery.objects.earliest("pk"), at=TERM, duration=1, answer="ok"),
}

#: A sample for each model that an address names; those of webhooks last, or each event would be a delivery.
_MAKERS = sorted(
    {*samples.SAMPLES.values(), api_samples.licence_request},
    key=lambda make: ("webhook" in make.__name__, make.__name__),
)


@cache
def list_public_models() -> dict[type[models.Model], list[models.Field]]:
    """Return the public models whose rows belong to an office, with the columns by which they do."""
    public = [model for model in apps.get_models(include_auto_created=True) if model not in TENANT_MODELS]
    found: dict[type[models.Model], list[models.Field]] = {Collectivity: [Collectivity._meta.pk]}
    size = 0
    while size != len(found):
        size = len(found)
        for model in public:
            if model is Collectivity:
                continue
            if columns := [field for field in model._meta.fields if field.is_relation and field.related_model in found]:
                found[model] = columns
    return found


class FilledOffice:
    """The rows of an office. Made in the transaction of a test, before any other row of the public tables it has."""

    def __init__(
        self, collectivity: Collectivity, first_id: int, *, makers: Iterable[Callable[[], object]] = ()
    ) -> None:
        """`makers`: what alone is made."""
        self.collectivity = collectivity
        separate_ids(collectivity, first_id)
        number_public_tables(first_id)
        with tenant_context(collectivity):
            for make in makers or _MAKERS:
                make()
            if makers:
                return
            CardPaymentFactory(order=Order.objects.filter(collectivity=collectivity).earliest("pk"))
            for model, make in FURTHER_ROWS.items():
                if not model._default_manager.exists():
                    make()

    def list_empty_models(self) -> list[str]:
        """Return the names of the models that have no row: each needs a sample, or a line in `FURTHER_ROWS`."""
        with tenant_context(self.collectivity):
            return sorted(model._meta.label for model in TENANT_MODELS if not model._default_manager.exists())

    def iter_rows(self) -> Iterator[models.Model]:
        """Yield every row of the schema, and of the public tables whose rows belong to an office."""
        with tenant_context(self.collectivity):
            for model in sorted(TENANT_MODELS, key=lambda one: one._meta.label):
                yield from model._default_manager.all()
        owned: dict[type[models.Model], set[Any]] = {Collectivity: {self.collectivity.pk}}
        for model, columns in list_public_models().items():
            if model is Collectivity:
                continue
            condition = models.Q()
            for column in columns:
                condition |= models.Q(**{f"{column.name}__in": owned.get(column.related_model, set())})
            rows = list(model._default_manager.filter(condition))
            owned[model] = {row.pk for row in rows}
            yield from rows

    def mark_texts(self) -> list[str]:
        """Put the mark into every text of its rows; return the models with texts that have it in none."""
        unmarked = []
        model: type[models.Model]
        for model, rows in itertools.groupby(list(self.iter_rows()), key=type):
            texts = [field for field in model._meta.fields if _is_text(field)]
            keys = [row.pk for row in rows]
            if texts and model not in UNMARKED and not [field for field in texts if self._mark(model, field, keys)]:
                unmarked.append(model._meta.label)
        return sorted(unmarked)

    def _mark(self, model: type[models.Model], field: models.Field, keys: list[Any]) -> bool:
        schema = self.collectivity.schema_name if model in TENANT_MODELS else "public"
        column, pk = field.column, model._meta.pk.column
        text = f"'{MARK}' || \"{pk}\""
        if isinstance(field, models.EmailField):
            text += " || '@a.fr'"
        elif isinstance(field, models.URLField):
            text = f"'https://{MARK}.fr/' || \"{pk}\""
        elif isinstance(field, models.JSONField):
            text = (
                f'CASE jsonb_typeof("{column}") WHEN \'object\' THEN "{column}" || \'{{"{MARK}": "{MARK}"}}\''
                f" WHEN 'array' THEN \"{column}\" || '[\"{MARK}\"]' ELSE '\"{MARK}\"' END"
            )
        table = f'"{schema}"."{model._meta.db_table}"'
        try:
            with transaction.atomic():
                statement = f'UPDATE {table} SET "{column}" = {text} WHERE "{pk}" = ANY(%s)'  # noqa: S608 - names of models
                return execute_as_administrator(statement, [keys]) > 0
        except DatabaseError:
            # A column that holds what its constraint says alone.
            return False

    def compute_checksums(self) -> dict[str, tuple[int, int]]:
        """Return, for each table, how many of its rows are the office's and a checksum of them.

        In public tables: rows that are, or belong to, what the office had at the first call. Two statements in all.
        """
        found = {}
        with tenant_context(self.collectivity), connection.cursor() as cursor:
            for statement, parameters in self._sums:
                cursor.execute(statement, parameters or None)
                found |= {table: (rows, checksum) for table, rows, checksum in cursor}
        return found

    @cached_property
    def _sums(self) -> list[tuple[str, list[Any]]]:
        """The statements that sum up the tables of the schema and the public ones, with their parameters."""
        own = " UNION ALL ".join(_build_sum(model) for model in TENANT_MODELS)
        sums, parameters, owned = [], [], {}
        with connection.cursor() as cursor:
            for model, columns in list_public_models().items():
                if model is Collectivity:
                    keys = [[self.collectivity.pk]]
                else:
                    keys = [owned.get(column.related_model, []) for column in columns]
                where = " OR ".join(f'"{column.column}" = ANY(%s)' for column in columns)
                sums.append(_build_sum(model, where, "public."))
                parameters += keys
                table, pk = f'public."{model._meta.db_table}"', model._meta.pk.column
                cursor.execute(f'SELECT "{pk}" FROM {table} WHERE {where}', keys)  # noqa: S608 - names of models
                owned[model] = [key for (key,) in cursor]
        return [(own, []), (" UNION ALL ".join(sums), parameters)]


def _build_sum(model: type[models.Model], where: str = "true", schema: str = "") -> str:
    return (
        f"SELECT '{model._meta.label}', count(*), coalesce(sum(hashtextextended(one::text, 0)), 0)"  # noqa: S608 - names of models
        f' FROM {schema}"{model._meta.db_table}" one WHERE {where}'
    )


def _is_text(field: models.Field) -> bool:
    is_text = isinstance(field, (*_TEXTS, models.JSONField)) and not field.choices and not field.primary_key
    return is_text and not field.is_relation and not _NEVER_MARKED.search(field.name)


def number_public_tables(first_id: int) -> None:
    """Let the tables of what belongs to an office go on at this number, until the test's transaction is undone."""
    for model in list_public_models():
        if model is Collectivity or not isinstance(model._meta.pk, (models.AutoField, models.BigAutoField)):
            continue
        with connection.cursor() as cursor:
            table, column = f'public."{model._meta.db_table}"', model._meta.pk.column
            cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [table, column])
            (sequence,) = cursor.fetchone()
        # Undone with the transaction, which PostgreSQL's setval is not: later tests would go on at these numbers.
        execute_as_administrator(f"ALTER SEQUENCE {sequence} RESTART WITH {first_id}")


#: The journal has more rows than any table that an address names; its first numbers are those of the others. Domains
#: are older than the office's rows: their small numbers are those of something that the asker's own office has.
_NAMED_BY_NO_ADDRESS = {AuditEntry, Domain}


def list_arguments(route: str) -> dict[str, str]:
    """Return the arguments of a route in their order, each with its converter."""
    if names := _REGEX_ARGUMENT.findall(route):
        return dict.fromkeys(names, "str")
    return {name: kind or "str" for kind, name in _ARGUMENT.findall(route)}


def _list_kinds(name: str, urlconf: str) -> dict[str, str]:
    return list_arguments(next(one.route for one in list_routes(urlconf) if one.name == name))


def _build_urls(name: str, urlconf: str, combined: Iterable[dict[str, Any]]) -> list[str]:
    urls = []
    for kwargs in combined:
        with contextlib.suppress(NoReverseMatch):
            urls.append(reverse(name, urlconf=urlconf, kwargs=kwargs))
    return urls


class Ids:
    """What an address may hold of an office: numbers, texts, and for several arguments what one row has of them."""

    def __init__(self, office: FilledOffice) -> None:
        self.rows = [row for row in office.iter_rows() if type(row) not in _NAMED_BY_NO_ADDRESS]
        self.numbers = sorted({row.pk for row in self.rows if isinstance(row.pk, int) and row.pk >= FIRST_ID})
        # A text of digits would be the number of something that the asker's own office has.
        texts = {text for row in self.rows for text in _list_words(row) if not text.isdecimal()}
        with tenant_context(office.collectivity):
            if member := Member.objects.first():
                texts.add(build_stop_url(office.collectivity, member.pk, Letter.WEEKLY).rstrip("/").rpartition("/")[2])
        self.texts = sorted(texts)
        self.uais = sorted({row.school_id for row in self.rows if isinstance(row, PortfolioSchool)})

    def list_urls(self, name: str, urlconf: str) -> list[str]:
        """Return the addresses of a route for every id."""
        return _build_urls(name, urlconf, self.combine(_list_kinds(name, urlconf)))

    def list_mixed_urls(self, name: str, urlconf: str, own: dict[str, Any]) -> list[str]:
        """Return the addresses of something of the asker's office, with each last argument of the others."""
        kinds = _list_kinds(name, urlconf)
        last = list(kinds)[-1]
        values = {one[last] for one in self.combine(kinds)}
        # A small number is that of something which the asker's own office has, as text too.
        foreign = [value for value in values if not str(value).isdecimal() or int(value) >= FIRST_ID]
        return _build_urls(name, urlconf, [own | {last: value} for value in sorted(foreign)])

    def combine(self, kinds: dict[str, str]) -> list[dict[str, Any]]:
        """Return the arguments of an address: `kinds` has the name of each, and its converter's."""
        if len(kinds) == 1:
            ((name, kind),) = kinds.items()
            values = self.numbers if kind == "int" else self.uais if name == "uai" else self.texts
            return [{name: value} for value in values]
        found = {}
        for row in self.rows:
            choices = [
                _list_values(row, name, kind, is_first=not place) for place, (name, kind) in enumerate(kinds.items())
            ]
            found |= {values: dict(zip(kinds, values, strict=True)) for values in itertools.product(*choices)}
        return list(found.values())


def _list_values(row: models.Model, name: str, kind: str, *, is_first: bool) -> list[Any]:
    """Return what a row has for an argument: the first names what the row belongs to, the others the row."""
    fields = {field.name: field for field in row._meta.fields}
    if is_first:
        values = [getattr(row, field.attname) for field in fields.values() if _leads_to_an_office(field)]
    else:
        values = [getattr(row, name if name in fields else "pk")]
    return sorted({value for value in values if isinstance(value, int if kind == "int" else str)})


def _leads_to_an_office(field: models.Field) -> bool:
    if field.is_relation:
        return field.related_model in TENANT_MODELS or field.related_model in list_public_models()
    return field.name.endswith("_id") and isinstance(field, models.BigIntegerField)


def _list_words(row: models.Model) -> Iterator[str]:
    """Yield the short texts of a row that an address could hold."""
    names = [field.attname for field in row._meta.fields if isinstance(field, _TEXTS) and not field.choices]
    if isinstance(getattr(type(row), "link_token", None), property):
        names.append("link_token")
    for name in names:
        # A number, a token or a hash, and no word.
        if re.fullmatch(r"(?=.*\d)[\w-]{6,100}", str(getattr(row, name))):
            yield str(getattr(row, name))
