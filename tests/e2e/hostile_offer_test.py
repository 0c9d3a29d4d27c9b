"""What does a relay gain that puts its own key into the offer to a node, in the place of the client's? Nothing of the session.

Method: a relay that holds the real one's TLS key stands before it for the client and for the node, and changes
the offer on the node's own link. What a relay may do in any case is done as well: start a session of its own.
"""

import contextlib
import hashlib
import json
import os
import re
import struct
import subprocess

from support import certificates, frames
from support.api import tls_context
from support.bio_link import BioLink
from support.changed_link import ChangedLink
from support.frames import CONTROL, frame
from support.lying_relay import Lies, LyingRelay, join_frame
from support.processes import Failure, check, check_equal
from support.sealed_client import InnerTls, SealedLink
from support.tcp_server import TcpServer

_SECONDS_MAX = 15
_TEXT = b'asked by an honest client\n'
_ANSWER = b'answered by the honest target\n'
_FORGED = b'asked by the relay\n'
_REFUSAL = 'holds another key than the one that was promised'


class _Target:
    """Answers each piece, and keeps what it got."""

    def __init__(self):
        self.received = b''

    def __call__(self, connection):
        while piece := connection.recv(65536):
            self.received += piece
            connection.sendall(_ANSWER)


class _Scene:
    """A lying relay, a node and a client that know no other, a target, and a key of the liar's."""

    def __init__(self, stack, node, liar, target, port):
        self.stack, self.node, self.liar, self.target, self.port = stack, node, liar, target, port
        made = stack.api().call('CreateActivation', {'IamRole': 'any'}).json()
        line = re.sub(r'relay=\S+(.*)id=\S+ code=\S+',
                      rf'relay=127.0.0.1:{liar.port}\1id={made["ActivationId"]} code={made["ActivationCode"]}',
                      stack.enroll_line)
        state = os.path.join(stack.folder, node)
        check_equal(stack.enroll(state, node, line).returncode, 0, 'enrolling the node')
        self.link = ChangedLink(liar, state)
        liar.lies = Lies(link=self.link)
        self.agent = stack.start_agent(state, node, wait=False)
        stack.wait_connected(agent=self.agent, node=node)
        self.key = certificates.foreign_client(f'{state}-liar', 'session')
        spki = subprocess.run(['openssl', 'pkey', '-in', self.key[1], '-pubout', '-outform', 'DER'], check=True,
                              timeout=20, stdout=subprocess.PIPE).stdout
        self.key_hash = hashlib.sha256(spki).hexdigest()

    def ask(self):
        """An honest client, which knows the node after its first session."""
        env = self.stack.environment() | {'ADIT_RELAY': f'127.0.0.1:{self.liar.port}', 'ADIT_PATIENCE': '0'}
        return self.stack.adit('proxy', '--sealed', self.node, str(self.port), input=_TEXT, env=env,
                               timeout=_SECONDS_MAX)

    def wait_refused(self):
        """The node says that somebody without the promised key was there."""
        self.agent.wait_for(lambda: _REFUSAL in self.agent.err(), 10, f'{self.node} says {_REFUSAL!r}')

    def check_honest(self):
        done = self.ask()
        check_equal((done.returncode, done.stdout), (0, _ANSWER), f'without a lie ({done.stderr!r})')
        check_equal(self.target.received, _TEXT, 'what came to the target')
        self.target.received = b''

    def offer_own_key(self):
        def change(message):
            if message['type'] == 'session-offer':
                check(re.fullmatch('[0-9a-f]{64}', message['client_key']), f'no key to change: {message}')
                message['client_key'] = self.key_hash
            return message
        self.link.change = change

    def offer_what_is_asked(self):
        self.link.change = lambda message: message

    def answer(self):
        """What the client was answered last."""
        return json.loads(next(got for name, _, got in reversed(self.liar.seen) if name == 'StartSession'))

    def enter(self):
        """The liar in the place of the last session's client, with its own key: its link to the node, after its hello."""
        answer = self.answer()
        outer = self.liar.dial('adit-join/1', loop=answer['Adit']['Loop'])
        outer.send(join_frame(answer['Adit']['JoinToken']))
        got = outer.receive_frame()
        check(b'"joined"' in got, f'the join was answered with {got!r}')
        inner = InnerTls(outer.socket, tls_context(['adit/1'], self.key), False, outer.detach(),
                         self.key[0] + '.keys')
        link = BioLink(inner)
        link.hello(role='client', session_id=answer['SessionId'])
        return link


