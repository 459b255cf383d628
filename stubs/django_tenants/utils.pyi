from contextlib import ContextDecorator
from types import TracebackType

from django.core.management.base import BaseCommand
from django_tenants.models import TenantMixin

class _Context(ContextDecorator):
    def __enter__(self) -> None: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

class schema_context(_Context):
    def __init__(self, schema_name: str) -> None: ...

class tenant_context(_Context):
    def __init__(self, tenant: TenantMixin) -> None: ...

def get_public_schema_name() -> str: ...
def get_tenant_base_migrate_command_class() -> type[BaseCommand]: ...
