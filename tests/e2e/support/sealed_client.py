"""A client of sealed sessions by hand: its own keys, joins, inner TLS and frames, and the proofs of resuming."""

import hashlib
import hmac
import json
import os
import socket
import struct
import subprocess

from support import certificates, frames
from support.api import tls_context
from support.bio_link import BioLink
from support.bio_tls import BioTls, cut
from support.frames import CONTROL, frame
from support.lying_relay import join_frame
from support.processes import check, check_equal
from support.tls_record import expand_label, last_secret

CLIENT, NODE = 'client', 'node'


class InnerTls(BioTls):
    """TLS with a session's key, whose exporter can be asked (RFC 8446, 7.5)."""

    def __init__(self, connection, context, server_side, first, log):
        self._log = log
        context.keylog_filename = log
        super().__init__(connection, context, server_side, first)

    def exported(self, label):
        secret = last_secret(self._log, 'EXPORTER_SECRET')
        empty = (hashlib.sha256 if len(secret) == 32 else hashlib.sha384)(b'').digest()
        return expand_label(expand_label(secret, label, empty, len(secret)), 'exporter', empty, 32)


def resume_proof(secret, side, lane, epoch, position, exporter):
    message = b'adit resume v1\0' + side.encode() + b'\0' + struct.pack('>IQQ', lane, epoch, position) + exporter
    return hmac.new(secret, message, hashlib.sha256).hexdigest()


