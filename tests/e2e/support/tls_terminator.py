"""What sits in front of some relays: it ends TLS, and speaks TLS of its own to the relay."""

import socket
import ssl

from support.api import tls_context
from support.tcp_server import TcpServer, both_ways

_PROTOCOLS = ['adit/1', 'adit-join/1', 'adit-api/1', 'http/1.1']


class TlsTerminator(TcpServer):
    """A server with the relay's own certificate."""

    def __init__(self, relay_port, chain, key):
        self._relay_port = relay_port
        self._server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._server.load_cert_chain(chain, key)
        self._server.set_alpn_protocols(_PROTOCOLS)
        super().__init__(self._wrap)

    def _wrap(self, connection):
        with self._server.wrap_socket(connection, server_side=True) as here:
            context = tls_context([here.selected_alpn_protocol()])
            with socket.create_connection(('127.0.0.1', self._relay_port)) as raw, \
                    context.wrap_socket(raw) as there:
                both_ways(lambda: _carry(there, here), lambda: _carry(here, there), 30)

def _carry(source, target):
    """Moves plaintext one way; any end is the end of both, as such a thing has no half-closes."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for connection in (source, target):
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
