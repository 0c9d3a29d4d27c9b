"""Can the relay be operated: its own certificate, its master key, its port, its start again?

Method: do what an operator does, with the real program, and look at what it serves and says.
"""

import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess

from support import aws as aws_support
from support import certificates
from support.api import tls_connect
from support.processes import check, check_equal, wait_until


def _served_name(stack):
    """The common name of the certificate that the relay serves now."""
    with tls_connect(stack.port, ['http/1.1']) as connection:
        der = connection.getpeercert(binary_form=True)
    shown = subprocess.run(['openssl', 'x509', '-inform', 'DER', '-noout', '-subject'], input=der,
                           stdout=subprocess.PIPE, timeout=20, check=True).stdout.decode()
    return shown.strip().split('CN = ')[-1]


def _relay(stack, *arguments, timeout=20, env=None):
    return subprocess.run([stack.program('adit-relay'), *arguments],
                          env=stack.environment() | (env or {}),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=timeout, check=False)


def test_own_certificate_is_reloaded(t):
    """A certificate of the operator's own is served, and read again on SIGHUP, under a running session"""
    authority = certificates.Authority(os.path.join(t.run.new_folder(), 'authority'))
    chain, key = authority.issue('first')
    stack = t.own_stack(relay_arguments=('--tls-cert', chain, '--tls-key', key))
    check_equal(stack.exec('echo', 'fine').stdout, b'fine\n', 'exec with a certificate of our own')
    check_equal(_served_name(stack), 'first', 'name')
    process = stack.popen('exec', stack.NODE, '--', 'cat')
    process.stdin.write(b'before\n')
    process.stdin.flush()
    check_equal(process.stdout.readline(), b'before\n', 'a session before SIGHUP')

    authority.issue('second')
    stack.relay.signal(signal.SIGHUP)
    wait_until(lambda: _served_name(stack) == 'second', 10, 'the new certificate is served')
    check_equal(process.communicate(b'after\n', 10)[0], b'after\n', 'the session after SIGHUP')

    # What cannot be used changes nothing, and is said.
    with open(chain, 'w', encoding='ascii') as file:
        file.write('no certificate\n')
    mark = len(stack.relay.err())
    stack.relay.signal(signal.SIGHUP)
    wait_until(lambda: 'certificate_reloaded' in stack.relay.err()[mark:], 10, 'the relay says so')
    check_equal(_served_name(stack), 'second', 'name after a reload that failed')


def test_master_key(t):
    """The master key can be rotated; without it the relay does not start, and says what to do"""
    stack = t.own_stack()
    stack.relay.stop(20)
    key = os.path.join(stack.relay_state, 'master.key')
    check_equal(os.stat(key).st_mode & 0o777, 0o600, 'mode of the master key')
    with open(key, encoding='ascii') as file:
        first = file.read()
    nowhere = os.path.join(stack.folder, 'nowhere')
    done = _relay(stack, 'rotate-master-key', '--state', nowhere)
    check_equal((done.returncode, b"there is no relay's state in" in done.stderr), (1, True), f'without a state: {done}')
    check(not os.path.exists(nowhere), 'a state is made')
    done = _relay(stack, 'rotate-master-key', '--state', stack.relay_state)
    check_equal(done.returncode, 0, f'rotate-master-key: {done.stderr.decode()}')
    with open(key, encoding='ascii') as file:
        check(file.read() != first, 'the key is still the same')
    stack.start_relay()
    stack.wait_connected(35)
    check_equal(stack.exec('echo', 'rotated').stdout, b'rotated\n', 'exec after the rotation')
    stack.relay.stop(20)

    shutil.move(key, key + '.away')
    done = _relay(stack, '--state', stack.relay_state, '--listen', f'127.0.0.1:{stack.port}')
    check_equal(done.returncode, 1, 'status without the master key')
    check(b'master' in done.stderr and b'key' in done.stderr, f'stderr: {done.stderr!r}')
    check(not os.path.exists(key), 'a new key was made beside an old store')

    shutil.move(key + '.away', key)
    os.chmod(key, 0o644)
    done = _relay(stack, '--state', stack.relay_state, '--listen', f'127.0.0.1:{stack.port}')
    check_equal(done.returncode, 1, 'status with a master key that others may read')
    check(b'600' in done.stderr or b'permission' in done.stderr.lower(), f'stderr: {done.stderr!r}')


