"""Do joins that lie or never come to their end cost the relay nothing that lasts?

Method: a client and a node by hand join thousands of lanes through the real relay, and leave half of
them in every bad way; an honest sealed session runs beside them. Then the real programs, over TCP that
cuts and coalesces what it carries.
"""

import collections
import concurrent.futures
import contextlib
import os
import random
import re
import socket
import time

from support import frames
from support.api import tls_context
from support.bio_tls import BioTls, cut
from support.cutting_proxy import CuttingProxy, JoinedSplitter, byte_by_byte, unchanged
from support.fake_node import FakeNode
from support.lying_relay import join_frame
from support.processes import check, check_equal
from support.targets import echo, receive_exactly
from support.tcp_server import TcpServer
from support.undisturbed import undisturbed

_LANES_MAX = 16  # Of a session.
_LANES_WAITING_MAX = 4096  # Of a relay.


class _Join:
    """One side of a lane: TLS to the relay, and what is said there."""

    def __init__(self, stack, loop, certificate=None, text=b''):
        raw = socket.create_connection(('127.0.0.1', stack.port), 10)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.tls = BioTls(raw, tls_context(['adit-join/1', f'adit-loop/{loop}'], certificate), False)
            if text:
                self.tls.send(text)
        except BaseException:
            raw.close()
            raise
        self.socket = raw

    def answer(self):
        """'joined', or the code of a goaway, or None at the end."""
        got = self.tls.receive_frame()
        if not got:
            return None
        if got[0] == frames.GOAWAY:
            return int.from_bytes(got[8:10], 'big')
        return 'joined' if b'"joined"' in got else got

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class _Lanes:
    """Makes lanes, one after another, between a client and a node by hand."""

    def __init__(self, stack, node):
        self.stack, self.node = stack, node
        self._api = stack.api()
        self._kept = self._api.keep_connection()

    def close(self):
        self._kept.close()

    def start(self):
        """The answer to StartSession."""
        return self._api.call('StartSession', {
            'Target': self.node.id, 'DocumentName': 'AWS-StartPortForwardingSession',
            'Parameters': {'portNumber': ['9']},
            'Adit': {'Version': 1, 'Carriage': 'sealed', 'ClientKey': 'c' * 64}})

    def new(self):
        """(session, client's token, node's token, loop) of a new session's first lane."""
        answer = self.start()
        check_equal(answer.status, 200, f'StartSession: {answer}')
        made = answer.json()
        session = None
        while session != made['SessionId']:  # Lanes of earlier sessions were offered, too.
            session, token, loop = self.node.offers.get(timeout=10)
        check_equal(loop, made['Adit']['Loop'], 'the loop that was offered')
        return session, made['Adit']['JoinToken'], token, loop

    def open_lane(self, session):
        return self._api.call('Adit.OpenLane', {'SessionId': session})

    def end(self, session):
        self.node.say({'type': 'session-over', 'session_id': session, 'reason': 'done'})

    def client(self, token, loop, text=None):
        return _Join(self.stack, loop, None, join_frame(token) if text is None else text)

    def of_node(self, token, loop, text=None):
        return _Join(self.stack, loop, self.node.certificate, join_frame(token) if text is None else text)


def _expect(side, wanted, what):
    check_equal(side.answer(), wanted, what)


def _join_and_talk(lanes, client_token, node_token, loop, resets):
    """A lane that is joined, carries bytes both ways, and ends in order or by a reset."""
    with lanes.of_node(node_token, loop) as node, lanes.client(client_token, loop) as client:
        for side in (client, node):
            _expect(side, 'joined', 'a good join')
        client.socket.sendall(b'ping')
        check_equal(node.tls.detach() + receive_exactly(node.socket, 4), b'ping', 'raw bytes to the node')
        node.socket.sendall(b'pong')
        check_equal(client.tls.detach() + receive_exactly(client.socket, 4), b'pong', 'and back')
        if resets:
            cut(client.socket)
            with contextlib.suppress(ConnectionResetError):
                check_equal(node.socket.recv(1), b'', 'what came behind a reset')
        else:
            node.socket.shutdown(socket.SHUT_WR)
            check_equal(client.socket.recv(1), b'', 'what came behind the end')


# ------------------------------------------------------- ways not to come to an end
# Each takes (lanes, tokens of a lane) and returns connections that go on waiting, if any.


def _nobody(lanes, client_token, node_token, loop):
    return []


def _client_alone(lanes, client_token, node_token, loop):
    return [(lanes.client(client_token, loop), frames.TIMED_OUT)]


