"""Shut a process in, for good: no files but its own, no network, no other process. Standard library only.

Two parts of Linux do it, neither of which asks for privileges: Landlock refuses files by where they are, a seccomp
filter refuses system calls by their numbers. Where one is missing, the other still holds.
"""

import ctypes
import errno
import os
import stat
import struct
import sys
from collections.abc import Iterable
from fcntl import F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_GETFL, F_SETFD
from pathlib import Path
from termios import FIOCLEX, FIONCLEX, TCGETS
from typing import NamedTuple

# --- What a process may ask of the kernel ----------------------------------------------------------------------------

#: Names and numbers of the system calls that remain, on x86_64 and on aarch64: to compute, to use files within the
#: bounds of Landlock, to speak on the socket that was given. None makes a socket or a process, reaches another process,
#: or changes whose a file is.
ALLOWED_CALLS: dict[str, tuple[int, int | None]] = {
    "read": (0, 63), "write": (1, 64), "readv": (19, 65), "writev": (20, 66), "pread64": (17, 67),
    "pwrite64": (18, 68), "lseek": (8, 62), "close": (3, 57), "fstat": (5, 80), "ftruncate": (77, 46),
    "sendto": (44, 206), "recvfrom": (45, 207), "poll": (7, None), "ppoll": (271, 73),
    "open": (2, None), "openat": (257, 56), "stat": (4, None), "lstat": (6, None), "newfstatat": (262, 79),
    "statx": (332, 291), "access": (21, None), "faccessat": (269, 48), "faccessat2": (439, 439),
    "readlink": (89, None), "readlinkat": (267, 78), "getcwd": (79, 17), "getdents64": (217, 61),
    "mkdir": (83, None), "mkdirat": (258, 34), "unlink": (87, None), "unlinkat": (263, 35), "rmdir": (84, None),
    "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276),
    "brk": (12, 214), "mmap": (9, 222), "munmap": (11, 215), "mremap": (25, 216), "mprotect": (10, 226),
    "madvise": (28, 233),
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "gettimeofday": (96, 169), "time": (201, None),
    "nanosleep": (35, 101), "clock_nanosleep": (230, 115), "times": (100, 153), "getrusage": (98, 165),
    "futex": (202, 98), "sched_yield": (24, 124), "sched_getaffinity": (204, 123), "restart_syscall": (219, 128),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "sigaltstack": (131, 132),
    "getpid": (39, 172), "gettid": (186, 178), "getuid": (102, 174), "geteuid": (107, 175), "getgid": (104, 176),
    "getegid": (108, 177), "uname": (63, 160), "sysinfo": (99, 179), "getrandom": (318, 278),
    "exit": (60, 93), "exit_group": (231, 94),
}  # fmt: skip


class Limited(NamedTuple):
    """A system call that remains with some values of an argument, counted from 0."""

    numbers: tuple[int, int]
    argument: int
    values: tuple[int, ...]


#: Of descriptors: duplicate them, and whether they are closed at a new program. « ioctl » would set up networks.
LIMITED_CALLS = {
    "fcntl": Limited((72, 25), 1, (F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC)),
    "ioctl": Limited((16, 29), 1, (FIOCLEX, FIONCLEX, TCGETS)),
}
#: A signal to a thread of one's own, as `abort` sends it.
OWN_SIGNAL = {"tgkill": (234, 131)}
#: The last system call of Linux 6.0. Later ones are said to be missing, and not refused: a C library then does without.
_LAST_KNOWN_CALL = 450


class Machine(NamedTuple):
    """`audit`: what the kernel calls it (`AUDIT_ARCH_…`); `column`: of the tables above."""

    audit: int
    column: int


MACHINES = {"x86_64": Machine(0xC000003E, 0), "aarch64": Machine(0xC00000B7, 1)}

# From linux/prctl.h, linux/seccomp.h, linux/bpf_common.h.
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 22, 38
_SECCOMP_MODE_FILTER = 2
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _RETURN, _JUMP_EQUAL, _JUMP_GREATER = 0x20, 0x06, 0x15, 0x25
#: Where a filter finds the number of the call, the machine's, and the arguments, of eight bytes each.
_AT_NUMBER, _AT_MACHINE, _AT_ARGUMENTS = 0, 4, 16

# --- Which files it may open -----------------------------------------------------------------------------------------

# From linux/landlock.h; the numbers of its system calls are those of every machine.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION, _BENEATH_PATH = 1, 1
_WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_DIR, _REMOVE_FILE = (1 << bit for bit in range(1, 6))
_MAKE_DIR, _MAKE_REG, _MOVE, _TRUNCATE = 1 << 7, 1 << 8, 1 << 13, 1 << 14
#: How many rights a version of Landlock knows, the first version first: all are taken, and some given back.
_RIGHTS_BY_VERSION = (13, 14, 15, 15, 16)
_READ = _READ_FILE | _READ_DIR
_OWN_FOLDER = _READ | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _MOVE | _TRUNCATE
#: Libraries that Python's own are linked with.
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/usr/share/zoneinfo")

