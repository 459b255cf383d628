from typing import ClassVar

from django.apps import AppConfig


class SchoolsConfig(AppConfig):
    name = "schools"
    verbose_name = "Annuaire des établissements"
    # What the reader of the database does not see: see `tenants.privileges`.
    secret_columns: ClassVar = {"schools_principalrequest": ["nonce", "token_hash"]}
    # Read beside the tables of offices, and rarely written: see `tenants.cluster`.
    tables_on_every_node: ClassVar = ("schools_school",)
