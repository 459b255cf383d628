"""Opening a collectivity for tests."""

import datetime

from django.db import transaction

from tenants import provisioning, schema_snapshot
from tenants.models import Collectivity


def open_tenant(*, at: datetime.datetime, **fields) -> Collectivity:
    """Open a collectivity as `open_office` does, without members or e-mail."""
    with transaction.atomic():
        return provisioning.provision(provisioning.plan(**fields), schema_snapshot.get_current(), at=at)
