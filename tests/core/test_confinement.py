"""What a child that reads foreign bytes is refused, and what it keeps."""

import ctypes
import ctypes.util
import errno
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from core import bounded_process, bounded_process_server, confinement, start_checks
from core.bounded_process import BoundedProcessError, ProcessFailure, ProcessLimits, run_bounded
from tests.core.test_bounded_process import wait_until_gone

#: What somebody might try who took a child over, by what it is refused for. `process`: the one that asked for the
#: child; `file`: one that anybody may read and write, `folder`: its folder.
NETWORK = {
    "a connection": "import socket; socket.socket()",
    "a packet": "import socket; socket.socket(type=socket.SOCK_DGRAM)",
    "the machine's own sockets": "import socket; socket.socket(socket.AF_UNIX)",
    "the kernel's sockets": "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "a pair of sockets": "import socket; socket.socketpair()",
}
FILES = {
    "read": "found = open(file).read()",
    "read what all may": "found = open('/etc/passwd').read()",
    "read the parent's secrets": "found = open(f'/proc/{process}/environ', 'rb').read()",
    "read its own limits": "found = open('/proc/self/status').read()",
    "read by a link": "import os, tempfile; os.symlink(file, tempfile.gettempdir() + '/a')",
    "list": "import os; found = os.listdir(folder)",
    "write": "open(file, 'w').write('x')",
    "add to": "open(file, 'a').write('x')",
    "make": "open(folder + '/new', 'x')",
    "make a folder": "import os; os.mkdir(folder + '/new')",
    "remove": "import os; os.unlink(file)",
    "move here": "import os, tempfile; os.rename(file, tempfile.gettempdir() + '/a')",
    "link here": "import os, tempfile; os.link(file, tempfile.gettempdir() + '/a')",
    "open to all": "import os; os.chmod(file, 0o777)",
    "give away": "import os; os.chown(file, os.getuid(), os.getgid())",
    "change when it was written": "import os; os.utime(file)",
    "write code": "import tenants; open(tenants.__file__, 'a')",
}
PROCESSES = {
    "a program": "import os; os.execv('/bin/true', ['true'])",
    "a program beside": "import subprocess; subprocess.run(['/bin/true'])",
    "a copy": "import os; os.fork() or os._exit(0)",
    "a file in memory": "import os; os.memfd_create('a')",
    "a signal to the parent": "import os; os.kill(process, 0)",
    "the parent's limits": "import resource; resource.prlimit(process, resource.RLIMIT_CORE)",
    "the parent's turn": "import os; os.sched_setaffinity(process, os.sched_getaffinity(process))",
}
ATTEMPTS = {**NETWORK, **FILES, **PROCESSES}


def attempt(source, tmp_path, **more):
    file = tmp_path / "file"
    file.write_text("ours")
    file.chmod(0o666)
    names = {"process": os.getpid(), "file": str(file), "folder": str(tmp_path)}
    return run_bounded("tests.core.bounded_functions:execute", source, names, **more)


@pytest.fixture
def unconfined(monkeypatch):
    """Children of a kernel that confines nothing."""
    bounded_process.server.stop()
    with monkeypatch.context() as changed:
        changed.setattr(bounded_process_server, "__file__", str(Path(__file__).with_name("unconfined_server.py")))
        yield
    bounded_process.server.stop()


@pytest.mark.parametrize("name", ATTEMPTS)
def test_a_child_is_refused(name, tmp_path):
    with pytest.raises(BoundedProcessError) as caught:
        attempt(ATTEMPTS[name], tmp_path)
    assert caught.value.failure is ProcessFailure.CRASHED
    assert "PermissionError: " in caught.value.detail
    assert caught.value.sentence.startswith("Ce fichier est abîmé")
    assert (tmp_path / "file").read_text() == "ours"


@pytest.mark.slow
def test_where_the_kernel_confines_nothing_each_of_these_succeeds(unconfined, tmp_path):
    """Each is refused by the confinement, and not by something else."""
    for name, source in ATTEMPTS.items():
        folder = tmp_path / name
        folder.mkdir()
        if name == "a program":
            with pytest.raises(BoundedProcessError, match="'exit': 0"):
                attempt(source, folder)
        else:
            attempt(source, folder)


