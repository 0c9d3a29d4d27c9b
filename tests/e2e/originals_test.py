"""Does a node whose agent is AWS's own serve everybody's sessions?

Method: an agent of that protocol written from its specification (support/original_agent.py), with bad
manners too, against a real relay, our client, and AWS's protocol: a client by hand, and the AWS CLI with our
plugin, whose messages the relay passes to the agent as they are.
"""

import hashlib
import json
import os
import re
import socket

from support import plugin, smux, targets
from support.original_agent import VERSION, Identity, OriginalAgent
from support.plugin_client import CONNECT_ERROR, PluginClient, wait_ended
from support.processes import check, check_equal, free_port, wait_until
from support.tcp_server import TcpServer


_KEY = 'alias/originals'


def test_readme(t):
    """What README tells owners of such agents to write has endpoints with https://, or they go elsewhere (P21)"""
    with open(os.path.join(os.path.dirname(__file__), '../../README.md'), encoding='utf-8') as file:
        config = re.search(r'^\{"Ssm".*?\n```', file.read(), re.MULTILINE | re.DOTALL)
    check(config, 'the configuration is there')
    endpoints = {name: part['Endpoint'] for name, part in json.loads(config[0].removesuffix('```')).items()
                 if 'Endpoint' in part}
    check_equal(set(endpoints), {'Ssm', 'Mds', 'Mgs', 'Kms'}, 'the services')
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


def _shell_client(agent, **manners):
    """A client in a shell of the agent's, which begins without a handshake."""
    client = PluginClient(agent.stack, node_id=agent.id)
    for name, chance in manners.items():
        setattr(client, name, chance)
    client.start().connect()
    client.wait_for(b'$ ', 40)
    return client


def test_shell(t):
    """adit shell, and an AWS client's: typed, shown, resized; the program's end is the session's"""
    with OriginalAgent(t.stack, 'shell') as agent:
        client = _shell_client(agent)
        client.resize(120, 40)
        client.send(b'echo mark-$((6*7))\n')
        client.wait_for(b'mark-42')
        check_equal(client.request, None, 'the agent\'s own session: it shakes no hands')
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


def test_client_commands(t):
    """An AWS client's commands: the agent's own handshake with its version, outputs as the document says"""
    with OriginalAgent(t.stack, 'commands') as agent:
        client = PluginClient(t.stack, node_id=agent.id).open_session(
            'AWS-StartNonInteractiveCommand', {'command': 'sh -c "echo out; echo err >&2; exit 7"'})
        check_equal(client.request['AgentVersion'], VERSION, 'who shakes hands')
        client.wait_closed()
        check_equal(sorted(bytes(client.output).split()), [b'err', b'out'], 'both in one')
        client = PluginClient(t.stack, node_id=agent.id).start(
            'AWS-StartInteractiveCommand', {'command': 'echo "a  b"'}).connect()
        client.wait_for(b'a  b\n')
        client.wait_closed()


