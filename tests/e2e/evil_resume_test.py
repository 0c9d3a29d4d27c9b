"""Does an end that lies when a session goes on, or about whose it is, gain nothing?

Method: a node by hand meets the real client, loses the connection, and answers its `resume` with one lie at a
time; a client by hand comes for lanes of inspected sessions, of which the relay passes every word on; both say
hellos that are not theirs, and a node does not stop what the relay wants stopped.
"""

import json
import os
import struct
import subprocess
import time

from support import frames
from support.bio_tls import cut
from support.broken_rules import HELLO, LIMIT, TEXT, break_each_rule, hear_goaway
from support.frames import frame
from support.processes import check, check_equal, wait_until
from support.sealed_client import CLIENT, NODE, InspectedLink, SealedLink, refusal, resume_proof
from support.sealing_node import SealingNode
from support.targets import echo
from support.tcp_server import TcpServer
from support.undisturbed import undisturbed

_SECONDS_MAX = 10
_EXEC = ('AWS-StartNonInteractiveCommand', {'command': ['cat']})
_LANE = 5  # What the node by hand calls its lanes.


def _control(message, stream=0):
    return frame(frames.CONTROL, stream, json.dumps(message).encode())


# ------------------------------------------------------------------- a node, to the client


class _Lane:
    """A lane with the real client on which `cat` has echoed, at the node."""

    def __init__(self, node):
        self.node = node
        self.link = node.meet()
        self.secret = self.link.tls.exported('EXPORTER-adit-resume-secret')
        check_equal(self.link.wait_for(frames.CONTROL).type, frames.CONTROL, 'the hello')
        self.say(_control(HELLO | {'role': 'node', 'features': ['resume'], 'lane': _LANE}))
        got = self.link.wait_for(frames.OPEN, frames.GOAWAY)
        check(got and got.type == frames.OPEN, f'instead of an open came {got}')
        self.stream = got.stream
        self.say(frame(frames.ACCEPT, self.stream, LIMIT))
        check_equal(self.link.wait_for(frames.DATA, frames.GOAWAY).payload, TEXT, 'what was typed')
        self.say(frame(frames.DATA, self.stream, TEXT))

    def say(self, data):
        self.said = getattr(self, 'said', b'') + data
        self.link.send(data)

    def come_again(self):
        """Loses the connection; the client's `resume` on the next one, and its TLS."""
        cut(self.link.tls.socket)
        tls = self.node.meet_tls(seconds=20)
        tls.socket.settimeout(_SECONDS_MAX)
        got = tls.receive_frame()
        check(b'"resume"' in got, f'the client came again with {got!r}')
        return json.loads(got[8:]), tls

    def resumed(self, tls, resume, **lies):
        """The answer; what its proof is over may lie."""
        position = lies.get('position', self.link.received)
        proof = resume_proof(
            lies.get('secret', self.secret), lies.get('side', NODE), lies.get('lane', _LANE),
            lies.get('epoch', resume['epoch']), lies.get('proof_position', position),
            lies['exporter'] if 'exporter' in lies else tls.exported('EXPORTER-adit-resume'))
        return _control({'type': 'resumed', 'position': position, 'proof': lies.get('proof', proof)})


