"""Do lies inside a link that has proved who it is end that link alone, by name, and in the relay's log?

Method: a client with a good session, and a node with a good certificate, both by hand, each break one
rule of the frames at a time, while an honest session keeps asking for echoes.
"""

import contextlib
import json
import re
import struct

from support import frames
from support.broken_rules import LIMIT, TEXT, before_the_answer, broken_rules, hear_end, hear_goaway
from support.fake_node import FakeNode
from support.frames import Link, client_link, frame
from support.processes import check, check_equal, wait_until
from support.undisturbed import undisturbed

_EXEC = ('AWS-StartNonInteractiveCommand', {'command': ['cat']})
_LIMIT = struct.pack('>Q', 1 << 20)
_MOST = (1 << 64) - 1


def _u64(*numbers):
    return struct.pack(f'>{len(numbers)}Q', *numbers)


def _open(stream, limit=_LIMIT):
    return frame(frames.OPEN, stream, limit + b'{"type":"exec","arguments":["cat"]}')


def _talking(stack):
    """A client's link with stream 1 on which `cat` has echoed 10 bytes."""
    link = client_link(stack, *_EXEC)
    link.send(_open(1))
    check(link.wait_for(frames.ACCEPT, frames.REJECT).type == frames.ACCEPT, 'the open was rejected')
    link.send(frame(frames.DATA, 1, b'0123456789'))
    check_equal(link.wait_for(frames.DATA).payload, b'0123456789', 'the echo')
    return link


def _credit(received, limit):
    return frame(frames.CREDIT, 1, _u64(received, limit))


def _finish(offset):
    return frame(frames.FINISH, 1, _u64(offset))


def _control(text, stream=0):
    return frame(frames.CONTROL, stream, text)


_HELLO = json.dumps({'type': 'hello', 'version': 1, 'version_min': 1, 'role': 'client'}).encode()
_NESTED = b'{"type":"notice","text":' + b'[' * 4000 + b']' * 4000 + b'}'


def test_a_client_that_breaks_a_rule(t):
    """Credit, offsets, answers, ids and controls that lie get a goaway, and a line in the log with why"""
    protocol, flow = frames.PROTOCOL_ERROR, frames.FLOW_CONTROL
    with undisturbed(t) as stack:
        for name, data, code, why in (
                ('received goes back', _credit(10, 1 << 20) + _credit(4, 1 << 20), protocol, 'went back'),
                ('the limit goes back', _credit(10, 1 << 21) + _credit(10, 1 << 20), protocol, 'went back'),
                ('received that was never sent', _credit(11, 1 << 21), protocol, 'never sent'),
                ('received beyond 2^63', _credit(1 << 63, _MOST), protocol, 'never sent'),
                ('received beyond 2^64', _credit(_MOST, _MOST), protocol, 'never sent'),
                ('a limit that falls to nothing', _credit(10, 0), protocol, 'went back|below'),
                ('a finish behind the data', _finish(11), protocol, 'another offset'),
                ('a finish before its data', _finish(9), protocol, 'another offset'),
                ('a finish at 2^64', _finish(_MOST), protocol, 'another offset'),
                ('a second finish', _finish(10) + _finish(10), protocol, 'after a finish'),
                ('data behind a finish', _finish(10) + frame(frames.DATA, 1, b'x'), protocol,
                 'after a finish'),
                ('an accept of its own stream', frame(frames.ACCEPT, 1, _LIMIT), protocol, 'accept'),
                ('a reject of its own stream', frame(frames.REJECT, 1, b'\0\0'), protocol, 'reject'),
                ('an accept of nothing', frame(frames.ACCEPT, 2, _LIMIT), protocol, 'never opened'),
                ('a reset of nothing', frame(frames.RESET, 99, b'\0\0'), protocol, 'never opened'),
                ('credit for nothing', frame(frames.CREDIT, 2, _u64(0, 1)), protocol, 'never opened'),
                ("an open of the other side's", _open(2), protocol, "other side's"),
                ('an open behind the last id', _open(0xffffffff) + _open(3), protocol, 'used stream id'),
                ('a second hello', _control(_HELLO), protocol, 'second hello'),
                ('a control that nests', _control(_NESTED), protocol, 'cannot be read'),
                ('a control of nothing', _control(b'{}'), protocol, 'cannot be read'),
                ('a control that is cut', _control(_HELLO[:-1]), protocol, 'cannot be read'),
                ('data beyond the limit', frame(frames.DATA, 1, bytes(16000)) * 600, flow, 'limit')):
            with _talking(stack) as link:
                link.send(data)
                got = link.wait_for(frames.GOAWAY, seconds=10)
                check(got, f'{name}: the connection ended without a goaway')
                got_code, text = frames.code_of(got)
                check_equal(got_code, code, f'{name}: code ({text})')
                check(re.search(why, text), f'{name}: {text!r} does not say {why!r}')
                line = rf'client_link_failed session={link.session} code=\S+ why="[^\n]*({why})'
                wait_until(lambda: re.search(line, stack.relay.err()), 5, f'{name}: the log says why')