_libc = ctypes.CDLL(None, use_errno=True)
_libc.prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_ulong)


def list_lacks() -> list[str]:
    """Return what this kernel, or the container around it, lacks, in some words each."""
    lacks = []
    if _get_landlock_version() < 1:
        lacks.append("Landlock (Linux 5.13, and « landlock » among its security modules)")
    if os.uname().machine not in MACHINES:
        lacks.append(f"a list of the system calls of {os.uname().machine}")
    elif not _has_filters():
        lacks.append("seccomp filters (CONFIG_SECCOMP_FILTER)")
    return lacks


def list_code_folders() -> list[str]:
    """Return where this interpreter finds code: its libraries, and the packages of its search path.

    Not the folders of that path themselves: beside the packages a database's files may stand, or secrets.
    """
    libraries = [f"{prefix}/{sys.platlibdir}" for prefix in (sys.prefix, sys.base_prefix)]
    packages = [
        str(package.parent)
        for entry in sys.path
        if not any(Path(entry).is_relative_to(each) for each in libraries)
        for package in sorted(Path(entry).glob("*/__init__.py"))
    ]
    return [each for each in dict.fromkeys((*_LIBRARIES, *libraries, *packages)) if Path(each).exists()]


def confine(folder: str, files: Iterable[str], code: Iterable[str]) -> None:
    """Confine this process for the rest of its life, as far as the kernel can. Raises `OSError` where that fails.

    It may read and write in `folder`, and read `files` and `code` (of `list_code_folders`); what it has open stays so.
    Whatever it asks beyond raises `PermissionError`.
    """
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, None, 0, 0))
    version = _get_landlock_version()
    if version >= 1:
        _restrict_files(version, {**dict.fromkeys(code, _READ), **dict.fromkeys(files, _READ), folder: _OWN_FOLDER})
    machine = MACHINES.get(os.uname().machine)
    if machine and _has_filters():
        instructions = build_filter(machine, os.getpid())
        buffer = ctypes.create_string_buffer(instructions, len(instructions))
        program = struct.pack("HP", len(instructions) // 8, ctypes.addressof(buffer))
        _check(_libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program, 0, 0))


def build_filter(machine: Machine, process: int) -> bytes:
    """Return the filter of a process: what the kernel runs at each system call, eight bytes an instruction."""
    calls = [numbers[machine.column] for numbers in ALLOWED_CALLS.values()]
    limited = [
        *((call.numbers[machine.column], call.argument, call.values) for call in LIMITED_CALLS.values()),
        *((numbers[machine.column], 0, (process,)) for numbers in OWN_SIGNAL.values()),
    ]
    # From the end: a jump says how many instructions it passes over.
    program = [
        (_JUMP_GREATER, 1, 0, _LAST_KNOWN_CALL),
        (_RETURN, 0, 0, _REFUSE | errno.EPERM),
        (_RETURN, 0, 0, _REFUSE | errno.ENOSYS),
        (_RETURN, 0, 0, _ALLOW),
    ]
    for number, argument, values in limited:
        program.insert(0, (_RETURN, 0, 0, _REFUSE | errno.EPERM))
        for value in values:
            program.insert(0, (_JUMP_EQUAL, len(program) - 1, 0, value))
        program.insert(0, (_LOAD, 0, 0, _AT_ARGUMENTS + 8 * argument))
        program.insert(0, (_JUMP_EQUAL, 0, len(values) + 2, number))
    for allowed in calls:
        if allowed is not None:
            program.insert(0, (_JUMP_EQUAL, len(program) - 1, 0, allowed))
    # A call of another machine's: its numbers mean other things.
    program[:0] = [
        (_LOAD, 0, 0, _AT_MACHINE),
        (_JUMP_EQUAL, 1, 0, machine.audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _AT_NUMBER),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def _has_filters() -> bool:
    # A filter that is none: who knows filters does not find it at its address.
    _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, None, 0, 0)
    return ctypes.get_errno() == errno.EFAULT


def _get_landlock_version() -> int:
    """Return the version of Landlock, below one where there is none."""
    return _call(_CREATE_RULESET, None, 0, _ASK_VERSION)


def _restrict_files(version: int, rights: dict[str, int]) -> None:
    taken = (1 << _RIGHTS_BY_VERSION[min(version, len(_RIGHTS_BY_VERSION)) - 1]) - 1
    ruleset = _check(_call(_CREATE_RULESET, struct.pack("=Q", taken), 8, 0))
    for path, right in rights.items():
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            # What cannot be opened is not to be read either.
            continue
        given = right & (taken if stat.S_ISDIR(os.fstat(place).st_mode) else _READ_FILE)
        _check(_call(_ADD_RULE, ruleset, _BENEATH_PATH, struct.pack("=Qi", given, place), 0))
        os.close(place)
    _check(_call(_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def _call(number: int, *arguments: int | bytes | None) -> int:
    passed = [ctypes.c_long(each) if isinstance(each, int) else each for each in (number, *arguments)]
    return int(_libc.syscall(*passed))


def _check(answer: int) -> int:
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer
