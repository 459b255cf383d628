"""A machine of its own for a script of root: a root folder, and above it a layer that is thrown away.

In namespaces of mounts and processes: nothing that the script writes, installs or starts outlives it. It shares the
network, for the package registries and for the servers of a test.
"""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

_LAYER = 'mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"'
#: Mounts the layer over the root, then becomes the script. Arguments: root, layer.
_ENTER = f"""
set -eu
{_LAYER}
mount -t proc proc "$2/root/proc"
mount --rbind /dev "$2/root/dev"
mount -t tmpfs tmpfs "$2/root/run"
mkdir -p "$2/root/run/lock"
exec chroot "$2/root" /bin/bash /srv/script 3<&0 </dev/null
"""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: What package managers must know on some machines, and of them, what names a file of certificates.
_OF_REGISTRIES = re.compile(r"PIP_|UV_|NPM_|npm_|.*_(?i:proxy)$|.*(CA_BUNDLE|CA_CERTS|CAINFO|CERT_FILE|CERT)$")
_OF_CERTIFICATES = re.compile(r".*(CA_BUNDLE|CA_CERTS|CAINFO|CERT_FILE|_CERT)$")
_PROGRAMS = ("unshare", "mount", "chroot")


def find_obstacle() -> str:
    """Return why this machine cannot have another root; empty where it can."""
    if os.geteuid() != 0:
        return "it takes root to enter another root"
    if missing := [name for name in _PROGRAMS if shutil.which(name) is None]:
        return f"not installed: {', '.join(missing)}"
    with tempfile.TemporaryDirectory() as folder:
        for name in ("upper", "work", "root"):
            (Path(folder) / name).mkdir()
        layer = ["unshare", "--mount", "--pid", "--fork", "sh", "-c", _LAYER, "sh", "/", folder]
        if subprocess.run(layer, check=False, capture_output=True).returncode:  # noqa: S603 - our own command
            return "this machine gives no namespaces, or mounts no layer in them"
    return ""


@contextlib.contextmanager
def running_script(
    script: str, *, root: Path, folder: Path, files: Mapping[str, str | bytes], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a script of bash as root in a machine of its own; it and all that it started end with the block.

    `files`: contents by path, executable. The script may read its descriptor 3, which is the process's standard input.
    """
    for name in ("upper", "work", "root"):
        (folder / name).mkdir(parents=True)
    environment = {"PATH": _PATH, "HOME": "/root", "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    contents = {**files, "/srv/script": script}
    for name, value in os.environ.items():
        if _OF_REGISTRIES.match(name):
            environment[name] = value
        if _OF_CERTIFICATES.fullmatch(name) and Path(value).is_file():
            environment[name] = "/srv/certificates.pem"
            contents["/srv/certificates.pem"] = Path(value).read_bytes()
    for path, content in contents.items():
        target = folder / "upper" / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        target.chmod(0o755)
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _ENTER, "sh"]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*command, str(root), str(folder)], env=environment, stdin=subprocess.PIPE, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
        shutil.rmtree(folder, ignore_errors=True)
