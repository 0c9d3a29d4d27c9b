"""TLS whose bytes pass through our hands: it can be laid aside, as a join does, without losing any."""

import socket
import ssl
import struct


class BioTls:
    """TLS over a connected socket; after detach() the socket carries raw bytes."""

    def __init__(self, connection, context, server_side, first=b''):
        """Shakes hands; `first` is what was read from the connection before."""
        self.socket = connection
        self.broken_by = None  # The reason that TLS gave at the end, such as the other side's alert.
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=server_side,
                                     server_hostname=None if server_side else 'localhost')
        self._incoming.write(first)
        self._run(self._tls.do_handshake)

    def protocol(self):
        return self._tls.selected_alpn_protocol()

    def cipher(self):
        """The name of the suite."""
        return self._tls.cipher()[0]

    def _run(self, step):
        while True:
            try:
                result = step()
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                piece = self.socket.recv(65536)
                if not piece:
                    raise ConnectionError('the connection ended inside TLS') from None
                self._incoming.write(piece)

    def flush(self):
        if self._outgoing.pending:
            self.socket.sendall(self._outgoing.read())

    def sealed(self, data):
        """The record with this plaintext, which the caller sends; nothing is sent here."""
        self._tls.write(data)
        return self._outgoing.read()

    def send(self, data):
        self._run(lambda: self._tls.write(data))

    def receive(self, size=65536):
        """Plaintext; b'' at its end."""
        try:
            return self._run(lambda: self._tls.read(size))
        except ssl.SSLError as error:
            self.broken_by = error.reason
            return b''
        except ConnectionError:
            return b''

    def receive_frame(self, data=b''):
        """The bytes of one frame, header included, of which `data` came already; b'' at the end."""
        while len(data) < 8 or len(data) < 8 + struct.unpack('>H', data[2:4])[0]:
            wanted = 8 if len(data) < 8 else 8 + struct.unpack('>H', data[2:4])[0]
            piece = self.receive(wanted - len(data))
            if not piece:
                return b''
            data += piece
        return data

    def holds_bytes(self):
        """Whether there is something to receive that has left the socket already."""
        return bool(self._tls.pending() or self._incoming.pending)

    def detach(self):
        """What came behind the last record that was read: raw bytes already."""
        return self._incoming.read()


def tls_records(connection, first=b''):
    """Yields whole TLS records of a raw socket, the last one perhaps cut, until its end."""
    data = first
    while True:
        while len(data) >= 5 and len(data) >= 5 + (data[3] << 8 | data[4]):
            size = 5 + (data[3] << 8 | data[4])
            yield data[:size]
            data = data[size:]
        try:
            piece = connection.recv(65536)
        except OSError:
            piece = b''
        if not piece:
            break
        data += piece
    if data:
        yield data


def carry_pieces(source, target, pieces):
    """Sends what the pieces' generator reads from `source`; a broken end resets both."""
    try:
        for piece in pieces:
            target.sendall(piece)
        finish_sending(target)
    except OSError:
        cut(source)
        cut(target)


def finish_sending(connection):
    try:
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def cut(connection):
    """Resets a connection."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    connection.close()
