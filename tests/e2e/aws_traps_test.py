"""Is each trap that AWS's clients are known to hold for a server avoided here?

Method: each test walks into one, named P and its number as in the protocol's description, with a client by
hand. tests/traps.md says where the others are.
"""

import datetime
import hashlib
import hmac
import json
import struct
import time
import urllib.parse

from support import aws as aws_support
from support.plugin_client import PluginClient, pack, wait_ended
from support.processes import check, check_equal
from support.web_socket import BINARY, TEXT, Lost, WebSocket, frame


def _signed(api, target, secret=None, service='ssmmessages'):
    """Headers of a signed request to open `target`, as newer clients send them."""
    date = datetime.datetime.now(datetime.timezone.utc).strftime('%Y%m%dT%H%M%SZ')
    host = f'127.0.0.1:{api.port}'
    path, _, query = target.partition('?')
    canonical = '\n'.join(['GET', path, urllib.parse.quote(query, safe='=&-_.~'), f'host:{host}',
                           f'x-amz-date:{date}', '', 'host;x-amz-date',
                           hashlib.sha256(b'').hexdigest()])
    scope = f'{date[:8]}/us-east-1/{service}/aws4_request'
    text = '\n'.join(['AWS4-HMAC-SHA256', date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    step = ('AWS4' + (secret or api.secret)).encode()
    for part in scope.split('/'):
        step = hmac.digest(step, part.encode(), 'sha256')
    signature = hmac.digest(step, text.encode(), 'sha256').hex()
    return {'X-Amz-Date': date,
            'Authorization': f'AWS4-HMAC-SHA256 Credential={api.key}/{scope}, '
                             f'SignedHeaders=host;x-amz-date, Signature={signature}'}


def _works(client, text='works'):
    client.send(f'echo {text}-$((40+2))\n'.encode())
    client.wait_for(f'{text}-42'.encode())


def test_nothing_by_itself(t):
    """P4, P24, P32: one handshake comes first, and after it nothing until the client speaks"""
    for document, parameters in ((None, None), ('AWS-StartPortForwardingSession', {'portNumber': '1'})):
        client = PluginClient(t.stack).start(document, parameters).connect().handshake()
        check_equal(client.expected, 2, 'handshake and its end')
        client.pump_for(0.5)
        check_equal((client.expected, client.early, client.closed), (2, {}, None), 'half a second later')
        client.close()


def test_token_opens_again(t):
    """P14: the token of StartSession opens as often as it takes until the client is there"""
    client = PluginClient(t.stack).start()
    for _ in range(6):
        client.connect()
        client.socket.cut()
    client.connect().handshake()
    client.resize(80, 24)
    _works(client)
    client.close()


def test_signed_upgrade(t):
    """P26: a signature on the upgrade must be right and the session's owner's; none is needed"""
    client = PluginClient(t.stack).start()
    api, target = client.api, client.target()
    for what, headers in (('another secret', _signed(api, target, secret='x' * 40)),
                          ('another service', _signed(api, target, service='ssm')),
                          ('another address', _signed(api, target + 'x'))):
        check_equal(WebSocket(t.stack.port, target, headers).status, 403, what)
    client.connect(headers=_signed(api, target)).handshake()
    client.resize(80, 24)
    _works(client)
    events = api.call('com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents', {
        'LookupAttributes': [{'AttributeKey': 'EventName', 'AttributeValue': 'OpenDataChannel'}]})
    codes = {json.loads(event['CloudTrailEvent'])['errorCode'] for event in events.json()['Events']}
    check_equal(codes, {'InvalidSignatureException'}, 'what was refused is recorded')
    client.close()


def test_owners_resume(t):
    """P29: who may only open sessions resumes and ends his own, and nobody else's"""
    aws = aws_support.of_stack(t.stack)
    aws.call('iam', 'CreateUser', UserName='ora')
    aws.call('iam', 'AttachUserPolicy', UserName='ora',
             PolicyArn='arn:aws:iam::aws:policy/AditOperator')
    key = aws.call('iam', 'CreateAccessKey', UserName='ora')['AccessKey']
    admins = PluginClient(t.stack).open_session()
    own = PluginClient(t.stack)
    own.api.key, own.api.secret = key['AccessKeyId'], key['SecretAccessKey']
    own.open_session()
    own.socket.cut()
    own.resume()
    _works(own)
    for operation in ('ResumeSession', 'TerminateSession'):
        check_equal(own.api.call(operation, {'SessionId': admins.session['SessionId']}).error(),
                    'AccessDeniedException', operation)
    stolen = WebSocket(t.stack.port, admins.target(), _signed(own.api, admins.target()))
    check_equal(stolen.status, 403, 'the upgrade for somebody else\'s session (P26)')
    check_equal(own.api.call('TerminateSession', {'SessionId': own.session['SessionId']}).status, 200,
                'one\'s own')
    own.wait_closed()
    _works(admins)
    admins.close()


def test_relay_restart(t):
    """P34: after a restart of the relay a session is over, and resuming it says so (P13)"""
    stack = t.own_stack()
    client = PluginClient(stack).open_session()
    _works(client)
    stack.relay.stop()
    try:
        client.pump(lambda: client.closed is not None, 10, 'the last word')
    except Lost:
        pass
    check(client.closed and 'stopping' in client.closed['Output'], f'P11: the last word: {client.closed}')
    stack.start_relay()
    stack.wait_connected()
    answer = client.api.call('ResumeSession', {'SessionId': client.session['SessionId']})
    check_equal((answer.status, answer.json().get('TokenValue')), (200, None), f'{answer}')


def test_node_lost(t):
    """A node that is lost ends its sessions with a word (P11)"""
    stack = t.own_stack()
    client = PluginClient(stack).open_session()
    _works(client)
    stack.agent.stop()
    check(client.wait_closed()['Output'], f'it says why: {client.closed}')
    wait_ended(client.api, client.session['SessionId'])


def test_rubbish(t):
    """Messages that are none are dropped, frames that are none end their connection; nobody else notices"""
    stack = t.stack
    other = PluginClient(stack).open_session()
    client = PluginClient(stack).open_session()
    good = pack('input_stream_data', client.next, b'x', 1)
    bad_digest = good[:80] + bytes(32) + good[112:]
    for data in (b'', b'x', good[:60], good[:120], bad_digest, struct.pack('>I', 2**32 - 1) + good[4:],
                 struct.pack('>I', 0) + good[4:], good[:116] + struct.pack('>I', 5) + good[120:],
                 pack('nonsense', 0, b'x'), pack('interactive_shell', 0, b'{}'),
                 pack('channel_closed', 0, b'{}'), pack('output_stream_data', 0, b'x', 1),
                 pack('acknowledge', 0, b'{'), pack('acknowledge', 0, b'[' * 1000),
                 pack('acknowledge', 0, json.dumps({'AcknowledgedMessageSequenceNumber': 2**62}).encode()),
                 pack('acknowledge', 0, json.dumps({'AcknowledgedMessageSequenceNumber': -1}).encode()),
                 pack('input_stream_data', 2**63 - 1, b'x', 1), pack('input_stream_data', -5, b'x', 1),
                 pack('input_stream_data', client.next + 100, b'', 1)):
        client.socket.send(BINARY, data)
    client.send_message(99, b'an unknown payload type')
    client.send_message(3, b'{"cols":-1,"rows":"x"}')
    client.send_message(3, b'not json')
    client.send_message(10, b'\x00')
    client.send_message(10, struct.pack('>I', 77))
    _works(client, 'still')
    check_equal(client.closed, None, 'it goes on')

    for what, data in (('a text', frame(TEXT, b'{}')),
                       ('a frame of 100 MB', b'\x82\xff' + struct.pack('>Q', 100_000_000) + bytes(100)),
                       ('no mask', frame(BINARY, b'x', masked=False)),
                       ('an opcode that is none', frame(3, b'x')),
                       ('a ping of 200 bytes', frame(9, bytes(200)))):
        client.socket.send_raw(data)
        try:
            client.pump_for(5)
            check(False, f'{what} ends the connection')
        except Lost:
            pass
        client.resume()
        _works(client, 'again')
    for opening in (b'[]', b'{', b'{"TokenValue": 5}', b'{"TokenValue":"' + b'x' * 5000 + b'"}'):
        socket = WebSocket(stack.port, client.target())
        socket.send(TEXT, opening)
        start = time.monotonic()
        try:
            while socket.read(5) is not None:
                check(time.monotonic() < start + 5, 'the connection ends')
        except Lost:
            continue
        # One that can be read has a wrong token, and is told so.
    _works(other, 'other')
    for one in (client, other):
        one.send(b'exit\n')
        one.wait_closed()


def test_idle(t):
    """A shell whose user types nothing for idleSessionTimeout is ended, whatever it prints"""
    content = {'schemaVersion': '1.0', 'description': 'd', 'sessionType': 'Standard_Stream',
               'inputs': {'idleSessionTimeout': '1'}}
    made = t.stack.api().call('CreateDocument', {'Name': 'Idle-One', 'DocumentType': 'Session',
                                                 'Content': json.dumps(content)})
    check_equal(made.status, 200, f'CreateDocument: {made}')
    client = PluginClient(t.stack).open_session('Idle-One')
    client.send(b'while sleep 1; do date; done\n')
    closed = client.wait_closed(75)
    check('idle' in closed['Output'], f'the last word: {closed}')
    wait_ended(client.api, client.session['SessionId'])


test_idle.waits = True
test_idle.limit = 120
