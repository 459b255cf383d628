"""The process that forks the children of `core.bounded_process`. Standard library only; run as a script.

It imports the functions' modules once and then forks: a child starts in some milliseconds, where a fresh interpreter
takes half a second. It has one thread, reads no foreign bytes, and ends when its parent does.
"""

import contextlib
import gc
import importlib
import json
import os
import pickle
import resource
import selectors
import signal
import socket
import struct
import sys
import tempfile
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

#: Kind and size of what follows.
FRAME_HEADER = struct.Struct("!cQ")
MESSAGE, RESULT, ERROR = b"M", b"R", b"E"
#: Seconds without a child after which the server ends, and with it its memory.
IDLE_SECONDS = 300
#: A path of 4,096 bytes among them, as JSON writes it.
_MAX_ORDER_BYTES = 32 * 1024
_MAX_TRACEBACK = 4000
_OPEN_FILES = 64
#: Bytes of one file of the child, in its own folder.
_FILE_BYTES = 512 * 1024 * 1024


class ChildOrder(NamedTuple):
    function: Callable[..., Any]
    memory_bytes: int
    cpu_seconds: int
    scratch: str
    #: Paths of what it may read besides.
    files: list[str]


class ForkServer:
    """`confine`: called in each child with its folder and its files, before it reads a foreign byte."""

    def __init__(self, control: socket.socket, confine: Callable[[str, list[str]], None]) -> None:
        self._control = control
        self._confine = confine
        self._selector = selectors.DefaultSelector()
        #: Status socket by process number.
        self._children: dict[int, socket.socket] = {}
        # A byte arrives here whenever a child ends.
        self._wake, wake = socket.socketpair()
        self._wake.setblocking(False)
        wake.setblocking(False)
        self._wake_writer = wake
        signal.set_wakeup_fd(wake.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # A supervisor signals the whole group: the parent finishes what it has begun, and then we end.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._selector.register(control, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)

    def serve(self) -> None:
        """Start children until the parent is gone, or asks for none."""
        while True:
            events = self._selector.select(None if self._children else IDLE_SECONDS)
            if not events and not self._children:
                return
            for key, _ in events:
                if key.fileobj is self._control:
                    message, descriptors, _, _ = socket.recv_fds(self._control, _MAX_ORDER_BYTES, 2)
                    if not message:
                        for process in self._children:
                            _kill_group(process)
                        return
                    self._start(message, *(socket.socket(fileno=each) for each in descriptors))
                elif key.fileobj is self._wake:
                    with contextlib.suppress(BlockingIOError):
                        self._wake.recv(4096)
                    self._reap()
                elif key.data in self._children:
                    # The parent has hung up: the child's work is of no more use.
                    self._selector.unregister(key.fileobj)
                    _kill_group(key.data)

    def _start(self, message: bytes, data: socket.socket, status: socket.socket) -> None:
        with data:
            try:
                fields = json.loads(message)
                module, _, name = fields.pop("function").partition(":")
                order = ChildOrder(getattr(importlib.import_module(module), name), **fields)
            except Exception:  # noqa: BLE001 - told to the parent, whatever it is
                with status:
                    status.sendall(json.dumps({"error": traceback.format_exc()}).encode() + b"\n")
                return
            gc.freeze()
            process = os.fork()
            if not process:
                self._become_child(order, data, status)
            with contextlib.suppress(OSError):
                os.setpgid(process, process)
            self._children[process] = status
            self._selector.register(status, selectors.EVENT_READ, process)
            with contextlib.suppress(OSError):
                status.sendall(json.dumps({"process": process}).encode() + b"\n")

    def _reap(self) -> None:
        for process, status in list(self._children.items()):
            # Not reaped yet: its number is still its own, and its group's.
            if os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            _kill_group(process)
            _, ended, usage = os.wait4(process, 0)
            del self._children[process]
            with contextlib.suppress(KeyError):
                self._selector.unregister(status)
            answer = {
                "signal": os.WTERMSIG(ended) if os.WIFSIGNALED(ended) else None,
                "exit": os.WEXITSTATUS(ended) if os.WIFEXITED(ended) else None,
                "cpu_seconds": usage.ru_utime + usage.ru_stime,
                "peak_kb": usage.ru_maxrss,
            }
            with status, contextlib.suppress(OSError):
                status.sendall(json.dumps(answer).encode() + b"\n")

    def _become_child(self, order: ChildOrder, data: socket.socket, status: socket.socket) -> None:
        """Run the order in this process, just forked, and end it."""
        code = 1
        try:
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            # Neither the parent's orders nor what it learns of children are ours.
            self._selector.close()
            for each in (self._control, self._wake, self._wake_writer, status, *self._children.values()):
                each.close()
            _limit(order)
            _run(order, data, self._confine)
            code = 0
        finally:
            os._exit(code)


def _limit(order: ChildOrder) -> None:
    gc.disable()
    tempfile.tempdir = order.scratch
    # Soft, then hard: SIGXCPU, and a second later SIGKILL.
    resource.setrlimit(resource.RLIMIT_CPU, (order.cpu_seconds, order.cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:  # noqa: PTH123
        # Where memory runs out all the same, this process goes first.
        score.write("1000")
    resource.setrlimit(resource.RLIMIT_AS, (order.memory_bytes, order.memory_bytes))


def _run(order: ChildOrder, data: socket.socket, confine: Callable[[str, list[str]], None]) -> None:
    def send(kind: bytes, content: Any) -> None:
        body = pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL)
        data.sendall(FRAME_HEADER.pack(kind, len(body)))
        data.sendall(body)

    def send_message(content: Any) -> None:
        send(MESSAGE, content)

    error = ("memory", f"{order.memory_bytes} bytes are not enough")
    try:
        confine(order.scratch, order.files)
        _, size = FRAME_HEADER.unpack(_read_exactly(data, FRAME_HEADER.size))
        send(RESULT, order.function(send_message, *pickle.loads(_read_exactly(data, size))))  # noqa: S301 - our parent's
    except (MemoryError, SystemError):
        # The interpreter raises `SystemError` where no memory was left to make the `MemoryError`.
        # Sent below: until this clause ends, the traceback keeps the memory of the function, and none may be left.
        pass
    except BaseException:  # noqa: BLE001 - told to the parent, even a panic of Rust
        send(ERROR, ("crashed", traceback.format_exc()[-_MAX_TRACEBACK:]))
        return
    else:
        return
    send(ERROR, error)


def _read_exactly(data: socket.socket, size: int) -> bytearray:
    content = bytearray(size)
    view, at = memoryview(content), 0
    while at < size:
        count = data.recv_into(view[at:])
        if not count:
            raise EOFError
        at += count
    return content


def _kill_group(process: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGKILL)


def main(descriptor: str, path: str) -> None:
    """Serve the parent at this socket, with its search path for modules."""
    sys.path[:] = json.loads(path)
    from core.confinement import confine, list_code_folders  # noqa: PLC0415 - on that path

    ForkServer(socket.socket(fileno=int(descriptor)), partial(confine, code=list_code_folders())).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
