"""Does a node whose agent is AWS's own serve everybody's sessions?

Method: an agent of that protocol written from its specification (support/original_agent.py), with bad
manners too, against a real relay, our client and a client of AWS's protocol.
"""

import hashlib
import json
import os
import re
import socket

from support import smux, targets
from support.original_agent import VERSION, Identity, OriginalAgent
from support.plugin_client import CONNECT_ERROR, PluginClient, wait_ended
from support.processes import check, check_equal, free_port, wait_until
from support.tcp_server import TcpServer


def test_readme(t):
    """What README tells owners of such agents to write has endpoints with https://, or they go elsewhere (P21)"""
    with open(os.path.join(os.path.dirname(__file__), '../../README.md'), encoding='utf-8') as file:
        config = re.search(r'^\{"Ssm".*?\n```', file.read(), re.MULTILINE | re.DOTALL)
    check(config, 'the configuration is there')
    endpoints = {name: part['Endpoint'] for name, part in json.loads(config[0].removesuffix('```')).items()
                 if 'Endpoint' in part}
    check_equal(set(endpoints), {'Ssm', 'Mds', 'Mgs'}, 'the services')
    check(all(url.startswith('https://') for url in endpoints.values()), f'{endpoints}')


def test_registration(t):
    """It registers by an activation, which counts; whoever has no good one is told what is wrong"""
    api = t.stack.api()
    identity = Identity(t.stack, 'registered')
    check_equal(identity.register().error(), 'RegistrationLimitExceeded', 'a used-up activation')
    made = api.call('CreateActivation', {'IamRole': 'any', 'RegistrationLimit': 5}).json()
    identity.activation = made
    check_equal(identity.register(ActivationCode='wrong' * 8).error(), 'InvalidActivation', 'the code')
    check_equal(identity.register(PublicKey='AAAA').error(), 'InvalidPublicKey', 'the key')
    listed = api.call('DescribeInstanceInformation', {'Filters': [
        {'Key': 'InstanceIds', 'Values': [identity.id]}]}).json()['InstanceInformationList'][0]
    check_equal((listed['Name'], listed['PingStatus']), ('registered', 'ConnectionLost'), 'the node')


def test_credentials(t):
    """It proves itself with its key (P7), and then only as a node, whose credentials end with it"""
    identity = Identity(t.stack, 'proven')
    check_equal(identity.ask_credentials(Fingerprint='another').error(),
                'MachineFingerprintDoesNotMatch', 'another machine')
    other = Identity(t.stack, 'another')
    other.id, own = identity.id, other.id
    check_equal(other.ask_credentials().error(), 'InvalidSignatureException', 'another node\'s key')
    other.id = own
    identity.log_in()
    check_equal(identity.call('DescribeSessions', {'State': 'Active'}).error(),
                'AccessDeniedException', 'what nodes do not do')
    check_equal(t.stack.api().call('UpdateInstanceInformation', {'InstanceId': identity.id}).error(),
                'AccessDeniedException', 'what only nodes do')
    check_equal(identity.update_key().status, 200, 'another key')
    identity.log_in()
    check_equal(identity.call('UpdateInstanceInformation', {
        'InstanceId': identity.id, 'AgentVersion': VERSION, 'PlatformType': 'Linux',
        'PlatformName': 'Debian GNU/Linux', 'PlatformVersion': '12', 'AgentStatus': 'Active'}).status,
                200, 'a report')
    for operation in ('ListInstanceAssociations', 'ListAssociations', 'PutInventory'):
        check_equal(identity.call(operation, {'InstanceId': identity.id}).body, b'{}', operation)
    check_equal(other.log_in().create_channel(f'/v1/control-channel/{identity.id}').status, 403,
                'another node\'s control channel')
    check_equal(t.stack.api().call('DeregisterManagedInstance', {'InstanceId': identity.id}).status,
                200, 'deregistration')
    check_equal(identity.call('ListAssociations', {}).error(), 'UnrecognizedClientException',
                'credentials of a node that is gone')
    check_equal(identity.ask_credentials().error(), 'UnrecognizedClientException', 'its key')


