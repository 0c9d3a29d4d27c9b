"""Does each rule that an end of a sealed session breaks end that session by name, and nothing else?

Method: a client by hand with keys of its own against the real agent, and a node by hand against the real
client, inside the inner TLS, where no relay can help: each breaks one rule of the frames. Then the client by
hand comes again, and lies about it at the relay and at the node.
"""

import contextlib
import json
import os
import struct
import subprocess

from support import frames
from support.broken_rules import HELLO, LIMIT, TEXT, break_each_rule, broken_rules, hear_goaway
from support.frames import frame
from support.processes import check, check_equal, wait_until
from support.sealed_client import NODE, SealedLink, refusal
from support.sealing_node import InspectedNode, SealingNode
from support.targets import echo
from support.tcp_server import TcpServer
from support.undisturbed import undisturbed

_SECONDS_MAX = 10
_EXEC = ('AWS-StartNonInteractiveCommand', {'command': ['cat']})


# ------------------------------------------------------------------- a client, to the node


def test_a_sealed_client_that_breaks_a_rule(t):
    """A client that breaks a rule inside a sealed session gets a goaway from the node, with the rule"""
    with undisturbed(t, '--sealed') as stack:
        break_each_rule(t, lambda: SealedLink(stack, *_EXEC))


test_a_sealed_client_that_breaks_a_rule.limit = 120
test_a_sealed_client_that_breaks_a_rule.waits = True


def test_a_link_that_does_not_resume_knows_no_ack(t):
    """An ACK between ends that did not both name `resume` is a protocol error"""
    with SealedLink(t.stack, *_EXEC, features=()) as link:
        check_equal(link.node_hello.get('features', []), [], 'the features that both have')
        link.send(frame(frames.ACK, 0, bytes(8)))
        hear_goaway(link, 'an ack', frames.PROTOCOL_ERROR, 'does not resume')


def test_data_before_the_answer(t):
    """Where both name `early-data`, a frame of data goes with its open, and more of it is a protocol error"""
    def opened(stream):
        return frame(frames.OPEN, stream, LIMIT + b'{"type":"exec","arguments":["cat"]}')

    with SealedLink(t.stack, *_EXEC, features=('early-data',)) as link:
        check_equal(link.node_hello.get('features', []), ['early-data'], 'the features that both have')
        link.send(opened(1) + frame(frames.DATA, 1, TEXT))
        check_equal(link.wait_for(frames.ACCEPT, frames.GOAWAY).type, frames.ACCEPT, 'the answer')
        check_equal(link.wait_for(frames.DATA, frames.GOAWAY).payload, TEXT, 'the echo')
        link.send(opened(3) + frame(frames.DATA, 3, bytes(16376)) + frame(frames.DATA, 3, TEXT))
        hear_goaway(link, 'more than a frame early', frames.PROTOCOL_ERROR, "data before the stream's accept")
    with SealedLink(t.stack, *_EXEC, features=()) as link:
        link.send(opened(1) + frame(frames.DATA, 1, TEXT))
        hear_goaway(link, 'early data that was not agreed', frames.PROTOCOL_ERROR, "data before the stream's accept")


# ------------------------------------------------------------------- a node, to the client


