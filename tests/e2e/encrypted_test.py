"""Are sessions of a document with kmsKeyId encrypted between an AWS client and the node?

Method: the data channel's client by hand and Debian's AWS CLI with our plugin, against a real relay with its
key provider; what passes is looked at, and keys are used that are not the session's.
"""

import base64
import json
import os

from support import aws, plugin, session_cipher
from support.plugin_client import PluginClient, session_status, wait_ended
from support.processes import check, check_equal, wait_until

_KEY = 'alias/sessions'
_NOTE = 'This session is encrypted using AWS KMS.'


def _document(stack, name, kind, properties=None):
    """A document whose sessions are encrypted; made once a stack."""
    content = {'schemaVersion': '1.0', 'sessionType': kind, 'inputs': {'kmsKeyId': _KEY}}
    if properties:
        content['properties'] = {'linux': properties}
    answer = stack.api().call('CreateDocument', {'Name': name, 'DocumentType': 'Session',
                                                 'Content': json.dumps(content)})
    check(answer.status == 200 or answer.error() == 'DocumentAlreadyExists', f'CreateDocument: {answer}')
    return name


def _shell(stack):
    return _document(stack, 'Encrypted-Shell', 'Standard_Stream')


def test_shell(t):
    """A client that holds the data key has a shell, and nothing of it passes in clear but its sizes (P18)"""
    client = PluginClient(t.stack).open_session(_shell(t.stack))
    check_equal(client.action('KMSEncryption')['KMSKeyId'], _KEY, 'the key that is asked for')
    check_equal(len(base64.b64decode(client.action('KMSEncryption')['Challenge'])), 16, 'the challenge')
    check_equal(client.complete['CustomerMessage'], _NOTE, 'what the user is told')
    client.send(b'stty size; echo mark-$((6*7))\n')
    shown = client.wait_for(b'mark-42')
    check(b'40 120' in shown, f'the size at the start: {shown!r}')
    check(b'mark' not in client.wire, 'nothing passes in clear')
    client.resize(90, 20)
    client.wait_acknowledged()
    client.send(b'stty size; echo mark-$((6*8))\n')
    check(b'20 90' in client.wait_for(b'mark-48'), 'the size after a change')
    client.send(b'seq 1 40000; exit\n')
    check_equal(client.wait_closed(60)['Output'], '', 'the last word')
    check(client.output.rstrip().endswith(b'40000\r\nexit') or b'\r\n40000\r\n' in client.output,
          f'all of the output: {bytes(client.output[-100:])!r}')
    check_equal(wait_ended(client.api, client.session['SessionId'])['Status'], 'Terminated', 'the session')


def test_bad_connection(t):
    """A client that loses, repeats and reorders, and one that is cut, lose nothing of it"""
    client = PluginClient(t.stack, seed=5)
    client.lose_incoming = client.lose_acks = client.lose_outgoing = 0.1
    client.duplicate = client.reorder = 0.1
    client.start(_shell(t.stack)).connect().handshake(30)
    client.resize(120, 40)
    client.send(b'echo on-$((6*7))\n')
    client.wait_for(b'on-42', 60)
    client.socket.cut()
    client.resume()
    client.send(b'echo on-$((6*8))\n')
    client.wait_for(b'on-48', 60)
    client.close()


def test_commands(t):
    """Commands, too: interactive, and without a terminal with its outputs and its code apart"""
    interactive = _document(t.stack, 'Encrypted-Interactive', 'InteractiveCommands',
                            {'commands': 'read line; echo "got $line"'})
    client = PluginClient(t.stack).open_session(interactive)
    client.send(b'a line\r')
    client.wait_for(b'got a line')
    check_equal(client.wait_closed()['Output'], '', 'the last word')

    apart = _document(t.stack, 'Encrypted-Apart', 'NonInteractiveCommands',
                      {'commands': 'sh -c "echo out; echo err >&2; exit 7"', 'separateOutputStream': True,
                       'stdOutSeparatorPrefix': 'O:', 'stdErrSeparatorPrefix': 'E:'})
    client = PluginClient(t.stack).open_session(apart)
    client.wait_closed()
    check_equal((bytes(client.output), bytes(client.errors), client.exit_codes),
                (b'O:out\n', b'E:err\n', ['EXIT_CODE: 7']), 'the outputs and the code')
    check(b'EXIT_CODE' not in client.wire, 'nothing passes in clear')