def test_presence(t):
    """Its control channel makes a node of it, with what it says of itself; to deregister it cuts it off"""
    api = t.stack.api()
    with OriginalAgent(t.stack, 'present') as agent:
        agent.identity.call('UpdateInstanceInformation', {
            'InstanceId': agent.id, 'AgentVersion': VERSION, 'PlatformType': 'Linux',
            'PlatformName': 'Debian GNU/Linux', 'PlatformVersion': '12'})
        listed = api.call('DescribeInstanceInformation', {'Filters': [
            {'Key': 'InstanceIds', 'Values': [agent.id]}]}).json()['InstanceInformationList'][0]
        check_equal((listed['PingStatus'], listed['AgentVersion'], listed['PlatformType'],
                     listed['PlatformName'], listed['Name']),
                    ('Online', VERSION, 'Linux', 'Debian GNU/Linux 12', 'present'), 'the node')
        newer = OriginalAgent(t.stack, identity=agent.identity)
        check(agent.over.wait(20), 'the newest control channel wins')
        newer.wait_online()
        check_equal(api.call('DeregisterManagedInstance', {'InstanceId': agent.id}).status, 200,
                    'deregistration')
        check(newer.over.wait(20), 'it is cut off')
        newer.close()


def test_exec(t):
    """adit exec: output and errors apart, arguments exact, the exit code; what it cannot do it says"""
    with OriginalAgent(t.stack, 'exec', lose_incoming=0.1, lose_outgoing=0.1, duplicate=0.1) as agent:
        done = t.stack.adit('exec', 'exec', '--', 'sh', '-c', 'echo "$1"; echo bad >&2; exit 3', 'x',
                            'two  $$ words\'"')
        check_equal((done.returncode, done.stdout, done.stderr.splitlines()[-1:]),
                    (3, b'two  $$ words\'"\n', [b'bad']), 'the command')
        check_equal(agent.tasks[0]['DocumentContent']['sessionType'], 'NonInteractiveCommands', 'kind')
        check_equal(agent.tasks[0]['DocumentContent']['inputs']['cloudWatchStreamingEnabled'], False,
                    'a boolean (P9)')
        refused = t.stack.adit('exec', 'exec', '--', 'cat', input=b'lost?')
        check(refused.returncode != 0 and b'no standard input' in refused.stderr,
              f'standard input: {refused.returncode} {refused.stderr!r}')
        wait_until(lambda: len(agent.acknowledged) == 2, 20, 'both completions are heard')
    with OriginalAgent(t.stack, 'refusing', refuses='no such shell here'):
        done = t.stack.adit('exec', 'refusing', '--', 'true')
        check(done.returncode != 0 and b'no such shell here' in done.stderr, f'refused: {done.stderr!r}')


def test_shell(t):
    """adit shell, and an AWS client's: typed, shown, resized; the program's end is the session's"""
    with OriginalAgent(t.stack, 'shell') as agent:
        client = PluginClient(t.stack, node_id=agent.id).open_session()
        check_equal(client.session_type(), 'Standard_Stream', 'the kind of session')
        client.wait_for(b'$ ')
        client.send(b'echo mark-$((6*7))\n')
        client.wait_for(b'mark-42')
        session = agent.sessions[client.session['SessionId']]
        wait_until(lambda: {'cols': 120, 'rows': 40} in session.sizes, 20, 'the size')
        client.resize(90, 20)
        wait_until(lambda: client.pump_for(0.05) or {'cols': 90, 'rows': 20} in session.sizes, 20,
                   'the new size')
        client.send(b'exit\n')
        check_equal(client.wait_closed()['Output'], '', 'the last word')
        over = wait_ended(client.api, client.session['SessionId'])
        check_equal(over['Status'], 'Terminated', 'the session')
        done = t.stack.adit('exec', '-t', 'shell', '--', 'echo', 'on a terminal')
        check_equal((done.returncode, done.stdout.strip()), (0, b'on a terminal'), 'exec -t')
        check(session.failure is None, f'the agent: {session.failure}')


def test_bad_manners(t):
    """With messages lost and doubled and its connection cut again and again, every byte arrives once"""
    size = t.size(200_000, 2_000_000)
    with OriginalAgent(t.stack, 'manners', lose_incoming=0.05, lose_outgoing=0.05, duplicate=0.1,
                       cut_every=60) as agent:
        script = f'head -c {size} /dev/urandom > "$1"; cat "$1"'
        path = os.path.join(t.stack.shared, 'random')
        done = t.stack.adit('exec', 'manners', '--', 'sh', '-c', script, 'x', path, timeout=120)
        with open(path, 'rb') as file:
            expected = hashlib.sha256(file.read()).hexdigest()
        check_equal((done.returncode, hashlib.sha256(done.stdout).hexdigest()), (0, expected),
                    'what was shown')
        session = next(iter(agent.sessions.values()))
        check(session.cuts >= 3 and session.failure is None, f'{session.cuts} cuts, {session.failure}')