def _break_each_rule_as_a_node(t, stack, node, name, carriage):
    """A node by hand breaks each rule to a client of its own, which ends with 255 and the rule."""
    rules = broken_rules(1, dialled=False)
    env = stack.environment() | {'ADIT_CONFIG_DIR': os.path.join(stack.folder, 'evil-config')}
    login = stack.adit('login', input=stack.login_line.encode() + b'\n', env=env)
    check_equal(login.returncode, 0, f'adit login: {login.stderr!r}')
    for rule, data, code, why in rules:
        process = stack.popen('exec', carriage, name, '--', 'cat', env=env)
        try:
            process.stdin.write(TEXT)
            process.stdin.flush()
            with node.meet() as link:
                check_equal(link.wait_for(frames.CONTROL).type, frames.CONTROL, 'the hello')
                link.send(frame(frames.CONTROL, 0, json.dumps(HELLO | {'role': 'node'}).encode()))
                got = link.wait_for(frames.OPEN, frames.GOAWAY)
                check(got and got.type == frames.OPEN, f'instead of an open came {got}')
                link.send(frame(frames.ACCEPT, got.stream, LIMIT))
                check_equal(link.wait_for(frames.DATA, frames.GOAWAY).payload, TEXT, 'what was typed')
                link.send(frame(frames.DATA, 1, TEXT) + data)
                hear_goaway(link, rule, code, why)
            _, text = process.communicate(timeout=_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            check(False, f'{rule}: the client hangs')
        finally:
            process.kill()
            node.say({'type': 'session-over', 'session_id': node.session, 'reason': 'done'})
        check_equal(process.returncode, 255, f'{rule}: status ({text!r})')
        check(b'broke the protocol' in text, f'{rule}: {text!r}')
    t.note(f'{len(rules)} rules')


def test_a_sealed_node_that_breaks_a_rule(t):
    """A node that breaks a rule inside a sealed session ends the client's command with 255 and the rule"""
    with undisturbed(t) as stack, SealingNode(stack, 'sealing-node') as node:
        _break_each_rule_as_a_node(t, stack, node, 'sealing-node', '--sealed')


test_a_sealed_node_that_breaks_a_rule.limit = 120
test_a_sealed_node_that_breaks_a_rule.waits = True


def test_an_inspected_node_that_breaks_a_rule(t):
    """A node that breaks a rule inside a lane that the relay can read ends the client's command in the same way"""
    with undisturbed(t) as stack, InspectedNode(stack, 'inspected-node') as node:
        _break_each_rule_as_a_node(t, stack, node, 'inspected-node', '--inspected')


test_an_inspected_node_that_breaks_a_rule.limit = 120
test_an_inspected_node_that_breaks_a_rule.waits = True


# ------------------------------------------------------------------------- coming again


class _Transfer:
    """A sealed link on whose stream 1 a target echoes; all bytes of the link that we ever sent are kept."""

    def __init__(self, stack, port):
        self.link = SealedLink(stack, 'AWS-StartPortForwardingSession', {'portNumber': [str(port)]})
        self.stack = stack
        self.kept = b''
        send = self.link.send

        def keeping(data):
            self.kept += data
            send(data)

        # The hello was sent by the constructor.
        self.kept = self._hello()
        check_equal(len(self.kept), self.link.sent, 'the bytes of the hello')
        self.link.send = keeping
        self.link.open(1, {'type': 'tcp', 'host': 'localhost', 'port': port})

    def _hello(self):
        return frame(frames.CONTROL, 0, json.dumps({
            'type': 'hello', 'version': 1, 'version_min': 1, 'software': 'test/1', 'role': 'client',
            'session_id': self.link.session, 'features': ['resume']}).encode())

    def say(self, text):
        self.link.send(frame(frames.DATA, 1, text))

    def hear(self, text):
        got = b''
        while len(got) < len(text):
            heard = self.link.wait_for(frames.DATA, frames.GOAWAY, frames.RESET, seconds=_SECONDS_MAX)
            check(heard and heard.type == frames.DATA, f'instead of data came {heard}')
            got += heard.payload
        check_equal(got, text, 'the echo')

    def lose(self):
        """Cuts the connection; returns when the node has noticed."""
        mark = len(self.stack.agent.err())
        self.link.cut()
        wait_until(lambda: f'lane_waits session={self.link.session}' in self.stack.agent.err()[mark:], 10,
                   'the node notices')

    def come_again(self):
        self.link.go_on(self.link.joined_again(), self.kept)


@contextlib.contextmanager
def _suspended(t):
    """A session whose connection was cut in the middle of a frame; at the end it goes on."""
    with undisturbed(t, '--sealed') as stack, TcpServer(echo) as target:
        transfer = _Transfer(stack, target.port)
        transfer.say(b'before')
        transfer.hear(b'before')
        transfer.lose()
        transfer.say(b'meanwhile')
        yield transfer
        transfer.come_again()
        transfer.hear(b'meanwhile')
        transfer.say(b'after')
        transfer.hear(b'after')
        check_equal(target.connections, 1, 'connections at the target')
        transfer.link.send(frame(frames.GOAWAY, 0, b'\0\0'))
        transfer.link.close()


def test_rejoins_that_lie(t):
    """A Rejoin that is replayed, stale, or of another side, session, lane or key is refused by name"""
    with _suspended(t) as transfer:
        link = transfer.link
        other = SealedLink(transfer.stack, *_EXEC)
        good = link.rejoin(7)
        check_equal(good.status, 200, f'an honest one: {good}')
        link.epoch = 7
        for name, answer, wanted in (
                ('the same again', link.rejoin(7), 'StaleEpochException'),
                ('an earlier epoch', link.rejoin(6), 'StaleEpochException'),
                ('epoch 0', link.rejoin(0), 'ValidationException'),
                ('an epoch beyond 2^63', link.rejoin(1 << 63), 'AccessDeniedException'),
                ("the node's side", link.rejoin(8, side=NODE), 'AccessDeniedException'),
                ("another session's key", link.rejoin(8, key=other.rejoin_key), 'AccessDeniedException'),
                ("another session", link.rejoin(8, session=other.session), 'AccessDeniedException'),
                ('a session that never was', link.rejoin(8, session='nobody-0'), 'AccessDeniedException'),
                ('a proof for another lane', link.rejoin(8, proof_lane=1), 'AccessDeniedException'),
                ('a proof for another epoch', link.rejoin(9, proof_epoch=8), 'AccessDeniedException'),
                ('a forged proof', link.rejoin(8, proof='0' * 64), 'AccessDeniedException'),
                ('a short proof', link.rejoin(8, proof='0' * 63), 'ValidationException'),
                ('no proof', transfer.stack.api().call('Adit.Rejoin', {
                    'SessionId': link.session, 'Lane': 0, 'Epoch': 8}, signed=False), 'ValidationException')):
            check_equal(answer.error(), wanted, f'{name}: {answer}')
        # What was refused has used no epoch up.
        check_equal(link.rejoin(8).status, 200, 'the next epoch')
        link.epoch = 8
        other.close()


test_rejoins_that_lie.limit = 60


def test_resumes_that_lie(t):
    """A resume that proves the wrong thing, or is at a byte that cannot be, is refused; the lane waits on"""
    with _suspended(t) as transfer:
        link = transfer.link
        denied, protocol = frames.DENIED, frames.PROTOCOL_ERROR
        before = link.joined_again()
        old = link.resume_frame(before)  # Good on that connection, at that epoch; never said there.
        before.socket.close()
        for name, code, say in (
                ("the node's side", denied, lambda tls: link.resume_frame(tls, side=NODE)),
                ('another lane', denied, lambda tls: link.resume_frame(tls, shown={'lane': link.lane + 1})),
                ('a proof for another lane', denied, lambda tls: link.resume_frame(tls, lane=link.lane + 1)),
                ('another session', denied, lambda tls: link.resume_frame(tls, shown={'session_id': 'x'})),
                ('another secret', denied, lambda tls: link.resume_frame(tls, secret=bytes(32))),
                ('another connection', denied, lambda tls: link.resume_frame(tls, exporter=bytes(32))),
                ('what was meant for an earlier connection', denied, lambda tls: old),
                ('a forged proof', denied, lambda tls: link.resume_frame(tls, shown={'proof': '0' * 64})),
                ('epoch 0', protocol, lambda tls: link.resume_frame(tls, epoch=0)),
                ('a hello', protocol, lambda tls: frame(
                    frames.CONTROL, 0, json.dumps(HELLO | {'role': 'client', 'session_id': link.session}).encode())),
                ('data', protocol, lambda tls: frame(frames.DATA, 1, b'x')),
                ('garbage', protocol, lambda tls: os.urandom(64)),
                ('something behind it', protocol,
                 lambda tls: link.resume_frame(tls) + frame(frames.PING, 0, bytes(8)))):
            tls = link.joined_again()
            tls.send(say(tls))
            got = refusal(tls)
            check(got, f'{name}: the connection ended without a goaway')
            check_equal(got[0], code, f'{name}: code ({got[1]})')
            tls.socket.close()
        check('lane_resumed session=' + link.session not in transfer.stack.agent.err(), 'a lie was believed')


test_resumes_that_lie.limit = 90


def test_a_resume_at_an_impossible_byte(t):
    """A client that proves itself, at a byte that the node never sent, or has forgotten, is refused"""
    with TcpServer(echo) as target:
        for name, position in (('never sent', 1 << 40), ('at the end of counting', (1 << 64) - 1)):
            transfer = _Transfer(t.stack, target.port)
            transfer.say(b'before')
            transfer.hear(b'before')
            transfer.lose()
            tls = transfer.link.joined_again()
            tls.send(transfer.link.resume_frame(tls, position=position))
            got = refusal(tls)
            check(got, f'{name}: the connection ended without a goaway')
            check_equal(got[0], frames.PROTOCOL_ERROR, f'{name}: code ({got[1]})')
            tls.socket.close()
        transfer = _Transfer(t.stack, target.port)
        transfer.say(b'before')
        transfer.hear(b'before')
        link = transfer.link
        link.send(frame(frames.ACK, 0, struct.pack('>Q', link.received)))
        transfer.say(b'more')  # Echoed behind the acknowledgement, so it has been read.
        transfer.hear(b'more')
        transfer.lose()
        tls = link.joined_again()
        tls.send(link.resume_frame(tls, position=0))
        got = refusal(tls)
        check(got and got[0] == frames.PROTOCOL_ERROR, f'at a byte that was acknowledged: {got}')
        tls.socket.close()


test_a_resume_at_an_impossible_byte.limit = 60


def test_the_newest_connection_wins(t):
    """A resume while the node still holds a connection takes the lane over, from the byte where it was"""
    with undisturbed(t, '--sealed') as stack, TcpServer(echo) as target:
        transfer = _Transfer(stack, target.port)
        transfer.say(b'before')
        transfer.hear(b'before')
        first = transfer.link.tls
        for text in (b'second', b'third'):
            transfer.come_again()
            transfer.say(text)
            transfer.hear(text)
        first.socket.settimeout(_SECONDS_MAX)
        check_equal(first.receive(), b'', 'what the first connection still gets')
        for epoch in (1, 2):
            late = transfer.link.joined_again()
            late.send(transfer.link.resume_frame(late, epoch=epoch))
            got = refusal(late)
            check(got and got[0] == frames.DENIED, f'epoch {epoch} after epoch 2: {got}')
            late.socket.close()
        transfer.say(b'fourth')
        transfer.hear(b'fourth')
        check_equal(target.connections, 1, 'connections at the target')
        transfer.link.close()


def test_a_repeated_link_arrives_once(t):
    """A client that says again what the node has does not make it arrive twice: it breaks the frames"""
    with TcpServer(echo) as target:
        transfer = _Transfer(t.stack, target.port)
        transfer.say(b'before')
        transfer.hear(b'before')
        transfer.lose()
        tls = transfer.link.joined_again()
        tls.socket.settimeout(_SECONDS_MAX)
        tls.send(transfer.link.resume_frame(tls))
        got = tls.receive_frame()
        check(b'"resumed"' in got, f'the resume was answered with {got!r}')
        tls.send(transfer.kept)  # From the first byte, though the node is further.
        got = refusal(tls)
        check(got and got[0] == frames.PROTOCOL_ERROR, f'it was answered with {got}')
