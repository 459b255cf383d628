from typing import ClassVar

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "web"
    verbose_name = "Pages"
    # What the reader of the database does not see: see `tenants.privileges`.
    secret_columns: ClassVar = {"web_cache": "*"}

    def ready(self) -> None:
        """Register the check of the collected assets."""
        from web import assets  # noqa: F401, PLC0415 - registers by decorator
