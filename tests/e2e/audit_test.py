"""Is everything that was done in the audit files, and nothing that must not be, whatever happens?

Method: use and abuse the real relay, then read its files by PROTOCOL.md; kill it at random moments;
take the disk away from its files.
"""

import json
import os
import random
import re
import signal
import socket
import subprocess
import threading

from support import audit_files
from support import aws as aws_support
from support.processes import check, check_equal, wait_until
from support.targets import echo, receive_exactly
from support.tcp_server import TcpServer
from support.terminal import Terminal


def _names(stack):
    return [record['eventName'] for record in audit_files.read(audit_files.directory(stack))]


def test_sessions_are_in_the_files(t):
    """What was done is in a chain of files, which ends with a digest when the relay is stopped"""
    stack = t.own_stack()
    check_equal(stack.exec('echo', 'fine').stdout, b'fine\n', 'exec')
    check_equal(stack.api().call('StartSession', {'Target': 'mi-0'}).status, 400, 'a session to nowhere')
    stack.agent.stop(20)
    stack.relay.stop(20)
    names = _names(stack)
    for name in ('FirstStart', 'EnrollNode', 'NodeConnected', 'StartSession', 'SessionConnected',
                 'StreamOpened', 'StreamClosed', 'SessionEnded', 'NodeDisconnected'):
        check(name in names, f'{name} is not in the files: {names}')
    folder = audit_files.directory(stack)
    last = list(audit_files.lines(folder))[-1]
    check(last.startswith(b'{"digest":'), f'the last line is no digest: {last[:80]!r}')
    with open(os.path.join(folder, 'adit-audit-head.json'), 'rb') as file:
        check_equal(file.read(), last + b'\n', 'head')
    for name in os.listdir(folder):
        check_equal(os.stat(os.path.join(folder, name)).st_mode & 0o777, 0o600, f'mode of {name}')


def test_verify(t):
    """`adit audit verify` passes whole files, and names the record that was changed, removed or cut off"""
    stack = t.own_stack()
    check_equal(stack.exec('echo', 'fine').stdout, b'fine\n', 'exec')
    stack.agent.stop(20)
    stack.relay.stop(20)
    folder = audit_files.directory(stack)
    key = re.search(r'audit_files .*public_key=([0-9a-f]{64})', stack.relay.err())[1]

    def verify(*arguments):
        return stack.adit('audit', 'verify', folder, *arguments)

    done = verify('--key', key)
    check_equal(done.returncode, 0, f'status of whole files: {done.stderr.decode()}')
    check(f'records 1 to {len(audit_files.read(folder))} are whole' in done.stdout.decode(), f'{done.stdout}')
    check_equal(verify().returncode, 0, 'status with the key that lies there')
    check_equal(verify('--key', 'ab' * 32).returncode, 255, "status with another relay's key")

    path = os.path.join(folder, audit_files.names(folder)[-1])
    with open(path, 'rb') as file:
        whole = file.read()
    lines = whole.split(b'\n')

    def spoiled(data, text):
        with open(path, 'wb') as file:
            file.write(data)
        done = verify('--key', key)
        check_equal(done.returncode, 255, f'status, where it should say: {text}')
        check(text in done.stderr.decode(), f'{text} is not in {done.stderr.decode()}')

    spoiled(whole.replace(b'"FirstStart"', b'"LastStart"'), 'record 1 was changed')
    spoiled(b'\n'.join(lines[:2] + lines[3:]), 'record 3 is missing')
    spoiled(b'\n'.join(lines[:1] + [lines[2], lines[1]] + lines[3:]), 'out of its order')
    spoiled(b'\n'.join(lines[:-2]) + b'\n', 'is not in the files')
    spoiled(whole[:-20], 'ends within a line')
    with open(path, 'wb') as file:
        file.write(whole)
    check_equal(verify('--key', key).returncode, 0, 'status of whole files again')


