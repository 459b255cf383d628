from typing import ClassVar

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "api"
    verbose_name = "API"
    # What the reader of the database does not see: see `tenants.privileges`.
    secret_columns: ClassVar = {
        "api_idempotencyrecord": ["key_hash", "sealed_body"],
        "api_token": ["token_hash"],
    }
