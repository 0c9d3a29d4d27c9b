"""Do clients of AWS's data channel get sessions as from AWS's own service?

Method: a client of that protocol written from its specification (support/plugin_client.py), against a
real relay and agent.
"""

import json
import re

from support import targets
from support.plugin_client import PluginClient, wait_ended
from support.processes import check, check_equal, wait_until
from support.tcp_server import TcpServer
from support.web_socket import WebSocket


def test_shell(t):
    """An AWS client's shell has a terminal of the client's size, and says goodbye at its end"""
    client = PluginClient(t.stack).open_session()
    check_equal(client.session_type(), 'Standard_Stream', 'the kind of session')
    check(re.fullmatch(r'\d+\.\d+\.\d+\.\d+', client.request['AgentVersion']), 'four numbers (P15)')
    client.send(b'stty size; echo mark-$((6*7))\n')
    shown = client.wait_for(b'mark-42')
    check(b'40 120' in shown, f'the size at the start: {shown!r}')
    client.resize(90, 20)
    client.wait_acknowledged()
    client.send(b'stty size; echo mark-$((6*8))\n')
    check(b'20 90' in client.wait_for(b'mark-48'), 'the size after a change')
    client.send(b'exit\n')
    closed = client.wait_closed()
    check_equal((closed['MessageType'], closed['SessionId'], closed['SchemaVersion'],
                 closed['Output']),
                ('channel_closed', client.session['SessionId'], 1, ''), 'the last word')
    over = wait_ended(client.api, client.session['SessionId'])
    check_equal(over['Status'], 'Terminated', 'the session')


def test_interactive_command(t):
    """An interactive command runs on a terminal, and the session ends with it"""
    client = PluginClient(t.stack).open_session('AWS-StartInteractiveCommand',
                                                {'command': 'tty; read line; echo "got $line"'})
    check_equal(client.session_type(), 'InteractiveCommands', 'the kind of session')
    client.wait_for(b'/dev/pts/')
    client.send(b'a line\r')
    client.wait_for(b'got a line')
    check_equal(client.wait_closed()['Output'], '', 'the last word')


def test_noninteractive_command(t):
    """A command without a terminal: output, no input; Ctrl-C is SIGINT"""
    client = PluginClient(t.stack).open_session('AWS-StartNonInteractiveCommand',
                                                {'command': 'printf "%s-" a b'})
    check_equal(client.session_type(), 'NonInteractiveCommands', 'the kind of session')
    client.wait_closed()
    check_equal((bytes(client.output), client.exit_codes), (b'a-b-', []), 'combined output')

    script = 'trap "echo stopped; exit 4" INT; echo ready; while :; do sleep 0.05; done'
    client = PluginClient(t.stack).open_session(
        'AWS-StartNonInteractiveCommand', {'command': "sh -c '" + script + "'"})
    client.wait_for(b'ready')
    client.send(b'ignored\n')
    client.send(b'\x03')
    client.wait_for(b'stopped')
    client.wait_closed()


def test_separate_output(t):
    """With separateOutputStream standard error comes as such, with its prefix, and the exit code at the end"""
    content = {'schemaVersion': '1.0', 'description': 'd', 'sessionType': 'NonInteractiveCommands',
               'parameters': {'command': {'type': 'String'}},
               'properties': {'linux': {'commands': '{{ command }}', 'separateOutputStream': True,
                                        'stdOutSeparatorPrefix': 'OUT:',
                                        'stdErrSeparatorPrefix': 'ERR:'}}}
    made = t.stack.api().call('CreateDocument', {'Name': 'Separate', 'DocumentType': 'Session',
                                                 'Content': json.dumps(content)})
    check_equal(made.status, 200, f'CreateDocument: {made}')
    client = PluginClient(t.stack).open_session(
        'Separate', {'command': 'sh -c "echo good; echo bad >&2; exit 2"'})
    client.wait_closed()
    check_equal((bytes(client.output), bytes(client.errors), client.exit_codes),
                (b'OUT:good\n', b'ERR:bad\n', ['EXIT_CODE: 2']), 'output, error, code')
    # An old client is asked to update (section 4.3).
    client = PluginClient(t.stack, version='1.2.295.0').open_session(
        'Separate', {'command': 'true'})
    check('1.2.312.0' in client.complete['CustomerMessage'], f'the notice: {client.complete}')