def test_a_node_that_lies_about_where_it_goes_on(t):
    """A client goes on with who proves that it is the lane's other end, at a byte that can be, and with nobody else"""
    with undisturbed(t) as stack, SealingNode(stack, 'forgetful-node') as node:
        env = stack.environment() | {'ADIT_CONFIG_DIR': os.path.join(stack.folder, 'resume-config')}
        login = stack.adit('login', input=stack.login_line.encode() + b'\n', env=env)
        check_equal(login.returncode, 0, f'adit login: {login.stderr!r}')
        other_end, not_there = 'not the other end', 'where it cannot be'
        for name, answer, why in (
                ('a forged proof', lambda l, t, r: l.resumed(t, r, proof='0' * 64), other_end),
                ("the client's own proof", lambda l, t, r: l.resumed(t, r, proof=r['proof']), other_end),
                ("the client's side", lambda l, t, r: l.resumed(t, r, side=CLIENT), other_end),
                ('another lane', lambda l, t, r: l.resumed(t, r, lane=_LANE + 1), other_end),
                ('another epoch', lambda l, t, r: l.resumed(t, r, epoch=r['epoch'] - 1), other_end),
                ('another position', lambda l, t, r: l.resumed(t, r, proof_position=1), other_end),
                ('another connection', lambda l, t, r: l.resumed(t, r, exporter=bytes(32)), other_end),
                ('another secret', lambda l, t, r: l.resumed(t, r, secret=bytes(32)), other_end),
                ('a byte that was never sent', lambda l, t, r: l.resumed(t, r, position=1 << 40), not_there),
                ('the last byte of all', lambda l, t, r: l.resumed(t, r, position=(1 << 63) - 1), not_there),
                ('a hello', lambda l, t, r: _control(HELLO | {'role': 'node'}), 'did not say where'),
                ('data', lambda l, t, r: frame(frames.DATA, 1, b'x'), 'cannot go on'),
                ('garbage', lambda l, t, r: b'HTTP/1.1 200 OK\r\n\r\n', 'cannot go on'),
                ('a no', lambda l, t, r: frame(frames.GOAWAY, 0, b'\0\3 because'), 'because')):
            process = _typed(stack, env)
            try:
                lane = _Lane(node)
                resume, tls = lane.come_again()
                tls.send(answer(lane, tls, resume))
                _, text = process.communicate(timeout=2 * _SECONDS_MAX)
            except subprocess.TimeoutExpired:
                check(False, f'{name}: the client hangs')
            finally:
                process.kill()
                node.say({'type': 'session-over', 'session_id': node.session, 'reason': 'done'})
            tls.socket.close()
            check_equal(process.returncode, 255, f'{name}: status ({text!r})')
            check(b'cannot go on' in text, f'{name}: {text!r}')
            check(why.encode() in text, f'{name}: {text!r} does not say {why!r}')
        _goes_on(stack, node, env)


test_a_node_that_lies_about_where_it_goes_on.limit = 120


def _typed(stack, env):
    process = stack.popen('exec', '--sealed', 'forgetful-node', '--', 'cat', env=env)
    process.stdin.write(TEXT)
    process.stdin.flush()
    return process


def _goes_on(stack, node, env):
    """The same without a lie, at a byte in the middle of a frame."""
    process = _typed(stack, env)
    try:
        lane = _Lane(node)
        check_equal(process.stdout.read(len(TEXT)), TEXT, 'the echo')
        resume, tls = lane.come_again()
        check(resume['position'] <= len(lane.said), f'the client has {resume["position"]} of {len(lane.said)} bytes')
        lane.said += frame(frames.DATA, lane.stream, b'more') + _control({'type': 'exit', 'status': 7}, lane.stream)
        lane.said += frame(frames.FINISH, lane.stream, struct.pack('>Q', len(TEXT) + 4))
        rest = lane.said[resume['position']:]
        tls.send(lane.resumed(tls, resume))
        tls.send(rest[:5])
        tls.send(rest[5:])
        got, text = process.communicate(timeout=2 * _SECONDS_MAX)
        check_equal((process.returncode, got), (7, b'more'), f'status and output ({text!r})')
    finally:
        process.kill()
        node.say({'type': 'session-over', 'session_id': node.session, 'reason': 'done'})


class _Deaf(SealingNode):
    """Hears no session-stop."""

    def _hear(self, message):
        if message['type'] == 'session-stop':
            self.stops.append(message['session_id'])
        else:
            super()._hear(message)


