"""What becomes of records of TLS that nobody sends on a connection that is to carry raw bytes?

PROTOCOL.md: on joins nobody sends session tickets, key updates or, once joined, close_notify. Method: client and
node by hand send each to the relay, and a relay by hand to the real client, before and behind `joined`. Before it
they are TLS, which passes them over or ends by them; behind it they are bytes like any others.
"""

import os
import socket

from support import frames, tls_record
from support.api import tls_context
from support.bio_tls import BioTls
from support.evil_relay import SECONDS_MAX, EvilRelay
from support.fake_node import FakeNode
from support.lying_relay import Lies, join_frame
from support.processes import check, check_equal
from support.targets import receive_exactly
from support.tls_record import CLOSE_NOTIFY, KEY_UPDATE, KEY_UPDATE_ASKED, SESSION_TICKET, RecordMaker
from support.undisturbed import undisturbed

_JOIN_REQUEST = b'POST /join HTTP/1.1\r\nHost: relay\r\nContent-Length: 0\r\n\r\n'
_NOBODY_SENDS = {'a key update': KEY_UPDATE, 'a key update that asks for one': KEY_UPDATE_ASKED,
                 'a session ticket': SESSION_TICKET}


class _Side:
    """One side of a lane, which has said its join; `record(...)` is its next record, made by hand."""

    def __init__(self, stack, token, loop, certificate=None, protocol='adit-join/1', head=b''):
        self.socket = socket.create_connection(('127.0.0.1', stack.port), SECONDS_MAX)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context = tls_context([protocol, f'adit-loop/{loop}'], certificate)
        context.keylog_filename = log = os.path.join(stack.folder, 'join-keys')
        self.tls = BioTls(self.socket, context, False)
        self.record = RecordMaker(tls_record.last_secret(log, 'CLIENT_TRAFFIC_SECRET_0'), self.tls.cipher(), 1)
        self.tls.send(head + join_frame(token))

    def answer(self):
        """'joined', the close code of a goaway, or None at the end."""
        got = self.tls.receive_frame()
        if not got:
            return None
        return int.from_bytes(got[8:10], 'big') if got[0] == frames.GOAWAY else 'joined'

    def hears(self, data, what):
        early = self.tls.detach()
        check_equal(early + receive_exactly(self.socket, len(data) - len(early)), data, what)


class _Lane:
    """The first lane of a session of its own between a client and a node by hand."""

    def __init__(self, stack, node):
        answer = stack.api().call('StartSession', {
            'Target': node.id, 'DocumentName': 'AWS-StartPortForwardingSession', 'Parameters': {'portNumber': ['9']},
            'Adit': {'Version': 1, 'Carriage': 'sealed', 'ClientKey': 'c' * 64}})
        check_equal(answer.status, 200, f'StartSession: {answer}')
        made = answer.json()
        session, token, loop = node.offers.get(timeout=SECONDS_MAX)
        check_equal(session, made['SessionId'], 'the session that was offered')
        self._stack, self._loop = stack, loop
        self._client = {'token': made['Adit']['JoinToken']}
        self._node = {'token': token, 'certificate': node.certificate}

    def side(self, is_node, **manners):
        return _Side(self._stack, loop=self._loop, **((self._node if is_node else self._client) | manners))