def test_lookup(t):
    """`adit audit lookup` and `tail` find what was done through the API"""
    stack = t.stack
    check_equal(stack.exec('echo', 'fine').stdout, b'fine\n', 'exec')
    done = stack.adit('audit', 'lookup', '--by', 'EventName=StartSession', '--json')
    check_equal(done.returncode, 0, f'status: {done.stderr.decode()}')
    record = json.loads(done.stdout.splitlines()[0])
    check_equal((record['eventName'], record['userIdentity']['userName'], record['readOnly']),
                ('StartSession', 'admin', False), 'record')
    check(stack.node_id() in [r['ARN'].rpartition('/')[2] for r in record['resources']], f'{record}')
    done = stack.adit('audit', 'lookup', '--by', f'ResourceName={stack.node_id()}')
    check(b'SessionEnded' in done.stdout and b'StartSession' in done.stdout, f'{done}')
    stack.api().call('StartSession', {'Target': 'mi-0123456789abcdef0'})
    done = stack.adit('audit', 'lookup', '--by', 'EventName=StartSession')
    header, newest, *older = done.stdout.decode().splitlines()
    check_equal(header.split(), ['TIME', 'EVENT', 'WHO', 'OUTCOME', 'WHAT', 'RESOURCES', 'ID'], 'the columns')
    check('TargetNotConnected' in newest and any(line.split()[3] == 'ok' for line in older), f'outcomes: {done}')
    done = stack.adit('audit', 'tail', '-n', '3')
    check_equal(len(done.stdout.splitlines()), 4, 'lines of tail')
    done = stack.adit('audit', 'lookup', '--by', 'Colour=red')
    check_equal(done.returncode, 255, 'status for an attribute that there is not')
    nothing = ('audit', 'lookup', '--by', 'EventName=DeleteEverything')
    done = stack.adit(*nothing)
    check_equal((done.returncode, done.stdout, b'no such event' in done.stderr), (0, b'', True), f'nothing found: {done}')
    done = stack.adit(*nothing, '--json')
    check_equal((done.returncode, done.stdout, done.stderr), (0, b'', b''), 'nothing found, for a program')
    follow = stack.popen('audit', 'tail', '-f', '--json', '-n', '1')
    try:
        check(follow.stdout.readline(), 'nothing to begin with')
        stack.api().call('GetConnectionStatus', {'Target': 'mi-00000000000000001'})
        while json.loads(follow.stdout.readline())['eventName'] != 'GetConnectionStatus':
            pass
    finally:
        follow.terminate()
        follow.communicate(timeout=20)


def test_tail_says_where_a_connection_led(t):
    """`adit audit tail` has the target of each connection, and its headings once, however long it follows"""
    stack = t.stack
    follow = stack.popen('audit', 'tail', '-f', '-n', '1')
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(map(bytes.decode, follow.stdout)), daemon=True)
    reader.start()
    with TcpServer(echo) as target:
        def opened():
            return [line for line in lines if 'StreamOpened' in line and f'  tcp localhost:{target.port}  ' in line]

        for count, carriage in enumerate(('--inspected', '--sealed'), 1):
            done = stack.adit('proxy', carriage, stack.NODE, str(target.port), input=b'hello')
            check_equal(done.stdout, b'hello', f'{carriage}: {done.stderr}')
            wait_until(lambda: len(opened()) == count, 15, f'the connection is shown: {carriage}')
    follow.send_signal(signal.SIGINT)
    check_equal(follow.wait(10), -signal.SIGINT, 'how it ended')
    reader.join(10)
    check_equal(sum('RESOURCES' in line for line in lines), 1, f'headings of {lines}')


