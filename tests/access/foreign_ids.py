"""Asks with the ids of another office; finds what is shown, changed, referred to, or told from what is nobody's."""

# ruff: noqa: SLF001 - Django's `_meta`

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable
from functools import cached_property
from itertools import count
from typing import Any, NamedTuple

import pytest
from django.core.handlers import exception as error_pages
from django.db import models, transaction
from django.db.models import Model
from django.http import HttpResponse
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from accounts.models import User
from collectivities.capabilities import Role
from core.connections import connection
from tenants.models import Collectivity
from tests.access.filled_office import (
    FIRST_ID_OF_OTHERS,
    MARK,
    FilledOffice,
    Ids,
    list_public_models,
    number_public_tables,
)
from tests.factories.accounts import OperatorFactory
from tests.factories.collectivities import MemberFactory
from tests.host_client import HostClient
from tests.returns.given_school import GivenSchool
from tests.tenant_guard import TENANT_MODELS

_SIGN_IN = ("/connexion/?next=", "/eleve/")
HTMX = {"HX-Request": "true"}
_DIGITS = re.compile(r"\d+")


def _list_references() -> dict[str, tuple[type[Model], models.Field]]:
    """Return by which columns rows of an office name others, without a constraint of the database.

    Those of public ones, and numbers alone, of rows of any table.
    """
    return {
        str(field): (model, field)
        for model in TENANT_MODELS
        for field in model._meta.fields
        if (field.is_relation and field.related_model in list_public_models())
        or (field.name.endswith("_id") and isinstance(field, models.BigIntegerField))
    }


#: What the statistics of the server count of a transaction in these tables, what was undone included.
_WRITTEN = (
    "(SELECT sum(pg_stat_get_xact_tuples_inserted(one) + pg_stat_get_xact_tuples_updated(one)"
    " + pg_stat_get_xact_tuples_deleted(one)) FROM unnest(%s::oid[]) one)"
)


def _list_tables(*schemas: tuple[str, Iterable[type[Model]]]) -> list[int]:
    """Return the tables of models in schemas, as PostgreSQL numbers them."""
    names = [f'"{schema}"."{model._meta.db_table}"' for schema, models in schemas for model in models]
    with connection.cursor() as cursor:
        cursor.execute("SELECT one::regclass::oid FROM unnest(%s::text[]) one", [names])
        return [number for (number,) in cursor]


class Asker(NamedTuple):
    """Somebody with a browser at a host. `role`: at the office of that host; None of whoever is no member."""

    name: str
    browser: HostClient
    role: str | None = None

    @classmethod
    def at(cls, host: str, name: str, user: User | None, role: str | None = None) -> Asker:
        browser = HostClient(host)
        if user is not None:
            browser.force_login(user, confirmed=True)
        return cls(f"{name} at {host}", browser, role)


class Askers:
    """A member for each role of an office, a principal and a teacher whom it serves, the operator, and nobody."""

    def __init__(self, office: Collectivity) -> None:
        self.office_host = office.office_host
        with tenant_context(office):
            self.members = {role: MemberFactory(roles=[role]).user for role in Role.values}
            self.manager_of_all = MemberFactory(roles=list(Role.values)).user
            given = GivenSchool(office, at=timezone.now())
            teacher = given.teacher()
            given.assign(teacher, at=timezone.now())
        with schema_context("public"):
            operator = OperatorFactory()
        self._asking: dict[str, list[Asker]] = {}
        self.others = {"a principal": given.principal, "a teacher": teacher, "the operator": operator, "nobody": None}

    @cached_property
    def at_office(self) -> list[Asker]:
        """The members. Browsers are made once: each has the middleware of its own."""
        return [Asker.at(self.office_host, f"a {role}", user, role) for role, user in self.members.items()]

    def list_others(self, host: str) -> list[Asker]:
        """Return whoever is no member at this host."""
        if host not in self._asking:
            others = self.others if host == self.office_host else self.others | {"a manager": self.manager_of_all}
            self._asking[host] = [Asker.at(host, name, user) for name, user in others.items()]
        return self._asking[host]


def render_error_pages_once(patch: pytest.MonkeyPatch) -> None:
    """Render the page of a refusal once for each asker and status; then answer with the exception's text alone.

    Such a page is given no more than the exception. Saves a fifth of the walk's processor time.
    """
    render, rendered = error_pages.get_exception_response, set()

    def render_once(request: Any, resolver: Any, status: int, exception: Exception) -> HttpResponse:
        asker = (request.get_host(), request.user.pk, status)
        if asker in rendered:
            return HttpResponse(f"{exception}", status=status)
        rendered.add(asker)
        return render(request, resolver, status, exception)

    patch.setattr(error_pages, "get_exception_response", render_once)