def _node_alone(lanes, client_token, node_token, loop):
    return [(lanes.of_node(node_token, loop), frames.TIMED_OUT)]


def _half_a_join(lanes, client_token, node_token, loop):
    return [(lanes.client(None, loop, join_frame(client_token)[:random.randrange(30)]),
             frames.PROTOCOL_ERROR)]


def _half_and_away(lanes, client_token, node_token, loop):
    lanes.client(None, loop, join_frame(client_token)[:random.randrange(30)]).socket.close()
    return []


def _client_leaves(lanes, client_token, node_token, loop):
    with lanes.client(client_token, loop) as client:
        cut(client.socket)
    return []


def _leaves_between(lanes, client_token, node_token, loop):
    """Both come, and one goes away at once, in the middle of what the relay does about it."""
    with lanes.client(client_token, loop), lanes.of_node(node_token, loop) as node:
        cut(node.socket)
    return []


def _early(lanes, client_token, node_token, loop):
    """Bytes behind a join, before it is answered."""
    with lanes.client(client_token, loop) as client:
        client.socket.sendall(b'early')
        with lanes.of_node(node_token, loop) as node:
            # The relay may see those bytes before the node's join, or after it.
            check(node.answer() != 'joined' or client.answer() != 'joined', 'an early lane was joined')
    return []


def _wrong_side(lanes, client_token, node_token, loop):
    with lanes.client(node_token, loop) as one, lanes.of_node(client_token, loop) as other:
        for side in (one, other):
            _expect(side, frames.BAD_TOKEN, 'the token of the other side')
    return []


def _of_another_lane(lanes, client_token, node_token, loop):
    place, lane, secret = client_token.split('.')
    other = f'{place}.{lane[::-1]}.{secret}'
    with lanes.client(other, loop) as side:
        _expect(side, frames.BAD_TOKEN, "another lane's token")
    with lanes.client(f'{place}.{lane}.{secret[::-1]}', loop) as side:
        _expect(side, frames.BAD_TOKEN, 'another secret')
    return []


def _twice(lanes, client_token, node_token, loop):
    """A token that waits already is used again: the second is refused, the first goes on."""
    with lanes.client(client_token, loop) as first:
        with lanes.client(client_token, loop) as second:
            _expect(second, frames.BAD_TOKEN, 'a token for the second time')
        with lanes.of_node(node_token, loop) as node:
            for side in (first, node):
                _expect(side, 'joined', 'the first one')
            with lanes.of_node(node_token, loop) as late:
                _expect(late, frames.BAD_TOKEN, 'a token for the second time, once joined')
    return []


_WAYS = [_nobody, _client_alone, _node_alone, _half_a_join, _half_and_away, _client_leaves, _leaves_between,
         _early, _wrong_side, _of_another_lane, _twice]


