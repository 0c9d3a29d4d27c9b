"""Can the relay be operated: its own certificate, its master key, its port, its start again?

Method: do what an operator does, with the real program, and look at what it serves and says.
"""

import os
import shutil
import signal
import subprocess

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


def _relay(stack, *arguments, timeout=20):
    return subprocess.run([stack.program('adit-relay'), *arguments], env=stack.environment(),
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
