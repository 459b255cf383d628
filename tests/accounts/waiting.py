"""Let time pass for the delays between attempts, which go by the database's clock."""

from django.db.models import F

from accounts.models import AttemptDelay


def let_pass(time):
    """Move all counted failures and waits into the past by that much."""
    AttemptDelay.objects.update(empties_at=F("empties_at") - time, open_at=F("open_at") - time)