def test_joins_of_which_half_never_complete(t):
    """Joins of which half never complete leave descriptors and memory of the relay as they were"""
    count = t.size(500, 10_000)
    with undisturbed(t, '--sealed') as stack, FakeNode(stack, 'by-hand') as node, \
            contextlib.closing(_Lanes(stack, node)) as lanes:
        waiting, unused, counts, expired = [], [], collections.Counter(), None

        def settle():
            """What waits for nobody is told so, once its token is too old."""
            for side, wanted in waiting:
                _expect(side, wanted, 'what waited for nobody')
                side.socket.close()
            for session in unused:
                lanes.end(session)
            waiting.clear()
            unused.clear()

        for i in range(count):
            session, *tokens = lanes.new()
            if i % 2:
                _join_and_talk(lanes, *tokens, resets=i % 4 == 1)
            else:
                way = _WAYS[i // 2 % len(_WAYS)]
                kept = way(lanes, *tokens)
                waiting += kept
                counts[way.__name__.strip('_')] += 1
                if way is _nobody:
                    expired = expired or tokens
                if kept or way is _nobody:
                    unused.append(session)
                    continue
            lanes.end(session)
            if len(waiting) > 1000:
                settle()
        settle()
        with lanes.client(expired[0], expired[2]) as side:
            _expect(side, frames.BAD_TOKEN, 'an expired token')
        t.note(f'{count} joins, ' + ', '.join(f'{n} {word}' for word, n in counts.items()))


test_joins_of_which_half_never_complete.limit = 60
test_joins_of_which_half_never_complete.waits = True


def test_lanes_are_bounded(t):
    """A session has 16 lanes at most and a relay 4,096 that wait; beyond that it says so, by name"""
    with FakeNode(t.stack, 'by-hand') as node, contextlib.closing(_Lanes(t.stack, node)) as lanes:
        session, client_token, node_token, loop = lanes.new()
        for i in range(1, _LANES_MAX):
            check_equal(lanes.open_lane(session).status, 200, f'lane {i + 1}')
        answer = lanes.open_lane(session)
        check(answer.status == 400 and 'maximum' in answer.json()['message'], f'one more: {answer}')
        _join_and_talk(lanes, client_token, node_token, loop, resets=False)
        lanes.end(session)
        if t.full:
            _check_waiting_lanes(t, lanes)


def _check_waiting_lanes(t, lanes):
    """Tokens live 10 s. Lanes that are younger than nine wait for certain; where a call takes much of that, so many
    never wait at once, and then all that can be seen is that no more did."""
    waiting, count, answer = collections.deque(), 0, lanes.start()
    session, of_session = None, 0
    while answer.status == 200 and count < 3 * _LANES_WAITING_MAX:
        now = time.monotonic()
        waiting.append(now)
        while waiting[0] < now - 9:
            waiting.popleft()
        check(len(waiting) <= _LANES_WAITING_MAX, f'{len(waiting)} lanes wait')
        count += 1
        session, of_session = answer.json().get('SessionId', session), of_session % _LANES_MAX + 1
        answer = lanes.start() if of_session == _LANES_MAX else lanes.open_lane(session)
    if answer.status == 200:
        t.note(f'at most {len(waiting)} lanes waited: a call takes too long here for more')
        return
    check(answer.status == 400 and 'ThrottlingException' in answer.json()['__type'], f'{count} lanes: {answer}')
    t.note(f'{len(waiting)} lanes waited when one more was refused')


# ----------------------------------------------------------- how TCP cuts its bytes


@contextlib.contextmanager
def _behind(t, agent_ways, client_ways):
    """(environment, node, port of an echo): client and node each behind a proxy of its own."""
    stack = t.stack
    with CuttingProxy(stack.port, agent_ways) as agents, CuttingProxy(stack.port, client_ways) as clients, \
            TcpServer(echo) as target:
        name = f'behind-{agents.port}'
        made = stack.api().call('CreateActivation', {'IamRole': 'any'}).json()
        line = re.sub(r'relay=\S+(.*)id=\S+ code=\S+',
                      rf'relay=127.0.0.1:{agents.port}\1'
                      f'id={made["ActivationId"]} code={made["ActivationCode"]}', stack.enroll_line)
        state = os.path.join(stack.folder, name)
        done = stack.enroll(state, name, line)
        check_equal(done.returncode, 0, f'enrolling another node: {done.stderr!r}')
        agent = stack.start_agent(state, name, wait=False)
        stack.wait_connected(agent=agent, node=name)
        yield stack.environment() | {'ADIT_RELAY': f'127.0.0.1:{clients.port}'}, name, target.port
        check_equal(agent.stop(), 0, 'status of the agent')


def _through(t, env, node, port):
    text = b'over TCP in pieces'
    end = time.monotonic() + 20
    while True:
        done = t.stack.adit('proxy', '--sealed', node, str(port), input=text, env=env)
        # The tests before have used up what one user may ask in a second.
        if b'Rate exceeded' not in done.stderr or time.monotonic() > end:
            break
        time.sleep(0.2)
    check_equal((done.returncode, done.stdout), (0, text), f'a session ({done.stderr!r})')


def test_one_byte_at_a_time(t):
    """Sealed sessions come about when each byte of both sides comes in a segment of its own"""
    def ways(hello):
        return byte_by_byte, byte_by_byte

    with _behind(t, ways, ways) as behind:
        for _ in range(t.size(3, 30)):
            _through(t, *behind)


def test_joined_and_a_hello_in_any_pieces(t):
    """`joined` and the peer's first record in one segment, and in two of every size, are told apart"""
    splitter = JoinedSplitter(lambda: next(todo, 0))
    # At the client nothing can be behind joined: its own hello is what the node answers.
    with _behind(t, splitter.ways, lambda hello: (unchanged, unchanged)) as behind:
        todo = iter([0])
        _through(t, *behind)
        check(splitter.sizes, 'no raw record came behind joined at the node')
        joined, hello = splitter.sizes
        near = {*range(1, 8), *range(joined - 3, joined + 8), joined + hello - 1}
        wanted = sorted(t.size(near, set(range(1, joined + hello))))
        todo = iter(wanted)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for result in [pool.submit(_through, t, *behind) for _ in wanted]:
                result.result()
        check_equal(next(todo, None), None, 'cuts that were not made')
        t.note(f'joined and hello, {joined} and {hello} bytes, in {len(wanted)} pairs of pieces')