@contextlib.contextmanager
def _scene(t, node):
    stack = t.stack
    chain, key = (os.path.join(stack.relay_state, name) for name in ('server.crt', 'server.key'))
    target = _Target()
    with LyingRelay(stack.port, chain, key) as liar, TcpServer(target) as server:
        scene = _Scene(stack, node, liar, target, server.port)
        try:
            scene.check_honest()
            yield scene
            scene.offer_what_is_asked()
            scene.liar.lies = Lies(link=scene.link)
            scene.check_honest()  # It knows the node as before, and has not to be told anything.
        finally:
            scene.agent.stop()


def test_another_key_in_the_offer(t):
    """A key of the relay's in the offer: the client refuses the node's word, the node the client, and no byte is the relay's"""
    with _scene(t, 'deceived-node') as scene:
        scene.offer_own_key()
        before = len(scene.link.offers)
        joins = set(scene.liar.tokens)
        done = scene.ask()
        text = done.stderr.decode()
        check_equal((done.returncode, done.stdout), (255, b''), f'the client ({text!r})')
        check('not signed by' in text and 'nothing was sent' in text, text)
        check_equal(len(scene.link.offers), before + 1, 'offers: the client does not try it again')
        check_equal(scene.target.received, b'', 'what came to the target')
        check(scene.answer()['Adit']['JoinToken'] not in scene.liar.tokens, 'the client dialled')

        # The node was deceived, and lets the liar in: into a session with itself, of those that a relay may
        # start in any case. The client is not there, and what it would have said was not said to anybody.
        link = scene.enter()
        got = link.wait_for(CONTROL, frames.GOAWAY, seconds=_SECONDS_MAX)
        check(got and json.loads(got.payload)['type'] == 'hello', f'the node answers {got}')
        link.send(frame(frames.OPEN, 1, struct.pack('>Q', 1 << 20) + json.dumps(
            {'type': 'tcp', 'host': 'localhost', 'port': scene.port}).encode()))
        got = link.wait_for(frames.ACCEPT, frames.REJECT, frames.GOAWAY, seconds=_SECONDS_MAX)
        check(got and got.type == frames.ACCEPT, f'the open was answered with {got}')
        link.send(frame(frames.DATA, 1, _FORGED))
        check_equal(link.wait_for(frames.DATA, seconds=_SECONDS_MAX).payload, _ANSWER, 'the answer to the liar')
        check_equal(scene.target.received, _FORGED, 'what came to the target')
        scene.target.received = b''
        link.close()

        # A client that looked at no signature would be refused by the node, whose TLS takes the liar's key alone.
        _check_refused(lambda: SealedLink(scene.stack, 'AWS-StartPortForwardingSession',
                                          {'portNumber': [str(scene.port)]},
                                          node=scene.stack.node_id(scene.node)))
        scene.wait_refused()
        check_equal(scene.target.received, b'', 'what came to the target')
        check(set(scene.liar.tokens) > joins, 'the node joined its lanes through the liar')


def _check_refused(make_link):
    try:
        link = make_link()
    except (Failure, OSError) as refused:
        check('answered with None' in str(refused) or isinstance(refused, OSError), str(refused))
        return
    link.close()
    check(False, 'the node let in a client of another key than the offer has')


def test_another_key_at_the_node(t):
    """An honest offer and the relay in the client's place: the node's TLS refuses its key, and client and target hear nothing"""
    with _scene(t, 'honest-node') as scene:
        heard, alerts = [], []

        def instead(client):
            try:
                link = scene.enter()
                heard.append(link.wait_for(CONTROL, frames.DATA, frames.ACCEPT, seconds=_SECONDS_MAX))
                alerts.append(link.tls.broken_by)
                link.close()
            except OSError:
                heard.append(None)
            client.socket.close()

        scene.liar.lies = Lies(link=scene.link, instead_of_join=instead)
        done = scene.ask()
        check_equal((done.returncode, done.stdout), (255, b''), f'the client ({done.stderr!r})')
        check_equal(heard, [None], 'frames that the node sent to the liar')
        check('ALERT' in alerts[0], f'the liar was told {alerts} by the node')
        check_equal(scene.target.received, b'', 'what came to the target')
