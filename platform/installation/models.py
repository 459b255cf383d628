"""The installation: where its database was when it was last allowed to act on people, and what made its tables.

Written by migrations and, as the owner, by `installation.hold` and `installation.migration_contents`.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q


class Installation(models.Model):
    """Where the database was: the three together are no longer so in a copy. Compared by `installation.hold`."""

    #: The only one.
    ID = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ID)
    # PostgreSQL's own number of the cluster, drawn when it is made; pg_upgrade makes another.
    cluster = models.CharField(max_length=20)
    # The oids of the database and of this table: a dump that is restored makes both anew.
    place = models.CharField(max_length=30)
    # Of the write-ahead log: a backup that is restored to a moment begins another, and so does a promoted standby.
    timeline = models.BigIntegerField()
    # Since when an operator holds it; None while none does.
    held_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(name="installation_is_one", condition=Q(id=1))]

    def __str__(self) -> str:
        return f"{self.cluster}/{self.place}/{self.timeline}"


class MigrationContent(models.Model):
    """What a migration of ours contained when it was first applied here."""

    app = models.CharField(max_length=60)
    name = models.CharField(max_length=255)
    # Of its file, as `released_migrations.txt` has it.
    sha256 = models.CharField(max_length=64)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="migration_content_once", fields=["app", "name"])]

    def __str__(self) -> str:
        return f"{self.app}.{self.name}"