def test_records_that_nobody_sends_to_a_relay(t):
    """To a relay: before `joined` its TLS judges them, behind it they pass as they are, as anything does"""
    with undisturbed(t, '--sealed') as stack, FakeNode(stack, 'raw-node') as node:
        for is_node in (False, True):
            who, gone = ('node', frames.NODE_GONE) if is_node else ('client', frames.SESSION_ENDED)
            for name, record in _NOBODY_SENDS.items():
                lane = _Lane(stack, node)
                evil = lane.side(is_node)
                evil.socket.sendall(evil.record(*record))
                other = lane.side(not is_node)
                if record is SESSION_TICKET:  # Only a server has any.
                    check_equal((evil.answer(), other.answer()), (None, gone), f'{name} of a {who}')
                    continue
                check_equal((evil.answer(), other.answer()), ('joined', 'joined'), f'{name} of a {who}')
                evil.socket.sendall(b'ping')
                other.hears(b'ping', f'{name} of a {who}: raw bytes')
                other.socket.sendall(b'pong')
                evil.hears(b'pong', f'{name} of a {who}: raw bytes back')
            lane = _Lane(stack, node)
            evil = lane.side(is_node)
            evil.socket.sendall(evil.record(*CLOSE_NOTIFY))
            check_equal(evil.answer(), None, f'close_notify of a {who}')

            for name, record in {**_NOBODY_SENDS, 'close_notify': CLOSE_NOTIFY}.items():
                lane = _Lane(stack, node)
                evil, other = lane.side(is_node), lane.side(not is_node)
                check_equal((evil.answer(), other.answer()), ('joined', 'joined'), 'a good join')
                raw = evil.record(*record)
                evil.socket.sendall(raw + b'ping')
                other.hears(raw + b'ping', f'{name} of a {who} behind joined')
                other.socket.sendall(b'pong')
                evil.hears(b'pong', f'{name} of a {who} behind joined: what comes back')


test_records_that_nobody_sends_to_a_relay.limit = 90


def test_records_that_nobody_sends_to_a_client(t):
    """To a client: before `joined` its TLS passes them over or ends; behind it they are no inner TLS, and end it"""
    stack = t.stack
    log = os.path.join(stack.folder, 'relay-keys')
    with EvilRelay(stack, log) as evil:
        env = stack.environment() | {'ADIT_RELAY': f'127.0.0.1:{evil.port}', 'ADIT_PATIENCE': '0'}

        def tell(name, before, behind, status):
            def joined(tls, text):
                answers = 1 if tls.protocol() == 'adit-api/1' else 0  # Of calls, in a record each.
                record = RecordMaker(tls_record.last_secret(log, 'SERVER_TRAFFIC_SECRET_0'), tls.cipher(), answers)
                return b''.join(record(*each) for each in (
                    *before, (tls_record.APPLICATION_DATA, text), *behind))

            evil.lies = Lies(joined=joined)
            done = stack.adit('exec', '--sealed', stack.NODE, '--', 'echo', 'fine', env=env, timeout=3 * SECONDS_MAX)
            check_equal((done.returncode, done.stdout), (status, b'' if status else b'fine\n'),
                        f'{name}: {done.stderr!r}')
            check(not status or done.stderr, f'{name}: no word')

        tell('nothing', (), (), 0)
        for name, record in _NOBODY_SENDS.items():
            # The client's answer to that one goes where the node's inner TLS expects a handshake.
            tell(name, (record,), (), 255 if record is KEY_UPDATE_ASKED else 0)
            tell(f'{name} behind joined', (), (record,), 255)
        tell('close_notify', (CLOSE_NOTIFY,), (), 255)
        tell('close_notify behind joined', (), (CLOSE_NOTIFY,), 255)


test_records_that_nobody_sends_to_a_client.limit = 90


def test_joins_on_a_connection_for_calls(t):
    """A connection for calls becomes a client's side of a lane with a client's token, and where that was agreed on"""
    with undisturbed(t, '--sealed') as stack, FakeNode(stack, 'called-node') as node:
        calls = {'protocol': 'adit-api/1', 'head': _JOIN_REQUEST}
        lane = _Lane(stack, node)
        plain = lane.side(False, protocol='http/1.1', head=_JOIN_REQUEST)
        check(plain.tls.receive().startswith(b'HTTP/1.1 404 '), 'a call to nowhere')
        shown = lane.side(True, **calls)
        check(shown.tls.receive().startswith(b'HTTP/1.1 404 '), 'a node: those have a way of their own')
        unshown = lane.side(True, certificate=None, **calls)
        check_equal(unshown.answer(), frames.BAD_TOKEN, "a node's token, without its certificate")
        client = lane.side(False, **calls)
        other = lane.side(True)
        check_equal((client.answer(), other.answer()), ('joined', 'joined'), 'the same tokens, as they should come')
        client.socket.sendall(b'ping')
        other.hears(b'ping', 'raw bytes')
        other.socket.sendall(b'pong')
        client.hears(b'pong', 'raw bytes back')
        check_equal(lane.side(False, **calls).answer(), frames.BAD_TOKEN, 'the same token once more')