def test_a_node_that_does_not_stop(t):
    """A session that its node does not end when it is told to is cut by the relay, and the client is told why"""
    stack = t.stack
    with _Deaf(stack, 'deaf-node') as node:
        env = stack.environment() | {'ADIT_CONFIG_DIR': os.path.join(stack.folder, 'deaf-config')}
        check_equal(stack.adit('login', input=stack.login_line.encode() + b'\n', env=env).returncode, 0, 'login')
        process = stack.popen('exec', '--sealed', 'deaf-node', '--', 'cat', env=env)
        process.stdin.write(TEXT)
        process.stdin.flush()
        try:
            _Lane(node)
            check_equal(process.stdout.read(len(TEXT)), TEXT, 'the echo')
            start = time.monotonic()
            done = stack.adit('terminate', node.session)
            check_equal(done.returncode, 0, f'terminate: {done.stderr!r}')
            _, text = process.communicate(timeout=2 * _SECONDS_MAX)
            seconds = time.monotonic() - start
        finally:
            process.kill()
        check_equal(node.stops, [node.session], 'what it was told to stop')
        check_equal(process.returncode, 255, f'status ({text!r})')
        check(b'terminated' in text or b'ended' in text, f'{text!r}')
        # The relay's second, of which it waits 0.7 for the node; the rest is for this machine. Nothing else ends it so soon.
        check(seconds < 1 + 1.5, f'it took {seconds:.1f} s')
        t.note(f'over after {seconds:.2f} s')


# ------------------------------------------------------------------- a client, to the node


def test_hellos_that_lie_inside(t):
    """A first word that is no client's hello for this session ends the lane by name; another one still comes up"""
    def hello(**members):
        return lambda link: _control(HELLO | {'role': 'client', 'session_id': link.session} | members)

    protocol = frames.PROTOCOL_ERROR
    for kind in (SealedLink, InspectedLink):
        with kind(t.stack, *_EXEC) as other:
            for name, say, code, why in (
                    ("a node's role", hello(role='node'), protocol, 'only a client'),
                    ("a relay's role", hello(role='relay'), protocol, 'only a client'),
                    ("an agent's role", hello(role='agent'), protocol, 'only a client'),
                    ("another's session", lambda _: _control(HELLO | {'role': 'client', 'session_id': other.session}),
                     frames.DENIED, 'another session'),
                    ('no session', lambda _: _control(HELLO | {'role': 'client'}), frames.DENIED, 'another session'),
                    ('no version in common', hello(version=9, version_min=9), frames.UNSUPPORTED, 'version'),
                    ('65 features', hello(features=[f'f{i}' for i in range(65)]), protocol, 'hello'),
                    ('a ping', lambda _: frame(frames.PING, 0, bytes(8)), protocol, 'no hello'),
                    ('an open', lambda _: frame(frames.OPEN, 1, LIMIT + b'{}'), protocol, 'no hello'),
                    ('a resume', lambda link: _control({
                        'type': 'resume', 'session_id': link.session, 'lane': 0, 'epoch': 1, 'position': 0,
                        'proof': '0' * 64}), protocol, 'hello'),
                    ('garbage', lambda _: b'GET / HTTP/1.1\r\n\r\n', protocol, 'frame|hello')):
                link = kind(t.stack, *_EXEC, hello=b'')
                link.send(say(link))
                hear_goaway(link, f'{kind.__name__}, {name}', code, why)
                link.close()
            other.open(1, {'type': 'exec', 'arguments': ['cat']})


test_hellos_that_lie_inside.limit = 60


def test_an_inspected_client_that_breaks_a_rule(t):
    """A client that breaks a rule inside a lane that the relay can read gets a goaway from the node, with the rule"""
    with undisturbed(t) as stack:
        break_each_rule(t, lambda: InspectedLink(stack, *_EXEC))


test_an_inspected_client_that_breaks_a_rule.limit = 120
test_an_inspected_client_that_breaks_a_rule.waits = True