test_master_key.limit = 90


def test_master_key_as_credential(t):
    """A key that systemd hands over is taken as systemd leaves it, and rotated in the file behind it"""
    credentials = t.run.new_folder()
    os.makedirs(credentials)
    source = credentials + '.key'

    def hand_over():  # As systemd does for a service with a user of its own.
        credential = os.path.join(credentials, 'adit-master-key')
        if os.path.exists(credential):
            os.remove(credential)
        shutil.copy(source, credential)
        os.chmod(credential, 0o440)

    with open(source, 'w', encoding='ascii') as file:
        file.write(os.urandom(32).hex())
    os.chmod(source, 0o600)
    hand_over()
    handed = {'CREDENTIALS_DIRECTORY': credentials}
    stack = t.own_stack(env=handed)
    check(not os.path.exists(os.path.join(stack.relay_state, 'master.key')), 'a second key was made')
    stack.relay.stop(20)

    rotate = ('rotate-master-key', '--state', stack.relay_state)
    done = _relay(stack, *rotate, env=handed)
    check_equal(done.returncode, 1, 'status of a rotation of the copy')
    check(b'--master-key' in done.stderr, f'stderr does not say what to do: {done.stderr!r}')
    done = _relay(stack, *rotate)
    check_equal(done.returncode, 1, 'status of a rotation without the key')
    check(b'LoadCredential' in done.stderr, f'stderr does not say what to do: {done.stderr!r}')

    done = _relay(stack, *rotate, '--master-key', source)
    check_equal(done.returncode, 0, f'rotation of the file behind it: {done.stderr.decode()}')
    done = _relay(stack, '--state', stack.relay_state, '--listen', f'127.0.0.1:{stack.port}', env=handed)
    check_equal(done.returncode, 1, 'status with the copy of the old key')
    hand_over()
    stack.start_relay()
    stack.wait_connected(35)
    check_equal(stack.exec('echo', 'rotated').stdout, b'rotated\n', 'exec after the rotation')


test_master_key_as_credential.limit = 90


def test_master_key_rotation_cut_short(t):
    """A rotation that was cut short before the file was replaced is finished by the next one"""
    stack = t.own_stack()
    stack.relay.stop(20)
    key = os.path.join(stack.relay_state, 'master.key')
    shutil.copy(key, key + '.old')
    rotate = ('rotate-master-key', '--state', stack.relay_state)
    check_equal(_relay(stack, *rotate).returncode, 0, 'status of the first rotation')
    shutil.move(key, key + '.new')
    shutil.move(key + '.old', key)
    done = _relay(stack, *rotate)
    check_equal(done.returncode, 0, f'the second rotation: {done.stderr.decode()}')
    stack.start_relay()
    stack.wait_connected(35)


test_master_key_rotation_cut_short.limit = 90


