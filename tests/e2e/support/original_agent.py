"""An original agent (amazon-ssm-agent) by hand, from its specification: it registers by an activation,
asks for credentials with its RSA key, and serves sessions by a control channel and data channels.

Its shells and commands are real processes, without a terminal; its ports are real connections.
"""

import base64
import datetime
import hashlib
import hmac
import json
import os
import random
import re
import select
import shlex
import socket
import struct
import subprocess
import threading
import time
import uuid

from support import session_cipher, smux
from support.api import read_answer, tls_connect
from support.plugin_client import (CHALLENGE, CHALLENGE_ANSWER, CHUNK, COMPLETE, CONNECT_ERROR, EXIT_CODE,
                                   FLAG, OUTPUT, REQUEST, RESPONSE, SIZE, STDERR, TERMINATE, Message, pack)
from support.processes import check, check_equal, wait_until
from support.web_socket import BINARY, TEXT, Lost, WebSocket

VERSION = '3.3.987.0'
_RESEND_SECONDS = 0.2


def _openssl(*arguments, input=None):
    return subprocess.run(['openssl', *arguments], input=input, check=True, timeout=20,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout


class Identity:
    """A registered node: its key, and the credentials that it was given."""

    def __init__(self, stack, name, activation=None):
        self.port = stack.port
        self.folder = os.path.join(stack.folder, name)
        os.makedirs(self.folder)
        self.key = os.path.join(self.folder, 'key.pem')
        _openssl('genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', self.key)
        self.fingerprint = str(uuid.uuid4())
        self.credentials = None
        if activation is None:
            activation = stack.api().call('CreateActivation', {
                'IamRole': 'any', 'DefaultInstanceName': name}).json()
        self.activation = activation
        answer = self.register()
        check_equal(answer.status, 200, f'RegisterManagedInstance: {answer}')
        self.id = answer.json()['InstanceId']
        check(re.fullmatch('mi-[0-9a-f]{17}', self.id), self.id)

    def public_key(self):
        return base64.b64encode(_openssl('pkey', '-in', self.key, '-pubout', '-outform', 'DER')).decode()

    def register(self, **lies):
        body = {'ActivationId': self.activation['ActivationId'],
                'ActivationCode': self.activation['ActivationCode'],
                'Fingerprint': self.fingerprint, 'PublicKey': self.public_key(),
                'PublicKeyType': 'Rsa'} | lies
        return self._send('POST', '/', 'AmazonSSM.RegisterManagedInstance', body, sign=None)

    def _sign_rsa(self, text):
        """RSASSA-PSS, as agents sign where they have no secret yet."""
        return base64.b64encode(_openssl(
            'dgst', '-sha256', '-sign', self.key, '-sigopt', 'rsa_padding_mode:pss',
            '-sigopt', 'rsa_pss_saltlen:32', input=text.encode())).decode()

    def _sign_secret(self, text, scope):
        step = ('AWS4' + self.credentials['SecretAccessKey']).encode()
        for part in scope.split('/'):
            step = hmac.digest(step, part.encode(), 'sha256')
        return hmac.digest(step, text.encode(), 'sha256').hex()

    def head(self, method, target, payload, headers, service, sign='secret'):
        """The headers of a signed request; `sign` is secret, rsa or None."""
        date = datetime.datetime.now(datetime.timezone.utc).strftime('%Y%m%dT%H%M%SZ')
        headers = {'host': f'127.0.0.1:{self.port}', 'x-amz-date': date} | headers
        if sign is None:
            return headers
        if sign == 'secret':
            headers['x-amz-security-token'] = self.credentials['SessionToken']
        path, _, query = target.partition('?')
        names = ';'.join(sorted(headers))
        canonical = '\n'.join([method, path, query, *(f'{n}:{headers[n]}' for n in sorted(headers)), '',
                               names, hashlib.sha256(payload).hexdigest()])
        scope = f'{date[:8]}/adit/{service}/aws4_request'
        text = '\n'.join(['AWS4-HMAC-SHA256', date, scope,
                          hashlib.sha256(canonical.encode()).hexdigest()])
        key = self.id if sign == 'rsa' else self.credentials['AccessKeyId']
        signature = self._sign_rsa(text) if sign == 'rsa' else self._sign_secret(text, scope)
        headers['authorization'] = (f'AWS4-HMAC-SHA256 Credential={key}/{scope}, '
                                    f'SignedHeaders={names}, Signature={signature}')
        if sign == 'rsa':
            headers['x-amz-content-sha256'] = hashlib.sha256(payload).hexdigest()  # Not signed (P7).
        return headers

    def _send(self, method, target, operation, body, service='ssm', sign='secret', timeout=10):
        payload = json.dumps(body).encode()
        headers = {'content-type': 'application/x-amz-json-1.1'}
        if operation:
            headers['x-amz-target'] = operation
        headers = self.head(method, target, payload, headers, service, sign)
        data = payload
        if sign == 'rsa':
            headers['transfer-encoding'] = 'chunked'
            data = b'%x\r\n%s\r\n0\r\n\r\n' % (len(payload), payload)
        else:
            headers['content-length'] = str(len(payload))
        head = f'{method} {target} HTTP/1.1\r\n' + ''.join(f'{n}: {v}\r\n' for n, v in headers.items())
        with tls_connect(self.port, ['http/1.1'], timeout=timeout) as connection:
            connection.sendall(head.encode() + b'\r\n' + data)
            return read_answer(connection)

    def ask_credentials(self, **lies):
        return self._send('POST', '/', 'AmazonSSM.RequestManagedInstanceRoleToken',
                          {'Fingerprint': self.fingerprint} | lies, sign='rsa')

    def log_in(self):
        answer = self.ask_credentials()
        check_equal(answer.status, 200, f'RequestManagedInstanceRoleToken: {answer}')
        self.credentials = answer.json()
        check_equal(self.credentials['UpdateKeyPair'], False, 'UpdateKeyPair is there')
        return self

    def call(self, operation, body, **options):
        target = operation if '.' in operation else 'AmazonSSM.' + operation
        return self._send('POST', '/', target, body, **options)

    def update_key(self):
        """Another key in the place of the one that signs this."""
        new = os.path.join(self.folder, 'new.pem')
        _openssl('genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', new)
        public = base64.b64encode(_openssl('pkey', '-in', new, '-pubout', '-outform', 'DER')).decode()
        answer = self._send('POST', '/', 'AmazonSSM.UpdateManagedInstancePublicKey',
                            {'NewPublicKey': public, 'NewPublicKeyType': 'Rsa'}, sign='rsa')
        os.replace(new, self.key)
        return answer

    def create_channel(self, path):
        return self._send('POST', path, None,
                          {'MessageSchemaVersion': '1.0', 'RequestId': str(uuid.uuid4())},
                          service='ssmmessages')

    def open_channel(self, path, query, opening):
        """A channel, from its creation to its first message."""
        answer = self.create_channel(path)
        check_equal(answer.status, 201, f'creating {path}: {answer}')
        token = re.search(rb'<TokenValue>([^<]+)</TokenValue>', answer.body)
        check(token, f'XML with a token (P6): {answer}')
        target = f'{path}?{query}'
        headers = self.head('GET', target, b'', {}, 'ssmmessages')
        headers.pop('host')
        web = WebSocket(self.port, target, headers)
        check_equal(web.status, 101, f'the upgrade of {path}: {web.head}')
        web.send(TEXT, json.dumps({'MessageSchemaVersion': '1.0', 'RequestId': str(uuid.uuid4()),
                                   'TokenValue': token[1].decode()} | opening).encode())
        return web


class OriginalAgent:
    """The agent: `tasks` are what it was told to begin, `sessions` those that it has. `refuses` is the
    text with which it fails every task; `manners` are given to every session."""

    def __init__(self, stack, name='original', identity=None, refuses=None, **manners):
        self.stack = stack
        self.identity = identity or Identity(stack, name).log_in()
        self.id = self.identity.id
        self.refuses = refuses
        self.manners = manners
        self.tasks = []
        self.closed = []         # Sessions of which it was told channel_closed.
        self.acknowledged = []   # Tasks whose completion was heard.
        self.sessions = {}
        self.over = threading.Event()
        self._to_say = []
        self._lock = threading.Lock()
        self.control = self.identity.open_channel(
            f'/v1/control-channel/{self.id}', 'role=subscribe&stream=input',
            {'Cookie': None, 'AgentVersion': VERSION, 'PlatformType': 'linux'})
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait_online(self):
        wait_until(lambda: self.stack.api().call('GetConnectionStatus', {'Target': self.id}).json()
                   .get('Status') == 'connected', 20, f'{self.id} is connected')
        return self

    def _run(self):
        try:
            while not self.over.is_set():
                with self._lock:
                    waiting, self._to_say = self._to_say, []
                for data in waiting:
                    self.control.send(BINARY, data)
                got = self.control.read(0.02)
                if got:
                    self._hear(Message(got[1]))
        except Lost:
            pass
        finally:
            self.over.set()
            self.control.close()

    def _hear(self, message):
        body = json.loads(message.payload)
        if message.kind == 'interactive_shell':
            task = json.loads(body['Content'])
            self.tasks.append(task)
            session = Session(self, task, **self.manners)
            self.sessions[task['SessionId']] = session
            session.start()
        elif message.kind == 'channel_closed':
            self.closed.append(body['SessionId'])
            if body['SessionId'] in self.sessions:
                self.sessions[body['SessionId']].cancelled.set()
        elif message.kind == 'agent_task_acknowledge':
            self.acknowledged.append(body['TaskId'])

    def say(self, data):
        with self._lock:
            self._to_say.append(data)

    def complete(self, session_id, status, output=''):
        self.say(pack('agent_task_complete', 0, json.dumps(
            {'SchemaVersion': 1, 'TaskId': session_id, 'Topic': 'agent_task_complete',
             'FinalTaskStatus': status, 'IsRoutingFailure': False, 'AwsAccountId': '',
             'InstanceId': self.id, 'Output': output, 'S3Bucket': '', 'S3UrlSuffix': '',
             'CwlGroup': '', 'CwlStream': '', 'RetryNumber': 0}).encode(), 0, 3))

    def close(self):
        self.over.set()
        for session in list(self.sessions.values()):
            session.cancelled.set()
        self._thread.join(10)
        for session in list(self.sessions.values()):
            session.join(10)

    def __enter__(self):
        return self.wait_online()

    def __exit__(self, *_):
        self.close()


class Session(threading.Thread):
    """One session of the agent's, in a thread of its own. Manners are chances: of messages that come to
    be lost, of ours to be lost or sent twice; `cut_every` cuts the connection after so many messages."""

    def __init__(self, agent, task, lose_incoming=0, lose_outgoing=0, duplicate=0, cut_every=0):
        super().__init__(daemon=True)
        self.agent = agent
        self.task = task
        self.id = task['SessionId']
        self.document = task['DocumentContent']
        self.lose_incoming, self.lose_outgoing, self.duplicate = lose_incoming, lose_outgoing, duplicate
        self.cut_every = cut_every
        self.random = random.Random(7)
        self.cancelled = threading.Event()
        self.response = None      # The client's handshake ...
        self.challenge = None     # ... and its answer to ours, where the session is encrypted.
        self.cipher = None
        self.paused = False       # The service said so: the client is away.
        self.pauses = 0
        self.sizes = []
        self.flags = []
        self.cuts = 0
        self.failure = None
        self._web = None
        self._next = self._expected = self._sent = 0
        self._early = {}
        self._unacked = {}
        self._takes = False       # Until the handshake is done or skipped.
        self._input = bytearray()
        self._process = None
        self._lines = {}          # Of smux: id to socket.
        self._smux = bytearray()

    # ------------------------------------------------------------------ the channel

    def _connect(self):
        self._web = self.agent.identity.open_channel(
            f'/v1/data-channel/{self.id}', 'role=publish_subscribe',
            {'ClientInstanceId': self.agent.id, 'ClientId': ''})
        for sequence in sorted(self._unacked):
            self._unacked[sequence][1] = 0
        self.paused = False

    def _state(self, state):
        self._transmit(pack('agent_session_state', 0, json.dumps(
            {'SchemaVersion': 1, 'SessionState': state, 'SessionId': self.id}).encode(), 0, 3), True)

    def _transmit(self, data, surely=False):
        if not surely and self.random.random() < self.lose_outgoing:
            return
        for _ in range(2 if not surely and self.random.random() < self.duplicate else 1):
            self._web.send(BINARY, data)
        self._sent += 1
        if self.cut_every and self._sent % self.cut_every == 0:
            self.cuts += 1
            self._web.cut()
            self._connect()

    def _say(self, payload_type, payload):
        if self.cipher and payload_type in (OUTPUT, STDERR, EXIT_CODE):
            payload = self.cipher.seal(payload)
        data = pack('output_stream_data', self._next, payload, payload_type, 1 if self._next == 0 else 0)
        self._unacked[self._next] = [data, time.monotonic()]
        self._next += 1
        self._transmit(data)

    def _repeat(self):
        """Only the oldest is repeated, as agents do."""
        if not self._unacked or self.paused:
            return
        entry = self._unacked[min(self._unacked)]
        if time.monotonic() - entry[1] >= _RESEND_SECONDS:
            entry[1] = time.monotonic()
            self._transmit(entry[0])

    def _acknowledge(self, message):
        text = json.dumps({'AcknowledgedMessageType': message.kind,
                           'AcknowledgedMessageId': str(message.id),
                           'AcknowledgedMessageSequenceNumber': message.sequence,
                           'IsSequentialMessage': True}, separators=(',', ':'))
        self._transmit(pack('acknowledge', 0, text.encode(), 0, 3))

    def _hear(self, data):
        message = Message(data)
        if self.random.random() < self.lose_incoming:
            return
        if message.kind in ('pause_publication', 'start_publication'):
            self.paused = message.kind == 'pause_publication'
            self.pauses += self.paused
            return
        if message.kind in ('acknowledge', 'input_stream_data'):
            self.paused = False
        if message.kind == 'acknowledge':
            self._unacked.pop(json.loads(message.payload)['AcknowledgedMessageSequenceNumber'], None)
        elif message.kind == 'channel_closed':
            self.cancelled.set()
        elif message.kind == 'input_stream_data':
            self._acknowledge(message)  # One that came before as well.
            if message.sequence >= self._expected:
                self._early[message.sequence] = message
            while self._expected in self._early:
                self._take(self._early.pop(self._expected))
                self._expected += 1

    def _take(self, message):
        if message.type == RESPONSE:
            self.response = json.loads(message.payload)
        elif message.type == CHALLENGE_ANSWER:
            self.challenge = json.loads(message.payload)['Challenge']
        elif not self._takes:
            return  # Acknowledged and passed over, as agents do before they listen.
        elif message.type == SIZE:
            self.sizes.append(json.loads(message.payload))
        elif message.type == FLAG:
            self.flags.append(struct.unpack('>I', message.payload)[0])
            if self.flags[-1] == TERMINATE:
                self.cancelled.set()
        elif message.type == OUTPUT:
            self._input += self.cipher.open(message.payload) if self.cipher else message.payload

    def _pump(self, seconds=0.02):
        try:
            got = self._web.read(seconds)
            while got:
                if got[0] == BINARY:
                    self._hear(got[1])
                got = self._web.read(0)
        except Lost:
            self._connect()
        self._repeat()

    # ------------------------------------------------------------------ the session

    def run(self):
        status, output = 'Success', ''
        try:
            if self.agent.refuses:
                return self.agent.complete(self.id, 'Failed', self.agent.refuses)
            self._connect()
            self._state('Connected')
            kind = self.document['sessionType']
            if kind in ('Port', 'NonInteractiveCommands') or self._key_id():
                self._shake_hands(kind)
            self._takes = True
            {'Port': self._run_port, 'NonInteractiveCommands': self._run_command}.get(
                kind, self._run_shell)(kind)
            end = time.monotonic() + 5
            while self._unacked and time.monotonic() < end:
                self._pump()
            if kind != 'Port':
                self._state('Terminating')
        except Exception as error:  # Whatever it is, the test is to know of it.
            self.failure = error
            status, output = 'Failed', f'{type(error).__name__}: {error}'
        finally:
            if self._web is not None:
                self._web.close()
            if self._process is not None:
                self._process.kill()
                self._process.wait()
            for line in self._lines.values():
                line.close()
        self.agent.complete(self.id, 'Cancelled' if self.cancelled.is_set() else status, output)

    def _key_id(self):
        """Of a session that is to be encrypted; ports never are."""
        return '' if self.document['sessionType'] == 'Port' else self.document['inputs']['kmsKeyId']

    def _wait(self, condition, what):
        end = time.monotonic() + 15
        while not condition() and time.monotonic() < end:
            self._pump()
        check(condition(), what)

    def _shake_hands(self, kind):
        properties = self.document['properties'] if kind == 'Port' else None
        actions = [{'ActionType': 'SessionType',
                    'ActionParameters': {'SessionType': kind, 'Properties': properties}}]
        challenge = base64.b64encode(os.urandom(16)).decode()
        if self._key_id():
            actions.append({'ActionType': 'KMSEncryption',
                            'ActionParameters': {'KMSKeyId': self._key_id(), 'Challenge': challenge}})
        self._say(REQUEST, json.dumps({'AgentVersion': VERSION, 'RequestedClientActions': actions}).encode())
        self._wait(lambda: self.response is not None, 'the handshake is answered')
        for action in self.response['ProcessedClientActions']:
            check_equal(action['ActionStatus'], 1, f'the action {action}')
        if self._key_id():
            self._agree_on_key(challenge)
        self._say(COMPLETE, json.dumps({
            'HandshakeTimeToComplete': 1220509,
            'CustomerMessage': 'This session is encrypted using AWS KMS.' if self._key_id() else ''}).encode())

    def _agree_on_key(self, challenge):
        """Opens the client's data key, and has the client show that it holds it."""
        result = self.response['ProcessedClientActions'][1]['ActionResult']
        context = {'aws:ssm:SessionId': self.id, 'aws:ssm:TargetId': self.agent.id}
        if result.get('ChallengeAcknowledgement'):
            context['aws:ssm:RandomChallenge'] = challenge
        answer = self.agent.identity.call('TrentService.Decrypt', {
            'CiphertextBlob': result['KMSCipherTextKey'], 'KeyId': self._key_id(),
            'EncryptionContext': context}, service='kms')
        check_equal(answer.status, 200, f'Decrypt: {answer}')
        cipher = session_cipher.SessionCipher(base64.b64decode(answer.json()['Plaintext']), is_node=True)
        secret = os.urandom(64)
        self._say(CHALLENGE, json.dumps({'Challenge': base64.b64encode(cipher.seal(secret)).decode()}).encode())
        self._wait(lambda: self.challenge is not None, 'the challenge is answered')
        check_equal(cipher.open(base64.b64decode(self.challenge)), secret, 'the client holds the key')
        self.cipher = cipher

    def _is_full(self):
        """A program is read as far as its output may be said."""
        return self.paused or len(self._unacked) > 500

    def _run_shell(self, kind):
        """A shell, or an interactive command: on pipes here, what it prints goes as it is."""
        if kind == 'Standard_Stream':
            command = ['sh']
            self._say(OUTPUT, b'$ ')
        else:
            command = ['sh', '-c', self.document['properties']['linux']['commands']]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT)
        self._carry(self._process.stdout)

    def _run_command(self, _):
        """Its standard output and standard error, apart, and its exit code; or both in one."""
        linux = self.document['properties']['linux']
        self._process = subprocess.Popen(shlex.split(linux['commands']), stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        is_apart = linux.get('separateOutputStream') is True
        streams = {self._process.stdout: OUTPUT, self._process.stderr: STDERR if is_apart else OUTPUT}
        while streams and not self.cancelled.is_set():
            self._pump(0.005)
            if b'\x03' in self._input:
                self._input.clear()
                self._process.send_signal(2)
            if self._is_full():
                continue
            for stream in select.select(list(streams), [], [], 0)[0]:
                data = os.read(stream.fileno(), CHUNK)
                if data:
                    self._say(streams[stream], data)
                else:
                    del streams[stream]
        if is_apart and not self.cancelled.is_set():
            self._say(EXIT_CODE, f'EXIT_CODE: {self._process.wait()}'.encode())

    def _carry(self, stream):
        while not self.cancelled.is_set():
            self._pump(0.005)
            if self._input:
                data = bytes(self._input).replace(b'\r', b'\n')
                self._input.clear()
                if b'\x04' in data:
                    self._process.stdin.write(data[:data.index(b'\x04')])
                    self._process.stdin.close()
                else:
                    self._process.stdin.write(data)
                    self._process.stdin.flush()
            if self._is_full() or not select.select([stream], [], [], 0)[0]:
                continue
            data = os.read(stream.fileno(), CHUNK)
            if not data:
                return
            self._say(OUTPUT, data)

    def _say_smux(self, data):
        for at in range(0, len(data), CHUNK):
            self._say(OUTPUT, data[at:at + CHUNK])

    def _run_port(self, _):
        target = (self.document['properties'].get('host') or 'localhost',
                  int(self.document['properties']['portNumber']))
        while not self.cancelled.is_set():
            self._pump(0.005)
            self._smux += self._input
            self._input.clear()
            for command, stream, payload in smux.take(self._smux):
                self._take_smux(target, command, stream, payload)
            ready = {line: stream for stream, line in self._lines.items()}
            if self._is_full():
                continue
            for line in select.select(list(ready), [], [], 0)[0]:
                self._read_line(line, ready[line])

    def _read_line(self, line, stream):
        try:
            data = line.recv(30000)
        except OSError:
            data = b''
        if data:
            return self._say_smux(smux.frame(smux.PSH, stream, data))
        self._say_smux(smux.frame(smux.FIN, stream))
        self._lines.pop(stream).close()

    def _take_smux(self, target, command, stream, payload):
        if command == smux.SYN:
            try:
                self._lines[stream] = socket.create_connection(target, 5)
            except OSError:
                self._say(FLAG, struct.pack('>I', CONNECT_ERROR))
                self._say_smux(smux.frame(smux.FIN, stream))
        elif stream in self._lines:
            if command == smux.PSH:
                try:
                    self._lines[stream].sendall(payload)
                except OSError:
                    pass
            elif command == smux.FIN:  # Closed as a whole, as agents do.
                self._lines.pop(stream).close()
