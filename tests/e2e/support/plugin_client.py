"""The client's side of AWS's data channel by hand, from its specification: order, acknowledgements,
repetition, handshake, resume. Its manners can be made bad."""

import base64
import hashlib
import json
import random
import struct
import time
import uuid

from support import session_cipher
from support.processes import Failure, check, wait_until
from support.web_socket import BINARY, PING, TEXT, Lost, WebSocket

HEADER = 116
OUTPUT, ERROR, SIZE, REQUEST, RESPONSE, COMPLETE, FLAG, STDERR, EXIT_CODE = 1, 2, 3, 5, 6, 7, 10, 11, 12
CHALLENGE, CHALLENGE_ANSWER = 8, 9
DISCONNECT_TO_PORT, TERMINATE, CONNECT_ERROR = 1, 2, 3
CHUNK = 1024
_RESEND_SECONDS = 0.2


def pack(kind, sequence, payload, payload_type=0, flags=0, message_id=None):
    """One AgentMessage."""
    raw = (message_id or uuid.uuid4()).bytes
    return (struct.pack('>I', HEADER) + kind.encode().ljust(32) + struct.pack('>I', 1) +
            struct.pack('>Q', int(time.time() * 1000)) + struct.pack('>q', sequence) +
            struct.pack('>Q', flags) + raw[8:] + raw[:8] + hashlib.sha256(payload).digest() +
            struct.pack('>II', payload_type, len(payload)) + payload)


class Message:
    def __init__(self, data):
        check(len(data) > HEADER + 4, f'a message of {len(data)} bytes')
        check(struct.unpack('>I', data[:4])[0] == HEADER, 'the header is 116 bytes')
        self.kind = data[4:36].decode()
        check(self.kind == self.kind.rstrip().ljust(32), f'the type is padded by blanks: {self.kind!r}')
        self.kind = self.kind.rstrip()
        self.created, self.sequence, self.flags = struct.unpack('>QqQ', data[40:64])
        check(self.created > 1_600_000_000_000, f'created at {self.created}')
        self.id = uuid.UUID(bytes=data[72:80] + data[64:72])
        self.type, size = struct.unpack('>II', data[112:120])
        self.payload = data[120:]
        check(len(self.payload) == size > 0, 'the payload has its size')
        check(hashlib.sha256(self.payload).digest() == data[80:112], 'the digest is the payload\'s')


