"""Does a node live on, with all its sessions, whatever a relay says of sessions on its link?

Method: a relay by hand, which is the client of its own offers, too, sends the real agent offers and questions
that are malformed, repeated, or contradict what it said before. PROTOCOL.md has a node pass over what it cannot
read, refuse a second offer of a session, and answer for what it does not know. After each of them a stream inside
a sealed session and one on the link still echo, and an honest node's session never stopped.
"""

import contextlib
import os

from support import frames
from support.broken_rules import LIMIT, TEXT
from support.evil_relay import GREETING, SECONDS_MAX, EvilRelay, Joins, Script, control, enroll_at
from support.frames import frame
from support.lying_relay import Lies
from support.processes import check, check_equal, wait_until
from support.undisturbed import undisturbed

_NODE_STREAM = 2
_CAT = b'{"type":"exec","arguments":["cat"],"session_id":"evil-0","principal":"evil"}'


class _Node:
    """The node as the relay sees it: `says()` is what it says of sessions, `joins` where it comes."""

    def __init__(self, link, joins):
        self.link, self.joins = link, joins
        self._said = []
        self.inner = None  # The link inside the session 'evil-1'.
        link.send(GREETING + frame(frames.OPEN, _NODE_STREAM, LIMIT + _CAT))
        check_equal(self._hear(frames.ACCEPT, frames.REJECT).type, frames.ACCEPT, 'the stream on the link')

    def _hear(self, *kinds):
        while True:
            got = self.link.wait_for(frames.CONTROL, frames.GOAWAY, *kinds, seconds=SECONDS_MAX)
            check(got and got.type != frames.GOAWAY, f'the node left: {got}')
            if got.type in kinds:
                return got
            message = frames.message_of(got)
            if message['type'] != 'stream-news':  # Which waits for more of its kind.
                self._said.append(message)

    def says(self, data):
        """What the node has to say to `data`: (type, session, its keys or error) of each message."""
        self.link.send(data)
        for number in (b'1st ping', b'2nd ping'):  # What it says to all before the first is out by the second.
            self.link.send(frame(frames.PING, 0, number))
            check_equal(self._hear(frames.PING).payload, number, 'the answer to a ping')
        said, self._said = self._said, []
        return [(message['type'], message['session_id'], 'error' if 'error' in message else
                 'keys' if 'session_key' in message else '') for message in said]

    def lives(self, name):
        """Both streams still echo."""
        for link, stream in ((self.link, _NODE_STREAM), (self.inner, 1)):
            link.send(frame(frames.DATA, stream, TEXT))
            got = self._hear(frames.DATA) if link is self.link else link.wait_for(frames.DATA, frames.GOAWAY)
            check_equal((got.type, got.payload), (frames.DATA, TEXT), f'{name}: the echo')

    def hears(self, cases):
        """What it says to each of (name, bytes, what it should say), after which it lives."""
        for name, data, said in cases:
            check_equal(self.says(data), said, f'{name}: what the node says')
            self.lives(name)

    def offer(self, session='evil-1', **members):
        """A good offer, or with members that replace it; None leaves one out."""
        message = {'type': 'session-offer', 'session_id': session, 'principal': 'evil', 'client_key':
                   self.joins.client_key, 'join_token': 't' * 40, 'loop': 0, 'kind': 'exec', 'command': 'cat'}
        message.update(members)
        return control({name: value for name, value in message.items() if value is not None})

    def lane(self, session='evil-1', **members):
        return control({'type': 'lane-offer', 'session_id': session, 'join_token': 'l' * 40, 'loop': 0, **members})

    def stop(self, session):
        return control({'type': 'session-stop', 'session_id': session, 'reason': 'as I say'})


def _check(session):
    return control({'type': 'session-check', 'session_id': session})