@pytest.mark.slow
def test_where_the_kernel_confines_nothing_a_child_is_ended_with_its_own_children(unconfined):
    heard = []
    with pytest.raises(BoundedProcessError) as caught:
        run_bounded(
            "tests.core.bounded_functions:sleep_for_ever",
            True,
            limits=ProcessLimits(wall_seconds=1.0),
            on_message=heard.append,
        )
    assert caught.value.failure is ProcessFailure.TIME
    assert len(heard) == 2
    for process in heard:
        wait_until_gone(process)


def test_a_child_reads_the_files_that_it_was_named_and_no_other(tmp_path):
    other = tmp_path / "other"
    other.write_text("theirs")
    files = [tmp_path / "file", tmp_path / "missing"]
    assert attempt("found = open(file).read()", tmp_path, files=files) == "ours"
    for source in ("open(file, 'a')", "open(folder + '/other')"):
        with pytest.raises(BoundedProcessError) as caught:
            attempt(source, tmp_path, files=files)
        assert "PermissionError: " in caught.value.detail


def test_a_child_does_with_its_own_folder_what_it_likes(tmp_path):
    source = """
import os, shutil, tempfile
from pathlib import Path
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "a"
    path.write_text("a long text")
    path.write_text("short")
    (Path(folder) / "b").mkdir()
    shutil.copyfile(path, Path(folder) / "b" / "c")
    path.rename(Path(folder) / "b" / "d")
    with tempfile.TemporaryFile() as file:
        file.truncate(10)
        os.close(os.dup(file.fileno()))
    found = sorted(os.listdir(Path(folder) / "b")), (Path(folder) / "b" / "d").read_text()
found += (os.path.exists(folder),)
"""
    assert attempt(source, tmp_path) == (["c", "d"], "short", False)


def test_a_child_imports_what_was_not_imported_before(tmp_path):
    source = """
import importlib, sys
names = ["sqlite3", "tenants", "PIL.WebPImagePlugin", "encodings.cp037"]
found = [name in sys.modules for name in names], [importlib.import_module(name).__name__ for name in names]
"""
    before, names = attempt(source, tmp_path)
    assert before == [False] * 4
    assert names == ["sqlite3", "tenants", "PIL.WebPImagePlugin", "encodings.cp037"]


def test_files_beside_the_code_are_not_code(tmp_path, monkeypatch):
    """A database's, or secrets, in the folder of the project."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    (tmp_path / ".data").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    folders = confinement.list_code_folders()
    assert str(tmp_path / "package") in folders
    assert not any((tmp_path / ".data").is_relative_to(folder) for folder in folders)
    assert not any(Path("/etc/peps").is_relative_to(folder) for folder in folders)


# --- A kernel that lacks one of both ----------------------------------------------------------------------------------

_PROBE = """
from core import confinement
confinement.{lack}
print(len(confinement.list_lacks()))
confinement.confine({folder!r}, [], [])
for probe in (lambda: open("/etc/passwd"), lambda: __import__("os").fork() or __import__("os")._exit(0)):
    try:
        probe()
        print("done")
    except PermissionError:
        print("refused")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lack", "answers"),
    [
        ("_get_landlock_version = lambda: -1", ["1", "done", "refused"]),
        ("_has_filters = lambda: False", ["1", "refused", "done"]),
        ("MACHINES = {}", ["1", "refused", "done"]),
        ("__doc__ = None", ["0", "refused", "refused"]),
    ],
)
def test_what_the_kernel_has_holds_without_the_other(lack, answers, tmp_path):
    ended = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", _PROBE.format(lack=lack, folder=str(tmp_path))],
        env={"PYTHONPATH": os.pathsep.join(sys.path)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ended.stdout.split() == answers


def test_a_server_warns_when_it_starts_of_what_its_kernel_lacks(settings, monkeypatch, caplog):
    assert start_checks.check_confinement(None) == []
    monkeypatch.setattr(confinement, "_get_landlock_version", lambda: -1)
    monkeypatch.setattr(confinement, "_has_filters", lambda: False)
    assert start_checks.check_confinement(None) == []
    settings.PRODUCTION = True
    (warning,) = start_checks.check_confinement(None)
    assert warning.id == "peps.W025"
    assert "Landlock" in warning.msg
    assert "seccomp" in warning.msg
    start_checks.warn_of_confinement()
    assert [record.getMessage() for record in caplog.records] == [f"peps.W025: {warning.msg} See {warning.hint}"]


# --- The filter, for both kinds of machines ---------------------------------------------------------------------------


def decide(program, machine, number, *arguments):
    """Return what a filter answers, as the kernel runs it."""
    data = struct.pack("=IIQ6Q", number & 0xFFFFFFFF, machine, 0, *(arguments + (0,) * 6)[:6])
    at, accumulator = 0, 0
    while True:
        code, then, otherwise, value = struct.unpack_from("=HBBI", program, 8 * at)
        at += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, value)
            case 0x15 | 0x25:
                holds = accumulator == value if code == 0x15 else accumulator > value
                at += then if holds else otherwise
            case 0x06:
                return value


