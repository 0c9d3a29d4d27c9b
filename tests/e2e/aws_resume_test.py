"""Does a session of an AWS client survive its connections, whatever becomes of them and their messages?

Method: a client of the data channel by hand that cuts, loses, repeats, reorders and stalls.
"""

import hashlib
import json
import os

from support import targets
from support.plugin_client import PluginClient, session_status, wait_ended
from support.processes import check, check_equal, wait_until
from support.smux import Smux
from support.tcp_server import TcpServer
from support.web_socket import Lost

_FORWARD = 'AWS-StartPortForwardingSession'


def _cut_and_resume(client):
    client.socket.cut()
    client.resume()


def test_resume(t):
    """A shell goes on after a cut and after a clean close, with nothing lost and nothing twice"""
    client = PluginClient(t.stack).open_session()
    client.send(b'for i in $(seq 2000); do echo line-$i; done; echo over-$((40+2))\n')
    client.wait_for(b'line-100\r\n')
    _cut_and_resume(client)
    client.wait_for(b'line-1000\r\n')
    client.socket.send(8, b'\x03\xe8')
    client.resume()
    shown = client.wait_for(b'over-42')
    numbers = [int(line[5:]) for line in shown.split(b'\r\n') if line.startswith(b'line-')]
    check_equal(numbers, list(range(1001, 2001)), 'the lines')
    check_equal(client.api.call('ResumeSession', {'SessionId': 'nobody-1'}).error(),
                'DoesNotExistException', 'an unknown session')
    # The token of the start is worth nothing any more, and says so (P14: until then it was).
    old = PluginClient(t.stack)
    old.session, old.client_id = client.session, client.client_id
    check('token' in old.connect().wait_closed()['Output'], f'the first token: {old.closed}')
    client.send(b'exit\n')
    client.wait_closed()

    def resumed():
        done = t.stack.adit('audit', 'lookup', '--by', f'ResourceName={client.session["SessionId"]}', '--json')
        return [event['sourceIPAddress'] for event in map(json.loads, done.stdout.splitlines())
                if event['eventName'] == 'SessionResumed']
    wait_until(lambda: resumed() == ['127.0.0.1'] * 2, 10, 'both returns are on record')


def test_renewed_before_it_was_joined(t):
    """A token that was renewed before the first connection opens the session, and the one before does not"""
    client = PluginClient(t.stack).start()
    answer = client.api.call('ResumeSession', {'SessionId': client.session['SessionId']})
    old = PluginClient(t.stack)
    old.session, old.client_id = client.session, client.client_id
    check('token' in old.connect().wait_closed()['Output'], f'the first token: {old.closed}')
    client.connect(answer.json()['TokenValue']).handshake()
    client.resize(120, 40)
    client.send(b'echo here-$((40+2))\n')
    client.wait_for(b'here-42')
    client.close()


def test_ended_meanwhile(t):
    """A session whose client is away is Disconnected; one that was ended meanwhile is resumed without a token (P13)"""
    client = PluginClient(t.stack).open_session()
    client.send(b'echo here-$((40+2))\n')
    client.wait_for(b'here-42')
    client.socket.cut()
    session_id = client.session['SessionId']
    wait_until(lambda: session_status(client.api, session_id)['Status'] == 'Disconnected', 10, 'it is Disconnected')
    found = client.api.call('DescribeSessions', {'State': 'Active', 'Filters': [
        {'key': 'Status', 'value': 'Disconnected'}, {'key': 'SessionId', 'value': session_id}]}).json()['Sessions']
    check_equal([session['SessionId'] for session in found], [session_id], 'found by its status')
    check_equal(client.api.call('TerminateSession', {'SessionId': session_id}).status, 200, 'terminated')
    wait_ended(client.api, session_id)
    answer = client.api.call('ResumeSession', {'SessionId': session_id})
    check_equal((answer.status, answer.json().get('TokenValue')), (200, None), f'{answer}')


