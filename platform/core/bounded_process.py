"""Run a function of ours on bytes of others, in a child process of bounded memory and time.

`run_bounded` asks a server (`core.bounded_process_server`) for a forked child, sends it the arguments through a socket
and receives plain data. The child has no database connection, an empty environment, limits that the kernel holds, and
neither files but its own nor a network (`core.confinement`); whatever becomes of it, the caller goes on.

What the child sends is unpickled without a single class or function: bytes that took the child over reach nothing here.
"""

import atexit
import contextlib
import io
import json
import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from core import bounded_process_server
from core.bounded_process_server import ERROR, FRAME_HEADER, MESSAGE, RESULT

logger = logging.getLogger(__name__)

#: Seconds that the server has to end a child, before it is ended itself.
_END_SECONDS = 5.0


@dataclass(frozen=True)
class ProcessLimits:
    """What a child may take. Memory is its address space, the interpreter's some 100 MB included."""

    memory_bytes: int = 512 * 1024 * 1024
    cpu_seconds: int = 25
    wall_seconds: float = 30.0
    #: Bytes of everything that the child sends.
    result_bytes: int = 128 * 1024 * 1024


class ProcessFailure(StrEnum):
    """Why a child did not finish."""

    MEMORY = "memory"
    TIME = "time"
    CRASHED = "crashed"


_SENTENCES = {
    ProcessFailure.MEMORY: "Ce fichier demande plus de mémoire qu'il n'en est prévu pour un fichier : sa lecture a été "
    "arrêtée.",
    ProcessFailure.TIME: "Ce fichier demande plus de temps qu'il n'en est prévu pour un fichier : sa lecture a été "
    "arrêtée.",
    ProcessFailure.CRASHED: "Ce fichier est abîmé, ou d'une forme inconnue : sa lecture s'est arrêtée sur une erreur.",
}


class BoundedProcessError(Exception):
    """The child did not finish. `sentence` is French, for the user; `detail` is for the log."""

    def __init__(self, failure: ProcessFailure, detail: str) -> None:
        super().__init__(f"{failure}: {detail}")
        self.failure = failure
        self.sentence = _SENTENCES[failure]
        self.detail = detail


class _ServerLost(Exception):
    """The server ended before it had started the child."""


def run_bounded(
    function: str,
    *arguments: Any,
    limits: ProcessLimits = ProcessLimits(),
    files: Sequence[Path] = (),
    on_message: Callable[[Any], None] | None = None,
) -> Any:
    """Return what a function returns in a child process. Raises `BoundedProcessError`.

    `function`: « package.module:name ». It is called with a function that sends a message, then with `arguments`, which
    are pickled; its messages and its result are plain data: no instance of a class of ours. `on_message` is called here
    with each message; what it raises ends the child and is passed on. `files`: the only ones of ours that it may read,
    beside code.
    """
    request = pickle.dumps(arguments, protocol=pickle.HIGHEST_PROTOCOL)
    with tempfile.TemporaryDirectory(prefix="peps-") as scratch:
        # Twice: the server may have been idle for long, and end just then.
        for _ in range(2):
            with contextlib.suppress(_ServerLost):
                return _Conversation(function, limits, scratch, files).hold(request, on_message)
    raise BoundedProcessError(ProcessFailure.CRASHED, "the server of bounded processes does not start")


