"""A name server over UDP, which says of one name something else each time, and a lookup that asks it.

The system's own resolver asks the servers of `/etc/resolv.conf` at port 53, which no test may change: `look_up` stands
in the place of `socket.getaddrinfo`, asks over UDP as that does, and is all that does not run as on a server.
"""

import socket
import socketserver
import struct
import threading
from collections.abc import Iterable
from typing import Any, Self

_HEADER = struct.Struct("!6H")
_IS_QUESTION, _IS_ANSWER = 0x0100, 0x8180
#: A pointer to the name of the question, type A, class IN, no lifetime, four bytes.
_RECORD = struct.pack("!HHHIH", 0xC00C, 1, 1, 0, 4)
_ADDRESS_OF_THIS_MACHINE = "127.0.0.1"


class NameServer:
    """Answers for the block, with the next addresses each time; `asked`: the names of the questions."""

    def __init__(self, answers: Iterable[list[str]]) -> None:
        self.asked: list[str] = []
        self._answers = iter(answers)
        self._server = socketserver.UDPServer((_ADDRESS_OF_THIS_MACHINE, 0), self._answer)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, request: Any, client: Any, _server: Any) -> None:
        query, connection = request
        number, *_ = _HEADER.unpack_from(query)
        self.asked.append(_read_name(query))
        addresses = next(self._answers)
        records = b"".join(_RECORD + socket.inet_aton(address) for address in addresses)
        header = _HEADER.pack(number, _IS_ANSWER, 1, len(addresses), 0, 0)
        connection.sendto(header + query[_HEADER.size :] + records, client)

    def look_up(self, host: str, port: int, *_: object) -> list[tuple[Any, ...]]:
        """Return the addresses of a name as `socket.getaddrinfo` does, by a question to this server."""
        labels = b"".join(bytes([len(label)]) + label.encode() for label in host.split("."))
        query = _HEADER.pack(1, _IS_QUESTION, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", 1, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(60)
            asking.sendto(query, self._server.server_address)
            answer = asking.recv(512)
        count, size = _HEADER.unpack_from(answer)[3], len(_RECORD) + 4
        records = [answer[len(query) + place * size :][:size] for place in range(count)]
        return [
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (socket.inet_ntoa(record[-4:]), port))
            for record in records
        ]


def _read_name(query: bytes) -> str:
    labels, place = [], _HEADER.size
    while length := query[place]:
        labels.append(query[place + 1 :][:length].decode())
        place += length + 1
    return ".".join(labels)