class SealedLink(BioLink):
    """A link to the node itself. It outlives its connections; `sent` and `received` are its positions."""

    def __init__(self, stack, document, parameters, features=('resume',), node=None, hello=None):
        """Without `hello`, the bytes of the first word, it says an honest one and waits for the node's."""
        self._stack = stack
        self.epoch = 0
        folder = os.path.join(stack.folder, 'by-hand')
        if os.path.exists(folder):  # One key will do for all of them.
            self.certificate = tuple(os.path.join(folder, name) for name in ('client.pem', 'client.key'))
        else:
            self.certificate = certificates.foreign_client(folder, 'session')
        spki = subprocess.run(['openssl', 'pkey', '-in', self.certificate[1], '-pubout', '-outform', 'DER'],
                              check=True, timeout=20, stdout=subprocess.PIPE).stdout
        answer = stack.api().call('StartSession', {
            'Target': node or stack.node_id(), 'DocumentName': document, 'Parameters': parameters,
            'Adit': {'Version': 1, 'Resume': True, **self.carriage(hashlib.sha256(spki).hexdigest())}})
        check_equal(answer.status, 200, f'StartSession: {answer}')
        self.made = answer.json()
        self.session = self.made['SessionId']
        self.rejoin_key = bytes.fromhex(self.made['Adit']['RejoinKey'])
        super().__init__(self.join(self.made['Adit']['JoinToken'], self.made['Adit']['Loop']))
        self.secret = self.first_secret()
        if hello is not None:
            self.send(hello)
            return
        self.hello(role='client', session_id=self.session, features=list(features))
        got = self.wait_for(CONTROL, frames.GOAWAY)
        check(got and got.type == CONTROL, f'the hello was answered with {got}')
        self.node_hello = json.loads(got.payload)
        self.lane = self.node_hello.get('lane', 0)

    def carriage(self, key):
        return {'Carriage': 'sealed', 'ClientKey': key}

    def first_secret(self):
        return self.tls.exported('EXPORTER-adit-resume-secret')

    def exporter(self, tls):
        return tls.exported('EXPORTER-adit-resume')

    def join(self, token, loop):
        """Inner TLS of a lane that is joined."""
        outer = self.joined(token, loop)
        return InnerTls(outer.socket, tls_context(['adit/1'], self.certificate), False, outer.detach(),
                        self.certificate[0] + '.keys')

    def joined(self, token, loop, **members):
        """TLS with the relay, in which `joined` was the last word."""
        return joined(self._stack, token, loop, **members)

    def cut(self):
        """Ends the connection as a network does: with a reset, in the middle of anything."""
        cut(self.tls.socket)

    # ------------------------------------------------------------------ coming again

    def rejoin(self, epoch, **lies):
        """The answer to Adit.Rejoin; `side`, `session`, `lane`, `key` and `proof` may lie."""
        session = lies.get('session', self.session)
        lane = lies.get('lane', self.lane)
        message = (b'adit rejoin v1\0' + lies.get('side', CLIENT).encode() + b'\0'
                   + struct.pack('>H', len(session)) + session.encode()
                   + struct.pack('>IQ', lies.get('proof_lane', lane), lies.get('proof_epoch', epoch)))
        proof = lies.get('proof') or hmac.new(lies.get('key', self.rejoin_key), message, hashlib.sha256).hexdigest()
        return self._stack.api().call('Adit.Rejoin', {
            'SessionId': session, 'Lane': lane, 'Epoch': epoch, 'Proof': proof}, signed=False)

    def joined_again(self):
        """A new lane's inner TLS, by the next epoch."""
        self.epoch += 1
        answer = self.rejoin(self.epoch)
        check_equal(answer.status, 200, f'Rejoin: {answer}')
        return self.join(answer.json()['JoinToken'], answer.json()['Loop'])

    def proof(self, tls, side, epoch, position, **lies):
        exporter = lies['exporter'] if 'exporter' in lies else self.exporter(tls)
        return resume_proof(lies.get('secret', self.secret), side, lies.get('lane', self.lane), epoch, position,
                            exporter)

    def resume_frame(self, tls, **lies):
        """The message in the place of a hello; its members and what its proof is over may lie."""
        epoch, position = lies.pop('epoch', self.epoch), lies.pop('position', self.received)
        shown = {'type': 'resume', 'session_id': self.session, 'lane': self.lane, 'epoch': epoch,
                 'position': position, **lies.pop('shown', {})}
        shown.setdefault('proof', self.proof(tls, lies.pop('side', CLIENT), epoch, position, **lies))
        return frame(CONTROL, 0, json.dumps(shown).encode())

    def go_on(self, tls, data):
        """Says what is to resume; returns the node's position. `data` are all bytes that were ever sent."""
        tls.socket.settimeout(10)
        tls.send(self.resume_frame(tls))
        got = tls.receive_frame()
        check(b'"resumed"' in got, f'the resume was answered with {got!r}')
        answer = json.loads(got[8:])
        check_equal(answer['proof'], self.proof(tls, NODE, self.epoch, answer['position']), "the node's proof")
        self.carry(tls)
        tls.send(data[answer['position']:])
        return answer['position']


class InspectedLink(SealedLink):
    """The same in an inspected session: inside the TLS with the relay, which vouches for both ends."""

    def carriage(self, key):
        return {'Carriage': 'inspected'}

    def first_secret(self):
        return bytes.fromhex(self.made['Adit']['ResumeSecret'])

    def exporter(self, tls):
        return bytes(32)

    def join(self, token, loop):
        return self.joined(token, loop, wrapped=True)


def joined(stack, token, loop, certificate=None, **members):
    """TLS with the relay, of a client or with a node's certificate, in which `joined` was the last word."""
    raw = socket.create_connection(('127.0.0.1', stack.port), 10)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    outer = BioTls(raw, tls_context(['adit-join/1', f'adit-loop/{loop}'], certificate), False)
    outer.send(join_frame(token, **members))
    got = outer.receive_frame()
    check(b'"joined"' in got, f'the join was answered with {got!r}')
    return outer


def refusal(tls):
    """The close code and text of the goaway that is the answer; None at an end without one."""
    tls.socket.settimeout(10)
    got = tls.receive_frame()
    if not got:
        return None
    check_equal(got[0], frames.GOAWAY, f'type of {got!r}')
    return struct.unpack('>H', got[8:10])[0], got[10:].decode(errors='replace')