def test_an_inspected_resume_that_lies(t):
    """What comes for a lane of an inspected session proves it, inside the relay's TLS, and by a newer epoch each time"""
    with undisturbed(t) as stack, TcpServer(echo) as target:
        link = InspectedLink(stack, 'AWS-StartPortForwardingSession', {'portNumber': [str(target.port)]}, hello=b'')
        kept = _control(HELLO | {'role': 'client', 'session_id': link.session, 'features': ['resume']})
        link.send(kept)
        check_equal(link.wait_for(frames.CONTROL, frames.GOAWAY).type, frames.CONTROL, "the node's hello")
        link.lane = 0

        def say(data):
            nonlocal kept
            kept += data
            link.send(data)

        say(frame(frames.OPEN, 1, LIMIT + json.dumps({'type': 'tcp', 'host': 'localhost', 'port': target.port}).encode()))
        check_equal(link.wait_for(frames.ACCEPT, frames.REJECT).type, frames.ACCEPT, 'the answer')
        say(frame(frames.DATA, 1, b'before'))
        check_equal(link.wait_for(frames.DATA).payload, b'before', 'the echo')
        # The end of the relay's TLS is no goodbye of the client's.
        mark = len(stack.agent.err())
        link.close()
        wait_until(lambda: f'lane_waits session={link.session}' in stack.agent.err()[mark:], 10, 'the node notices')
        denied, protocol = frames.DENIED, frames.PROTOCOL_ERROR
        for name, code, words in (
                ("the node's side", denied, lambda tls: link.resume_frame(tls, side=NODE)),
                ('another lane', denied, lambda tls: link.resume_frame(tls, shown={'lane': 1})),
                ('another session', denied, lambda tls: link.resume_frame(tls, shown={'session_id': 'x'})),
                ('another secret', denied, lambda tls: link.resume_frame(tls, secret=bytes(32))),
                ('another exporter', denied, lambda tls: link.resume_frame(tls, exporter=b'\1' * 32)),
                ('a forged proof', denied, lambda tls: link.resume_frame(tls, shown={'proof': '0' * 64})),
                ('a hello', protocol, lambda tls: kept[:200]),
                ('something behind it', protocol,
                 lambda tls: link.resume_frame(tls) + frame(frames.PING, 0, bytes(8)))):
            tls = link.joined_again()
            tls.send(words(tls))
            got = refusal(tls)
            check(got, f'{name}: the connection ended without a goaway')
            check_equal(got[0], code, f'{name}: code ({got[1]})')
            tls.socket.close()
        _raw_join_is_refused(stack, link)
        # Honest, and then the same words once more: their epoch is over.
        tls = link.joined_again()
        said = link.resume_frame(tls)
        position = _resume(tls, said)
        link.carry(tls)
        tls.send(kept[position:])
        say(frame(frames.DATA, 1, b'after'))
        check_equal(link.wait_for(frames.DATA).payload, b'after', 'the echo')
        replayed = link.joined_again()
        replayed.send(said)
        got = refusal(replayed)
        check(got and got[0] == denied, f'a replay was answered with {got}')
        say(frame(frames.DATA, 1, b'still'))
        check_equal(link.wait_for(frames.DATA).payload, b'still', 'the echo behind a replay')
        check_equal(target.connections, 1, 'connections at the target')
        link.send(frame(frames.GOAWAY, 0, b'\0\0'))
        link.close()


test_an_inspected_resume_that_lies.limit = 90


def _resume(tls, said):
    tls.socket.settimeout(_SECONDS_MAX)
    tls.send(said)
    got = tls.receive_frame()
    check(b'"resumed"' in got, f'the resume was answered with {got!r}')
    return json.loads(got[8:])['position']


def _raw_join_is_refused(stack, link):
    """A leg of an inspected session that wants to leave TLS is not joined."""
    link.epoch += 1
    answer = link.rejoin(link.epoch)
    check_equal(answer.status, 200, f'Rejoin: {answer}')
    with frames.Link(stack.port, loop=answer.json()['Loop'], protocol='adit-join/1') as raw:
        raw.send(_control({'type': 'join', 'token': answer.json()['JoinToken']}))
        got = raw.wait_for(frames.CONTROL, frames.GOAWAY)
        check(got and got.type == frames.GOAWAY, f'a raw join was answered with {got}')
        check_equal(frames.code_of(got)[0], frames.PROTOCOL_ERROR, f'code ({frames.code_of(got)[1]})')
