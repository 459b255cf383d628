from typing import Any

from django.core.management.base import BaseCommand

class MigrateSchemasCommand(BaseCommand):
    def handle(self, *args: Any, **options: Any) -> None: ...
