"""A relay that lies: it holds the real one's TLS key, stands in front of it, and changes what passes.

A lie is an attribute of `Lies`; without any it is an honest relay with a longer way.
"""

import json
import socket
import ssl

from support.api import tls_context
from support.bio_tls import BioTls, carry_pieces, finish_sending, tls_records
from support.frames import CONTROL, frame
from support.tcp_server import TcpServer, both_ways

_PROTOCOLS = ['adit/1', 'adit-join/1', 'adit-api/1', 'http/1.1']


def honest(records):
    """A way for sealed bytes that changes nothing."""
    yield from records


class Error:
    """An error in the place of an API's answer."""

    def __init__(self, code):
        self.code = code


class Lies:
    """What one lie changes; every member may be replaced."""

    def __init__(self, **members):
        # Of an API answer, as an object or as bytes, or an error, as an Error: (operation, request,
        # answer) -> the answer to give.
        self.answer = lambda operation, request, answer: answer
        # Of the client's join: its token -> the token that the real relay is shown, or bytes.
        self.join = lambda token: token
        # Of the relay's joined, as bytes: (TLS towards the client, bytes) -> raw bytes to send it.
        self.joined = lambda tls, text: tls.sealed(text)
        # Of the sealed bytes: generators from TLS records to pieces of bytes.
        self.to_client = honest
        self.to_node = honest
        # In the place of a client's join with the real relay: called with the TLS towards the client.
        self.instead_of_join = None
        # Of an inspected link, a client's or a node's: called with the TLS. Without one the link ends.
        self.link = None
        for name, value in members.items():
            assert hasattr(self, name), name
            setattr(self, name, value)


class LyingRelay(TcpServer):
    """A server with the relay's own certificate; `relay_port` is where the real one is. `lies` may be
    changed at any time, for what begins after that."""

    def __init__(self, relay_port, chain, key):
        self.relay_port = relay_port
        self.lies = Lies()
        self.seen = []  # (operation, request, answer) of every call.
        self.tokens = []  # Of every join.
        self.node_joins = {}  # By token: what a node proves itself with to the real relay, and to which loop.
        self._server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._server.load_cert_chain(chain, key)
        self._server.minimum_version = ssl.TLSVersion.TLSv1_3
        self._server.num_tickets = 0
        self._server.set_alpn_protocols(_PROTOCOLS)
        super().__init__(self._answer)

    def _answer(self, connection):
        lies = self.lies
        here = BioTls(connection, self._server, True)
        if here.protocol() in ('http/1.1', 'adit-api/1'):
            self._serve_api(here, lies)
        elif here.protocol() == 'adit-join/1':
            self._serve_join(here, lies)
        elif lies.link:
            lies.link(here)

    def dial(self, protocol, certificate=None, loop=None):
        """A connection of our own to the real relay."""
        protocols = [protocol] if loop is None else [protocol, f'adit-loop/{loop}']
        raw = socket.create_connection(('127.0.0.1', self.relay_port), 20)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return BioTls(raw, tls_context(protocols, certificate), False)

    # ------------------------------------------------------------------------- the API

    def _serve_api(self, here, lies):
        while request := _receive_message(here):
            head, body = request
            if head.startswith(b'POST /join '):
                return self._serve_join(here, lies, body)
            there = self.dial('http/1.1')
            with there.socket:
                there.send(head + body)
                answer = _receive_message(there)
            if not answer:
                return
            target = next((line.partition(b':')[2].strip().decode() for line in head.split(b'\r\n')
                           if line.lower().startswith(b'x-amz-target:')), '')
            operation = target.rpartition('.')[2]
            answer_head, answer_body = answer
            if b' 200 ' in answer_head.split(b'\r\n')[0]:
                asked = json.loads(body or b'{}')
                answer_body = lies.answer(operation, asked, json.loads(answer_body or b'{}'))
                if isinstance(answer_body, Error):
                    answer_head = answer_head.replace(b' 200 OK', b' 400 Bad Request', 1)
                    answer_body = {'__type': answer_body.code, 'message': 'It is said so.'}
                if not isinstance(answer_body, bytes):
                    answer_body = json.dumps(answer_body).encode()
                self.seen.append((operation, asked, answer_body))
            here.send(_with_length(answer_head, len(answer_body)) + answer_body)

    # ----------------------------------------------------------------------- the joins

    def _serve_join(self, here, lies, first=b''):
        asked = here.receive_frame(first)
        join = json.loads(asked[8:])
        token, wrapped = join['token'], join.get('wrapped', False)
        self.tokens.append(token)
        if lies.instead_of_join and token not in self.node_joins:
            lies.instead_of_join(here)
            return
        there = self.dial('adit-join/1', *self.node_joins.get(token, ()))
        with there.socket:
            shown = lies.join(token)
            if not isinstance(shown, bytes):
                shown = join_frame(shown, wrapped=wrapped)
            there.send(shown)
            answer = there.receive_frame()
            if not answer:
                return
            here.socket.sendall(lies.joined(here, answer))
            if b'"joined"' not in answer:
                finish_sending(here.socket)
            elif wrapped:  # The same lie once more is all that it gets.
                here.receive()
            else:
                self._carry(here, there, lies)

    @staticmethod
    def _carry(here, there, lies):
        def uncut(pieces):
            for piece in pieces:
                if piece is None:
                    raise ConnectionAbortedError('the lie cuts the connection')
                yield piece

        def one_way(source, target, way):
            carry_pieces(source.socket, target.socket,
                         uncut(way(tls_records(source.socket, source.detach()))))

        both_ways(lambda: one_way(there, here, lies.to_client),
                  lambda: one_way(here, there, lies.to_node), 30)

def join_frame(token, **members):
    return frame(CONTROL, 0, json.dumps({'type': 'join', 'token': token, **members}).encode())


def _receive_message(tls):
    """(head, body) of one HTTP message with Content-Length; None at the end."""
    data = b''
    while b'\r\n\r\n' not in data:
        piece = tls.receive()
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b'\r\n\r\n')
    size = 0
    for line in head.split(b'\r\n')[1:]:
        name, _, value = line.partition(b':')
        if name.lower() == b'content-length':
            size = int(value)
    while len(body) < size:
        piece = tls.receive()
        if not piece:
            return None
        body += piece
    return head + b'\r\n\r\n', body


def _with_length(head, size):
    lines = head.rstrip(b'\r\n').split(b'\r\n')
    kept = [line for line in lines if not line.lower().startswith(b'content-length:')]
    return b'\r\n'.join(kept) + b'\r\nContent-Length: %d\r\n\r\n' % size
