"""Do the first ten minutes need anything but `adit`?

Method: what an administrator does with a new relay, by `adit` alone: users, policies, nodes, documents;
and the people who were let in try what they may and may not do.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import struct
import time

from support.processes import check, check_equal
from support.terminal import Terminal

SHELLS = {'Version': '2012-10-17', 'Statement': [
    {'Sid': 'See', 'Effect': 'Allow', 'Action': 'ssm:Describe*', 'Resource': '*'},
    {'Sid': 'Document', 'Effect': 'Allow', 'Action': 'ssm:StartSession', 'Resource': 'arn:aws:ssm:*:*:document/*'},
    {'Sid': 'DevNodes', 'Effect': 'Allow', 'Action': 'ssm:StartSession',
     'Resource': 'arn:aws:ssm:*:*:managed-instance/*',
     'Condition': {'StringEquals': {'ssm:resourceTag/env': 'dev'}}}]}


def _succeed(done, what):
    check(done.returncode == 0, f'{what} ended with {done.returncode}: {done.stderr.decode()}')
    return done.stdout.decode()


class Person:
    """Somebody with a configuration folder of their own."""

    def __init__(self, stack, line, name):
        self.stack = stack
        self.config = os.path.join(stack.folder, 'config-' + name)
        self.env = stack.environment() | {'ADIT_CONFIG_DIR': self.config}
        _succeed(self.adit('login', input=line.encode()), f'login of {name}')

    def adit(self, *arguments, **options):
        return self.stack.adit(*arguments, env=self.env, **options)


def test_from_a_user_to_the_audit_record(t):
    """A user, a policy, a node: refused before and allowed after, as `policy simulate` says, and on record"""
    stack = t.own_stack()
    line = _succeed(stack.adit('user', 'add', 'alice', '--policy', 'none'), 'user add')
    check(re.fullmatch(r'adit-login relay=\S+ ca=sha256:[0-9a-f]{64} key=AKIA\S+ secret=\S+\n', line),
          'stdout is more or less than the line')
    alice = Person(stack, line, 'alice')
    check('user/alice' in _succeed(alice.adit('whoami'), 'whoami'), 'she is somebody else')

    line = _succeed(stack.adit('activate', '--name', 'db1', '--tag', 'env=dev', '--expires', '1h'), 'activate')
    check(line.startswith('adit-enroll relay=') and line.count('\n') == 1, 'stdout is not the line')
    state = os.path.join(stack.folder, 'db1-state')
    done = stack.enroll(state=state, name='db1', line=line.strip())
    check_equal(done.returncode, 0, f'enroll: {done.stderr.decode()}')
    stack.start_agent(state=state, name='agent-db1', wait=False)
    stack.wait_connected(node='db1')

    def simulate(*options):
        done = stack.adit('policy', 'simulate', '--user', 'alice', *options)
        return done.returncode, done.stdout.decode()

    code, text = simulate('--node', 'db1')
    check_equal((code, text.count('denied')), (1, 2), text)
    check('because no identity-based policy allows the ssm:StartSession action' in text, text)
    done = alice.adit('exec', 'db1', '--', 'true')
    check_equal(done.returncode, 255, 'status of what is refused')
    check(b'access denied' in done.stderr and re.search(rb'\(request [0-9a-f-]{36}\)', done.stderr), f'{done}')

    done = stack.adit('policy', 'put', 'shells', '-', input=json.dumps(SHELLS).encode())
    _succeed(done, 'policy put')
    _succeed(stack.adit('policy', 'attach', 'shells', '--user', 'alice'), 'policy attach')
    check_equal(json.loads(_succeed(stack.adit('policy', 'show', 'shells'), 'policy show')), SHELLS, 'policy')
    check('shells' in _succeed(stack.adit('policy', 'list', '--user', 'alice'), 'policy list'), 'not listed')
    code, text = simulate('--node', 'db1')
    check_equal((code, text.count('allowed  ')), (0, 2), text)
    check('policy/shells, statement 3, Sid "DevNodes"' in text, text)
    code, text = simulate('--node', stack.NODE)
    check_equal((code, text.count('denied')), (1, 1), text)
    check_equal(alice.adit('exec', stack.NODE, '--', 'true').returncode, 255, 'a node without the tag')
    check_equal(alice.adit('exec', 'db1', '--', 'echo', 'hi').stdout, b'hi\n', 'a node with it')

    shell = stack.popen('shell', 'db1', env=alice.env)
    shell.stdin.write(b'echo READY\n')
    shell.stdin.flush()
    check(shell.stdout.readline(), 'her shell says nothing')
    listed = _succeed(stack.adit('sessions', '--json'), 'sessions').splitlines()
    own = [s for s in map(json.loads, listed) if s['owner'].endswith('user/alice')]
    check_equal([s['node_name'] for s in own], ['db1'], 'her session')
    _succeed(stack.adit('terminate', own[0]['id']), 'terminate')
    check(b'Terminated by' in shell.communicate(timeout=20)[1], 'she was not told')
    check(own[0]['id'] in _succeed(stack.adit('sessions', '--history'), 'history'), 'not in the history')

    tail = _succeed(stack.adit('audit', 'tail', '-n', '200', '--json'), 'audit tail')
    events = [(e['eventName'], e['userIdentity'].get('userName')) for e in map(json.loads, tail.splitlines())]
    for event in (('CreateUser', 'admin'), ('AttachUserPolicy', 'admin'), ('CreateActivation', 'admin'),
                  ('StartSession', 'alice'), ('TerminateSession', 'admin')):
        check(event in events, f'{event} is not on record: {events}')

    _succeed(stack.adit('user', 'delete', 'alice'), 'user delete')
    check_equal(alice.adit('whoami').returncode, 255, 'she is still somebody')
    _succeed(stack.adit('policy', 'delete', 'shells'), 'policy delete')


test_from_a_user_to_the_audit_record.limit = 90


def test_keys(t):
    """A second key replaces the first, and neither is shown twice"""
    stack = t.stack
    first = _succeed(stack.adit('user', 'add', 'bob', '--policy', 'AditAuditor'), 'user add')
    bob = Person(stack, first, 'bob')
    _succeed(bob.adit('nodes'), 'nodes')
    second = _succeed(stack.adit('user', 'key', 'bob'), 'user key')
    check(first != second, 'the same key twice')
    keys = [json.loads(line) for line in
            _succeed(stack.adit('user', 'keys', 'bob', '--json'), 'user keys').splitlines()]
    check_equal([key['state'] for key in keys], ['Active'] * 2, 'states')
    old = re.search(r' key=(\S+)', first)[1]
    _succeed(stack.adit('user', 'revoke', 'bob', old), 'user revoke')
    check_equal(bob.adit('nodes').returncode, 255, 'a revoked key')
    _succeed(Person(stack, second, 'bob').adit('nodes'), 'nodes with the second key')
    added = _succeed(stack.adit('user', 'add', 'without-keys', '--policy', 'none'), 'user add')
    _succeed(stack.adit('user', 'revoke', 'without-keys', re.search(r' key=(\S+)', added)[1]), 'user revoke')
    for arguments, text in ((('policy', 'list', '--user', 'without-keys'), b'without-keys has no policy'),
                            (('user', 'keys', 'without-keys'), b'without-keys has no access key')):
        done = stack.adit(*arguments)
        check_equal((done.returncode, done.stdout, text in done.stderr), (0, b'', True), f'{done}')
    done = stack.adit('user', 'add', 'carol')
    check_equal(done.returncode, 255, 'without a terminal to ask on')
    check(b'--policy' in done.stderr, f'{done.stderr}')
    check('carol' not in _succeed(stack.adit('user', 'list'), 'user list'), 'she was made before the question')


def test_documents(t):
    """A document is put, replaced, shown as it was put, and run; the first version can be had again"""
    stack = t.stack
    text = ('schemaVersion: "1.0"\nsessionType: NonInteractiveCommands\n'
            'parameters:\n  word: {type: String, allowedPattern: "^[a-z]+$"}\n'
            'properties:\n  linux: {commands: "echo one {{word}}"}\n')
    _succeed(stack.adit('doc', 'put', 'Say', '-', input=text.encode()), 'doc put')
    check_equal(_succeed(stack.adit('doc', 'show', 'Say'), 'doc show'), text, 'document')

    def run():
        return stack.adit('shell', stack.NODE, '--document', 'Say', '--parameter', 'word=hi').stdout

    check_equal(run(), b'one hi\n', 'first version')
    _succeed(stack.adit('doc', 'put', 'Say', '-', input=text.replace('one', 'two').encode()), 'doc put')
    check_equal(run(), b'two hi\n', 'second version')
    _succeed(stack.adit('doc', 'default', 'Say', '1'), 'doc default')
    check_equal(run(), b'one hi\n', 'first version again')
    versions = [json.loads(line) for line in
                _succeed(stack.adit('doc', 'versions', 'Say', '--json'), 'versions').splitlines()]
    check_equal({v['version']: v['is_default'] for v in versions}, {'1': True, '2': False}, 'versions')
    check('Say ' in _succeed(stack.adit('doc', 'list'), 'doc list'), 'not listed')
    done = stack.adit('doc', 'put', 'Say', '-', input=b'{"schemaVersion": "9"}')
    check_equal(done.returncode, 255, 'a document of another schema')
    _succeed(stack.adit('doc', 'delete', 'Say'), 'doc delete')
    check_equal(stack.adit('doc', 'show', 'Say').returncode, 255, 'a deleted document')


def test_configure_asks_on_the_terminal(t):
    """`adit configure` asks on the terminal alone, shows no secret, and keeps only what the relay takes"""
    stack = t.stack
    key, secret = stack.login_member('key'), stack.login_member('secret')
    with open(os.path.join(stack.config, 'config.json'), encoding='utf-8') as file:
        authority = json.load(file)['ca_pem']
    ca_file = os.path.join(stack.folder, 'authority.pem')
    with open(ca_file, 'w', encoding='ascii') as file:
        file.write(authority)
    folder = os.path.join(stack.folder, 'config-typed')
    env = stack.environment() | {'ADIT_CONFIG_DIR': folder}
    for typed, status in (('x' + secret[1:], 255), (secret, 0)):
        with Terminal([stack.program('adit'), 'configure'], env) as terminal:
            for question, answer in ((rb'relay \(HOST:PORT\)[^:]*: ', f'127.0.0.1:{stack.port}'),
                                     (rb"relay's authority[^:]*: ", ca_file), (rb'access key id[^:]*: ', key),
                                     (rb'not shown[^:]*: ', typed)):
                terminal.read_until(question)
                terminal.send(answer.encode() + b'\r')
            check_equal(terminal.wait_ended(), status, 'status')
            check(typed.encode() not in bytes(terminal.all), 'the secret was shown')
        check_equal(os.path.exists(os.path.join(folder, 'config.json')), status == 0, 'kept')
    check('user/admin' in _succeed(stack.adit('whoami', env=env), 'whoami'), 'somebody else')
    check_equal(os.stat(os.path.join(folder, 'config.json')).st_mode & 0o777, 0o600, 'mode')


def test_a_device_that_shows_codes(t):
    """`adit user mfa` shows a device's secret on the terminal alone, and believes it by two codes"""
    stack = t.stack
    _succeed(stack.adit('user', 'add', 'dave', '--policy', 'none'), 'user add')
    done = stack.adit('user', 'mfa', 'dave')
    check_equal((done.returncode, done.stdout), (255, b''), 'without a terminal')

    def code(seed, step):
        mac = hmac.digest(seed, struct.pack('>Q', step), hashlib.sha1)
        offset = mac[-1] & 15
        return b'%06d' % ((struct.unpack('>I', mac[offset:offset + 4])[0] & 0x7fffffff) % 1000000)

    for honest in (False, True):
        with Terminal([stack.program('adit'), 'user', 'mfa', 'dave'], stack.environment()) as terminal:
            seed = base64.b32decode(terminal.read_until(rb'secret=([A-Z2-7=]+)&')[1])
            step = int(time.time()) // 30
            for each in (step - 1, step):
                terminal.read_until(rb'(it shows|later): ')
                terminal.send((code(seed, each) if honest else b'000000') + b'\r')
            check_equal(terminal.wait_ended(), 0 if honest else 255, 'status')
    _succeed(stack.adit('user', 'delete', 'dave'), 'user delete')