class PluginClient:
    """One session. start() asks the API; connect() opens the channel; then send(), wait_for() ..."""

    def __init__(self, stack, version='1.2.707.0', seed=1, node_id=None):
        self.stack = stack
        self.node_id = node_id or stack.node_id()
        self.api = stack.api()
        self.version = version
        self.client_id = str(uuid.uuid4())
        self.random = random.Random(seed)
        self.socket = None
        self.session = None        # The answer of StartSession.
        self.request = None        # The machine's handshake, decoded.
        self.complete = None       # What ended it.
        self.closed = None         # channel_closed, decoded.
        self.output = bytearray()  # Of type Output, in order.
        self.errors = bytearray()
        self.exit_codes = []
        self.flags = []
        self.expected = 0
        self.early = {}
        self.next = 0
        self.unacked = {}          # Sequence to [message, when it was sent last].
        self.repeats = 0           # Messages that came again.
        # Manners, as chances: of what comes to be lost before it is looked at, of our
        # acknowledgements and messages to be lost, to be sent twice, to be held back until the next.
        self.lose_incoming = self.lose_acks = self.lose_outgoing = 0
        self.duplicate = self.reorder = 0
        self.takes = True          # False: what comes in turn is neither taken nor acknowledged.
        self._held = []
        # Of a session that client and node encrypt: made when the machine asks for it. `make_key` is called
        # with the machine's action and returns the key and the action's result.
        self.cipher = None
        self.make_key = lambda action: session_cipher.data_key(self.api, action, self.session['SessionId'],
                                                               self.node_id)
        self.keeps_challenge = False  # The challenge is answered as it came, without the client's key.
        self.wire = bytearray()       # Payloads as they came.

    # ------------------------------------------------------------------- opening

    def start(self, document=None, parameters=None, **more):
        body = {'Target': self.node_id, **more}
        if document:
            body['DocumentName'] = document
        if parameters:
            body['Parameters'] = {name: [value] for name, value in parameters.items()}
        answer = self.api.call('StartSession', body)
        check(answer.status == 200, f'StartSession: {answer}')
        self.session = answer.json()
        check(set(self.session) == {'SessionId', 'TokenValue', 'StreamUrl'},
              f'the members of StartSession: {sorted(self.session)}')
        return self

    def target(self):
        """The path of StreamUrl."""
        scheme, _, rest = self.session['StreamUrl'].partition('://')
        check(scheme == 'wss', f'StreamUrl: {scheme}')
        return '/' + rest.partition('/')[2]

    def open_message(self, token=None):
        return json.dumps({'MessageSchemaVersion': '1.0', 'RequestId': str(uuid.uuid4()),
                           'TokenValue': self.session['TokenValue'] if token is None else token,
                           'ClientId': self.client_id, 'ClientVersion': self.version}).encode()

    def connect(self, token=None, headers=None):
        self.socket = WebSocket(self.stack.port, self.target(), headers)
        check(self.socket.status == 101, f'the upgrade: {self.socket.head}')
        self.socket.send(TEXT, self.open_message(token))
        self.socket.send(PING, b'keepalive')
        now = time.monotonic()
        for sequence in sorted(self.unacked):
            self.unacked[sequence][1] = now
            self._transmit(self.unacked[sequence][0])
        return self

    def resume(self):
        """ResumeSession and a new connection, as a client does that has lost its own."""
        answer = self.api.call('ResumeSession', {'SessionId': self.session['SessionId']})
        check(answer.status == 200, f'ResumeSession: {answer}')
        token = answer.json().get('TokenValue')
        check(token, f'a token to resume with: {answer}')
        return self.connect(token)

    def handshake(self, seconds=10):
        self.pump(lambda: self.complete is not None or self.closed is not None, seconds,
                  'the handshake')
        check(self.complete is not None, f'closed instead of a handshake: {self.closed}')
        return self

    def open_session(self, document=None, parameters=None, **more):
        """start, connect and handshake; a program is told the terminal's size, as clients do."""
        self.start(document, parameters, **more).connect().handshake()
        if self.session_type() != 'Port':
            self.resize(120, 40)
        return self

    def action(self, kind):
        for action in self.request['RequestedClientActions']:
            if action['ActionType'] == kind:
                return action['ActionParameters']
        return None

    def session_type(self):
        return self.action('SessionType')['SessionType']

    # ------------------------------------------------------------------- sending

    def _transmit(self, data):
        if self.random.random() < self.lose_outgoing:
            return
        if self.random.random() < self.reorder:
            self._held.append(data)
            return
        batch = [data] + ([data] if self.random.random() < self.duplicate else [])
        batch += self._held
        self._held = []
        for one in batch:
            try:
                self.socket.send(BINARY, one)
            except Lost:
                return

    def send_message(self, payload_type, payload):
        data = pack('input_stream_data', self.next, payload, payload_type)
        self.unacked[self.next] = [data, time.monotonic()]
        self.next += 1
        self._transmit(data)

    def send(self, data):
        for at in range(0, len(data), CHUNK):
            piece = data[at:at + CHUNK]
            self.send_message(OUTPUT, self.cipher.seal(piece) if self.cipher else piece)

    def resize(self, columns, rows):
        self.send_message(SIZE, json.dumps({'cols': columns, 'rows': rows}).encode())

    def flag(self, value):
        self.send_message(FLAG, struct.pack('>I', value))

    def _acknowledge(self, message):
        if self.random.random() < self.lose_acks:
            return
        text = json.dumps({'AcknowledgedMessageType': message.kind,
                           'AcknowledgedMessageId': str(message.id),
                           'AcknowledgedMessageSequenceNumber': message.sequence,
                           'IsSequentialMessage': True}, separators=(',', ':'))
        self._transmit(pack('acknowledge', 0, text.encode(), 0, 3))

    def _repeat(self):
        now = time.monotonic()
        for sequence in sorted(self.unacked)[:8]:
            entry = self.unacked[sequence]
            if now - entry[1] >= _RESEND_SECONDS:
                entry[1] = now
                self._transmit(entry[0])

    # ------------------------------------------------------------------ receiving

    def pump(self, condition, seconds, what):
        """Speaks the protocol until condition() is true; Lost when the connection ends before."""
        end = time.monotonic() + seconds
        while not condition():
            left = end - time.monotonic()
            if left <= 0:
                raise Failure(f'not within {seconds} s: {what}; output ends with '
                              f'{bytes(self.output[-300:])!r}, closed: {self.closed}')
            self._repeat()
            got = self.socket.read(min(left, 0.1))
            if got is not None and got[0] == BINARY:
                self._take(Message(got[1]))

    def pump_for(self, seconds):
        """Speaks the protocol for so long."""
        end = time.monotonic() + seconds
        self.pump(lambda: time.monotonic() >= end, seconds + 5, 'time passes')

    def catch_up(self):
        """Takes what has come already."""
        while (got := self.socket.read(0)) is not None:
            if got[0] == BINARY:
                self._take(Message(got[1]))

    def _take(self, message):
        if self.random.random() < self.lose_incoming and message.kind != 'channel_closed':
            return
        if message.kind == 'acknowledge':
            self.unacked.pop(json.loads(message.payload)['AcknowledgedMessageSequenceNumber'], None)
        elif message.kind == 'channel_closed':
            self.closed = json.loads(message.payload)
        elif message.kind == 'output_stream_data':
            self._take_data(message)
        else:
            check(message.kind in ('start_publication', 'pause_publication'), message.kind)

    def _take_data(self, message):
        if message.sequence < self.expected:
            self.repeats += 1  # Real clients never acknowledge twice (P1).
            return
        if message.sequence > self.expected:
            check(len(self.early) < 10_000, 'real clients keep 10,000 messages ahead')
            self.early[message.sequence] = message
            self._acknowledge(message)
            return
        if not self.takes:
            return
        self._handle(message, acknowledge=True)
        while self.expected in self.early:
            self._handle(self.early.pop(self.expected), acknowledge=False)

    def _handle(self, message, acknowledge):
        self.expected += 1
        if acknowledge:
            self._acknowledge(message)
        payload = message.payload
        self.wire += payload
        if self.cipher and message.type in (OUTPUT, STDERR, EXIT_CODE):
            payload = self.cipher.open(payload)
        if message.type == REQUEST:
            check(self.request is None, 'one handshake a session (P24)')
            self.request = json.loads(payload)
            self.answer_handshake()
        elif message.type == COMPLETE:
            check(self.complete is None, 'one handshake a session (P24)')
            check(self.lose_incoming or not self.unacked, 'acknowledged before completed (P4)')
            self.complete = json.loads(payload)
        elif message.type in (OUTPUT, ERROR):
            self.output += payload
        elif message.type == STDERR:
            self.errors += payload
        elif message.type == EXIT_CODE:
            self.exit_codes.append(payload.decode())
        elif message.type == CHALLENGE:
            sealed = base64.b64decode(json.loads(payload)['Challenge'])
            answer = sealed if self.keeps_challenge else self.cipher.seal(self.cipher.open(sealed))
            self.send_message(CHALLENGE_ANSWER,
                              json.dumps({'Challenge': base64.b64encode(answer).decode()}).encode())
        elif message.type == FLAG:
            self.flags.append(struct.unpack('>I', payload)[0])
        else:
            check(False, f'payload type {message.type}')

    def answer_handshake(self):
        done = [{'ActionType': action['ActionType'], 'ActionStatus': 1, 'ActionResult': None,
                 'Error': ''} for action in self.request['RequestedClientActions']]
        for action in done:
            if action['ActionType'] == 'KMSEncryption':
                key, action['ActionResult'] = self.make_key(self.action('KMSEncryption'))
                self.cipher = session_cipher.SessionCipher(key)
        self.send_message(RESPONSE, json.dumps({'ClientVersion': self.version,
                                                'ProcessedClientActions': done,
                                                'Errors': None}).encode())

    def wait_for(self, wanted, seconds=20):
        """Waits until the output holds `wanted`, and returns what came before, and it."""
        self.pump(lambda: wanted in self.output, seconds, f'output {wanted!r}')
        at = self.output.index(wanted) + len(wanted)
        taken = bytes(self.output[:at])
        del self.output[:at]
        return taken

    def wait_closed(self, seconds=20):
        self.pump(lambda: self.closed is not None, seconds, 'channel_closed')
        return self.closed

    def wait_acknowledged(self, seconds=20):
        self.pump(lambda: not self.unacked, seconds, 'all is acknowledged')

    def close(self):
        if self.socket is not None:
            self.socket.close()


def session_status(api, session_id):
    """Status of a session, active or not, as DescribeSessions has it."""
    for state in ('Active', 'History'):
        answer = api.call('DescribeSessions', {'State': state, 'Filters': [
            {'key': 'SessionId', 'value': session_id}]})
        check(answer.status == 200, f'DescribeSessions: {answer}')
        if answer.json()['Sessions']:
            return answer.json()['Sessions'][0]
    return None


def wait_ended(api, session_id, seconds=20):
    """The session in the history, once it is there."""
    def ended():
        session = session_status(api, session_id)
        return session if session and session['Status'] in ('Terminated', 'Failed') else None
    return wait_until(ended, seconds, f'{session_id} is over')