def test_tail_goes_on_when_the_relay_starts_again(t):
    """What `adit audit tail -f` shows is new, in order and not its own look-ups, and goes on with a new relay"""
    stack = t.own_stack()
    for _ in range(3):
        check_equal(stack.adit('whoami').returncode, 0, 'a call')
    follow = stack.popen('audit', 'tail', '-f', '--json', '-n', '1')
    events = []
    reader = threading.Thread(target=lambda: events.extend(map(json.loads, follow.stdout)), daemon=True)
    errors = []
    warnings = threading.Thread(target=lambda: errors.extend(map(bytes.decode, follow.stderr)), daemon=True)
    reader.start()
    warnings.start()

    def shown(name):
        return [event for event in events if event['eventName'] == name]

    try:
        wait_until(lambda: events, 15, 'something to begin with')
        first = events[0]['eventTime']
        check_equal(stack.adit('policy', 'list').returncode, 0, 'a call')
        wait_until(lambda: shown('ListPolicies'), 15, 'a call is shown')
        stack.relay.stop(20)
        wait_until(lambda: errors, 30, 'it says that the relay is away')
        stack.start_relay()
        check_equal(stack.adit('user', 'list').returncode, 0, 'a call of the new relay')
        wait_until(lambda: shown('ListUsers'), 60, 'it goes on')
        check_equal(len(errors), 1, f'lines of {errors}')
        check(follow.poll() is None, 'it has ended')
    finally:
        follow.terminate()
        follow.wait(20)
    check(all(event['eventTime'] >= first for event in events), f'older events: {events}')
    check_equal(len(shown('ListPolicies')), 1, 'how often a call is shown')
    check(not [event for event in events[1:] if event['eventName'] == 'LookupEvents'], 'its own look-ups')


def test_each_call_is_on_record_once(t):
    """Each call has one event when its answer is there: allowed, denied, wrong, unknown, or of nobody"""
    stack = t.stack
    aws = aws_support.of_stack(stack)
    line = stack.adit('user', 'add', 'nobody', '--policy', 'none').stdout.decode()
    nobody = aws_support.Aws(stack.port, aws_support.ca_file(stack), re.search(r'key=(\S+)', line)[1],
                             re.search(r'secret=(\S+)', line)[1])

    def on_record(request_id, name, error):
        found = aws.call('cloudtrail', 'LookupEvents', MaxResults=50, LookupAttributes=[
            {'AttributeKey': 'EventName', 'AttributeValue': name}])['Events']
        events = [json.loads(event['CloudTrailEvent']) for event in found]
        mine = [event.get('errorCode', '') for event in events if event['requestID'] == request_id]
        check_equal(mine, [error], f'events of {name}, request {request_id}')

    def ask(who, service, operation, error='', **parameters):
        try:
            answer = who.call(service, operation, **parameters)
        except who.client(service).exceptions.ClientError as refused:
            answer = refused.response
        check_equal(answer.get('Error', {}).get('Code', ''), error, f'{operation} {parameters}')
        on_record(answer['ResponseMetadata']['RequestId'], operation, error)

    node = stack.node_id()
    for service, operation, parameters in (
            ('ssm', 'DescribeInstanceInformation', {}), ('ssm', 'ListDocuments', {}),
            ('ssm', 'CreateActivation', {'IamRole': 'r'}), ('ssm', 'StartSession', {'Target': node}),
            ('iam', 'ListUsers', {}), ('iam', 'TagUser', {'UserName': 'admin', 'Tags': [{'Key': 'a', 'Value': 'b'}]}),
            ('sts', 'GetCallerIdentity', {}), ('cloudtrail', 'LookupEvents', {'MaxResults': 1})):
        ask(aws, service, operation, **parameters)
    ask(nobody, 'ssm', 'StartSession', 'AccessDeniedException', Target=node)
    ask(nobody, 'iam', 'CreateUser', 'AccessDenied', UserName='x')
    ask(aws, 'ssm', 'StartSession', 'TargetNotConnected', Target='mi-0123456789abcdef0')
    ask(aws, 'ssm', 'DescribeSessions', 'ValidationException', State='Never')
    ask(aws, 'iam', 'GetUser', 'NoSuchEntity', UserName='x')
    for operation, lies, error in (('DescribeSessions', {'secret': 'x' * 40}, 'InvalidSignatureException'),
                                   ('DescribeSessions', {'key': 'AKIA' + 'X' * 16}, 'UnrecognizedClientException'),
                                   ('DescribeSessions', {'signed': False}, 'MissingAuthenticationToken'),
                                   ('Unheard', {}, 'UnknownOperationException')):
        answer = stack.api().call(operation, {'State': 'Active'}, **lies)
        check(answer.error().startswith(error), f'{operation}, {lies}: {answer}')
        on_record(answer.headers['x-amzn-requestid'], operation, answer.error())
    check_equal(stack.adit('user', 'delete', 'nobody').returncode, 0, 'status of user delete')


