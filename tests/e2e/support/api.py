"""A client of the API that can also lie: signs by its own Signature Version 4, over raw TLS."""

import datetime
import hashlib
import hmac
import json
import socket
import ssl


def tls_context(alpn, certificate=None):
    """Accepts any server: the tests that ask for trust use the real programs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(alpn)
    if certificate:
        context.load_cert_chain(*certificate)
    return context


def tls_connect(port, alpn, certificate=None, timeout=10):
    raw = socket.create_connection(('127.0.0.1', port), timeout)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        return tls_context(alpn, certificate).wrap_socket(raw, server_hostname='localhost')
    except BaseException:
        raw.close()
        raise


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)

    def error(self):
        """The name of the error, without a namespace; '' for a success."""
        if self.status == 200:
            return ''
        try:
            return self.json().get('__type', '').rpartition('#')[2]
        except ValueError:
            return ''

    def __repr__(self):
        return f'{self.status} {self.body[:300]!r}'


def read_answer(connection):
    """Reads one response with Content-Length, or up to the end of the connection."""
    data = b''
    while b'\r\n\r\n' not in data:
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionError(f'closed after {len(data)} bytes of a response head')
        data += piece
    head, _, body = data.partition(b'\r\n\r\n')
    lines = head.decode('latin-1').split('\r\n')
    headers = {name.lower(): value.strip() for name, _, value in (l.partition(':') for l in lines[1:])}
    wanted = int(headers.get('content-length', 1 << 40))
    while len(body) < wanted:
        piece = connection.recv(65536)
        if not piece:
            break
        body += piece
    return Answer(int(lines[0].split()[1]), headers, body)


class Api:
    def __init__(self, port, key, secret):
        self.port = port
        self.key = key
        self.secret = secret
        self._kept = None

    def request(self, target, body, now=None, key=None, secret=None, signed=True):
        """The bytes of one request; each argument after `body` is a way to get it wrong."""
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        now = now or datetime.datetime.now(datetime.timezone.utc)
        date = now.strftime('%Y%m%dT%H%M%SZ')
        headers = {'content-type': 'application/x-amz-json-1.1', 'host': f'127.0.0.1:{self.port}',
                   'x-amz-date': date, 'x-amz-target': target}
        names = ';'.join(sorted(headers))
        canonical = '\n'.join(['POST', '/', '', *(f'{n}:{headers[n]}' for n in sorted(headers)), '',
                               names, hashlib.sha256(payload).hexdigest()])
        service = ('cloudtrail' if 'cloudtrail' in target else
                   'kms' if target.startswith('TrentService.') else 'ssm')
        scope = f'{date[:8]}/adit/{service}/aws4_request'
        text = '\n'.join(['AWS4-HMAC-SHA256', date, scope,
                          hashlib.sha256(canonical.encode()).hexdigest()])
        step = ('AWS4' + (secret or self.secret)).encode()
        for part in scope.split('/'):
            step = hmac.digest(step, part.encode(), 'sha256')
        signature = hmac.digest(step, text.encode(), 'sha256').hex()
        if signed:
            headers['authorization'] = (
                f'AWS4-HMAC-SHA256 Credential={key or self.key}/{scope}, '
                f'SignedHeaders={names}, Signature={signature}')
        headers['content-length'] = str(len(payload))
        head = 'POST / HTTP/1.1\r\n' + ''.join(f'{n}: {v}\r\n' for n, v in headers.items())
        return head.encode() + b'\r\n' + payload

    def send(self, request):
        if self._kept:
            self._kept.sendall(request)
            return read_answer(self._kept)
        with tls_connect(self.port, ['http/1.1']) as connection:
            connection.sendall(request)
            return read_answer(connection)

    def keep_connection(self):
        """From now on one connection serves all calls of this object, as long as it lasts."""
        self._kept = tls_connect(self.port, ['http/1.1'])
        return self._kept

    def call(self, operation, body, **lies):
        target = operation if '.' in operation else 'AmazonSSM.' + operation
        return self.send(self.request(target, body, **lies))
