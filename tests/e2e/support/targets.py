"""What stands behind a forwarded port: small servers in threads of the test's own process."""

import socket
import threading


class Target:
    """Accepts on a loopback port; calls `serve(connection)` in a thread for each connection."""

    def __init__(self, serve):
        self._serve = serve
        self._listener = socket.create_server(('127.0.0.1', 0), backlog=1024)
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection):
        with connection:
            try:
                self._serve(connection)
            except OSError:
                pass

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def echo(connection):
    """Sends everything back, then finishes."""
    while True:
        data = connection.recv(65536)
        if not data:
            break
        connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)


def sink(connection):
    """Reads to the end, then answers with the number of bytes as 8 bytes."""
    total = 0
    buffer = bytearray(1 << 20)
    while True:
        size = connection.recv_into(buffer)
        if not size:
            break
        total += size
    connection.sendall(total.to_bytes(8, 'big'))


def receive_exactly(connection, size):
    data = b''
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise ConnectionError(f'closed after {len(data)} of {size} bytes')
        data += piece
    return data
