"""A platform without a network, whose answers a test writes: what it is asked, and in which order, is kept."""

import datetime
import threading
from dataclasses import dataclass, field
from typing import Any

from licensing.books.billing.models import PlatformState
from licensing.books.billing.transmission.models import TransmissionState
from licensing.books.billing.transmission.platforms import PlatformSilent, PlatformStory, StoryEntry

#: What to put under a route in `INVOICE_PLATFORMS`.
PATH = "tests.billing.transmission.scripted_platform.ScriptedPlatform"


@dataclass(eq=False)
class Script:
    """What the platform answers; hashable by identity, as an account is."""

    #: Raised by the next calls, one each; then it answers.
    failures: list[Exception] = field(default_factory=list)
    verdict: TransmissionState = TransmissionState.SENT
    message: str = ""
    entries: tuple[StoryEntry, ...] = ()
    #: Tracking ids of what was sent, each time; and of what it knows, with its number.
    sent: list[str] = field(default_factory=list)
    numbers: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


def follow_script(settings: Any, *routes: str) -> Script:
    """Have one script answer on these routes; return it."""
    script = Script()
    settings.INVOICE_PLATFORMS = dict.fromkeys(routes, (PATH, script))
    return script


class ScriptedPlatform:
    def __init__(self, script: Script):
        self.script = script

    def _take(self, tracking_id: str) -> str:
        with self.script.lock:
            self.script.sent.append(tracking_id)
            if self.script.failures:
                raise self.script.failures.pop(0)
            return self.script.numbers.setdefault(tracking_id, f"D{len(self.script.numbers) + 1}")

    def send(self, transmission, pdf) -> str:
        assert pdf.startswith(b"%PDF")
        return self._take(transmission.tracking_id)

    def fetch_story(self, transmission) -> PlatformStory:
        if self.script.failures:
            raise self.script.failures.pop(0)
        if transmission.reference not in self.script.numbers.values():
            raise PlatformSilent("Inconnu.")
        return PlatformStory(verdict=self.script.verdict, message=self.script.message, entries=self.script.entries)

    def declare_collected(self, statement) -> str:
        return self._take(statement.message_id)

    def report(self, tracking_id, content) -> str:
        assert content["begins_on"] <= content["ends_on"]
        return self._take(tracking_id)


def entry(state: PlatformState, at: datetime.datetime, *, reason: str = "", external_id: str = "") -> StoryEntry:
    """Return an entry of a story; by default known by its state."""
    return StoryEntry(state=state, reason=reason, at=at, external_id=external_id or str(state))
