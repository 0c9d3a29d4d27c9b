"""Do bytes that lie get their named error, at a bounded price, without disturbing anybody?

Method: raw sockets and hand-made TLS, HTTP and frames against the relay's port, while an honest session
keeps asking for echoes. At the end the relay holds what it held before.
"""

import collections
import contextlib
import datetime
import json
import os
import socket
import ssl
import struct
import time

from support import certificates, frames
from support.api import tls_connect
from support.frames import Link, client_link, frame
from support.processes import Failure, check, check_equal, wait_until
from support.tcp_server import TcpServer
from support.undisturbed import HonestSession, undisturbed


def _raw(stack, seconds=5):
    connection = socket.create_connection(('127.0.0.1', stack.port), seconds)
    return connection


def _closed_within(connection, seconds):
    """Reads to the end of a connection; returns what came. Fails if it stays open."""
    connection.settimeout(seconds)
    data = b''
    try:
        while piece := connection.recv(65536):
            data += piece
    except (socket.timeout, TimeoutError):
        raise Failure(f'the relay keeps the connection open after {seconds} s') from None
    except OSError:
        pass  # A reset is an end, too.
    return data


# ------------------------------------------------------------------ below TLS


def test_bytes_that_are_not_tls(t):
    """Garbage, plain HTTP and a broken TLS hello get a TLS alert or an end at once"""
    with undisturbed(t) as stack:
        for name, data in (
                ('garbage', os.urandom(4096)),
                ('zeros', bytes(100_000)),
                ('plain HTTP', b'GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
                ('SSH', b'SSH-2.0-OpenSSH_9.2\r\n'),
                ('an oversized record', b'\x16\x03\x01\xff\xff' + os.urandom(65535)),
                ('a hello of nonsense', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + os.urandom(507))):
            with _raw(stack) as connection:
                connection.sendall(data)
                answer = _closed_within(connection, 8)
                check(not answer or answer[0] in (0x15, 0x16), f'{name} was answered with {answer[:60]!r}')


def test_old_tls_is_refused(t):
    """TLS 1.2 is refused with an alert"""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with _raw(t.stack) as connection:
        try:
            context.wrap_socket(connection)
            raise Failure('TLS 1.2 was accepted')
        except (ssl.SSLError, OSError) as error:
            check('version' in str(error).lower(), f'another error: {error}')


def test_slow_and_half_hellos(t):
    """Half a hello, a slow drip and silence are ended within 15 s and hold little"""
    with undisturbed(t) as stack:
        hello = _client_hello()
        waiting = []
        for _ in range(t.size(50, 400)):
            connection = _raw(stack)
            connection.sendall(hello[:len(hello) // 2])
            waiting.append(connection)
        for _ in range(t.size(50, 400)):
            waiting.append(_raw(stack))
        drip = _raw(stack)
        start = time.monotonic()
        cut = None
        for byte in hello:
            try:
                drip.sendall(bytes([byte]))
            except OSError:
                cut = time.monotonic() - start
                break
            drip.settimeout(0.1)
            try:
                drip.recv(1)
                cut = time.monotonic() - start
                break
            except (socket.timeout, TimeoutError):
                pass
            except OSError:
                cut = time.monotonic() - start
                break
        check(cut is not None and cut < 16, f'a hello may take {cut} s')
        for connection in waiting:
            _closed_within(connection, max(0.2, 17 - (time.monotonic() - start)))
            connection.close()
        drip.close()
        t.note(f'{len(waiting)} half-open connections were ended within {time.monotonic() - start:.0f} s')


test_slow_and_half_hellos.limit = 90
test_slow_and_half_hellos.waits = True


def _client_hello():
    """The first bytes that a TLS client sends."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(['adit/1'])
    try:
        context.wrap_bio(incoming, outgoing).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def test_certificate_of_another_authority(t):
    """A node's certificate of another authority is refused"""
    with undisturbed(t) as stack:
        certificate = certificates.foreign_client(os.path.join(stack.folder, 'foreign'), stack.node_id())
        try:
            with Link(stack.port, certificate) as link:
                link.hello(role='agent', node_name='liar', platform='x')
                got = link.wait_for(frames.GOAWAY, frames.CONTROL)
                check(got is None or got.type == frames.GOAWAY, f'it was answered with {got}')
                if got:
                    code, text = frames.code_of(got)
                    check_equal(code, frames.DENIED, f'code ({text})')
        except (ssl.SSLError, ConnectionError) as error:
            check('alert' in str(error).lower() or 'reset' in str(error).lower(), f'another error: {error}')


def test_agent_role_needs_a_certificate(t):
    """A link without a certificate cannot say that it is an agent"""
    with Link(t.stack.port) as link:
        link.hello(role='agent', node_name='liar', platform='x')
        got = link.wait_for(frames.GOAWAY, frames.CONTROL)
        check(got and got.type == frames.GOAWAY, f'it was answered with {got}')
        code, text = frames.code_of(got)
        check_equal(code, frames.PROTOCOL_ERROR, f'code ({text})')
        check('certificate' in text, f'the text does not say what is missing: {text}')


# ------------------------------------------------------------------------ HTTP


def test_signatures_that_lie(t):
    """A wrong signature, an unknown key, a clock 10 minutes off: each gets its error by name"""
    with undisturbed(t) as stack:
        api = stack.api()
        body = {'State': 'Active'}
        check_equal(api.call('DescribeSessions', body).status, 200, 'an honest request')
        now = datetime.datetime.now(datetime.timezone.utc)
        ten = datetime.timedelta(minutes=10)
        for name, wanted, lies in (
                ('a wrong secret', 'InvalidSignatureException', {'secret': 'x' * 40}),
                ('an unknown key', 'UnrecognizedClientException', {'key': 'AKIAXXXXXXXXXXXXXXXX'}),
                ('a clock 10 minutes behind', 'InvalidSignatureException', {'now': now - ten}),
                ('a clock 10 minutes ahead', 'InvalidSignatureException', {'now': now + ten}),
                ('no signature', 'MissingAuthenticationTokenException', {'signed': False})):
            answer = api.call('DescribeSessions', body, **lies)
            check_equal((answer.error(), 400 <= answer.status < 500), (wanted, True), f'{name}: {answer}')
        request = api.request('AmazonSSM.DescribeSessions', body)
        answer = api.send(request.replace(b'"Active"', b'"Histor"'))
        check_equal(answer.error(), 'InvalidSignatureException', f'another payload: {answer}')
        answer = api.send(request.replace(b'Credential=', b'Credentials='))
        check_equal(answer.error(), 'IncompleteSignatureException', f'a malformed header: {answer}')
        check_equal(api.call('NoSuchOperation', {}).error(), 'UnknownOperationException', 'no such call')
        check_equal(api.call('DescribeSessions', b'{"State":').error(), 'SerializationException', 'no JSON')
        check_equal(api.call('DescribeSessions', b'[' * 10_000).error(), 'SerializationException', 'deep')
        check_equal(api.call('DescribeSessions', {'State': 'x'}).error(), 'ValidationException', 'bad value')


def test_http_that_lies(t):
    """Heads and bodies that lie about themselves get a 4xx, and no connection is kept for them"""
    with undisturbed(t) as stack:
        for name, data in (
                ('not HTTP', b'\x00\x01\x02\x03' * 20 + b'\r\n\r\n'),
                ('an endless head', b'GET / HTTP/1.1\r\n' + b'X-A: ' + b'a' * 200_000),
                ('ten thousand headers', b'GET / HTTP/1.1\r\n' + b'A: b\r\n' * 10_000 + b'\r\n'),
                ('a body of 10 GB', b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000000\r\n\r\n'),
                ('a negative length', b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n'),
                ('two lengths', b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n'
                                b'Content-Length: 2\r\n\r\nab'),
                ('length and chunks', b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n'
                                      b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
                ('a chunk of 2^64', b'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'
                                    b'10000000000000000\r\n')):
            with tls_connect(stack.port, ['http/1.1']) as connection:
                with contextlib.suppress(OSError):  # It may be cut while we still send.
                    connection.sendall(data)
                answer = _closed_within(connection, 10)
                check(not answer or answer.startswith(b'HTTP/1.1 4'), f'{name}: {answer[:100]!r}')


def test_slow_http(t):
    """A request that does not come to its end is ended within 30 s"""
    with undisturbed(t) as stack:
        slow = []
        for _ in range(t.size(20, 200)):
            connection = tls_connect(stack.port, ['http/1.1'])
            connection.sendall(b'POST / HTTP/1.1\r\nHost: x\r\nContent-Le')
            slow.append(connection)
        start = time.monotonic()
        for connection in slow:
            _closed_within(connection, max(0.2, 31 - (time.monotonic() - start)))
            connection.close()
        t.note(f'ended after {time.monotonic() - start:.0f} s')


test_slow_http.limit = 90
test_slow_http.waits = True


def test_activations_that_are_over(t):
    """An activation that is used up, expired, unknown or has another code is refused by name"""
    with undisturbed(t) as stack:
        api = stack.api()
        request, _ = certificates.request(os.path.join(stack.folder, 'requests'))

        def enroll(activation, code):
            return api.call('Adit.EnrollNode', {
                'ActivationId': activation, 'ActivationCode': code, 'CertificateRequest': request,
                'Name': 'liar', 'Platform': 'x', 'AgentVersion': '1.0'}, signed=False)

        made = api.call('CreateActivation', {'IamRole': 'any'}).json()
        answer = enroll(made['ActivationId'], 'x' * 20)
        check_equal(answer.error(), 'InvalidActivation', f'another code: {answer}')
        answer = enroll('00000000-0000-0000-0000-000000000000', made['ActivationCode'])
        check_equal(answer.error(), 'InvalidActivation', f'an unknown id: {answer}')
        check_equal(enroll(made['ActivationId'], made['ActivationCode']).status, 200, 'the first use')
        answer = enroll(made['ActivationId'], made['ActivationCode'])
        check_equal(answer.error(), 'RegistrationLimitExceeded', f'the second use: {answer}')
        made = api.call('CreateActivation', {'IamRole': 'any', 'ExpirationDate': time.time() + 1.5}).json()
        time.sleep(2)
        answer = enroll(made['ActivationId'], made['ActivationCode'])
        check_equal(answer.error(), 'ActivationExpired', f'an expired one: {answer}')
        # The line that the agent used is used up, too, and the agent says what to do.
        done = stack.enroll(os.path.join(stack.folder, 'liar'), 'liar', stack.enroll_line)
        check(done.returncode != 0 and b'used' in done.stderr.lower(), f'enroll again: {done.stderr!r}')


def test_another_authority_is_refused_before_any_secret(t):
    """A relay with another CA than the line says is refused before code or secret is sent"""
    stack = t.stack
    folder = os.path.join(stack.folder, 'impostor')
    certificates.foreign_client(folder, '127.0.0.1')
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, 'client.pem'), os.path.join(folder, 'client.key'))
    context.set_alpn_protocols(['http/1.1', 'adit/1'])
    heard = []

    def serve(raw):
        with context.wrap_socket(raw, server_side=True) as connection:
            connection.settimeout(5)
            heard.append(connection.recv(65536))

    with TcpServer(serve) as impostor:
        here = f'127.0.0.1:{impostor.port}'
        there = f'127.0.0.1:{stack.port}'
        done = stack.enroll(os.path.join(stack.folder, 'deceived'), 'x',
                            stack.enroll_line.replace(there, here))
        check(done.returncode != 0 and done.stderr, 'adit-agent enroll trusted an impostor')
        env = stack.environment() | {'ADIT_CONFIG_DIR': os.path.join(stack.folder, 'deceived-config')}
        done = stack.adit('login', input=stack.login_line.replace(there, here).encode(), env=env)
        check(done.returncode != 0 and done.stderr, 'adit login trusted an impostor')
    check_equal([data for data in heard if data], [], 'what the impostor heard')


# ---------------------------------------------------------------------- frames


_EXEC = ('AWS-StartNonInteractiveCommand', {'command': ['cat']})
_LIMIT = struct.pack('>Q', 1 << 20)


def _open_exec(stream, command=('cat',), limit=_LIMIT):
    request = {'type': 'exec', 'arguments': list(command)}
    return frame(frames.OPEN, stream, limit + json.dumps(request).encode())


def test_links_that_do_not_introduce_themselves(t):
    """No hello, a bad token and a hello of nonsense get a goaway that says so"""
    with undisturbed(t) as stack:
        for name, data in (('a ping first', frame(frames.PING, 0, bytes(8))),
                           ('an open first', _open_exec(1)),
                           ('no JSON', frame(frames.CONTROL, 0, b'{"type":')),
                           ('no object', frame(frames.CONTROL, 0, b'[' * 8000)),
                           ('another message', frame(frames.CONTROL, 0, b'{"type":"resize"}'))):
            with Link(stack.port) as link:
                link.send(data)
                _expect_goaway(link, frames.PROTOCOL_ERROR, name)
        for name, members in (('a made-up session', {'session_id': 'x-123', 'session_token': 'y' * 40}),
                              ('no session', {})):
            with Link(stack.port) as link:
                link.hello(role='client', **members)
                _expect_goaway(link, frames.BAD_TOKEN, name)


def _expect_goaway(link, wanted, name):
    got = link.wait_for(frames.GOAWAY, seconds=10)
    check(got, f'{name}: the connection ended without a goaway')
    code, text = frames.code_of(got)
    check_equal(code, wanted, f'{name}: the code ({text})')
    check(text, f'{name}: the goaway has no text')
    _closed_within(link.connection, 10)


def test_illegal_frames(t):
    """A frame of illegal type, flags, size, stream or offset ends that link with a goaway"""
    with undisturbed(t) as stack:
        opened = _open_exec(1)
        for name, data in (
                ('type 0', frame(0, 1, b'x')),
                ('type 255', frame(255, 0, b'x')),
                ('a reserved type', frame(0x20, 1, b'x')),
                ('unknown flags', frame(frames.CREDIT, 1, bytes(16), flags=0x80)),
                ('a frame of 65535 bytes', frame(frames.DATA, 1, size=65535) + bytes(65535)),
                ('one byte too many', opened + frame(frames.DATA, 1, bytes(frames.PAYLOAD_MAX + 1))),
                ('empty data', opened + frame(frames.DATA, 1)),
                ('a short credit', opened + frame(frames.CREDIT, 1, bytes(8))),
                ('data on stream 0', frame(frames.DATA, 0, b'x')),
                ('a ping on a stream', frame(frames.PING, 1, bytes(8))),
                ('data on a stream that was never opened', frame(frames.DATA, 77, b'x')),
                ('a stream of the other side', frame(frames.OPEN, 2, opened[8:])),
                ('the same stream twice', opened + opened),
                ('a stream out of order', _open_exec(9) + _open_exec(3)),
                ('an open without JSON', frame(frames.OPEN, 1, _LIMIT + b'{')),
                ('a wrong final offset', opened + frame(frames.FINISH, 1, struct.pack('>Q', 5))),
                ('data after the end', opened + frame(frames.FINISH, 1, bytes(8))
                 + frame(frames.DATA, 1, b'x')),
                ('credit for more than was sent', opened + frame(frames.CREDIT, 1,
                                                                 struct.pack('>QQ', 1 << 40, 1 << 41))),
                ('a limit that shrinks', opened + frame(frames.CREDIT, 1, struct.pack('>QQ', 0, 1 << 21))
                 + frame(frames.CREDIT, 1, struct.pack('>QQ', 0, 1)))):
            with client_link(stack, *_EXEC) as link:
                link.send(data)
                got = link.wait_for(frames.GOAWAY, frames.RESET, frames.REJECT, seconds=10)
                check(got, f'{name}: the connection ended without a word')
                code, text = frames.code_of(got)
                check(code in (frames.PROTOCOL_ERROR, frames.FLOW_CONTROL, frames.UNSUPPORTED),
                      f'{name}: {frames.NAMES[got.type]} {code} {text!r}')
                check(text, f'{name}: there is no text')


test_illegal_frames.limit = 90


def test_more_than_the_credit(t):
    """Data beyond the credit ends the stream or link with flow-control, and is not kept"""
    with undisturbed(t) as stack:
        with client_link(stack, *_EXEC) as link:
            # Credit for nothing comes back: `cat` is held by our own limit of 0.
            link.send(_open_exec(1, limit=bytes(8)))
            got = link.wait_for(frames.ACCEPT, frames.REJECT)
            check(got and got.type == frames.ACCEPT, f'open was answered with {got}')
            piece = frame(frames.DATA, 1, bytes(frames.PAYLOAD_MAX))
            got = link.send_until_heard(piece * ((64 << 20) // frames.PAYLOAD_MAX), frames.GOAWAY, frames.RESET)
            check(got, 'the connection ended without a word')
            check_equal(frames.code_of(got)[0], frames.FLOW_CONTROL, f'code of {got}')


def test_outside_of_the_grant(t):
    """A stream that the session does not allow is rejected as denied, whatever it claims"""
    with undisturbed(t) as stack:
        port = stack.port
        with client_link(stack, *_EXEC) as link:
            for i, request in enumerate((
                    {'type': 'exec', 'arguments': ['cat', '/etc/passwd']},
                    {'type': 'exec', 'arguments': ['cat'], 'with_terminal': True},
                    {'type': 'shell', 'columns': 80, 'rows': 24, 'run_as': 'root', 'principal': 'root'},
                    {'type': 'tcp', 'host': 'localhost', 'port': port})):
                stream = 2 * i + 1
                link.send(frame(frames.OPEN, stream, _LIMIT + json.dumps(request).encode()))
                got = link.wait_for(frames.REJECT, frames.ACCEPT, frames.GOAWAY, stream=stream)
                check(got and got.type == frames.REJECT, f'{request} was answered with {got}')
                check_equal(frames.code_of(got)[0], frames.DENIED, f'code for {request}')
        forward = ('AWS-StartPortForwardingSession', {'portNumber': ['9']})
        with client_link(stack, *forward) as link:
            for i, request in enumerate((
                    {'type': 'tcp', 'host': 'localhost', 'port': 10},
                    {'type': 'tcp', 'host': '169.254.169.254', 'port': 9},
                    {'type': 'exec', 'arguments': ['id']})):
                stream = 2 * i + 1
                link.send(frame(frames.OPEN, stream, _LIMIT + json.dumps(request).encode()))
                got = link.wait_for(frames.REJECT, frames.ACCEPT, frames.GOAWAY, stream=stream)
                check(got and got.type == frames.REJECT, f'{request} was answered with {got}')
                check_equal(frames.code_of(got)[0], frames.DENIED, f'code for {request}')


def test_a_token_is_for_its_session(t):
    """A token of one session does not open another"""
    stack = t.stack
    made = [stack.api().call('StartSession', {'Target': stack.node_id(), 'Adit': {'Version': 1}}).json()
            for _ in range(2)]
    with Link(stack.port, loop=made[0]['Adit']['Loop']) as link:
        link.hello(role='client', session_id=made[0]['SessionId'], session_token=made[1]['TokenValue'])
        _expect_goaway(link, frames.BAD_TOKEN, "another session's token")

    def refused():
        done = stack.adit('audit', 'lookup', '--by', f'ResourceName={made[0]["SessionId"]}', '--json')
        return [(event['eventName'], event.get('errorCode')) for event in map(json.loads, done.stdout.splitlines())]
    wait_until(lambda: ('JoinSession', 'AccessDeniedException') in refused(), 10, 'the attempt is on record')


# LinkBudget::kHeldMax, and what the objects of 640 streams take.
_LINK_HELD_MAX = (96 << 20) + (16 << 20)


def test_a_client_that_does_not_read(t):
    """As many streams as a link may have, all pouring, and a client that reads none of it: bounded"""
    def pours(connection):
        while True:
            connection.sendall(b'x' * 65536)

    honest = HonestSession(t.stack, '--inspected')
    # The blocks of the pool that were used stay in memory for some minutes.
    with TcpServer(pours) as target, \
            undisturbed(t, peak_max=_LINK_HELD_MAX, growth_max=_LINK_HELD_MAX, honest=honest) as stack:
        with client_link(stack, 'AWS-StartPortForwardingSession', {'portNumber': [str(target.port)]}) as link:
            request = json.dumps({'type': 'tcp', 'host': 'localhost', 'port': target.port}).encode()
            everything = b'\xff' * 8
            for stream in range(1, 2 * 700, 2):
                link.send(frame(frames.OPEN, stream, everything + request))
                if stream % 100 == 99:  # The node looks up so many names at once.
                    wanted = min((stream + 1) // 2, 640)
                    wait_until(lambda: target.connections >= wanted, 60, f'{wanted} streams are open')
            for _ in range(10):  # All that the relay takes is there then.
                honest.wait_echoes(10, 60)
                link.send(frame(frames.PING, 0, bytes(8)))  # The relay gives up who is silent for long.
            got = link.wait_for(frames.REJECT, frames.GOAWAY, seconds=60)  # Behind all that.
            check(got and frames.code_of(got)[0] == frames.TOO_MANY, f'the last streams got {got}')
            check(target.connections <= 640, f'{target.connections} streams were opened')


test_a_client_that_does_not_read.limit = 240


def test_flood_of_opens(t):
    """100,000 opens, with resets among them, get rejects or a goaway and cost bounded memory"""
    count = t.size(20_000, 100_000)
    with undisturbed(t) as stack:
        for name, with_reset in (('opens', False), ('opens and resets', True)):
            with client_link(stack, 'AWS-StartPortForwardingSession', {'portNumber': ['9']}) as link:
                request = _LIMIT + json.dumps({'type': 'tcp', 'host': 'localhost', 'port': 9}).encode()
                reset = struct.pack('>H', 0)
                heard = collections.Counter()
                start = time.monotonic()
                for first in range(0, count, 100):
                    batch = b''
                    for i in range(first, first + 100):
                        batch += frame(frames.OPEN, 2 * i + 1, request)
                        if with_reset:
                            batch += frame(frames.RESET, 2 * i + 1, reset)
                    # It is sent and read in turn: what is never read ends the link at once.
                    if not link.send_and_hear(batch, heard):
                        break
                seconds = time.monotonic() - start
                link.hear(2, heard)
                answers = ', '.join(f'{n} x {word}' for word, n in sorted(heard.items()))
                t.note(f'{name}: {count / seconds:.0f}/s were taken; answers: {answers}')
                refused = heard[f'REJECT {frames.TOO_MANY}'] + heard[f'GOAWAY {frames.TOO_MANY}']
                check(refused > 0, f'{name}: none was too many: {answers}')


test_flood_of_opens.limit = 120


def test_an_agent_that_lies(t):
    """A node with a good certificate that sends garbage is cut off, and the others do not notice"""
    with undisturbed(t) as stack:
        api = stack.api()
        folder = os.path.join(stack.folder, 'lying-agent')
        request, key = certificates.request(folder)
        made = api.call('CreateActivation', {'IamRole': 'any'}).json()
        answer = api.call('Adit.EnrollNode', {
            'ActivationId': made['ActivationId'], 'ActivationCode': made['ActivationCode'],
            'CertificateRequest': request, 'Name': 'liar', 'Platform': 'x', 'AgentVersion': '1.0'},
            signed=False)
        check_equal(answer.status, 200, f'EnrollNode: {answer}')
        path = os.path.join(folder, 'certificate.pem')
        with open(path, 'w', encoding='ascii') as file:
            file.write(answer.json()['Certificate'])
        for name, data in (('garbage', os.urandom(10_000)),
                           ('an accept of nothing', frame(frames.ACCEPT, 2, _LIMIT)),
                           ('data of nothing', frame(frames.DATA, 2, b'x')),
                           ('an open', _open_exec(1))):
            with Link(stack.port, (path, key)) as link:
                link.hello(role='agent', node_name='liar', platform='x')
                got = link.wait_for(frames.CONTROL, frames.GOAWAY)
                check(got and got.type == frames.CONTROL, f'{name}: the hello was answered with {got}')
                link.send(data)
                got = link.wait_for(frames.GOAWAY, frames.RESET, frames.REJECT, seconds=10)
                check(got, f'{name}: the connection ended without a word')
        with Link(stack.port, (path, key)) as link:
            link.hello(role='client', session_id='x', session_token='y')
            _expect_goaway(link, frames.PROTOCOL_ERROR, "a client's hello with a node's certificate")
