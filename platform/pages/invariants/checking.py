"""All invariants, checked over the public schema and every collectivity's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection
from django_tenants.utils import schema_context, tenant_context

from licensing.pools.queries import positions
from licensing.subscriptions import sealing
from pages.invariants.books import BOOKS
from pages.invariants.licences import PUBLIC, TENANT
from pages.invariants.rules import Finding
from tenants.models import Collectivity

if TYPE_CHECKING:
    from collections.abc import Iterator

POSITION = ("position", "8. Achetées = libres + envoyées + activées, libres + tenues par un enseignant")
CODES = (
    "codes",
    "5. Chaque clé se lit, et aucune n'existe deux fois, d'une collectivité ou d'une clé de scellement à l'autre",
)


def check_all() -> list[Finding]:
    """Check every invariant over the public schema and all collectivities; return a finding for each."""
    findings = {code: Finding(code, rule) for code, rule in _rules()}
    with schema_context("public"):
        for invariant in (*PUBLIC, *BOOKS):
            for sentence in _breaches(invariant.sql, None):
                findings[invariant.code].add(sentence)
        for sentence in _codes():
            findings["codes"].add(sentence)
        collectivities = list(Collectivity.objects.order_by("pk"))
    for collectivity in collectivities:
        with tenant_context(collectivity):
            for invariant in TENANT:
                for sentence in _breaches(invariant.sql, {"collectivity": collectivity.pk}):
                    findings[invariant.code].add(f"{collectivity.slug} : {sentence}")
            for position in positions():
                if not position.adds_up:
                    findings["position"].add(
                        f"{collectivity.slug} : lot n° {position.pool_id} : {position.bought} ≠ {position.free} + "
                        f"{position.issued} + {position.redeemed_free} + {position.held}"
                    )
    return sorted(findings.values(), key=lambda finding: int(finding.rule.split(".")[0]))


def _rules() -> Iterator[tuple[str, str]]:
    for invariant in (*PUBLIC, *BOOKS, *TENANT):
        yield invariant.code, invariant.rule
    yield POSITION
    yield CODES


def _breaches(sql: str, parameters: dict[str, int] | None) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        for (sentence,) in cursor:
            yield sentence


def _codes() -> Iterator[str]:
    """Unseal every code: the unique column cannot see the same one under two sealing keys."""
    seen: dict[str, int] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, sealed_code, sealed_under FROM subscriptions_activationkey ORDER BY id")
        for number, sealed, under in cursor:
            try:
                code = sealing.unseal(sealed, under)
            except sealing.Unsealable:
                yield f"clé n° {number} : aucune clé de scellement n° {under} ne l'ouvre"
                continue
            if code in seen:
                yield f"clés n° {seen[code]} et n° {number} : le même code"
            seen[code] = number
