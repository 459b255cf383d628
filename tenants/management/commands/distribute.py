"""`distribute`: put a database of several machines in its places; part of `migrate_schemas`."""

from typing import Any

from django.core.management.base import BaseCommand

from core import formatting
from core.advisory_locks import hold_session_lock
from core.connections import connected_as_owner
from tenants import cluster, schema_migrations


class Command(BaseCommand):
    help = (
        "Répartit une base Citus : l'annuaire est copié sur chaque nœud, chaque collectivité placée sur l'un d'eux. "
        "Sans effet sur ce qui est en place, ni sur une base d'un seul serveur ; peut être relancée."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Distribute what is not, and say how much. Raises `OwnerUnknown`."""
        with connected_as_owner("La répartition de la base"), hold_session_lock(schema_migrations.LOCK):
            if not cluster.is_cluster():
                self.stdout.write("Cette base n'est pas répartie : rien à faire.")
                return
            done = cluster.distribute(self.stdout.write)
        tables = formatting.pluralize(len(done.tables), "table")
        offices = formatting.pluralize(len(done.schemas), "collectivité")
        self.stdout.write(f"Mises en place : {tables}, {offices}.")
