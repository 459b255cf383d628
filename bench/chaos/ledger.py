"""What the clients were told: for each thing, the values that its row may have at the end."""

import threading
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Answer(StrEnum):
    """What a response says of the request."""

    DONE = "done"
    #: Certainly not done: the request may be repeated.
    REFUSED = "refused"
    #: « Peut-être fait », a broken connection, or no answer in time.
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Ledger:
    """The values that each thing may have: one once its change is acknowledged, two while that is unknown."""

    #: By school: licences allocated. By « key/number »: 1 if redeemed. By « seat/key number »: seats held.
    allowed: dict[str, frozenset[int]] = field(default_factory=dict)
    acknowledged: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    #: Sentences on what no client should have seen.
    complaints: list[str] = field(default_factory=list)
    _slowest_s: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, things: dict[str, int]) -> None:
        """Note that each thing may take its new value from now on."""
        with self._lock:
            for thing, value in things.items():
                self.allowed[thing] = self.allowed.get(thing, frozenset({0})) | {value}

    def end(self, kind: str, things: dict[str, int], answer: Answer) -> None:
        """Note the answer to what `begin` announced."""
        with self._lock:
            if answer == Answer.UNKNOWN:
                return
            for thing, value in things.items():
                rest = self.allowed[thing] - {value}
                self.allowed[thing] = frozenset({value}) if answer == Answer.DONE else rest
            if answer == Answer.DONE:
                self.acknowledged[kind] += 1

    def count(self, answer: str, seconds: float) -> None:
        """Count a response of any kind by its status, and how long it took."""
        with self._lock:
            self.answers[answer] += 1
            self._slowest_s = max(self._slowest_s, seconds)

    def take_slowest(self) -> float:
        """Return the seconds of the slowest response since the last call."""
        with self._lock:
            slowest, self._slowest_s = self._slowest_s, 0.0
            return slowest

    def complain(self, sentence: str) -> None:
        """Note something that no client should have seen."""
        with self._lock:
            self.complaints.append(sentence)