@contextlib.contextmanager
def _at_a_node(t, name, tell):
    """An agent whose relay is evil hears `tell(node)`, and runs on; so does an honest one's session."""
    with undisturbed(t, '--sealed') as stack, EvilRelay(stack) as evil, \
            Joins(os.path.join(stack.folder, f'{name}-keys')) as joins:
        def run(link):
            node = _Node(link, joins)
            check_equal(node.says(node.offer()), [('session-answer', 'evil-1', 'keys')], 'an honest offer')
            node.inner = joins.meet('evil-1')
            node.inner.open(1, {'type': 'exec', 'arguments': ['cat']})
            tell(node)
            evil.lies = Lies()  # The node comes again, and is left alone.

        script = Script(run)
        evil.lies = joins.lies(script)
        agent = stack.start_agent(enroll_at(evil, name), f'{name}-agent', wait=False)
        script.result()
        agent.check_running()
        yield agent
        agent.kill()


def _malformed(node):
    """(name, bytes) of messages that no node can read."""
    bad = 'evil-bad'
    for name, members in (
            ('no session', {'session_id': None}), ('an empty session', {'session_id': ''}),
            ('a session that is a number', {'session_id': 7}), ('a session of 257 bytes', {'session_id': 'x' * 257}),
            ('a session with a NUL', {'session_id': 'a\0b'}),
            ('no token', {'join_token': None}), ('a token of 4,097 bytes', {'join_token': 'x' * 4097}),
            ('a token in a list', {'join_token': ['t']}),
            ('no key', {'client_key': None}), ('a short key', {'client_key': 'a' * 63}),
            ('a long key', {'client_key': 'a' * 66}), ('a key in capitals', {'client_key': 'A' * 64}),
            ('a key of no digits', {'client_key': 'g' * 64}),
            ('no key and a short secret', {'client_key': None, 'resume_secret': 'a' * 63}),
            ('a loop beyond all', {'loop': 65536}), ('a loop below 0', {'loop': -1}), ('a loop of text', {'loop': '0'}),
            ('no kind', {'kind': None}), ('a kind of tomorrow', {'kind': 'udp'}),
            ('no command', {'command': None}), ('a command with a NUL', {'command': 'cat\0x'}),
            ('a flag that is text', {'with_terminal': 'yes'}),
            ('a port without a host', {'kind': 'tcp', 'port': 22}), ('port 0', {'kind': 'tcp', 'host': 'h', 'port': 0}),
            ('port 65,536', {'kind': 'tcp', 'host': 'h', 'port': 65536}),
            ('a host of 256 bytes', {'kind': 'tcp', 'host': 'h' * 256, 'port': 22}),
            ('idle for longer than can be', {'idle_seconds_max': 1 << 32}),
            ('a duration below 0', {'seconds_max': -1}), ('half a second', {'seconds_max': 0.5})):
        yield f'an offer with {name}', node.offer(**({'session_id': bad} | members))
    yield 'an offer that is cut', frame(frames.CONTROL, 0, node.offer(bad)[8:-1])
    yield 'an offer on a stream', frame(frames.CONTROL, _NODE_STREAM, node.offer(bad)[8:])
    for name, members in (
            ('no session', {'session_id': None}), ('no token', {'join_token': None}),
            ('a lane below 0', {'lane': -1}), ('a lane beyond all', {'lane': 1 << 32}),
            ('a lane of text', {'lane': '0'}), ('a loop beyond all', {'loop': 65536})):
        yield f'a lane with {name}', node.lane(**members)
    for name, session in (('no text', None), ('an empty text', ''), ('a list', ['evil-1']), ('a long text', 'x' * 257)):
        yield f'a check of {name}', _check(session)


def test_offers_that_cannot_be_read(t):
    """Offers, lanes and checks that are malformed are passed over by a node, one by one"""
    def tell(node):
        cases = [(name, data, []) for name, data in _malformed(node)]
        node.hears(cases)
        check_equal(node.joins.count(), 0, 'joins by what cannot be read')
        t.note(f'{len(cases)} messages')

    with _at_a_node(t, 'reader', tell):
        pass