def test_wrong_keys(t):
    """A key of another session, node or context, no key, and a key that is not held start nothing"""
    stack = t.stack
    api = stack.api()

    def refused(make_key, words, keeps_challenge=False):
        client = PluginClient(stack)
        client.make_key = make_key(client)
        client.keeps_challenge = keeps_challenge
        client.start(_shell(stack)).connect()
        output = client.wait_closed()['Output']
        check(words in output and client.complete is None, f'{output!r} of {words!r}')
        check(not client.output, 'and no byte of a shell')

    refused(lambda client: lambda action: session_cipher.data_key(
        api, action, 'another-session', client.node_id), 'for another session or node')
    refused(lambda client: lambda action: session_cipher.data_key(
        api, action, client.session['SessionId'], 'mi-00000000000000000'), 'for another session or node')
    refused(lambda client: lambda action: session_cipher.data_key(
        api, {**action, 'KMSKeyId': 'alias/mine'}, client.session['SessionId'], client.node_id),
            'is not one of the relay')
    refused(lambda client: lambda action: (bytes(64), {'KMSCipherTextKey': ''}), 'no data key')
    refused(lambda client: lambda action: (bytes(64), {'KMSCipherTextKey': 'AAAA'}), 'is not one of the relay')
    refused(lambda client: lambda action: session_cipher.data_key(
        api, action, client.session['SessionId'], client.node_id), 'does not hold', keeps_challenge=True)


def test_who_may(t):
    """adit gets a sealed shell under such a document, no other; a port is sealed or refused"""
    stack = t.stack
    document = _shell(stack)
    answer = stack.api().call('StartSession', {'Target': stack.node_id(), 'DocumentName': document,
                                               'Adit': {'Version': 1, 'Carriage': 'inspected'}})
    check_equal(answer.error(), 'SealedNotSupported', f'inspected: {answer}')
    port = stack.api().call('CreateDocument', {
        'Name': 'Encrypted-Port', 'DocumentType': 'Session', 'Content': json.dumps(
            {'schemaVersion': '1.0', 'sessionType': 'Port', 'inputs': {'kmsKeyId': _KEY},
             'properties': {'portNumber': '80', 'type': 'LocalPortForwarding'}})})
    if port.status == 200:
        answer = stack.api().call('StartSession', {'Target': stack.node_id(),
                                                   'DocumentName': 'Encrypted-Port'})
        check_equal(answer.error(), 'SealedNotSupported', f'a port: {answer}')


def _carriages(stack):
    """{session: carriage} of all there are and were."""
    lines = [line for words in ((), ('--history',))
             for line in stack.adit('sessions', *words, '--json').stdout.decode().splitlines()]
    return {session['id']: session['carriage'] for session in map(json.loads, lines)}


def _run_new(stack, *arguments, **options):
    """Runs adit; returns it, finished, and the carriages of the sessions that it started."""
    before = _carriages(stack)
    done = stack.adit(*arguments, **options)
    return done, [carriage for session, carriage in _carriages(stack).items() if session not in before]


def test_adit_follows_the_document(t):
    """adit shell is sealed by itself where the document wants that, an error with --inspected, and inspected elsewhere"""
    stack = t.stack
    keyed = ('shell', '--document', _shell(stack))
    line = b'echo mark-$((6*7)); exit\n'
    done, carriages = _run_new(stack, *keyed, stack.NODE, input=line)
    check(done.returncode == 0 and b'mark-42' in done.stdout, f'{done}')
    check(b'kmsKeyId' not in done.stderr, f'nothing is asked or said of it: {done.stderr!r}')
    check_equal(carriages, ['sealed'], 'the carriage')

    done, carriages = _run_new(stack, *keyed, '--inspected', stack.NODE, input=line)
    text = done.stderr.decode()
    check_equal((done.returncode, done.stdout, carriages), (255, b'', []), f'with --inspected ({text!r})')
    check('kmsKeyId' in text and '--sealed instead of --inspected' in text, text)

    done, carriages = _run_new(stack, 'exec', stack.NODE, '--', 'true')
    check_equal((done.returncode, carriages), (0, ['inspected']), 'a command of no such document')


def test_adit_follows_the_preferences(t):
    """adit exec, too, and a shell without a document, where the preferences have the key"""
    stack = t.own_stack()
    _document(stack, 'SSM-SessionManagerRunShell', 'Standard_Stream')
    done, carriages = _run_new(stack, 'exec', stack.NODE, '--', 'sh', '-c', 'echo out; exit 7')
    check_equal((done.returncode, done.stdout, carriages), (7, b'out\n', ['sealed']), f'exec ({done.stderr!r})')
    done, carriages = _run_new(stack, 'shell', stack.NODE, input=b'echo mark-$((6*8)); exit\n')
    check(done.returncode == 0 and b'mark-48' in done.stdout and carriages == ['sealed'], f'{done} {carriages}')
    done, carriages = _run_new(stack, 'exec', '--inspected', stack.NODE, '--', 'true')
    check(done.returncode == 255 and b'kmsKeyId' in done.stderr and not carriages, f'with --inspected: {done}')
    without_patience = stack.environment() | {'ADIT_PATIENCE': '0'}
    done, carriages = _run_new(stack, 'exec', stack.node_id()[:9], '--', 'true', env=without_patience)
    check_equal((done.returncode, carriages), (0, ['sealed']), f'by the beginning of an id ({done.stderr!r})')


