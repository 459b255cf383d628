"""What the steps of a random walk share: its draws, its day and its operator."""

import datetime
import random
from collections import Counter
from typing import Any

from django.utils import timezone

from core.calendar import date_in_paris
from licensing.catalogue.models import Seller
from tests.factories.accounts import UserFactory
from tests.factories.shop import open_shop

type Steps = tuple[Any, ...]


class WalkSteps:
    #: Steps that begin something, and those that go on with an order; one that stands twice is drawn twice as often.
    BEGIN: Steps = ()
    GO_ON: Steps = ()

    def __init__(self, seed, collectivity, script):
        self.script = script
        self.draw = random.Random(seed)  # noqa: S311 - to be drawn again, not guessed
        self.collectivity = collectivity
        self.operator = UserFactory()
        self.at = timezone.now() - datetime.timedelta(days=200)
        self.done = Counter()
        open_shop(self.at)
        Seller.objects.update(e_reporting_from=date_in_paris(self.at))

    def by(self):
        return {"by": self.operator, "at": self.at}
