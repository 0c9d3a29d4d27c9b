"""Frames by hand: a link whose other end may say anything."""

import collections
import json
import select
import socket
import ssl
import struct
import time

from support.api import tls_connect
from support.processes import Failure, check, check_equal

OPEN, ACCEPT, REJECT, DATA, FINISH, RESET, CREDIT, PING, GOAWAY, CONTROL, ACK = range(1, 12)
NAMES = ['?', 'OPEN', 'ACCEPT', 'REJECT', 'DATA', 'FINISH', 'RESET', 'CREDIT', 'PING', 'GOAWAY', 'CONTROL', 'ACK']

# Close codes by name, as in PROTOCOL.md.
PROTOCOL_ERROR, FLOW_CONTROL, DENIED, SILENT = 1, 2, 3, 4
TIMED_OUT, TOO_MANY, SESSION_ENDED, SHUTTING_DOWN, REPLACED = 8, 11, 12, 13, 14
UNSUPPORTED, NODE_GONE, BAD_TOKEN = 16, 17, 18

PAYLOAD_MAX = 16384 - 8

Frame = collections.namedtuple('Frame', 'type flags stream payload')


def frame(kind, stream, payload=b'', flags=0, size=None):
    """The bytes of a frame; `size` lies about the payload's length."""
    return struct.pack('>BBHI', kind, flags, len(payload) if size is None else size, stream) + payload


def code_of(got):
    """The close code and text of a REJECT, RESET or GOAWAY."""
    return struct.unpack('>H', got.payload[:2])[0], got.payload[2:].decode(errors='replace')


def message_of(got):
    """The object of a CONTROL frame."""
    return json.loads(got.payload)


class Link:
    """One TLS connection that carries frames."""

    def __init__(self, port, certificate=None, loop=0, protocol='adit/1'):
        self.connection = tls_connect(port, [protocol, f'adit-loop/{loop}'], certificate)
        self._data = b''

    def send(self, data):
        """Sends raw bytes; a connection that the other side has cut is no error here."""
        try:
            self.connection.sendall(data)
        except (OSError, ssl.SSLError):
            pass

    def hello(self, **members):
        self.send(frame(CONTROL, 0, json.dumps({
            'type': 'hello', 'version': 1, 'version_min': 1, 'software': 'test/1', **members}).encode()))

    def open(self, stream, request, limit=1 << 20):
        """Opens a stream, and returns when it was accepted."""
        self.send(frame(OPEN, stream, struct.pack('>Q', limit) + json.dumps(request).encode()))
        got = self.wait_for(ACCEPT, REJECT, GOAWAY, stream=stream)
        check(got and got.type == ACCEPT, f'the open was answered with {got}')

    def receive(self, seconds=5):
        """The next frame, or None at the end of the connection."""
        end = time.monotonic() + seconds
        while True:
            got = self._take_frame()
            if got:
                return got
            left = end - time.monotonic()
            if left <= 0:
                raise Failure(f'no frame came within {seconds} s')
            self.connection.settimeout(left)
            try:
                piece = self.connection.recv(65536)
            except (socket.timeout, TimeoutError):
                continue
            except (OSError, ssl.SSLError):
                return None
            if not piece:
                return None
            self._data += piece

    def _take_frame(self):
        """The next frame of what was read, None when it is not all there."""
        if len(self._data) < 8:
            return None
        kind, flags, size, stream = struct.unpack('>BBHI', self._data[:8])
        if len(self._data) < 8 + size:
            return None
        payload = self._data[8:8 + size]
        self._data = self._data[8 + size:]
        return Frame(kind, flags, stream, payload)

    def send_until_heard(self, data, *kinds, seconds=20):
        """Sends `data` and listens meanwhile; the first frame of one of these types, or None at the end.

        One thread does both: ssl's sockets are not made for two.
        """
        rest = memoryview(data)
        end = time.monotonic() + seconds
        self.connection.settimeout(0)
        while time.monotonic() < end:
            try:
                while rest:
                    rest = rest[self.connection.send(rest[:PAYLOAD_MAX]):]
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                pass
            except (OSError, ssl.SSLError):
                rest = rest[:0]  # The other side takes no more; what it has said is still there.
            try:
                piece = self.connection.recv(65536)
                if not piece:
                    return None
                self._data += piece
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                select.select([self.connection], [self.connection] if rest else [], [], 0.1)
            except (OSError, ssl.SSLError):
                return None
            while got := self._take_frame():
                if got.type in kinds:
                    return got
        raise Failure(f'no such frame came within {seconds} s')

    def wait_for(self, *kinds, stream=None, seconds=5):
        """The next frame of one of these types; others are passed over. None at the end."""
        end = time.monotonic() + seconds
        while True:
            got = self.receive(max(0.01, end - time.monotonic()))
            if got is None or (got.type in kinds and stream in (None, got.stream)):
                return got

    def send_and_hear(self, data, heard):
        """Sends raw bytes and counts the frames that come meanwhile; False when the link has ended."""
        self.connection.settimeout(5)
        try:
            self.connection.sendall(data)
        except (OSError, ssl.SSLError):
            return False
        return self.hear(0.001, heard)

    def hear(self, seconds, heard):
        """Counts frames, by type and close code, until none comes for so long; False at the end."""
        while True:
            try:
                got = self.receive(seconds)
            except Failure:
                return True
            if got is None:
                return False
            word = NAMES[got.type]
            if got.type in (REJECT, RESET, GOAWAY):
                word += f' {code_of(got)[0]}'
            heard[word] += 1

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def client_link(stack, document=None, parameters=None, node=None):
    """An honest client's link, after both hellos; `.session` is the session's id."""
    body = {'Target': node or stack.node_id(), 'Adit': {'Version': 1}}
    if document:
        body.update(DocumentName=document, Parameters=parameters)
    answer = stack.api().call('StartSession', body)
    check_equal(answer.status, 200, f'StartSession: {answer}')
    made = answer.json()
    link = Link(stack.port, loop=made['Adit']['Loop'])
    link.session = made['SessionId']
    link.hello(role='client', session_id=made['SessionId'], session_token=made['TokenValue'])
    got = link.wait_for(CONTROL, GOAWAY)
    check(got and got.type == CONTROL, f'hello was answered with {got}')
    return link
