"""Memory of the web processes while eight files of 19 MB arrive at once, through gunicorn."""

import contextlib
import http.client
import io
import random
import time
import uuid
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from threading import Barrier
from typing import Any

from bench import pools
from bench.api import create_access
from bench.registry import measure
from bench.web_server import OfficeServer, running_server

UPLOADS, FILE_BYTES = 8, 19 * 1024 * 1024
#: Bounds, in MB above the memory before, of all web processes together: at the highest, and once all is answered.
MAX_GROWTH, MAX_KEPT = 200.0, 100.0
_SAMPLE_SECONDS, _REST_SECONDS = 0.02, 5
_SLUG = "nimes"


@dataclass(frozen=True)
class UploadMeasure:
    """Resident memory of all web processes together, in MB; and how long the uploads took."""

    name: str
    seconds: float
    before_mb: float
    peak_mb: float
    after_mb: float

    def figures(self) -> dict[str, Any]:
        """Return everything, rounded."""
        return {name: round(value, 1) if isinstance(value, float) else value for name, value in asdict(self).items()}

    def line(self) -> str:
        """Return the figures as text."""
        return "  ".join(f"{name}={value}" for name, value in self.figures().items())

    def failures(self) -> list[str]:
        """Return each missed bound."""
        return [
            f"{what}: {grown:.0f} MB, {limit:.0f} at most"
            for what, grown, limit in (
                ("growth at the peak", self.peak_mb - self.before_mb, MAX_GROWTH),
                ("memory kept", self.after_mb - self.before_mb, MAX_KEPT),
            )
            if grown > limit
        ]


@measure("uploads")
def uploads() -> UploadMeasure:
    """Upload eight files of 19 MB at once."""
    pools.create_office()
    token, _ = create_access()
    content = build_file()
    start = Barrier(UPLOADS)
    with running_server(_SLUG, token) as server, ThreadPoolExecutor(UPLOADS) as threads:

        def send(_number: int) -> int:
            start.wait()
            return upload(server, content)

        before = peak = server.resident()
        begun = time.perf_counter()
        sent = [threads.submit(send, number) for number in range(UPLOADS)]
        while not all(one.done() for one in sent):
            peak = max(peak, server.resident())
            time.sleep(_SAMPLE_SECONDS)
        seconds = time.perf_counter() - begun
        statuses = {one.result() for one in sent}
        if statuses != {201}:
            raise RuntimeError(f"The uploads were answered {statuses}.")
        time.sleep(_REST_SECONDS)
        return UploadMeasure("uploads", seconds, before, peak, server.resident())


def build_file() -> bytes:
    """Return an archive that compresses no more, as a workbook with pictures is."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("xl/media/image1.png", random.Random(1).randbytes(FILE_BYTES))  # noqa: S311 - no secret
    return file.getvalue()


def upload(server: OfficeServer, content: bytes) -> int:
    """Post the file as a program does; return the status."""
    boundary = uuid.uuid4().hex
    body = b"".join(
        (
            f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nportfolio\r\n'.encode(),
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.xlsx"\r\n\r\n'.encode(),
            content,
            f"\r\n--{boundary}--\r\n".encode(),
        )
    )
    headers = {
        "Host": server.host,
        "Authorization": f"Bearer {server.token}",
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Idempotency-Key": str(uuid.uuid4()),
    }
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)) as connection:
        connection.request("POST", "/api/v1/imports", body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
