"""A relay by hand, with the real one's certificate, that answers the real agent and client by a script."""

import hashlib
import json
import os
import queue
import re
import subprocess
import threading

from support import certificates, frames
from support.api import tls_context
from support.bio_link import BioLink
from support.broken_rules import HELLO
from support.frames import frame
from support.lying_relay import Lies, LyingRelay
from support.processes import check, check_equal
from support.sealed_client import InnerTls

SECONDS_MAX = 10


def control(message, stream=0):
    """The frame of a control message: an object, or the text in its place."""
    return frame(frames.CONTROL, stream, message if isinstance(message, bytes) else json.dumps(message).encode())


GREETING = control(HELLO | {'role': 'relay', 'software': 'evil/1'})


class Script:
    """Runs once on the next link; `result()` is what it found wrong, or None."""

    def __init__(self, run):
        self._run = run
        self._results = queue.Queue()

    def __call__(self, tls):
        try:
            link = BioLink(tls)
            check(link.wait_for(frames.CONTROL, seconds=SECONDS_MAX), 'no hello came')
            self._run(link)
            self._results.put(None)
        except Exception as problem:  # To be raised where the test waits.
            self._results.put(problem)
            raise

    def result(self):
        problem = self._results.get(timeout=6 * SECONDS_MAX)
        if problem:
            raise problem


class EvilRelay(LyingRelay):
    """A LyingRelay before a stack's relay; `key_log` is where the secrets of its TLS are written."""

    def __init__(self, stack, key_log=None):
        super().__init__(stack.port, *(os.path.join(stack.relay_state, name) for name in ('server.crt', 'server.key')))
        self.stack = stack
        if key_log:
            self._server.keylog_filename = key_log


def enroll_at(evil, name):
    """Enrols one more node, whose relay is the evil one, and returns the folder of its agent."""
    stack = evil.stack
    made = stack.api().call('CreateActivation', {'IamRole': 'any'}).json()
    line = re.sub(r'relay=\S+(.*)id=\S+ code=\S+',
                  rf'relay=127.0.0.1:{evil.port}\1id={made["ActivationId"]} code={made["ActivationCode"]}',
                  stack.enroll_line)
    state = os.path.join(stack.folder, f'{name}-agent')
    check_equal(stack.enroll(state, name, line).returncode, 0, 'enrolling another node')
    return state


class Joins:
    """The node's joins, for a relay that is the client of its own offers, too: `lies` takes them."""

    def __init__(self, folder):
        self.certificate = certificates.foreign_client(folder, 'session')
        spki = subprocess.run(['openssl', 'pkey', '-in', self.certificate[1], '-pubout', '-outform', 'DER'],
                              check=True, timeout=20, stdout=subprocess.PIPE).stdout
        self.client_key = hashlib.sha256(spki).hexdigest()
        self._came = queue.Queue()
        self._over = threading.Event()

    def lies(self, script):
        return Lies(link=script, instead_of_join=self._take)

    def _take(self, tls):
        self._came.put(tls)
        self._over.wait(12 * SECONDS_MAX)  # Its connection lives as long as this call.

    def next(self):
        """TLS of the next join that came, before its answer."""
        return self._came.get(timeout=SECONDS_MAX)

    def count(self):
        """Those that came and that nobody has taken."""
        return self._came.qsize()

    def meet(self, session):
        """The link of the session that the node has just joined, after both hellos."""
        outer = self.next()
        outer.send(control({'type': 'joined'}))
        link = BioLink(InnerTls(outer.socket, tls_context(['adit/1'], self.certificate), False, outer.detach(),
                                self.certificate[0] + '.keys'))
        link.hello(role='client', session_id=session, features=['resume'])
        got = link.wait_for(frames.CONTROL, frames.GOAWAY)
        check(got and got.type == frames.CONTROL, f'the hello was answered with {got}')
        return link

    def close(self):
        self._over.set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