def test_client_cut(t):
    """An AWS client that is cut again and again, with bad manners on both sides, misses nothing (P1, P2)"""
    lines = t.size(20_000, 200_000)
    with OriginalAgent(t.stack, 'cut', duplicate=0.1, cut_every=30) as agent:
        client = _shell_client(agent, duplicate=0.1, reorder=0.1)
        client.send(f'seq {lines}; echo the-$((40+2))-end\n'.encode())
        for cut in range(1, 7):
            client.wait_for(f'\n{lines * cut // 8}\n'.encode(), 60)
            client.socket.cut()
            client.resume()
        shown = client.wait_for(b'the-42-end', 60)
        wanted = ''.join(f'{n}\n' for n in range(lines * 6 // 8 + 1, lines + 1)).encode()
        check_equal(hashlib.sha256(shown).hexdigest(), hashlib.sha256(wanted + b'the-42-end').hexdigest(),
                    'what was shown behind the last cut')
        session = agent.sessions[client.session['SessionId']]
        check(session.cuts >= 3 and session.failure is None, f'{session.cuts} cuts, {session.failure}')
        client.close()


def test_client_away(t):
    """While an AWS client is away the agent is told to pause, and what it said arrives when it is back"""
    with OriginalAgent(t.stack, 'away') as agent:
        client = _shell_client(agent)
        session = agent.sessions[client.session['SessionId']]
        client.send(b'read line; seq 500; echo the-$((40+2))-end\n')
        client.wait_acknowledged()
        client.socket.cut()
        wait_until(lambda: session.paused, 20, 'the agent is told')
        client.resume()
        client.send(b'\n')
        check(b'500\nthe-42-end' in client.wait_for(b'the-42-end'), 'the output')
        client.close()


def _encrypted_document(stack):
    made = stack.api().call('CreateDocument', {
        'Name': 'Encrypted', 'DocumentType': 'Session', 'Content': json.dumps(
            {'schemaVersion': '1.0', 'sessionType': 'Standard_Stream', 'inputs': {'kmsKeyId': _KEY}})})
    check(made.status == 200 or made.error() == 'DocumentAlreadyExists', f'CreateDocument: {made}')
    return 'Encrypted'


def test_encrypted(t):
    """A document's kmsKeyId: client and agent encrypt for each other; adit is told that it cannot"""
    with OriginalAgent(t.stack, 'encrypted') as agent:
        document = _encrypted_document(t.stack)
        client = PluginClient(t.stack, node_id=agent.id).open_session(document)
        session = agent.sessions[client.session['SessionId']]
        wait_until(lambda: client.pump_for(0.05) or session.sizes, 20, 'the size is not lost (P33)')
        client.send(b'echo mark-$((6*7))\n')
        client.wait_for(b'mark-42')
        client.socket.cut()
        client.resume()
        client.send(b'echo mark-$((6*8))\n')
        client.wait_for(b'mark-48')
        check(b'mark' not in client.wire, 'nothing passes in clear')
        client.send(b'exit\n')
        client.wait_closed()
        check(session.failure is None, f'the agent: {session.failure}')
        done = t.stack.adit('shell', '--document', document, 'encrypted')
        check(done.returncode != 0 and b'amazon-ssm-agent' in done.stderr, f'adit: {done.stderr!r}')
        answer = agent.identity.call('TrentService.Decrypt', {
            'CiphertextBlob': 'AAAA', 'KeyId': _KEY}, service='kms')
        check_equal(answer.error(), 'InvalidCiphertextException', 'what is no data key')


def test_only_the_nodes_own_keys(t):
    """An agent opens the data key of its own session, while it lasts, and no other"""
    def decrypt(agent, blob, context):
        return agent.identity.call('TrentService.Decrypt', {
            'CiphertextBlob': blob, 'KeyId': _KEY, 'EncryptionContext': context}, service='kms')
    with OriginalAgent(t.stack, 'keys') as agent, OriginalAgent(t.stack, 'other-keys') as other:
        client = PluginClient(t.stack, node_id=agent.id).start(_encrypted_document(t.stack))
        context = {'aws:ssm:SessionId': client.session['SessionId'], 'aws:ssm:TargetId': agent.id}
        made = t.stack.api().call('TrentService.GenerateDataKey', {
            'KeyId': _KEY, 'NumberOfBytes': 64, 'EncryptionContext': context})
        check_equal(made.status, 200, f'GenerateDataKey: {made}')
        blob = made.json()['CiphertextBlob']
        check_equal(decrypt(agent, blob, context).json()['Plaintext'], made.json()['Plaintext'], 'its own')
        check_equal(decrypt(other, blob, context).error(), 'AccessDeniedException', 'another node\'s')
        t.stack.api().call('TerminateSession', {'SessionId': client.session['SessionId']})
        wait_ended(client.api, client.session['SessionId'])
        check_equal(decrypt(agent, blob, context).error(), 'AccessDeniedException', 'of a session that is over')
        check_equal(agent.identity.call('TrentService.GenerateDataKey', {
            'KeyId': _KEY, 'NumberOfBytes': 64}, service='kms').error(), 'AccessDeniedException', 'to make one')


def test_our_plugin(t):
    """The AWS CLI with our plugin: a shell without a handshake, one that is encrypted, and a command"""
    with OriginalAgent(t.stack, 'plugin') as agent:
        for document in (None, _encrypted_document(t.stack)):
            with plugin.terminal(t.stack, document, target=agent.id) as terminal:
                session = terminal.read_until(rb'Starting session with SessionId: (\S+)\n', 30)[1].decode()
                terminal.read_until(rb'\$ $', 30)
                terminal.send(b'echo mark-$((6*7))\r')
                terminal.read_until(rb'mark-42', 20)
                terminal.send(b'exit\r')
                terminal.read_until(f'Exiting session with sessionId: {session}.'.encode(), 20)
                check_equal(terminal.wait_ended(), 0, 'status')
        done = plugin.run(t.stack, 'AWS-StartNonInteractiveCommand', 'command=echo from the agent',
                          target=agent.id)
        check(b'from the agent\n' in done.stdout, f'{done.stdout!r} {done.stderr!r}')


test_our_plugin.limit = 120


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
        client = _shell_client(agent)
        session_id = client.session['SessionId']
        check_equal(api.call('TerminateSession', {'SessionId': session_id}).status, 200, 'termination')
        client.wait_closed()
        wait_until(lambda: session_id in agent.closed, 20, 'the agent is told so')
        check_equal(wait_ended(api, session_id)['Status'], 'Terminated', 'the session')
        answer = agent.identity.create_channel(f'/v1/data-channel/{session_id}')
        check(answer.status != 201 and b'Session is already terminated' in answer.body,
              f'a channel of a session that is over: {answer}')
        client = _shell_client(agent)
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
        client = _shell_client(agent)
        client.send(b'exit\n')
        client.wait_closed()
        passed = client.session['SessionId']

    def events():
        answer = t.stack.api().call(
            'com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents', {'MaxResults': 50})
        return answer.json()['Events']

    def names():
        return [event['EventName'] for event in events() if agent.id in json.dumps(event)]
    wanted = {'RegisterManagedInstance', 'NodeConnected', 'StartSession', 'NodeDisconnected'}
    wait_until(lambda: wanted <= set(names()), 20, f'the records: {names()}')
    ends = wait_until(lambda: [event['CloudTrailEvent'] for event in events()
                               if event['EventName'] == 'SessionEnded' and passed in event['CloudTrailEvent']],
                      20, 'the end of the session that passed as it is')
    check(re.search(r'"bytesToNode": ?"5"', ends[0]), f'what was typed: {ends[0]}')
