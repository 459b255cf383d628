"""Functions in a child process: what they cannot do to the process that asks."""

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core import bounded_process
from core.bounded_process import BoundedProcessError, ProcessFailure, ProcessLimits, run_bounded
from tests.processor_time import get_children_s, get_processor_s
from tests.waits import LAST_S, wait_until

SMALL = ProcessLimits(memory_bytes=256 * 1024 * 1024, cpu_seconds=1, wall_seconds=10.0, result_bytes=1024 * 1024)


def run(name, *arguments, limits=SMALL, **more):
    return run_bounded(f"tests.core.bounded_functions:{name}", *arguments, limits=limits, **more)


def get_failure(name, *arguments, limits=SMALL):
    with pytest.raises(BoundedProcessError) as caught:
        run(name, *arguments, limits=limits)
    assert caught.value.sentence.endswith(".")
    # The caller's process and its server go on.
    assert run("add", 1, 1) == 2
    return caught.value.failure


def is_running(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(process):
    wait_until(lambda: not is_running(process))


def test_a_result_and_messages_come_back():
    heard = []
    assert run("add", {"a": (1, "é")}["a"], (b"\0",), on_message=heard.append) == (1, "é", b"\0")
    assert heard == ["adding"]


def test_a_child_starts_in_less_than_a_tenth_of_a_second():
    run("add", 1, 1)
    start = get_processor_s()
    for _ in range(10):
        run("add", 1, 1)
    assert (get_processor_s() - start) / 10 < 0.1


@pytest.mark.slow
def test_the_child_holds_no_secret_and_no_connection(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "never-to-be-shown")
    bounded_process.server.stop()
    environment, descriptors = [], {}

    class Described(Exception):
        pass

    def describe(process):
        # From outside: it may not look at itself.
        folder = Path(f"/proc/{process}")
        environment.append((folder / "environ").read_bytes())
        descriptors.update({int(link.name): str(link.readlink()) for link in (folder / "fd").iterdir()})
        raise Described

    with pytest.raises(Described):
        run("sleep_for_ever", False, on_message=describe, limits=dataclasses.replace(SMALL, wall_seconds=LAST_S))
    assert b"LANG=" in environment[0]
    for name in (b"SECRET_KEY", b"never-to-be-shown", b"DATABASE_URL"):
        assert name not in environment[0]
    sockets = [name for number, name in descriptors.items() if number > 2 and name.startswith("socket:")]
    assert len(sockets) == 1


@pytest.mark.parametrize("name", ["take_memory", "take_memory_outside_python", "fail_without_exception"])
def test_a_child_that_takes_too_much_memory_is_reported_as_such(name):
    assert run(name, 1024) == 1024
    assert get_failure(name, 1024 * 1024 * 1024) is ProcessFailure.MEMORY


def test_a_child_that_computes_without_end_is_stopped():
    run("add", 1, 1)
    start = get_children_s()
    limits = dataclasses.replace(SMALL, wall_seconds=LAST_S)
    assert get_failure("compute_for_ever", limits=limits) is ProcessFailure.TIME
    assert get_children_s() - start < 5


def test_a_child_that_waits_without_end_is_stopped():
    heard = []
    with pytest.raises(BoundedProcessError) as caught:
        run("sleep_for_ever", False, limits=ProcessLimits(wall_seconds=1.0), on_message=heard.append)
    assert caught.value.failure is ProcessFailure.TIME
    wait_until_gone(*heard)


@pytest.mark.parametrize("name", ["read_null", "leave", "raise_error"])
def test_a_child_that_crashes_is_reported_as_such(name):
    assert get_failure(name) is ProcessFailure.CRASHED


def test_nothing_that_a_child_sends_is_executed(tmp_path):
    folder = tmp_path / "taken over"
    assert get_failure("return_instance", str(folder)) is ProcessFailure.CRASHED
    assert not folder.exists()


def test_a_result_that_is_too_large_is_refused():
    assert len(run("return_much", 1000)) == 1000
    assert get_failure("return_much", 2 * 1024 * 1024) is ProcessFailure.MEMORY


def test_what_the_caller_raises_at_a_message_ends_the_child():
    class Stopped(Exception):
        pass

    heard = []

    def stop(message):
        heard.append(message)
        raise Stopped

    start = time.monotonic()
    with pytest.raises(Stopped):
        run("sleep_for_ever", False, on_message=stop, limits=dataclasses.replace(SMALL, wall_seconds=LAST_S))
    assert time.monotonic() - start < LAST_S / 2
    wait_until_gone(heard[0])


def test_files_of_a_child_are_removed():
    assert not Path(run("write_file")).exists()


def test_threads_share_one_server():
    run("add", 1, 1)
    server = bounded_process.server.running
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda number: run("add", number, 1), range(40))) == list(range(1, 41))
    assert bounded_process.server.running is server


def test_one_child_s_end_is_not_another_s():
    heard = []
    thread = threading.Thread(target=lambda: heard.append(run("send_numbers", 100, limits=ProcessLimits())))
    thread.start()
    for _ in range(3):
        get_failure("leave")
    thread.join()
    assert heard == ["done"]


@pytest.mark.slow
def test_a_server_that_was_killed_is_started_again():
    run("add", 1, 1)
    server = bounded_process.server.running.process
    server.send_signal(signal.SIGKILL)
    server.wait()
    assert run("add", 1, 2) == 3
    # A supervisor's signal to the group is not for the server: it ends with its parent.
    server = bounded_process.server.running.process
    server.terminate()
    assert run("add", 1, 2) == 3
    assert bounded_process.server.running.process is server


@pytest.mark.slow
def test_the_server_ends_with_the_process_that_started_it():
    script = (
        "from core.bounded_process import server, run_bounded\n"
        "run_bounded('tests.core.bounded_functions:add', 1, 1)\n"
        "print(server.running.process.pid, flush=True)\n"
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", script], env={"PYTHONPATH": os.pathsep.join(sys.path)}, capture_output=True, check=False
    )
    wait_until_gone(int(ended.stdout))


def test_a_function_that_does_not_exist_is_our_mistake():
    with pytest.raises(RuntimeError, match="no_such_function"):
        run("no_such_function")
