"""The tasks of this app: a new office goes to a node of the cluster; a checkpoint of sealed chains is signed daily."""

import datetime

from django.utils import timezone
from django_tenants.utils import get_public_schema_name

from core.connections import connection
from jobs.periodic_tasks import periodic_task
from jobs.retention import declare_retention
from jobs.tasks import defer_once, task
from tenants import checkpoints, cluster
from tenants.models import Checkpoint

_SIGN = "tenants.sign_checkpoint"

# What was signed is kept outside; here as long as its e-mail may take to leave.
declare_retention(Checkpoint, kept_for=datetime.timedelta(days=30), since="signed_at")


@task(name=cluster.PLACE)
def place() -> None:
    """Put the current schema on a node, where it is on none."""
    cluster.place(connection.schema_name)


@periodic_task(every=datetime.timedelta(hours=1))
def queue_checkpoint() -> None:
    """Queue the signing of the day's checkpoint, once, where a key and a place to send them to are set."""
    if checkpoints.is_due(at=timezone.now()):
        defer_once(_SIGN, schema=get_public_schema_name(), queueing_lock=_SIGN, lock=_SIGN)


@task(name=_SIGN)
def sign_checkpoint() -> None:
    """Sign the day's checkpoint and send it outside, unless that was done meanwhile."""
    checkpoints.sign_day(at=timezone.now())