ALLOW, KILL = 0x7FFF0000, 0x80000000
REFUSED, MISSING = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
#: socket, connect, clone, execve, kill, ptrace, mount, io_uring_setup, clone3; on x86_64 fork too.
DANGEROUS = {
    "x86_64": [41, 42, 56, 59, 62, 101, 165, 425, 435, 57],
    "aarch64": [198, 203, 220, 221, 129, 117, 40, 425, 435],
}


@pytest.mark.parametrize("name", confinement.MACHINES)
def test_the_filter_lets_pass_what_is_listed_and_nothing_else(name):
    machine = confinement.MACHINES[name]
    program = confinement.build_filter(machine, 77)
    allowed = {numbers[machine.column] for numbers in confinement.ALLOWED_CALLS.values()}
    limited = {call.numbers[machine.column]: call for call in confinement.LIMITED_CALLS.values()}
    own_signal = confinement.OWN_SIGNAL["tgkill"][machine.column]
    for number in range(451):
        answer = ALLOW if number in allowed else REFUSED
        assert decide(program, machine.audit, number) == (
            ALLOW if number in limited and 0 in limited[number].values else answer
        )
    assert {decide(program, machine.audit, number) for number in DANGEROUS[name]} == {REFUSED}
    for number, call in limited.items():
        assert {decide(program, machine.audit, number, 3, value) for value in call.values} == {ALLOW}
        # F_SETOWN and SIOCSIFADDR.
        assert {decide(program, machine.audit, number, 3, value) for value in (8, 0x8916)} == {REFUSED}
    assert [decide(program, machine.audit, own_signal, process, 9) for process in (77, 78)] == [ALLOW, REFUSED]
    # Calls of a kernel to come, those of x86_64's other numbering, and those of another machine.
    assert {decide(program, machine.audit, number) for number in (451, 0x40000001, -1)} == {MISSING}
    assert {decide(program, other, 0) for other in (0x40000003, 0xC00000F3)} == {KILL}


@pytest.mark.skipif(
    ctypes.util.find_library("seccomp") is None, reason="libseccomp, which knows the numbers, is not here"
)
@pytest.mark.parametrize("name", confinement.MACHINES)
def test_the_numbers_are_those_of_the_kernel(name):
    library = ctypes.CDLL(ctypes.util.find_library("seccomp"))
    machine = confinement.MACHINES[name]
    calls = confinement.ALLOWED_CALLS | confinement.OWN_SIGNAL
    calls |= {name: call.numbers for name, call in confinement.LIMITED_CALLS.items()}
    for call, numbers in calls.items():
        known = library.seccomp_syscall_resolve_name_arch(ctypes.c_uint32(machine.audit), call.encode())
        assert (known if known >= 0 else None) == numbers[machine.column], call