def test_forwarded_connections(t):
    """Of each forwarded connection it is recorded who, on which node, where to, how much, how long, how it ended"""
    stack = t.own_stack()
    with TcpServer(echo) as server:
        held = 0.3
        # Over lanes it is the node that sees streams; over links, of whoever does not come again, the relay.
        for carriage, patience in (('--inspected', '0'), ('--inspected', '60'), ('--sealed', '60')):
            forward = stack.forward(server.port, name='forward' + carriage, options=[carriage],
                                    env=stack.environment() | {'ADIT_PATIENCE': patience})
            with socket.create_connection(('127.0.0.1', forward.port), 20) as connection:
                connection.sendall(b'x' * 1000)
                check_equal(len(receive_exactly(connection, 1000)), 1000, 'bytes that came back')
                threading.Event().wait(held)  # What is to be found as the duration.
            forward.stop(20)
    api = stack.api()

    def events(name):
        answer = api.call('com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents', {
            'LookupAttributes': [{'AttributeKey': 'EventName', 'AttributeValue': name}]})
        check_equal(answer.status, 200, f'LookupEvents: {answer}')
        return [json.loads(event['CloudTrailEvent']) for event in answer.json()['Events']]

    wait_until(lambda: len(events('StreamClosed')) == 3, 20, 'all ends are recorded')
    closed = events('StreamClosed')
    for record in closed:
        facts = record['additionalEventData']
        check_equal(record['userIdentity']['userName'], 'admin', f'who, in {record}')
        check_equal(facts['target'], stack.node_id(), 'node')
        check_equal(facts['what'], f'tcp localhost:{server.port}', 'where to')
        check_equal((facts['bytesToNode'], facts['bytesFromNode']), ('1000', '1000'), 'bytes each way')
        check(held * 1000 <= int(facts['durationMs']) < 60_000, f'duration: {facts}')
        check(facts['outcome'], f'how it ended: {facts}')
    check_equal(sorted(record['additionalEventData'].get('reportedBy', 'relay') for record in closed),
                ['node', 'node', 'relay'], 'who says so')


def test_log_injection(t):
    """Line ends, quotes, NUL, escapes and broken UTF-8 in what a caller says make no record and no line of their own"""
    stack = t.own_stack()
    api = stack.api()
    forged = '","eventName":"ForgedEvent'
    hostile = ['a\r\n{"sequence":1}\n', forged, 'nul \x00 in it', 'escape \x1b]52;c;AAAA\x07', '\u202emirrored', 'x' * 9000]
    for text in hostile:
        for call in ({'Target': text}, {'Target': stack.node_id(), 'DocumentName': text},
                     {'Target': stack.node_id(), 'Reason': text, 'Adit': {'Version': 1}}):
            check(api.call('StartSession', call).status in (200, 400), f'{call}')
        api.call(text.encode('ascii', 'ignore').decode().replace('\r', '').replace('\n', '').replace('\x00', ''), {})
    check_equal(api.call('StartSession', b'{"Target":"\xff\xfe"}').status, 400, 'status for what is no UTF-8')
    for command in (('audit', 'lookup', '-n', '50'), ('sessions',)):
        shown = stack.adit(*command).stdout
        check(not re.search(rb'[\x00-\x08\x0b-\x1f\x7f]', shown), f'{command} shows control bytes: {shown!r}')
    stack.agent.stop(20)
    stack.relay.stop(20)
    names = _names(stack)
    check('StartSession' in names and 'ForgedEvent' not in names, f'{names}')
    for line in stack.relay.err().splitlines():
        check(re.match(r'\d{4}-\d\d-\d\dT\S+ [A-Z]+ ', line), f'a line of the log that nobody wrote: {line!r}')