test_a_client_that_breaks_a_rule.limit = 90


def test_numbers_at_their_ends(t):
    """The largest limits and ids are legal: nothing overflows, and bytes still pass"""
    stack = t.stack
    with client_link(stack, *_EXEC) as link:
        link.send(_open(0xffffffff, _u64(_MOST)))
        got = link.wait_for(frames.ACCEPT, frames.REJECT, frames.GOAWAY)
        check_equal(got.type, frames.ACCEPT, f'the answer to the last id ({got})')
        link.send(frame(frames.DATA, 0xffffffff, b'far'))
        check_equal(link.wait_for(frames.DATA, frames.GOAWAY).payload, b'far', 'the echo')
        link.send(frame(frames.CREDIT, 0xffffffff, _u64(3, _MOST)))
        link.send(frame(frames.DATA, 0xffffffff, b'away'))
        check_equal(link.wait_for(frames.DATA, frames.GOAWAY).payload, b'away', 'the echo after that')


def test_what_is_odd_but_legal(t):
    """Frames behind a goaway, unknown members and messages of later versions disturb nothing"""
    with _talking(t.stack) as link:
        link.send(frame(frames.GOAWAY, 0, b'\0\0bye'))
        link.send(frame(frames.DATA, 1, b'and on'))
        check_equal(link.wait_for(frames.DATA, frames.GOAWAY).payload, b'and on', 'behind a goaway')
        link.send(frame(frames.PING, 0, bytes(8), flags=1))  # An answer to no ping.
        link.send(_control(b'{"type":"resize","columns":80,"rows":24,"new":1}', 1))
        link.send(frame(frames.DATA, 1, b'x'))
        check_equal(link.wait_for(frames.DATA, frames.GOAWAY).payload, b'x', 'behind odd frames')


def test_floods_of_pings_and_controls(t):
    """Pings without reading the answers end the link as too-many, controls their stream alone"""
    with undisturbed(t) as stack:
        with client_link(stack, *_EXEC) as link:
            for i in range(2000):
                link.send(frame(frames.PING, 0, _u64(i)))
                if i % 100 == 99:
                    for wanted in range(i - 99, i + 1):
                        check_equal(link.wait_for(frames.PING, frames.GOAWAY).payload, _u64(wanted), 'pong')
        with _talking(stack) as link:
            before = len(stack.relay.err())
            link.connection.settimeout(10)
            for _ in range(t.size(400, 2000)):
                try:
                    link.connection.sendall(frame(frames.PING, 0, bytes(8)) * 2000)
                except OSError:
                    break  # It was ended, or it takes no more: both are bounds.
            said = re.findall('client_link_failed.*', stack.relay.err()[before:])
            check('code=too-many' in ''.join(said), f'the log says {said}')
        with _talking(stack) as link:
            controls = _control(b'{"type":"resize","columns":80,"rows":24}', 1) * 300
            for _ in range(t.size(400, 2000)):
                link.send(controls)
            got = link.wait_for(frames.RESET, frames.GOAWAY)
            check(got and got.type == frames.RESET, f'the controls were answered with {got}')
            check_equal(frames.code_of(got)[0], frames.TOO_MANY, 'code of the reset')
            link.send(frame(frames.PING, 0, _u64(1)))
            got = link.wait_for(frames.PING, frames.GOAWAY)
            check(got and got.type == frames.PING, f'a ping behind the controls was answered with {got}')


test_floods_of_pings_and_controls.limit = 90


def test_a_node_that_breaks_a_rule(t):
    """A node that lies about a stream loses its link by name; its client is told, nobody else notices"""
    accept = frame(frames.ACCEPT, 2, _LIMIT)
    with undisturbed(t) as stack, FakeNode(stack, 'lying-node') as node:
        for name, data, why in (
                *((name, data, why) for name, data, _, why in before_the_answer(2)),
                ('a second accept', accept + accept, 'accept'),
                ('a reject behind its accept', accept + frame(frames.REJECT, 2, b'\0\0'), 'reject'),
                ('credit that was never sent', accept + frame(frames.CREDIT, 2, _u64(1, 1 << 21)),
                 'never sent'),
                ('a limit that goes back', accept + frame(frames.CREDIT, 2, _u64(0, 1)), 'went back'),
                ('a finish at another offset', accept + frame(frames.FINISH, 2, _u64(1)), 'another offset'),
                ('data beyond the limit', accept + frame(frames.DATA, 2, bytes(16000)) * 200, 'limit'),
                ('an open of its own', _open(4), 'only the relay'),
                ('an odd open', _open(3), 'only the relay'),
                ('an accept of a stream to come', frame(frames.ACCEPT, 40, _LIMIT), 'never opened'),
                ('a control that nests', _control(_NESTED), 'cannot be read'),
                ('a second hello', _control(_HELLO), 'second hello')):
            with client_link(stack, *_EXEC, node=node.id) as link:
                link.send(_open(1))
                stream = node.opened.get(timeout=10)[0]
                check_equal(stream, 2, 'the first stream of a link')
                node.say(data)
                got = node.heard.get(timeout=10)
                check(got and got.type == frames.GOAWAY, f'{name}: it got {got}')
                text = frames.code_of(got)[1]
                check(re.search(why, text), f'{name}: {text!r} does not say {why!r}')
                line = rf'agent_link_failed node={node.id} code=\S+ why="[^\n]*({why})'
                wait_until(lambda: re.search(line, stack.relay.err()), 5, f'{name}: the log says why')
                got = link.wait_for(frames.RESET, frames.REJECT, frames.GOAWAY, seconds=10)
                check(got and frames.code_of(got)[1], f'{name}: the client was told {got}')
            node.close()
            node.connect(stack, 'lying-node')


