"""The people and programs that work while processes are killed; each notes in the ledger what it was told."""

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bench.chaos.client import Api, ClientResponse, Web
from bench.chaos.ledger import Answer, Ledger
from bench.chaos.world import KeyToRedeem

_CONFLICT = 409
_UNITS, _LESS = 3, 2
#: Rows of an import.
_ROWS = 20
#: Seconds between two looks at an import, and until it counts as stuck.
_LOOK_S, _STUCK_S = 0.3, 90.0


@dataclass(frozen=True, slots=True)
class Scene:
    """What all actors share."""

    api: Api
    portal: Web
    ledger: Ledger
    pool: int
    #: Schools that nobody works on yet.
    schools: Iterator[str]
    stop: threading.Event

    def take_schools(self, count: int) -> list[str]:
        """Return schools that are the caller's alone."""
        return [next(self.schools) for _ in range(count)]

    def insist(self, send: Callable[[], ClientResponse]) -> ClientResponse:
        """Repeat a request under its key until it is answered, or until the end."""
        while True:
            response = send()
            answered = 0 < response.status < 500 and "request_in_progress" not in response.body  # noqa: PLR2004 - HTTP's own
            if answered or self.stop.is_set():
                return response
            time.sleep(0.2)


def give_and_take_back(scene: Scene) -> None:
    """Allocate to one school after another through the API; reduce or revoke some."""
    rng = random.Random()  # noqa: S311 - a draw, not a secret
    while not scene.stop.is_set():
        [school] = scene.take_schools(1)
        keyed = rng.random() < 0.7  # noqa: PLR2004 - most programs send a key
        allocation = _give(scene, school, keyed=keyed)
        if allocation is None:
            continue
        step = rng.choice(("keep", "reduce", "revoke"))
        if step == "reduce":
            _change(scene, "reductions", f"/allocations/{allocation}/reduce", {"units": _LESS}, {school: _LESS})
        elif step == "revoke":
            _change(scene, "revocations", f"/allocations/{allocation}/revoke", {}, {school: 0})
        time.sleep(0.05)


def _give(scene: Scene, school: str, *, keyed: bool) -> int | None:
    key = str(uuid.uuid4()) if keyed else None
    body = {"pool": scene.pool, "school": school, "units": _UNITS}
    scene.ledger.begin({school: _UNITS})
    response = (
        scene.insist(lambda: scene.api.post("/allocations", body, key))
        if keyed
        else scene.api.post("/allocations", body)
    )
    # Under a key, a refusal may be that of the last attempt: the first one may have been done.
    answer = Answer.UNKNOWN if keyed and response.answer != Answer.DONE else response.answer
    scene.ledger.end("gifts", {school: _UNITS}, answer)
    return int(response.json()["id"]) if response.answer == Answer.DONE else None


def _change(scene: Scene, kind: str, path: str, body: dict[str, Any], things: dict[str, int]) -> bool:
    """Make a change under a key, insisting; return whether it was acknowledged."""
    key = str(uuid.uuid4())
    scene.ledger.begin(things)
    response = scene.insist(lambda: scene.api.post(path, body, key))
    done = response.answer == Answer.DONE
    scene.ledger.end(kind, things, Answer.DONE if done else Answer.UNKNOWN)
    if not done and response.status == _CONFLICT:
        scene.ledger.complain(f"{kind}: {response.body[:300]}")
    return done


def import_and_undo(scene: Scene) -> None:
    """Upload spreadsheets through the API, apply them, and undo every other one, the first included."""
    undone = True
    while not scene.stop.is_set():
        things = dict.fromkeys(scene.take_schools(_ROWS), _UNITS)
        table = _upload_and_apply(scene, things)
        if table is not None and undone:
            _undo(scene, table, things)
        undone = not undone


def _upload_and_apply(scene: Scene, things: dict[str, int]) -> int | None:
    content = "UAI;Licences\n" + "".join(f"{school};{units}\n" for school, units in things.items())
    fields = {"purpose": "allocation", "pool": str(scene.pool)}
    upload_key = str(uuid.uuid4())
    response = scene.insist(lambda: scene.api.upload(fields, content, upload_key))
    if response.answer != Answer.DONE:
        return None
    number = int(response.json()["id"])
    scene.ledger.begin(things)
    while (table := _wait_for(scene, number, "checked", "read", "rejected")) is not None:
        if table["state"] != "checked" or table["plan"] is None:
            scene.ledger.complain(f"import {number} is {table['state']}: {table['rejection']}")
            return None
        confirmation = table["plan"]["confirmation"]
        body = {"digest": table["plan"]["digest"]} | (
            {"confirmation_count": confirmation["count"]} if confirmation else {}
        )
        apply_key = str(uuid.uuid4())
        if scene.insist(lambda: scene.api.post(f"/imports/{number}/apply", body, apply_key)).answer != Answer.DONE:  # noqa: B023
            return None
        applied = _wait_for(scene, number, "applied", "checked")
        if applied is None:
            return None
        if applied["state"] == "applied":
            scene.ledger.end("imports", things, Answer.DONE)
            return number
        # Something changed meanwhile: the table is to be confirmed again.
    return None


def _undo(scene: Scene, number: int, things: dict[str, int]) -> None:
    back = dict.fromkeys(things, 0)
    scene.ledger.begin(back)
    key = str(uuid.uuid4())
    response = scene.insist(lambda: scene.api.post(f"/imports/{number}/undo", {}, key))
    if response.answer == Answer.DONE and _wait_for(scene, number, "undone") is not None:
        scene.ledger.end("undoings", back, Answer.DONE)


def _wait_for(scene: Scene, number: int, *states: str) -> dict[str, Any] | None:
    """Look at the import until it has one of the states; None at the end, or where it seems stuck."""
    deadline = time.monotonic() + _STUCK_S
    while time.monotonic() < deadline and not scene.stop.is_set():
        response = scene.api.get(f"/imports/{number}")
        if response.status == 200 and response.json()["state"] in states:  # noqa: PLR2004 - HTTP's own
            return response.json()
        time.sleep(_LOOK_S)
    if not scene.stop.is_set():
        scene.ledger.complain(f"import {number} took more than {_STUCK_S:g} s to be {' or '.join(states)}")
    return None


def redeem_and_claim(scene: Scene, keys: Iterator[KeyToRedeem]) -> None:
    """Redeem keys as principals through the pages, and claim a seat of each as a teacher."""
    for key in keys:
        if scene.stop.is_set():
            return
        if _enter(scene, "redemptions", f"key/{key.number}", key.principal, key.code):
            _enter(scene, "claims", f"seat/{key.number}", key.teacher, key.code)
        time.sleep(0.2)


def _enter(scene: Scene, kind: str, thing: str, session: dict[str, str], code: str) -> bool:
    scene.ledger.begin({thing: 1})
    response = scene.portal.send_form("/mon-compte/cle/", session, cle=code)
    scene.ledger.end(kind, {thing: 1}, response.answer)
    if response.answer == Answer.REFUSED and response.status < 500:  # noqa: PLR2004 - HTTP's own
        scene.ledger.complain(f"{kind}: {response.status} for a key that nobody had entered")
    return response.answer == Answer.DONE