class ForeignIds:
    """The walk: whose ids are asked for, how often, and what was wrong."""

    def __init__(self, theirs: FilledOffice, asking: Collectivity, ids: Ids | None = None) -> None:
        self.theirs, self.ids, self.asking = theirs, ids or Ids(theirs), asking
        self.unmarked = theirs.mark_texts()
        self.before = theirs.compute_checksums()
        self.probes = 0
        self.faults: list[str] = []
        self._turns = count()
        number_public_tables(FIRST_ID_OF_OTHERS)
        theirs_or_public = [(theirs.collectivity.schema_name, TENANT_MODELS), ("public", list_public_models())]
        self._watched = [_list_tables(*theirs_or_public), _list_tables((asking.schema_name, TENANT_MODELS))]
        self._looks = self._build_looks()
        self._written = self._count_writes()

    def _build_looks(self) -> tuple[str, list[Any]]:
        """Return the statement that finds references to what is theirs in the askers' rows, and its parameters."""
        looks, parameters = [], []
        for name, (model, field) in _list_references().items():
            table, column = f'"{model._meta.db_table}"', field.column
            looks.append(f"SELECT '{name}' WHERE EXISTS (SELECT FROM {table} WHERE \"{column}\" = ANY(%s))")  # noqa: S608 - names of models
            is_named = isinstance(field, models.BigIntegerField)
            theirs = [row.pk for row in self.ids.rows if isinstance(row, field.related_model or ())]
            parameters.append(self.ids.numbers if is_named else theirs)
        return " UNION ALL ".join(looks), parameters

    def ask_everything(self, asker: Asker, urls: Iterable[str], refusals: set[int] | None) -> None:
        """Ask for each address by GET and by POST where they are allowed, each second time as htmx does."""
        cookies = copy.deepcopy(asker.browser.cookies)
        for method in ("get", "post"):
            for url in urls:
                headers = HTMX if next(self._turns) % 2 else {}
                send = getattr(asker.browser, method)
                answered = self.ask(f"{asker.name}, {method} {url}", lambda: send(url, headers=headers), refusals)  # noqa: B023 - called at once
                if answered == 405:
                    break
        # A session that was opened anew is undone with its row.
        asker.browser.cookies = cookies

    def ask_once(self, asker: Asker, urls: list[str], refusals: set[int] | None) -> None:
        """Ask for one of the addresses, another one each time: for somebody who is refused before it is looked for."""
        self.ask_everything(asker, [urls[next(self._turns) % len(urls)]], refusals)

    def ask(self, what: str, send: Callable[[], Any], refusals: set[int] | None) -> int:
        """Send a request and undo it; note as a fault what is not refused, shows a text or changes anything of theirs.

        `refusals`: the statuses of a refusal; None where the answer may be any. Returns the status.
        """
        self.probes += 1
        current = connection.tenant
        status = 0
        try:
            with transaction.atomic():
                answer = send()
                status = answer.status_code
                self._judge(what, answer, refusals)
                connection.set_tenant(current)
                before, self._written = self._written, self._count_writes()
                if self._written[0] != before[0]:
                    self._compare(what)
                if self._written != before:
                    self._look_for_references(what)
                transaction.set_rollback(True)
        except Exception as error:  # noqa: BLE001 - a page that breaks over an id has looked for it
            self.faults.append(f"{what}: {error!r}")
        connection.set_tenant(current)
        return status

    def compare(self, what: str, send_theirs: Callable[[], Any], send_nobodys: Callable[[], Any]) -> None:
        """Ask for what is theirs, and for what no row has; note as a fault what tells one from the other."""
        answers = []

        def note(send: Callable[[], Any]) -> Any:
            answer = send()
            content = answer.content.decode() if answer.get("Content-Type", "").endswith("json") else ""
            answers.append(
                (answer.status_code, _DIGITS.sub("#", answer.get("Location", "")), _DIGITS.sub("#", content))
            )
            return answer

        for whose, send in (("theirs", send_theirs), ("nobody's", send_nobodys)):
            self.ask(f"{what}, {whose}", lambda: note(send), None)  # noqa: B023 - called at once
        if len(set(answers)) > 1:
            self.faults.append(f"{what}: {answers[0]} for what is theirs, {answers[1]} for what is nobody's")

    def _judge(self, what: str, answer: Any, refusals: set[int] | None) -> None:
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        if MARK in body.decode(errors="replace").lower():
            self.faults.append(f"{what}: shows a text of the office")
        if refusals is not None and answer.status_code not in refusals:
            self.faults.append(f"{what}: {answer.status_code} {answer.get('Location', '')}")
        elif refusals == {302} and not answer["Location"].startswith(_SIGN_IN):
            self.faults.append(f"{what}: leads to {answer['Location']}")

    def _compare(self, what: str) -> None:
        now = self.theirs.compute_checksums()
        self.faults += [f"{what}: changes {table}" for table in now if now[table] != self.before[table]]

    def _look_for_references(self, what: str) -> None:
        with tenant_context(self.asking), connection.cursor() as cursor:
            cursor.execute(*self._looks)
            self.faults += [f"{what}: {column} names what is theirs" for (column,) in cursor]
            # What names a row of another schema is refused here, and not at a commit that never comes.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")

    def _count_writes(self) -> list[int]:
        """Return how many rows the transaction has written, however: of theirs and public ones, and of the askers'."""
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {_WRITTEN}, {_WRITTEN}", self._watched)
            return list(cursor.fetchone())