class _Conversation:
    """One child: its request, its messages, its end."""

    def __init__(self, function: str, limits: ProcessLimits, scratch: str, files: Sequence[Path]) -> None:
        self._limits = limits
        self._deadline = time.monotonic() + limits.wall_seconds
        self._received = 0
        order = {
            "function": function,
            "memory_bytes": limits.memory_bytes,
            "cpu_seconds": limits.cpu_seconds,
            "scratch": scratch,
            "files": [str(each) for each in files],
        }
        self._data, self._status = server.start_child(json.dumps(order).encode())

    def hold(self, request: bytes, on_message: Callable[[Any], None] | None) -> Any:
        """Send the request, pass the messages on, and return the result. The child is ended, whatever happens."""
        with self._data, self._status:
            try:
                self._data.settimeout(self._left())
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    # A child that died meanwhile is told by what it does not answer.
                    self._data.sendall(FRAME_HEADER.pack(MESSAGE, len(request)) + request)
                while True:
                    kind, content = self._receive()
                    if kind == RESULT:
                        return content
                    if on_message is not None:
                        on_message(content)
            except EOFError:
                raise self._explain(self._end()) from None
            except TimeoutError:
                self._end()
                raise self._failed(ProcessFailure.TIME, f"{self._limits.wall_seconds:g} s have passed") from None
            except BaseException:
                self._end()
                raise

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _receive(self) -> tuple[bytes, Any]:
        """Return the kind and the content of what comes next. Raises `BoundedProcessError` for an error."""
        kind, size = FRAME_HEADER.unpack(self._receive_exactly(FRAME_HEADER.size))
        self._received += size
        if self._received > self._limits.result_bytes:
            raise self._failed(ProcessFailure.MEMORY, f"the result exceeds {self._limits.result_bytes} bytes")
        content = self._load(self._receive_exactly(size))
        if kind == ERROR:
            failure, detail = content
            raise self._failed(ProcessFailure(failure), detail)
        return kind, content

    def _receive_exactly(self, size: int) -> bytearray:
        content = bytearray(size)
        view, at = memoryview(content), 0
        while at < size:
            self._data.settimeout(self._left())
            try:
                count = self._data.recv_into(view[at:])
            except ConnectionResetError:
                count = 0
            if not count:
                raise EOFError
            at += count
        return content

    def _load(self, body: bytearray) -> Any:
        try:
            return load_plain(body)
        except Exception as error:
            raise self._failed(ProcessFailure.CRASHED, f"it sent no plain data: {error}") from error

    def _end(self) -> dict[str, Any]:
        """Have the child ended and return how it ended, as the server tells. Raises `_ServerLost`."""
        with contextlib.suppress(OSError):
            self._status.shutdown(socket.SHUT_WR)
        self._status.settimeout(_END_SECONDS)
        try:
            answers = b"".join(iter(lambda: self._status.recv(4096), b"")).splitlines()
        except (TimeoutError, ConnectionResetError):
            server.stop()
            return {}
        if not answers:
            raise _ServerLost
        status: dict[str, Any] = {}
        for answer in answers:
            status |= json.loads(answer)
        if "error" in status:
            # Our own mistake: there is no such function.
            raise RuntimeError(status["error"])
        return status

    def _explain(self, status: dict[str, Any]) -> BoundedProcessError:
        """Return the error for a child that ended without a result."""
        number, cpu = status.get("signal"), status.get("cpu_seconds", 0.0)
        if number == signal.SIGXCPU or (number == signal.SIGKILL and cpu >= self._limits.cpu_seconds):
            return self._failed(ProcessFailure.TIME, f"{cpu:.1f} s of processor")
        if number in (signal.SIGABRT, signal.SIGKILL):
            # How Rust ends when memory is refused; and the kernel, when it has none left.
            return self._failed(ProcessFailure.MEMORY, f"signal {number}")
        return self._failed(ProcessFailure.CRASHED, f"it ended without a result: {status}")

    def _failed(self, failure: ProcessFailure, detail: str) -> BoundedProcessError:
        logger.warning("A bounded process did not finish (%s): %s", failure, detail)
        return BoundedProcessError(failure, detail)


class _PlainUnpickler(pickle.Unpickler):
    """Loads numbers, texts, bytes, lists, tuples, dicts and sets only."""

    def find_class(self, module: str, name: str, /) -> Any:
        """Refuse every class and function."""
        raise pickle.UnpicklingError(f"{module}.{name} is no plain data.")


def load_plain(content: bytes | bytearray) -> Any:
    """Return pickled plain data, of a child as well. Raises `UnpicklingError`, and whatever broken bytes lead to."""
    return _PlainUnpickler(io.BytesIO(content)).load()


class RunningServer(NamedTuple):
    process: subprocess.Popen[bytes]
    control: socket.socket


class ServerHandle:
    """The server of this process, started when first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.running: RunningServer | None = None

    def start_child(self, order: bytes) -> tuple[socket.socket, socket.socket]:
        """Have a child started; return the sockets of its data and of its status."""
        ours, theirs = zip(socket.socketpair(), socket.socketpair(), strict=True)
        try:
            with self._lock:
                for attempt in range(2):
                    try:
                        socket.send_fds(self._ensure_running(), [order], [each.fileno() for each in theirs])
                        break
                    except (BrokenPipeError, ConnectionResetError):
                        self._stop()
                        if attempt:
                            raise
        except BaseException:
            for each in ours:
                each.close()
            raise
        finally:
            for each in theirs:
                each.close()
        return ours

    def _ensure_running(self) -> socket.socket:
        if self.running is None or self.running.process.poll() is not None:
            self._stop()
            control, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with other:
                # Isolated, and with an environment of its own: none of our secrets, one heap.
                process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                    [
                        sys.executable,
                        "-I",
                        str(Path(bounded_process_server.__file__)),
                        str(other.fileno()),
                        json.dumps([os.path.abspath(each) for each in sys.path]),  # noqa: PTH100 - '' is this folder
                    ],
                    env={"LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "1"},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=[other.fileno()],
                    start_new_session=True,
                    cwd="/",
                )
            self.running = RunningServer(process, control)
        return self.running.control

    def stop(self) -> None:
        """End the server and its children."""
        with self._lock:
            self._stop()

    def _stop(self) -> None:
        if self.running is not None:
            process, control = self.running
            self.running = None
            # It ends, with its children, as soon as nobody can ask it any more.
            control.close()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def forget(self) -> None:
        """Leave the server to the process that started it; called in a process forked from that one."""
        self._lock = threading.Lock()
        if self.running is not None:
            self.running.control.close()
            # Its end is not ours to wait for.
            self.running.process.returncode = 0
            self.running = None


server = ServerHandle()
atexit.register(server.stop)
os.register_at_fork(after_in_child=server.forget)