def test_tail_after_the_end(t):
    """Output that was under way when the client was cut and the program ended arrives when it is back"""
    client = PluginClient(t.stack).open_session('AWS-StartInteractiveCommand', {
        'command': 'echo ready; sleep 0.5; seq 500; echo the-end'})
    client.wait_for(b'ready')
    client.socket.cut()
    wait_until(lambda: session_status(client.api, client.session['SessionId']), 5, 'it is there')
    client.resume()
    client.wait_for(b'the-end', 20)
    client.wait_closed()


def test_newest_wins(t):
    """A second connection of the same client takes the place of the first (P25)"""
    client = PluginClient(t.stack).open_session()
    first = client.socket
    client.resume()
    client.send(b'echo now-$((40+2))\n')
    client.wait_for(b'now-42')
    try:
        while True:
            got = first.read(5)
            check(got is not None, 'the first connection is closed')
    except Lost:
        pass
    check_equal(client.closed, None, 'without a last word')
    client.close()


def test_twenty_cuts(t):
    """A transfer both ways through smux is whole after 20 cuts"""
    with TcpServer(targets.echo) as server:
        client = PluginClient(t.stack).open_session(_FORWARD, {'portNumber': str(server.port),
                                                               'localPortNumber': '0'})
        smux = Smux(client)
        stream = smux.open()
        size = t.size(2_000_000, 20_000_000)
        data = os.urandom(size)
        smux.write(stream, data)
        for cut in range(1, 21):
            wanted = size * cut // 21
            smux.pump(lambda: len(stream.received) >= wanted, 60, f'{wanted} bytes came back')
            _cut_and_resume(client)
        smux.pump(lambda: len(stream.received) >= size, 60, 'all came back')
        check_equal(hashlib.sha256(stream.received).hexdigest(), hashlib.sha256(data).hexdigest(),
                    'the bytes')
        client.close()


test_twenty_cuts.limit = 180


def test_bad_manners(t):
    """Messages lost, repeated and out of order in both directions change nothing (P1, P2, P3)"""
    with TcpServer(targets.echo) as server:
        client = PluginClient(t.stack, seed=7)
        client.lose_incoming = client.lose_outgoing = 0.05
        client.duplicate = client.reorder = 0.1
        client.open_session(_FORWARD, {'portNumber': str(server.port), 'localPortNumber': '0'})
        smux = Smux(client)
        stream = smux.open()
        data = os.urandom(t.size(150_000, 2_000_000))
        smux.write(stream, data)
        smux.pump(lambda: len(stream.received) >= len(data), 90 if not t.full else 900, 'all came back')
        check(bytes(stream.received) == data, 'the bytes')
        client.close()


test_bad_manners.limit = 120


def test_lost_acknowledgements(t):
    """A client whose acknowledgements are lost never says them again, and the session goes on (P2)"""
    client = PluginClient(t.stack, seed=3).open_session()
    client.lose_acks = 0.3
    client.send(b'seq 3000; echo over-$((40+2))\n')
    client.wait_for(b'over-42', 60)
    client.lose_acks = 0
    client.send(b'exit\n')
    client.wait_closed()


def test_stalled_client(t):
    """What a client does not take is sent again until it does (P3), and never too much at once (P16)"""
    client = PluginClient(t.stack).open_session()
    client.send(b'echo ready-$((40+2))\n')
    client.wait_for(b'ready-42')
    client.takes = False
    client.send(b'head -c 3000000 /dev/zero | tr "\\0" "\\041"; echo over-$((40+3))\n')
    client.pump_for(3)
    check(len(client.early) < 3000, f'{len(client.early)} messages wait for one that was not taken')
    client.takes = True
    shown = client.wait_for(b'over-43', 60)
    check_equal(shown.count(b'!'), 3_000_000, 'all of it')
    client.close()


test_stalled_client.limit = 120