def test_no_secret_is_recorded(t):
    """No secret is in audit files, database, logs: keys, codes, tokens, and what is typed"""
    stack = t.own_stack()
    typed = 'Canary' + os.urandom(12).hex()
    check_equal(stack.exec('cat', input=typed.encode()).stdout, typed.encode(), 'exec')
    check_equal(stack.exec('sh', '-c', 'read -r word; echo ${#word}', input=typed.encode() + b'\n').stdout,
                b'%d\n' % len(typed), 'a password that is read')
    with Terminal([stack.program('adit'), 'shell', stack.NODE], stack.environment()) as shell:
        shell.read_until(rb'[$#%>] $', 20)
        shell.send(b'stty -echo; echo re""ady; read -r word; stty echo; echo got ${#word}\n')
        shell.read_until(rb'ready')
        shell.send(typed.encode() + b'\n')
        shell.read_until(b'got %d' % len(typed))
        shell.send(b'exit\n')
        shell.wait_ended()
    secrets = {'typed': typed, 'access key': stack.login_member('secret'), 'login line': stack.login_line,
               'activation code': re.search(r'\bcode=(\S+)', stack.enroll_line)[1]}
    api = stack.api()
    answer = api.call('StartSession', {'Target': stack.node_id(), 'Adit': {'Version': 1}})
    secrets['session token'] = answer.json()['TokenValue']
    sealed = api.call('StartSession', {'Target': stack.node_id(), 'Adit': {
        'Version': 1, 'Carriage': 'sealed', 'ClientKey': os.urandom(32).hex()}})
    secrets['join token'] = sealed.json()['Adit']['JoinToken']
    made = api.call('CreateActivation', {'IamRole': 'r'})
    secrets['second code'] = made.json()['ActivationCode']
    # What is refused is recorded, too: secrets in the wrong places.
    api.call('Adit.EnrollNode', {'ActivationId': 'x', 'ActivationCode': secrets['second code']}, signed=False)
    api.call('StartSession', {'Target': stack.node_id(), 'TokenValue': secrets['session token']})
    stack.agent.stop(20)
    stack.relay.stop(20)
    check('CreateActivation' in _names(stack), 'nothing was recorded')

    haystacks = {'relay log': stack.relay.err().encode(), 'agent log': stack.agent.err().encode()}
    for folder, _, files in os.walk(stack.relay_state):
        for name in files:
            if name == 'first-start':
                continue
            with open(os.path.join(folder, name), 'rb') as file:
                haystacks[name] = file.read()
    check(any(name.endswith('.jsonl') for name in haystacks), f'no audit file: {list(haystacks)}')
    for what, secret in secrets.items():
        for place, content in haystacks.items():
            check(secret.encode() not in content, f'the {what} is in {place}')


def test_killed_at_any_moment(t):
    """Killed at random moments under load, the relay loses neither a record nor a change that it answered"""
    stack = t.own_stack()
    seed = int.from_bytes(os.urandom(4), 'big')
    t.note(f'seed {seed}')
    chance = random.Random(seed)
    answered, made = set(), set()

    def call(api, ending, changes):
        while not ending.is_set():
            try:
                api.keep_connection()
                while not ending.is_set():
                    answer = (api.call('CreateActivation', {'IamRole': 'r'}) if changes else
                              api.call('GetConnectionStatus', {'Target': 'mi-0'}))
                    if answer.status == 200:
                        answered.add(answer.headers['x-amzn-requestid'])
                        if changes:
                            made.add(answer.json()['ActivationId'])
            except (OSError, ValueError, IndexError, KeyError):
                # The relay was killed; or the kernel still holds the socket on which the one before
                # listened, for as long as it takes a ring apart.
                ending.wait(0.02)

    kills = t.size(10, 200)
    for number in range(kills):
        ending = threading.Event()
        threads = [threading.Thread(target=call, args=(stack.api(), ending, worker == 0))
                   for worker in range(4)]
        for thread in threads:
            thread.start()
        before = len(answered)
        wait_until(lambda: len(answered) > before, 20, 'calls are answered')
        ending.wait(chance.uniform(0, 0.3))
        stack.relay.signal(signal.SIGKILL)
        stack.relay.popen.wait(20)
        ending.set()
        for thread in threads:
            thread.join(20)
        stack.start_relay()
        if number % 10 == 9:
            _nothing_lost(stack, answered)
    found = _activations(stack.api())
    check(made and made <= found, f'{len(made - found)} of {len(made)} activations are lost')
    stack.relay.stop(20)
    _nothing_lost(stack, answered)
    t.note(f'{kills} kills, {len(answered)} answered calls, {len(made)} of them changes, all kept')


