"""TCP proxies that deliver the same bytes in other pieces than they were sent in."""

import socket
import threading
import time

from support.bio_tls import carry_pieces, tls_records
from support.tcp_server import TcpServer, both_ways

_APPLICATION, _HANDSHAKE = 0x17, 0x16


class CuttingProxy(TcpServer):
    """`ways(hello)` gives the two generators of a connection, from its
    ClientHello: to the server and back, each from TLS records to the pieces to send."""

    def __init__(self, server_port, ways):
        self._server_port = server_port
        self._ways = ways
        super().__init__(self._splice)

    def _splice(self, here):
        with socket.create_connection(('127.0.0.1', self._server_port), 20) as there:
            for connection in (here, there):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            records = tls_records(here)
            hello = next(records, b'')
            to_server, to_here = self._ways(hello)
            there.sendall(hello)
            both_ways(lambda: carry_pieces(there, here, to_here(tls_records(there))),
                      lambda: carry_pieces(here, there, to_server(records)), 60)

def unchanged(records):
    yield from records


def byte_by_byte(records):
    """Each byte in a segment of its own, for the records that make a session; then as they are."""
    for i, record in enumerate(records):
        if i < 16:
            for at in range(len(record)):
                yield record[at:at + 1]
        else:
            yield record


def is_join(hello):
    return b'adit-join/1' in hello


class JoinedSplitter:
    """Ways that hold back `joined` until the first raw record is behind it, and deliver the two in
    one segment, or cut at `next_cut()`; `sizes` are those of the two records, once seen."""

    def __init__(self, next_cut):
        self._next_cut = next_cut
        self.sizes = None

    def ways(self, hello):
        if not is_join(hello):
            return unchanged, unchanged
        has_joined = threading.Event()

        def to_server(records):
            # The join goes in the last protected record before the raw ones.
            for record in records:
                if record[0] == _APPLICATION:
                    has_joined.set()
                yield record

        def to_here(records):
            held = b''
            for record in records:
                if held and record[0] == _HANDSHAKE:
                    self.sizes = len(held), len(record)
                    at = self._next_cut() % (len(held) + len(record))
                    both = held + record
                    yield both[:at] if at else both
                    if at:
                        time.sleep(0.003)  # For the other side to read the first piece.
                        yield both[at:]
                    yield from records
                    return
                if held:
                    yield held
                held = b''
                if has_joined.is_set() and record[0] == _APPLICATION:
                    held = record
                else:
                    yield record
            if held:
                yield held

        return to_server, to_here
