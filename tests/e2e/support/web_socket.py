"""A WebSocket (RFC 6455) by hand, client's side: frames as they should be, and as they should not."""

import base64
import hashlib
import os
import select
import socket
import ssl
import struct

from support.api import tls_connect
from support.processes import check

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'


class Lost(Exception):
    """The connection is over."""


def frame(opcode, payload, final=True, masked=True):
    """One frame's bytes."""
    head = bytes([(0x80 if final else 0) | opcode])
    mark = 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes([mark | len(payload)])
    elif len(payload) < 65536:
        head += bytes([mark | 126]) + struct.pack('>H', len(payload))
    else:
        head += bytes([mark | 127]) + struct.pack('>Q', len(payload))
    if not masked:
        return head + payload
    key = os.urandom(4)
    whole = int.from_bytes(payload, 'big')
    mask = int.from_bytes((key * (len(payload) // 4 + 1))[:len(payload)], 'big')
    return head + key + (whole ^ mask).to_bytes(len(payload), 'big')


class WebSocket:
    """One connection. `messages` of whole frames come from read(); pings are answered."""

    def __init__(self, port, target, headers=None):
        self.key = base64.b64encode(os.urandom(16)).decode()
        self.connection = tls_connect(port, ['http/1.1'])
        lines = [f'GET {target} HTTP/1.1', f'Host: 127.0.0.1:{port}', 'Upgrade: websocket',
                 'Connection: Upgrade', 'Sec-WebSocket-Version: 13',
                 f'Sec-WebSocket-Key: {self.key}', 'User-Agent: Go-http-client/1.1']
        lines += [f'{name}: {value}' for name, value in (headers or {}).items()]
        self.connection.sendall('\r\n'.join(lines).encode() + b'\r\n\r\n')
        data = b''
        while b'\r\n\r\n' not in data:
            piece = self.connection.recv(65536)
            if not piece:
                raise Lost('closed instead of an answer')
            data += piece
        head, _, self._data = data.partition(b'\r\n\r\n')
        self.status = int(head.split()[1])
        self.head = head.decode('latin-1')
        self.pongs = []
        self.close_code = None
        if self.status == 101:
            proof = base64.b64encode(hashlib.sha1((self.key + _GUID).encode()).digest()).decode()
            check(f'sec-websocket-accept: {proof}'.lower() in self.head.lower(),
                  f'the accept key is not ours: {self.head}')

    def send(self, opcode, payload):
        self.send_raw(frame(opcode, payload))

    def send_raw(self, data):
        try:
            self.connection.sendall(data)
        except OSError as error:
            raise Lost(str(error)) from None

    def _fill(self, seconds):
        """True when bytes came within so many seconds."""
        if not self.connection.pending():
            if not select.select([self.connection], [], [], max(seconds, 0))[0]:
                return False
        self.connection.settimeout(0.2)
        try:
            piece = self.connection.recv(65536)
        except (TimeoutError, ssl.SSLWantReadError):
            return False
        except OSError as error:
            raise Lost(str(error)) from None
        finally:
            self.connection.settimeout(10)
        if not piece:
            raise Lost(f'closed, code {self.close_code}')
        self._data += piece
        return True

    def _take(self):
        """The next frame, as (opcode, payload), or None."""
        if len(self._data) < 2:
            return None
        check(not self._data[1] & 0x80, 'a server must not mask')
        size, at = self._data[1] & 0x7f, 2
        if size == 126:
            size, at = int.from_bytes(self._data[2:4], 'big'), 4
        elif size == 127:
            size, at = int.from_bytes(self._data[2:10], 'big'), 10
        if len(self._data) < at + size:
            return None
        check(self._data[0] & 0x80, 'this server sends no fragments')
        result = self._data[0] & 0x0f, self._data[at:at + size]
        self._data = self._data[at + size:]
        return result

    def read(self, seconds):
        """The next message, as (opcode, payload), or None after so many seconds; Lost at the end."""
        while True:
            got = self._take()
            if got is None:
                if not self._fill(seconds):
                    return None
                continue
            opcode, payload = got
            if opcode == PING:
                self.send(PONG, payload)
            elif opcode == PONG:
                self.pongs.append(payload)
            elif opcode == CLOSE:
                self.close_code = int.from_bytes(payload[:2], 'big') if payload else None
                try:
                    self.send(CLOSE, payload[:2])
                except Lost:
                    pass
                raise Lost(f'close frame {self.close_code}: {payload[2:]!r}')
            else:
                return got

    def cut(self):
        """Resets the connection."""
        raw = self.connection.detach()
        linger = struct.pack('ii', 1, 0)
        sock = socket.socket(fileno=raw)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        sock.close()

    def close(self):
        self.connection.close()
