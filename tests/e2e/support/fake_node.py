"""A node by hand: enrolled, on a link, and consenting to every sealed session that is offered."""

import base64
import json
import os
import queue
import threading

from support import certificates, frames
from support.frames import Link, frame
from support.processes import Failure, check, check_equal


class FakeNode:
    """`offers` has {session or lane: (token, loop)} of what was offered; `say(message)` is told to
    the relay, as a control message or as raw bytes. Its signatures are of the right size, which is
    all that a relay looks at."""

    FEATURES = ('sealed',)  # Of its hello.

    def __init__(self, stack, name):
        api = stack.api()
        folder = os.path.join(stack.folder, name)
        request, key = certificates.request(folder)
        made = api.call('CreateActivation', {'IamRole': 'any'}).json()
        answer = api.call('Adit.EnrollNode', {
            'ActivationId': made['ActivationId'], 'ActivationCode': made['ActivationCode'],
            'CertificateRequest': request, 'Name': name, 'Platform': 'x', 'AgentVersion': '1.0'},
            signed=False)
        check_equal(answer.status, 200, f'EnrollNode: {answer}')
        path = os.path.join(folder, 'certificate.pem')
        with open(path, 'w', encoding='ascii') as file:
            file.write(answer.json()['Certificate'])
        self.id = answer.json()['NodeId']
        self.certificate = (path, key)
        self.offers = queue.Queue()  # (session id, token, loop), in order.
        self.stops = []
        self.keys = queue.Queue()  # Answers to what it asked.
        self.opened = queue.Queue()  # (stream, limit, request) of streams of inspected sessions.
        self._to_say = queue.Queue()
        self._over = threading.Event()
        self.connect(stack, name)

    def connect(self, stack, name):
        """Connects, or connects anew. `heard` is what then comes: GOAWAY, RESET, and None at the end."""
        self._over.clear()
        self.heard = queue.Queue()
        self.link = Link(stack.port, self.certificate)
        self.link.hello(role='agent', node_name=name, platform='x', features=list(self.FEATURES))
        got = self.link.wait_for(frames.CONTROL, frames.GOAWAY)
        check(got and got.type == frames.CONTROL, f'the hello of {name} was answered with {got}')
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        # TLS is for one thread at a time: this one sends, too.
        while not self._over.is_set():
            while not self._to_say.empty():
                self._send(self._to_say.get())
            try:
                got = self.link.receive(0.02)
            except Failure:
                continue
            if got is None:
                self.heard.put(None)
                return
            if got.type == frames.OPEN:
                self.opened.put((got.stream, int.from_bytes(got.payload[:8], 'big'), got.payload[8:]))
            if got.type in (frames.GOAWAY, frames.RESET):
                self.heard.put(got)
            if got.type == frames.PING and not got.flags:
                self.link.send(frame(frames.PING, 0, got.payload, flags=1))
            if got.type == frames.CONTROL:
                self._hear(json.loads(got.payload))

    def _send(self, message):
        if not isinstance(message, bytes):
            message = frame(frames.CONTROL, 0, json.dumps(message).encode())
        self.link.send(message)

    def _hear(self, message):
        session = message.get('session_id')
        if message['type'] == 'session-offer':
            self.offers.put((session, message['join_token'], message['loop']))
            self._send({'type': 'session-answer', 'session_id': session, 'session_key': 'a' * 64,
                        'node_key': base64.b64encode(bytes(32)).decode(),
                        'signature': base64.b64encode(bytes(64)).decode()})
        elif message['type'] == 'data-key-answer':
            self.keys.put(message)
        elif message['type'] == 'lane-offer':
            self.offers.put((session, message['join_token'], message['loop']))
        elif message['type'] == 'session-stop':
            self.stops.append(session)
            self._send({'type': 'session-over', 'session_id': session, 'reason': 'as you say'})

    def say(self, message):
        self._to_say.put(message)

    def close(self):
        self._over.set()
        self._thread.join(5)
        self.link.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
