from typing import Any

from django.db.backends.postgresql import base
from django_tenants.models import TenantMixin

class DatabaseWrapper(base.DatabaseWrapper):
    schema_name: str
    # The row of TENANT_MODEL where a request or a task selected one, else a `FakeTenant`.
    tenant: Any

    # Django's own, which tests interrupt.
    def _commit(self) -> None: ...
    def copy(self, alias: str | None = None) -> DatabaseWrapper: ...
    def set_tenant(self, tenant: TenantMixin | FakeTenant, include_public: bool = True) -> None: ...
    def set_schema(self, schema_name: str, include_public: bool = True, tenant_type: str | None = None) -> None: ...
    def set_schema_to_public(self) -> None: ...

class FakeTenant:
    schema_name: str
    tenant_type: str | None

    def __init__(self, schema_name: str, tenant_type: str | None = None) -> None: ...