def test_refusals(t):
    """Who may not come in is told why on the channel, after the upgrade (P11, P12)"""
    stack = t.stack
    client = PluginClient(stack).start().connect(token='wrong')
    check('token' in client.wait_closed()['Output'], f'a wrong token: {client.closed}')
    client = PluginClient(stack).start()
    client.session['StreamUrl'] = client.session['StreamUrl'].replace('/v1/data-channel/', '/v1/data-channel/no-')
    check('over' in client.connect().wait_closed()['Output'], f'no such session: {client.closed}')

    client = PluginClient(stack).open_session()
    thief = PluginClient(stack)
    thief.session = client.session
    check('another client' in thief.connect().wait_closed()['Output'],
          f'a second client with the token (P22): {thief.closed}')
    client.send(b'echo still-$((40+2))\n')
    client.wait_for(b'still-42')

    # Each attempt is on record, with where it came from.
    def refused():
        lines = stack.adit('audit', 'lookup', '--by', 'EventName=OpenDataChannel', '--json').stdout.splitlines()
        return [event for event in map(json.loads, lines) if event.get('errorCode') == 'AccessDeniedException']
    wait_until(lambda: len(refused()) >= 3, 10, 'three attempts are on record')
    texts = {event['errorMessage'] for event in refused()}
    for word in ('token is wrong', 'never here', 'another client'):
        check(any(word in text for text in texts), f'{word!r} is not in {texts}')
    check_equal({event['sourceIPAddress'] for event in refused()}, {'127.0.0.1'}, 'the source')
    check(any(resource['ARN'] == client.session['SessionId'] for event in refused()
              for resource in event['resources']), 'the session is not named')

    page = WebSocket(stack.port, client.target(), {'Origin': 'https://evil.example'})
    check_equal(page.status, 403, 'a page in a browser')
    other = WebSocket(stack.port, '/v1/other')
    check_equal(other.status, 404, 'another address')


def test_terminate(t):
    """TerminateSession from elsewhere ends it, and the client is told"""
    client = PluginClient(t.stack).open_session()
    client.send(b'echo here-$((40+2))\n')
    client.wait_for(b'here-42')
    answer = client.api.call('TerminateSession', {'SessionId': client.session['SessionId']})
    check_equal(answer.status, 200, f'TerminateSession: {answer}')
    check('Terminated by' in client.wait_closed()['Output'], f'the last word: {client.closed}')
    check_equal(wait_ended(client.api, client.session['SessionId'])['Status'], 'Terminated', 'the session')


def test_audit(t):
    """Who connected when to what, and how many bytes passed, is recorded as for Adit's own client"""
    with TcpServer(targets.echo) as server:
        client = PluginClient(t.stack).open_session('AWS-StartSSHSession',
                                                    {'portNumber': str(server.port)})
        client.send(b'seven77')
        client.wait_for(b'seven77')
        client.api.call('TerminateSession', {'SessionId': client.session['SessionId']})
        client.wait_closed()
        wait_ended(client.api, client.session['SessionId'])

    def recorded():
        answer = client.api.call('com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents', {
            'LookupAttributes': [{'AttributeKey': 'ResourceName',
                                  'AttributeValue': client.session['SessionId']}]})
        check_equal(answer.status, 200, f'LookupEvents: {answer}')
        events = {e['EventName']: json.loads(e['CloudTrailEvent']) for e in answer.json()['Events']}
        return events if 'SessionEnded' in events and 'StreamClosed' in events else None
    events = wait_until(recorded, 10, 'the end is recorded')
    what = {name: event['additionalEventData'] for name, event in events.items()
            if 'additionalEventData' in event}
    check_equal(what['StreamOpened']['what'], f'tcp localhost:{server.port}', 'to what')
    check_equal((what['StreamClosed']['outcome'], what['StreamClosed']['bytesToNode'],
                 what['StreamClosed']['bytesFromNode']), ('session-ended', '7', '7'), 'the stream')
    check(what['SessionEnded']['reason'].startswith('Terminated by'), f'why: {what["SessionEnded"]}')
    check_equal({event['userIdentity']['arn'] for event in events.values()},
                {'arn:aws:iam::000000000000:user/admin'}, 'who')
