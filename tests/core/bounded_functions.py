"""Functions for the tests of bounded processes: well behaved, and not."""

import ctypes
import os
import subprocess
import sys
import tempfile
import time


class NotPlain:
    """An instance that makes a folder where it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def add(send, one, other):
    send("adding")
    return one + other


def execute(send, source, names):
    """Do what whoever took a child over would have it do, and return what `found` was set to."""
    names = dict(names)
    exec(source, names)  # noqa: S102 - the tests' own
    return names.get("found")


def fail_without_exception(send, size):
    """Fail, beyond 1 MB, as the interpreter does where no memory is left to make an exception."""
    if size > 1024 * 1024:
        raise SystemError("error return without exception set")
    return size


def take_memory(send, size):
    return len(bytearray(size))


def take_memory_outside_python(send, size):
    """Allocate as a library in C does that aborts when it is refused."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    if libc.malloc(ctypes.c_size_t(size)) is None:
        libc.abort()
    return size


def compute_for_ever(send):
    while True:
        pass


def sleep_for_ever(send, with_child):
    if with_child:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        send(child.pid)
    send(os.getpid())
    time.sleep(600)


def read_null(send):
    ctypes.string_at(0)


def leave(send):
    os._exit(3)


def raise_error(send):
    raise ValueError("no such colour")


def return_much(send, size):
    return b"x" * size


def return_instance(send, folder):
    return NotPlain(folder)


def write_file(send):
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(b"x" * 1000)
    return file.name


def send_numbers(send, count):
    for number in range(count):
        send(number)
        time.sleep(0.01)
    return "done"