test_killed_at_any_moment.limit = 120


def _activations(api):
    """The ids of all activations."""
    found, page = set(), {}
    while True:
        answer = api.call('DescribeActivations', {'MaxResults': 50} | page)
        check_equal(answer.status, 200, f'DescribeActivations: {answer}')
        found |= {each['ActivationId'] for each in answer.json()['ActivationList']}
        if 'NextToken' not in answer.json():
            return found
        page = {'NextToken': answer.json()['NextToken']}


def _nothing_lost(stack, answered):
    wanted = set(answered)

    def is_whole():
        try:
            records = audit_files.read(audit_files.directory(stack))
        except Exception as problem:  # A line that is being written now.
            if 'ends within a line' in str(problem) and stack.relay.running():
                return False
            raise
        return wanted <= {record.get('requestID') for record in records}

    wait_until(is_whole, 20, 'every answered call is in the files')


def test_full_disk(t):
    """While the audit files cannot be written, calls are refused with the reason, and go on afterwards"""
    stack = t.own_stack()
    stack.agent.stop(20)
    stack.relay.stop(20)
    folder = audit_files.directory(stack)
    size = sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))
    mount = ['mount', '-t', 'tmpfs', '-o', f'mode=700,size={(size + 262144) // 1024}k', 'none']
    kept = folder + '.kept'
    os.rename(folder, kept)
    os.makedirs(folder, 0o700)
    if subprocess.run([*mount, folder], check=False, stderr=subprocess.DEVNULL).returncode != 0:
        t.note('not run: this user may not mount a small disk')
        os.rmdir(folder)
        return
    try:
        for name in os.listdir(kept):
            with open(os.path.join(kept, name), 'rb') as source:
                data = source.read()
            descriptor = os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT, 0o600)
            os.write(descriptor, data)
            os.close(descriptor)
        stack.start_relay()
        answer = _call_until_refused(stack)
        check_equal(answer.status, 503, 'status when the outbox is full')
        check(folder in answer.json()['message'] and 'No space left' in answer.json()['message'],
              f'message: {answer}')
        check('audit_outbox_full' in stack.relay.err(), 'the log does not say so')
        check(stack.adit('nodes').returncode != 0, 'a call was allowed')
        subprocess.run(['mount', '-o', 'remount,size=64m', folder], check=True)
        api = stack.api()
        wait_until(lambda: api.call('DescribeSessions', {'State': 'Active'}).status == 200, 20,
                   'calls are answered again')
        stack.relay.stop(20)
        check(len(audit_files.read(folder)) > 8192, 'records are missing')
    finally:
        stack.relay.stop(20)
        subprocess.run(['umount', folder], check=False)


test_full_disk.limit = 120
test_full_disk.waits = True


def _call_until_refused(stack):
    """Makes calls on several connections until one is refused; returns that answer."""
    refused = []

    def work():
        api = stack.api()
        api.keep_connection()
        for _ in range(12_000):
            answer = api.call('DescribeSessions', {'State': 'Active'})
            if answer.status != 200:
                refused.append(answer)
            if refused:
                return

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    check(refused, 'no call was refused')
    return refused[0]