def test_recover_admin(t):
    """Who locked out the last administrator has him back from the relay's host, on record, and nobody else's key"""
    stack = t.own_stack()
    aws = aws_support.of_stack(stack)
    recover = ('recover-admin', '--state', stack.relay_state, '--advertise', f'127.0.0.1:{stack.port}')
    line = stack.adit('user', 'add', 'alice', '--policy', 'AditOperator').stdout
    alice = stack.environment() | {'ADIT_CONFIG_DIR': os.path.join(stack.folder, 'config-alice')}
    check_equal(stack.adit('login', input=line, env=alice).returncode, 0, 'login of alice')
    check_equal(stack.adit('user', 'key', 'admin').returncode, 0, 'a second key, which is all that there may be')
    denial = {'Version': '2012-10-17', 'Statement': {'Effect': 'Deny', 'Action': '*', 'Resource': '*'}}
    boundary = 'arn:aws:iam::aws:policy/AditAuditor'
    aws.call('iam', 'PutUserPermissionsBoundary', UserName='admin', PermissionsBoundary=boundary)
    check_equal(stack.adit('policy', 'put', 'none', '-', input=json.dumps(denial).encode()).returncode, 255,
                'an administrator within the boundary of an auditor')
    done = _relay(stack, *recover)
    check_equal(done.returncode, 1, 'status while the relay runs')
    check(b'stop the other adit-relay first' in done.stderr and not done.stdout, f'{done}')

    stack.relay.stop(20)
    done = _relay(stack, *recover)
    check_equal(done.returncode, 0, f'recover-admin: {done.stderr.decode()}')
    stack.start_relay()
    check_equal(stack.adit('nodes').returncode, 255, 'the key of before')
    check_equal(stack.adit('login', input=done.stdout).returncode, 0, 'login with the printed line')
    shown = json.loads(stack.adit('whoami', '--json').stdout)
    check_equal(shown['arn'], 'arn:aws:iam::000000000000:user/admin', 'who he is')
    check_equal(stack.adit('user', 'key', 'admin').returncode, 0, 'he may do what he may')
    stack.wait_connected(35)
    check_equal(stack.adit('exec', stack.NODE, '--', 'echo', 'hi', env=alice).stdout, b'hi\n', 'alice stays')
    records = stack.adit('audit', 'lookup', '--by', 'EventName=RecoverAdministrator', '--json').stdout
    record = json.loads(records)
    check_equal(record['additionalEventData']['accessKeyId'], re.search(rb' key=(\S+)', done.stdout)[1].decode(),
                'the key on record')
    secret = re.search(rb' secret=(\S+)', done.stdout)[1]
    check(secret not in records, 'the secret is on record')

    done = _relay(stack, 'recover-admin', '--state', os.path.join(stack.folder, 'nothing'))
    check_equal(done.returncode, 1, 'status without a state')
    check(b'--state' in done.stderr and not os.path.exists(os.path.join(stack.folder, 'nothing')), f'{done}')


test_recover_admin.limit = 90


def test_descriptors(t):
    """A relay that is started under a low soft limit of descriptors takes all that it is allowed to have"""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    stack = t.own_stack(before_exec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard)))
    check_equal(resource.prlimit(stack.relay.pid, resource.RLIMIT_NOFILE), (hard, hard), 'limit')


def test_a_relay_that_is_away_fills_no_log(t):
    """An agent whose relay is away says so once, and not with each of its many tries"""
    stack = t.own_stack()
    stack.agent.stop(20)
    path = f'/tmp/adit-e2e-status-{os.getpid()}'
    env = stack.extra_env
    # A service manager is told of each try.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        try:
            stack.extra_env = env | {'NOTIFY_SOCKET': path}
            stack.agent = stack.start_agent()
            stack.relay.stop(20)
            manager.settimeout(30)
            tries = 0
            while tries < 10:
                tries += b'STATUS=not connected' in manager.recv(4096)
        finally:
            os.unlink(path)
            stack.extra_env = env
    lines = [line for line in stack.agent.err().splitlines() if 'relay_not_reached' in line]
    # The port may have been closing at first, which is a reason of its own.
    check(len(lines) <= 2 and 'tries=1 ' in lines[0] and 'next_step=' in lines[0], f'{lines}')
    stack.start_relay()
    stack.wait_connected(35)
    check('relay_connected' in stack.agent.err().split('relay_not_reached')[-1], 'the agent does not say that it is back')


def test_port_taken(t):
    """A port that is taken: the relay waits a moment, then names it and what to do, and ends with 1"""
    stack = t.stack
    state = os.path.join(t.run.new_folder(), 'state')
    done = _relay(stack, '--state', state, '--listen', f'127.0.0.1:{stack.port}')
    check_equal(done.returncode, 1, 'status')
    check(f'127.0.0.1:{stack.port}' in done.stderr.decode() and '--listen' in done.stderr.decode(),
          f'stderr: {done.stderr!r}')


def test_help(t):
    """`adit-relay --help` begins with what it is and examples"""
    done = _relay(t.stack, '--help')
    check_equal(done.returncode, 0, 'status')
    text = done.stdout.decode()
    check(0 < text.find('Examples:') < text.find('Options:'), f'examples do not come first: {text[:200]}')
