"""Open a collectivity's office: schema, domain, settings, invitation of the first manager."""

from __future__ import annotations

import datetime

from django.db import transaction
from django_tenants.utils import schema_context, tenant_context

from accounts.models import User
from collectivities import audit_log
from collectivities.exceptions import InvalidAddress
from collectivities.models import OfficeSettings, Role
from collectivities.operations.members import clean_email, invite
from tenants import provisioning, schema_snapshot
from tenants.models import Collectivity
from tenants.provisioning import OpeningRefused


def open_office(
    *,
    name: str,
    kind: str,
    siren: str,
    manager_email: str,
    by: User | None,
    at: datetime.datetime,
    slug: str = "",
    key_prefix: str = "",
    contact_name: str = "",
    contact_phone: str = "",
) -> Collectivity:
    """Open a collectivity's office and invite its first manager, all or nothing; return the collectivity.

    The first manager is a buyer too: alone in the office, they could do nothing without licences.
    `contact_name` and `contact_phone`: whom schools ask about their keys, until the settings say otherwise. `slug` and
    `key_prefix` are derived from the name where they are empty. Raises `OpeningRefused`.
    """
    problems: dict[str, str] = {}
    with schema_context("public"):
        try:
            planned = provisioning.plan(name=name, kind=kind, siren=siren, slug=slug, key_prefix=key_prefix)
        except OpeningRefused as refusal:
            problems = refusal.problems
    try:
        manager_email = clean_email(manager_email)
    except InvalidAddress as refusal:
        problems["manager_email"] = str(refusal)
    if problems:
        raise OpeningRefused(problems)

    with schema_context("public"):
        try:
            snapshot = schema_snapshot.get_current()
        except schema_snapshot.SnapshotMissing:
            raise OpeningRefused(
                {"": "Une mise à jour de Pep's est en cours : rien n'a été ouvert. Réessayez dans quelques minutes."}
            ) from None
        with transaction.atomic():
            collectivity = provisioning.provision(planned, snapshot, at=at)
            with tenant_context(collectivity):
                OfficeSettings.objects.create(
                    sender_name=collectivity.name[:100], contact_name=contact_name[:60], contact_phone=contact_phone
                )
                audit_log.record(
                    action="office.opened",
                    by=by,
                    at=at,
                    summary=f"Bureau ouvert pour {collectivity.name} (SIREN {collectivity.siren}).",
                )
                invite(email=manager_email, roles=[Role.MANAGER, Role.BUYER], by=by, at=at)
    return collectivity
