"""A full dump of the database, with the logs of the web server and the worker, lets nobody in."""

import logging
import re

import pytest

from tests.access.stolen_copy.database_dump import decode, dump_database, read_cells
from tests.access.stolen_copy.doors import list_doors
from tests.access.stolen_copy.secret_world import SecretWorld
from tests.webhooks.conftest import reachable, receiver  # noqa: F401 - fixtures


@pytest.fixture
def world(committing, sink, receiver, caplog):  # noqa: F811 - the fixture
    """Every kind of secret in use, and all that web server and worker log of it at INFO."""
    world = SecretWorld(committing, sink, receiver)
    with caplog.at_level(logging.INFO):
        world.fill()
        world.log += caplog.text
    return world


def find_secrets(world, lines):
    """Return the names of the secrets that the lines hold in clear, also within what can be decoded."""
    readable = "\n".join(text for line in lines for text in decode(line)).casefold()
    compact = re.sub(r"[ -]", "", readable)
    found = set()
    for secret in world.secrets:
        if secret.stands_alone:
            spaced = rf"(?<!\w){secret.text[:4]} ?{secret.text[4:]}(?!\w)"
            is_found = re.search(spaced, readable) is not None
        else:
            is_found = re.sub(r"[ -]", "", secret.text).casefold() in compact
        if is_found:
            found.add(secret.name)
    return sorted(found)


@pytest.mark.slow
def test_a_dump_and_the_logs_let_nobody_in(world):
    assert world.get("known device of teacher")
    dump = dump_database()
    assert find_secrets(world, dump.splitlines()) == []
    assert find_secrets(world, world.log.splitlines()) == []
    cells = list(read_cells(dump))
    opened, closed = [], []
    for door in list_doors(world):
        opened += [(door.name, value) for value in door.list_values(cells) if door.opens(value)]
        # The door is the real one, and something was tried at it.
        closed += [(door.name, key) for key in door.keys if not door.opens(key)]
        assert door.list_values(cells), door.name
    assert opened == []
    assert closed == []
