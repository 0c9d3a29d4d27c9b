"""A node by hand that seals: its own identity and session key, joins, and inner TLS."""

import base64
import hashlib
import os
import ssl
import subprocess

from support import certificates
from support.bio_link import BioLink
from support.fake_node import FakeNode
from support.sealed_client import InnerTls, joined


def own_identity(folder):
    """An identity and a session key of one's own; returns (signing function, its public key,
    session key's hash, TLS context)."""
    os.makedirs(folder, exist_ok=True)
    pem = os.path.join(folder, 'identity.pem')
    subprocess.run(['openssl', 'genpkey', '-algorithm', 'ed25519', '-out', pem], check=True, timeout=20)
    public = subprocess.run(['openssl', 'pkey', '-in', pem, '-pubout', '-outform', 'DER'], check=True,
                            timeout=20, stdout=subprocess.PIPE).stdout[-32:]

    def sign(data):
        path = os.path.join(folder, 'binding')
        with open(path, 'wb') as file:
            file.write(data)
        return subprocess.run(['openssl', 'pkeyutl', '-sign', '-inkey', pem, '-rawin', '-in', path],
                              check=True, timeout=20, stdout=subprocess.PIPE).stdout

    chain, key = certificates.foreign_client(os.path.join(folder, 'session'), 'session')
    spki = subprocess.run(['openssl', 'pkey', '-in', key, '-pubout', '-outform', 'DER'], check=True,
                          timeout=20, stdout=subprocess.PIPE).stdout
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    context.num_tickets = 0
    context.set_alpn_protocols(['adit/1'])
    return sign, public, hashlib.sha256(spki).hexdigest(), context


def binding_text(*texts):
    return b'adit session binding v1\0' + b''.join(
        len(text).to_bytes(2, 'big') + text.encode() for text in texts)


class SealingNode(FakeNode):
    """Consents to what is offered with signatures that are good; `meet()` is the next client's link."""

    def __init__(self, stack, name):
        self._stack = stack
        folder = os.path.join(stack.folder, name + '-identity')
        self._sign, public, self._session_key, self._context = own_identity(folder)
        self._key_log = os.path.join(folder, 'keys')
        self._node_key = base64.b64encode(public).decode()
        super().__init__(stack, name)

    def _hear(self, message):
        if message['type'] != 'session-offer':
            return super()._hear(message)
        session = message['session_id']
        signature = self._sign(binding_text(session, self._session_key, message['client_key']))
        self._send({'type': 'session-answer', 'session_id': session, 'session_key': self._session_key,
                    'node_key': self._node_key, 'signature': base64.b64encode(signature).decode()})
        self.offers.put((session, message['join_token'], message['loop']))
        return None

    def meet(self):
        """The link of the client of the next session that is offered, before both hellos."""
        return BioLink(self.meet_tls())

    def meet_tls(self, seconds=10):
        """Its TLS; also of a client that comes again."""
        self.session, token, loop = self.offers.get(timeout=seconds)
        outer = joined(self._stack, token, loop, self.certificate)
        return InnerTls(outer.socket, self._context, True, outer.detach(), self._key_log)


class InspectedNode(FakeNode):
    """Consents to inspected sessions, and meets their clients inside the relay's TLS."""

    FEATURES = ('sealed', 'inspected-lanes')

    def __init__(self, stack, name):
        self._stack = stack
        super().__init__(stack, name)

    def _hear(self, message):
        if message['type'] != 'session-offer':
            return super()._hear(message)
        self._send({'type': 'session-answer', 'session_id': message['session_id']})
        self.offers.put((message['session_id'], message['join_token'], message['loop']))
        return None

    def meet(self):
        """The link of the client of the next session that is offered, before both hellos."""
        self.session, token, loop = self.offers.get(timeout=10)
        return BioLink(joined(self._stack, token, loop, self.certificate, wrapped=True))