def test_offers_that_are_repeated(t):
    """A session is offered once, stopped once, and asked for as often as a relay likes"""
    def tell(node):
        again, gone = ('session-answer', 'evil-1', 'error'), ('session-over', 'evil-2', '')
        node.hears((
            ('the same offer', node.offer(), [again]),
            ('it three times in one record', node.offer() * 3, [again] * 3),
            ('checks of what is there', _check('evil-1') * 3, []),
            ('checks of what is not', _check('evil-2') * 3, [gone] * 3),
            ('stops of what is not', node.stop('evil-2') * 2, []),
            ('two offers at once', node.offer('evil-2') * 2,
             [('session-answer', 'evil-2', 'keys'), ('session-answer', 'evil-2', 'error')])))
        node.joins.next()  # Of the second session, and not answered.
        node.hears((('two stops', node.stop('evil-2') * 2, [gone]), ('a hello', GREETING * 2, [])))
        check_equal(node.joins.count(), 0, 'joins by what was repeated')

        # A session of a program has two lanes at most; that the second one is refused is nothing to the first.
        node.hears((('a lane twice', node.lane() * 2, []),))
        node.joins.next().send(frame(frames.GOAWAY, 0, b'\0\x12used'))
        node.lives('a lane that was refused')
        check_equal(node.joins.count(), 0, 'joins beyond the lanes that a session may have')

    with _at_a_node(t, 'patient', tell) as agent:
        wait_until(lambda: 'lane_refused session=evil-1' in agent.err(), 5, 'the log says that a lane is too many')


def test_offers_that_contradict(t):
    """What a relay says later of a session changes nothing of what it was offered as"""
    def tell(node):
        again = [('session-answer', 'evil-1', 'error')]
        secret = {'client_key': None, 'resume_secret': 'a' * 64}
        node.hears((
            ('another grant', node.offer(kind='tcp', command=None, host='localhost', port=22), again),
            ('another command', node.offer(command='id'), again),
            ('another client', node.offer(client_key='b' * 64), again),
            ('another user', node.offer(run_as='root', principal='root'), again),
            ('another carriage', node.offer(**secret), again),
            ('another end', node.offer(seconds_max=1, idle_seconds_max=1), again),
            ('a lane that never was', node.lane(lane=7), []),
            ('a lane of a session that never was', node.lane('evil-9'), []),
            ('that lane, to go on', node.lane('evil-9', lane=0), [('session-over', 'evil-9', '')])))
        check_equal(node.joins.count(), 0, 'joins by what contradicts')
        for stream, request in ((3, {'type': 'tcp', 'host': 'localhost', 'port': 22}),
                                (5, {'type': 'exec', 'arguments': ['id']})):
            node.inner.send(frame(frames.OPEN, stream, LIMIT + control(request)[8:]))
            got = node.inner.wait_for(frames.ACCEPT, frames.REJECT, frames.GOAWAY)
            check_equal((got.type, frames.code_of(got)[0]), (frames.REJECT, frames.DENIED), f'{request}: {got}')

        # A lane that stands is to go on: the node comes, and takes no other word than its client's proof.
        node.hears((('a lane that stands, to go on', node.lane(lane=0), []),))
        node.joins.next().send(control({'type': 'joined'}) + os.urandom(64))
        node.lives('a lane that stands')

        # Sealed and inspected at once: the client's key is what counts, and the node answers with its own.
        both = node.offer('evil-3', resume_secret='a' * 64)
        node.hears((('both carriages', both, [('session-answer', 'evil-3', 'keys')]),))

    with _at_a_node(t, 'steady', tell):
        pass


def test_a_flood_of_lanes(t):
    """Offers of another connection for one lane, by the thousand, and then a stop: the node lives on"""
    def tell(node):
        forward = node.offer('evil-2', kind='tcp', command=None, host='localhost', port=9)
        check_equal(node.says(forward), [('session-answer', 'evil-2', 'keys')], 'an honest offer')
        flood = node.lane('evil-2', join_token='x', lane=0) * 1000
        for _ in range(t.size(20, 100)):
            node.link.send(flood)
        check_equal(node.says(node.stop('evil-2')), [('session-over', 'evil-2', '')], 'the stop')
        node.lives('a flood of lanes')

    with _at_a_node(t, 'flooded', tell):
        pass
