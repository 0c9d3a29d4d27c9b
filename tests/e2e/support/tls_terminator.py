"""What sits in front of some relays: it ends TLS, and speaks TLS of its own to the relay."""

import socket
import ssl
import threading

_PROTOCOLS = ['adit/1', 'adit-join/1', 'http/1.1']


class TlsTerminator:
    """Listens on a loopback port with the relay's own certificate; `port` is where."""

    def __init__(self, relay_port, chain, key):
        self._relay_port = relay_port
        self._server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._server.load_cert_chain(chain, key)
        self._server.set_alpn_protocols(_PROTOCOLS)
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            with self._server.wrap_socket(connection, server_side=True) as here:
                context = ssl.create_default_context()
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
                context.set_alpn_protocols([here.selected_alpn_protocol()])
                with socket.create_connection(('127.0.0.1', self._relay_port)) as raw, \
                        context.wrap_socket(raw) as there:
                    back = threading.Thread(target=_carry, args=(there, here), daemon=True)
                    back.start()
                    _carry(here, there)
                    back.join(30)
        except OSError:  # ssl.SSLError is one, too.
            pass

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


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
