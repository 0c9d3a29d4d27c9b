"""The accept loop that the tests' own servers and proxies share: loopback, a thread for each connection."""

import socket
import threading


class TcpServer:
    """Listens on a loopback port, `port`; calls serve(connection) in a thread of its own for each
    connection, and closes it after that. A connection that breaks is the end of its thread alone."""

    def __init__(self, serve, port=0):
        self.connections = 0
        self._lock = threading.Lock()
        self._serve = serve
        self._listener = socket.create_server(('127.0.0.1', port), backlog=1024)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection):
        # Counted before anybody is answered: who has heard from this server is in the count.
        with self._lock:
            self.connections += 1
        with connection:
            try:
                self._serve(connection)
            except (OSError, ValueError):  # ssl.SSLError is an OSError; half a message no JSON.
                pass

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def both_ways(there_to_here, here_to_there, seconds):
    """Runs two carriers at once, the first in a thread; returns when both are done."""
    back = threading.Thread(target=there_to_here, daemon=True)
    back.start()
    here_to_there()
    back.join(seconds)
