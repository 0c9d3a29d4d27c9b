"""Links whose TLS passes through our hands, and that may change their connection."""

from support.frames import Link


class _AsSocket:
    """What Link wants of a socket, over BioTls; counts the link's bytes."""

    def __init__(self, link, tls):
        self._link, self._tls = link, tls

    def sendall(self, data):
        self._tls.send(data)
        self._link.sent += len(data)

    def recv(self, size):
        data = self._tls.receive(size)
        self._link.received += len(data)
        return data

    def settimeout(self, seconds):
        self._tls.socket.settimeout(seconds)

    def close(self):
        self._tls.socket.close()


class BioLink(Link):
    """A link over BioTls; `sent` and `received` are its positions, over all its connections."""

    def __init__(self, tls):
        self._data = b''
        self.sent = self.received = 0
        self.carry(tls)

    def carry(self, tls):
        self.tls = tls
        self.connection = _AsSocket(self, tls)
