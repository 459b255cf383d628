from typing import ClassVar

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "web"
    verbose_name = "Pages"
    # What the reader of the database does not see: see `tenants.privileges`.
    secret_columns: ClassVar = {"web_cache": "*"}