test_a_node_that_breaks_a_rule.limit = 90


@contextlib.contextmanager
def _both_ends(stack, node, name):
    """Links of a node and of its client, by hand: TEXT has gone both ways on stream 2 of one and 1 of the other."""
    with Link(stack.port, node.certificate) as far:
        far.hello(role='agent', node_name=name, platform='x')
        check_equal(far.wait_for(frames.CONTROL, frames.GOAWAY).type, frames.CONTROL, 'the hello')
        with client_link(stack, *_EXEC, node=node.id) as link:
            link.send(_open(1))
            check_equal(far.wait_for(frames.OPEN, frames.GOAWAY).stream, 2, 'the first stream of a link')
            far.send(frame(frames.ACCEPT, 2, LIMIT) + frame(frames.DATA, 2, TEXT))
            check_equal(link.wait_for(frames.DATA, frames.RESET).payload, TEXT, 'the output')
            link.send(frame(frames.DATA, 1, TEXT))
            check_equal(far.wait_for(frames.DATA, frames.GOAWAY).payload, TEXT, 'the input')
            yield far, link


def test_each_rule_of_the_frames(t):
    """A node or client that breaks any rule of the frames gets a goaway and an end, and the far end the same code"""
    with undisturbed(t) as stack, FakeNode(stack, 'crude-node') as node:
        node.close()  # Its links are made here.
        for is_node in (True, False):
            stream, other_stream = (2, 1) if is_node else (1, 2)
            rules = broken_rules(stream, dialled=True)
            for name, data, code, why in rules:
                with _both_ends(stack, node, 'crude-node') as (far, link):
                    breaker, other = (far, link) if is_node else (link, far)
                    breaker.send(data)
                    hear_goaway(breaker, name, code, why)
                    hear_end(other, name, code, stream=other_stream)
            t.note(f"{len(rules)} rules, broken by a {'node' if is_node else 'client'}")


test_each_rule_of_the_frames.limit = 120


def test_a_node_that_speaks_for_another(t):
    """What a node says of another node's session, or of none, is passed over"""
    with undisturbed(t, '--sealed') as stack, FakeNode(stack, 'lying-node') as node:
        listed = [json.loads(line) for line in stack.adit('sessions', '--json').stdout.splitlines()]
        victim = listed[0]['id']
        key = {'session_key': 'a' * 64, 'node_key': 'A' * 44, 'signature': 'A' * 88}
        for session in (victim, 'admin-' + 'x' * 26, 'x' * 250):
            node.say({'type': 'session-over', 'session_id': session, 'reason': 'because I say so'})
            node.say({'type': 'session-answer', 'session_id': session, **key})
            node.say({'type': 'session-answer', 'session_id': session, 'error': 'no'})
            node.say({'type': 'lanes-lost', 'session_id': session})
            node.say({'type': 'data-key-request', 'serial': 1, 'session_id': session, 'data_key': 'A' * 88,
                      'challenge': ''})
            node.say({'type': 'stream-news', 'session_id': session, 'serial': 1, 'what': 'a lie'})
            node.say({'type': 'stream-news', 'session_id': session, 'serial': 1, 'is_closed': True,
                      'outcome': 'normal', 'to_node_bytes': 1 << 62, 'from_node_bytes': 1 << 62})
        node.say({'type': 'renew-certificate', 'request_pem': 'no request'})
        wait_until(lambda: re.search(rf'certificate_not_renewed node={node.id} why=\S', stack.relay.err()),
                   5, 'the log says why no certificate was made')
        check(victim in stack.adit('sessions', '--json').stdout.decode(), "another's session was ended")
        check(node.heard.empty(), 'its link was ended for what may be late news')
        for answer in (node.keys.get(timeout=10) for _ in range(3)):
            check(answer.get('error') and not answer.get('plaintext'), f'it was told a key: {answer}')
    check(f'lane_waits session={victim}' not in stack.agent.err(), "another's lane was cut")