def test_records(t):
    """Both calls for a session's key are in the audit, without the key"""
    client = PluginClient(t.stack).open_session(_shell(t.stack))
    session = client.session['SessionId']
    client.send(b'exit\n')
    client.wait_closed()

    def events(name):
        answer = t.stack.api().call('com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents',
                                    {'LookupAttributes': [{'AttributeKey': 'EventName',
                                                           'AttributeValue': name}]})
        check(answer.status == 200, f'LookupEvents: {answer}')
        return [event['CloudTrailEvent'] for event in answer.json()['Events']
                if session in event['CloudTrailEvent']]
    made = wait_until(lambda: events('GenerateDataKey'), 10, 'the key that was made')
    opened = wait_until(lambda: events('Decrypt'), 10, 'the key that was opened')
    check(_KEY in made[0] and t.stack.node_id() in opened[0], f'{made[0]} {opened[0]}')
    for event in made + opened:
        check('laintext' not in event, event)


def test_our_plugin(t):
    """The AWS CLI with our plugin opens such a shell and such a command"""
    stack = t.stack
    _shell(stack)
    with plugin.terminal(stack, 'Encrypted-Shell') as terminal:
        session = terminal.read_until(rb'Starting session with SessionId: (\S+)\n', 30)[1].decode()
        terminal.read_until(_NOTE.encode(), 20)
        terminal.read_until(rb'[$#] $', 20)
        check_equal(terminal.run('stty size').strip(), '24 80', 'size at the start')
        text = terminal.run('seq -f %09g 20000', 60)
        check_equal([int(line) for line in text.split()], list(range(1, 20_001)), 'the lines')
        terminal.send(b'exit\r')
        terminal.read_until(f'\n\nExiting session with sessionId: {session}.\n\n'.encode())
        check_equal(terminal.wait_ended(), 0, 'status')
    name = _document(stack, 'Encrypted-Ends-With-7', 'NonInteractiveCommands',
                     {'commands': 'sh -c "echo out; exit 7"', 'separateOutputStream': True})
    done = plugin.run(stack, name, env=plugin.environment(stack, ADIT_PLUGIN_EXIT_CODE='1'))
    check(b'out\n' in done.stdout and b'returned non-zero exit status 7' in done.stderr,
          f'{done.stdout!r} {done.stderr!r}')


test_our_plugin.limit = 120


def test_our_plugin_without_the_right(t):
    """A user who may not make data keys is told, and has no session"""
    stack = t.stack
    _shell(stack)
    made = stack.adit('user', 'add', 'keyless', '--policy', 'none')
    check(made.returncode == 0, made.stderr.decode())
    policy = {'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': 'ssm:*', 'Resource': '*'}]}
    path = os.path.join(stack.folder, 'keyless.json')
    with open(path, 'w', encoding='ascii') as file:
        json.dump(policy, file)
    for words in (('policy', 'put', 'keyless', path), ('policy', 'attach', 'keyless', '--user', 'keyless')):
        done = stack.adit(*words)
        check(done.returncode == 0, done.stderr.decode())
    line = made.stdout.decode()
    words = dict(word.partition('=')[::2] for word in line.split())
    env = plugin.environment(stack, AWS_ACCESS_KEY_ID=words['key'], AWS_SECRET_ACCESS_KEY=words['secret'])
    done = plugin.run(stack, 'Encrypted-Shell', env=env)
    text = done.stdout.decode()
    check('KMSEncryption failed on client with status 2' in text and 'AccessDenied' in text, text)
    session = plugin.session_id(text)
    wait_until(lambda: session_status(stack.api(), session)['Status'] in ('Terminated', 'Failed'), 10,
               'the session is over')


def test_other_key_service(t):
    """Client and node ask the key service that AWS_ENDPOINT_URL_KMS names, and the relay has no key"""
    other = t.own_stack()  # Whose relay is the key service.
    stack = t.own_stack(env={'AWS_ENDPOINT_URL_KMS': f'https://127.0.0.1:{other.port}',
                             'AWS_CA_BUNDLE': aws.ca_file(other),
                             'AWS_ACCESS_KEY_ID': other.login_member('key'),
                             'AWS_SECRET_ACCESS_KEY': other.login_member('secret')})
    client = PluginClient(stack)
    client.make_key = lambda action: session_cipher.data_key(other.api(), action, client.session['SessionId'],
                                                             client.node_id)
    client.open_session(_shell(stack))
    client.send(b'echo mark-$((6*7))\n')
    client.wait_for(b'mark-42')
    client.send(b'exit\n')
    client.wait_closed()

    refused = PluginClient(stack)
    refused.start(_shell(stack)).connect()
    check('key service does not open the data key' in refused.wait_closed()['Output'], f'{refused.closed}')