def test_forward(t):
    """adit forward falls back to inspected with a line of notice; many connections at once, both ways"""
    with OriginalAgent(t.stack, 'ports') as agent, TcpServer(targets.echo) as echo:
        forward = t.stack.forward(echo.port, name='forward-original', node='ports')
        payload = os.urandom(t.size(100_000, 1_000_000))
        connections = [socket.create_connection(('127.0.0.1', forward.port), 20) for _ in range(8)]
        for number, connection in enumerate(connections):
            connection.settimeout(60)
            connection.sendall(payload[number:number + 50_000])
        for number, connection in enumerate(connections):
            got = b''
            while len(got) < 50_000:
                piece = connection.recv(65536)
                check(piece, f'connection {number} ends after {len(got)} bytes')
                got += piece
            check(got == payload[number:number + 50_000], f'the bytes of connection {number}')
            connection.close()
        check_equal(forward.err().count('cannot be sealed'), 1, f'one line of notice: {forward.err()}')
        session = next(iter(agent.sessions.values()))
        check_equal(session.task['DocumentContent']['sessionType'], 'Port', 'one session of the agent')
        check_equal(len(agent.sessions), 1, 'for all connections')
        forward.stop()
        wait_until(lambda: session.id in agent.closed, 20, 'the agent is told that it is over')


def test_unreachable_port(t):
    """A connection to a port where nobody listens is closed, and a later one works"""
    port = free_port()
    with OriginalAgent(t.stack, 'unreachable') as agent:
        client = PluginClient(t.stack, node_id=agent.id).open_session(
            'AWS-StartPortForwardingSession', {'portNumber': str(port)})
        lines = smux.Smux(client)
        stream = lines.open()
        lines.pump(lambda: stream.is_finished and client.flags, 20, 'an AWS client hears of it')
        check_equal(client.flags, [CONNECT_ERROR], 'its flag')
        client.close()
        forward = t.stack.forward(port, name='forward-unreachable', node='unreachable')
        with socket.create_connection(('127.0.0.1', forward.port), 20) as connection:
            connection.settimeout(20)
            try:
                check_equal(connection.recv(10), b'', 'an end instead of bytes')
            except ConnectionResetError:
                pass
        with TcpServer(targets.echo, port=port):
            with socket.create_connection(('127.0.0.1', forward.port), 20) as connection:
                connection.settimeout(20)
                connection.sendall(b'now?')
                check_equal(connection.recv(10), b'now?', 'the answer')
        forward.stop()


def test_ends(t):
    """Termination, loss of permission and loss of the agent end its sessions, and both sides hear of it"""
    api = t.stack.api()
    with OriginalAgent(t.stack, 'ends') as agent:
        client = PluginClient(t.stack, node_id=agent.id).open_session()
        client.wait_for(b'$ ')
        session_id = client.session['SessionId']
        check_equal(api.call('TerminateSession', {'SessionId': session_id}).status, 200, 'termination')
        client.wait_closed()
        wait_until(lambda: session_id in agent.closed, 20, 'the agent is told so')
        check_equal(wait_ended(api, session_id)['Status'], 'Terminated', 'the session')
        answer = agent.identity.create_channel(f'/v1/data-channel/{session_id}')
        check(answer.status != 201 and b'Session is already terminated' in answer.body,
              f'a channel of a session that is over: {answer}')
        client = PluginClient(t.stack, node_id=agent.id).open_session()
        client.wait_for(b'$ ')
        session = agent.sessions[client.session['SessionId']]
        agent.over.set()
        client.wait_closed(40)
        check(session.cancelled.wait(20), 'the agent is told on the data channel')
    wait_until(lambda: api.call('GetConnectionStatus', {'Target': agent.id}).json()['Status'] ==
               'notconnected', 20, 'the node is away')


def test_audit(t):
    """Its sessions, streams and presence are in the records as those of any node"""
    with OriginalAgent(t.stack, 'audited') as agent:
        done = t.stack.adit('exec', 'audited', '--', 'echo', 'recorded')
        check_equal(done.returncode, 0, f'exec: {done.stderr!r}')
        check_equal(len(agent.tasks), 1, 'one task')

    def names():
        answer = t.stack.api().call(
            'com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents', {'MaxResults': 50})
        return [event['EventName'] for event in answer.json()['Events']
                if agent.id in json.dumps(event)]
    wanted = {'RegisterManagedInstance', 'NodeConnected', 'StartSession', 'NodeDisconnected'}
    wait_until(lambda: wanted <= set(names()), 20, f'the records: {names()}')
