"""Are sealed sessions what they promise: with this node, with nobody in between, and as good as others?

Method: forwards, proxies, commands and shells through the real programs; the file of known nodes is
changed under the client's eyes; ssh goes through `adit proxy`; something that ends TLS is put between.
"""

import hashlib
import os
import re
import signal
import socket
import stat
import subprocess
import threading
import time

from support import certificates, proc_facts
from support.processes import check, check_equal, free_port, wait_until
from support.targets import echo, receive_exactly, sink
from support.tcp_server import TcpServer
from support.terminal import Terminal
from support.tls_terminator import TlsTerminator

_FIRST_CONTACT = 'first contact with'


def _known_nodes(stack):
    return os.path.join(stack.config, 'known_nodes')


def _forget_all(stack):
    if os.path.exists(_known_nodes(stack)):
        os.unlink(_known_nodes(stack))


def _forward(stack, target, *options, env=None):
    """Starts a sealed forward, or one of other options; returns the process, with .port."""
    port = free_port()
    process = stack.start('sealed-forward', [stack.program('adit'), 'forward', *(options or ['--sealed']),
                                             stack.NODE, f'{port}:{target}'], env)
    process.wait_for(lambda: proc_facts.is_listening(port) and f':{port} -> ' in process.err(), 20,
                     'the forward is ready')
    process.port = port
    return process


def _connect(port):
    return socket.create_connection(('127.0.0.1', port), 20)


def _echo(port, text=b'hello'):
    with _connect(port) as connection:
        connection.sendall(text)
        check_equal(receive_exactly(connection, len(text)), text, 'the echo')


def _proxy(stack, target, *options, input=b'', timeout=30):
    return stack.adit('proxy', *(options or ['--sealed']), stack.NODE, str(target), input=input,
                      timeout=timeout)


def _agents_fingerprint(stack):
    done = subprocess.run([stack.program('adit-agent'), 'fingerprint', '--state', stack.agent_state],
                          env=stack.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=20, check=False)
    check_equal(done.returncode, 0, f'adit-agent fingerprint: {done.stderr.decode()}')
    found = re.search(r'SHA256:[A-Za-z0-9+/]{43}', done.stdout.decode())
    check(found, f'no fingerprint in {done.stdout!r}')
    return found[0]


def test_first_contact(t):
    """At first contact the fingerprint is said that the agent says, noted, and not said again"""
    stack = t.stack
    _forget_all(stack)
    with TcpServer(echo) as target:
        first = _forward(stack, target.port)
        _echo(first.port)
        second = _forward(stack, target.port)
        _echo(second.port)
        for forward in (first, second):
            check_equal(forward.stop(), 0, 'status')
    fingerprint = _agents_fingerprint(stack)
    check_equal(first.err().count(_FIRST_CONTACT), 1, f'first contacts in {first.err()!r}')
    check(fingerprint in first.err() and 'adit-agent fingerprint' in first.err(), first.err())
    check(_FIRST_CONTACT not in second.err() and 'SHA256' not in second.err(), second.err())
    with open(_known_nodes(stack), encoding='ascii') as file:
        lines = file.read().splitlines()
    check_equal(len(lines), 1, 'lines')
    check(re.fullmatch(rf'mi-[0-9a-f]{{17}} {re.escape(fingerprint)} {stack.NODE}', lines[0]), lines[0])
    check_equal(stat.S_IMODE(os.stat(_known_nodes(stack)).st_mode), 0o600, 'mode')


def test_another_key_is_refused(t):
    """A node with another key than the known one is refused before a byte, until it is forgotten"""
    stack = t.stack
    _forget_all(stack)
    with TcpServer(echo) as target:
        check_equal(_proxy(stack, target.port, input=b'x').stdout, b'x', 'the echo')
        with open(_known_nodes(stack), encoding='ascii') as file:
            line = file.read()
        other = 'SHA256:' + 'A' * 43
        with open(_known_nodes(stack), 'w', encoding='ascii') as file:
            file.write(re.sub(r'SHA256:\S+', other, line))
        before = target.connections
        for command in (['proxy', stack.NODE, str(target.port)],
                        ['forward', stack.NODE, f'{free_port()}:{target.port}'],
                        ['exec', '--sealed', stack.NODE, '--', 'true']):
            done = stack.adit(*command)
            text = done.stderr.decode()
            check_equal(done.returncode, 255, f'status of {command[0]}')
            check('another key' in text and other in text and 'adit forget' in text, text)
        check_equal(target.connections, before, 'connections at the target')
        check_equal(stack.exec('true').returncode, 0, 'an inspected command beside that')
        check_equal(stack.adit('forget', stack.NODE).returncode, 0, 'status of adit forget')
        done = _proxy(stack, target.port, input=b'y')
        check_equal((done.returncode, done.stdout), (0, b'y'), 'after that')
        check(_FIRST_CONTACT in done.stderr.decode(), done.stderr)
    check_equal(stack.adit('forget', 'nobody').returncode, 255, 'status of forgetting nobody')


def test_inspected_when_asked_for(t):
    """--inspected asks for no key and meets nobody; the two flags exclude each other"""
    stack = t.stack
    _forget_all(stack)
    with TcpServer(echo) as target:
        forward = _forward(stack, target.port, '--inspected')
        _echo(forward.port)
        forward.stop()
        done = _proxy(stack, target.port, '--inspected', input=b'x')
        check_equal((done.returncode, done.stdout, done.stderr), (0, b'x', b''), 'an inspected proxy')
    check(not os.path.exists(_known_nodes(stack)), 'an inspected session noted a key')
    check_equal(stack.adit('shell', '--sealed', '--inspected', stack.NODE).returncode, 255, 'both flags')


def test_bytes_both_ways(t):
    """Bytes both ways at once arrive as they were sent, through a sealed forward as through an inspected one"""
    for carriage in ('--sealed', '--inspected'):
        _check_bytes_both_ways(t, carriage)


test_bytes_both_ways.limit = 300


def _check_bytes_both_ways(t, carriage):
    size = t.size(32 << 20, 10 << 30)
    with TcpServer(echo) as target:
        forward = _forward(t.stack, target.port, carriage)
        with _connect(forward.port) as connection:
            sent, received = hashlib.sha256(), hashlib.sha256()

            def feed():
                block = os.urandom(1 << 20)
                for _ in range(size >> 20):
                    connection.sendall(block)
                    sent.update(block)
                connection.shutdown(socket.SHUT_WR)

            start = time.monotonic()
            feeder = threading.Thread(target=feed, daemon=True)
            feeder.start()
            count = 0
            while piece := connection.recv(1 << 18):
                received.update(piece)
                count += len(piece)
            feeder.join(5)
        check_equal((count, received.hexdigest()), (size, sent.hexdigest()), f'{carriage}: size and hash')
        t.note(f'{carriage}: {size >> 20} MiB there and back in {time.monotonic() - start:.1f} s')
        check_equal(forward.stop(), 0, f'{carriage}: status')


def test_ends_pass(t):
    """Half-closes, resets and refusals pass through a sealed forward"""
    stack = t.stack
    with TcpServer(sink) as target:
        forward = _forward(stack, target.port)
        with _connect(forward.port) as connection:
            connection.sendall(b'x' * 300_000)
            connection.shutdown(socket.SHUT_WR)
            check_equal(int.from_bytes(receive_exactly(connection, 8), 'big'), 300_000, 'the answer')
            check_equal(connection.recv(1), b'', 'the end')
        forward.stop()
    closed = free_port()
    forward = _forward(stack, closed)
    try:
        with _connect(forward.port) as connection:  # The reset may come before it knows that it is connected.
            check_equal(connection.recv(1), None, 'what came instead of a reset')
    except ConnectionResetError:
        pass
    wait_until(lambda: 'nobody listens' in forward.err(), 5, 'standard error says that it was refused')
    forward.stop()


def test_proxy(t):
    """`adit proxy`: every byte, each direction's end by itself, 0 in order and 255 with a reason"""
    stack = t.stack
    noise = os.urandom(t.size(4 << 20, 64 << 20)) + bytes(range(256))
    with TcpServer(echo) as target:
        done = _proxy(stack, target.port, input=noise, timeout=60)
        check_equal(done.returncode, 0, f'status: {done.stderr.decode()}')
        check_equal(hashlib.sha256(done.stdout).hexdigest(), hashlib.sha256(noise).hexdigest(), 'hash')
    with TcpServer(sink) as target:
        done = _proxy(stack, f'127.0.0.1:{target.port}', input=b'z' * 100_000)
        check_equal((done.returncode, int.from_bytes(done.stdout, 'big')), (0, 100_000), 'the answer')
    got = []

    def finishes_first(connection):
        connection.sendall(b'bye')
        connection.shutdown(socket.SHUT_WR)
        got.append(sum(len(piece) for piece in iter(lambda: connection.recv(65536), b'')))

    with TcpServer(finishes_first) as target:
        process = stack.popen('proxy', '--sealed', stack.NODE, str(target.port))
        check_equal(process.stdout.read(), b'bye', 'what came before the end')
        process.stdin.write(b'y' * 200_000)
        process.stdin.close()
        check_equal(process.wait(10), 0, 'status')
        wait_until(lambda: got, 5, 'the target reads to the end')
        check_equal(got, [200_000], 'bytes after the target had finished')
    done = _proxy(stack, free_port())
    check_equal((done.returncode, done.stdout), (255, b''), 'a refused target')
    check(b'nobody listens' in done.stderr, done.stderr)
    for nonsense in ('nothing', '0', 'db:', 'db:99999'):
        check_equal(_proxy(stack, nonsense).returncode, 255, f'status for {nonsense!r}')


def test_proxy_whose_reader_goes(t):
    """A proxy whose reader is gone, or that is told to stop, ends and resets its connection"""
    stack = t.stack
    over = []

    def pours(connection):
        try:
            while True:
                connection.sendall(b'x' * 65536)
        except OSError:
            over.append(True)

    with TcpServer(pours) as target:
        for number in (None, signal.SIGHUP):
            over.clear()
            process = stack.popen('proxy', '--sealed', stack.NODE, str(target.port))
            process.stdout.read(1000)
            if number is None:
                process.stdout.close()
            else:
                process.send_signal(number)
            check_equal(process.wait(10), 141 if number is None else 128 + number, 'status')
            for pipe in (process.stdin, process.stdout, process.stderr):
                pipe.close()
            wait_until(lambda: over, 10, 'the target hears of it')


def _sshd(stack, folder):
    """A server for this user alone; returns (process, port, options for ssh)."""
    for name in ('host', 'user'):
        subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', f'{folder}/{name}'],
                       check=True, timeout=20, stdin=subprocess.DEVNULL)
    os.rename(f'{folder}/user.pub', f'{folder}/authorized_keys')
    if os.geteuid() == 0:
        os.makedirs('/run/sshd', exist_ok=True)
    port = free_port()
    with open(f'{folder}/sshd_config', 'w', encoding='ascii') as config:
        config.write(f'ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host\n'
                     f'AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\n'
                     f'PidFile none\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n')
    server = stack.start('sshd', ['/usr/sbin/sshd', '-D', '-e', '-f', f'{folder}/sshd_config'])
    server.wait_for(lambda: proc_facts.is_listening(port), 20, 'sshd listens')
    options = ['-F', 'none', '-i', f'{folder}/user', '-o', 'BatchMode=yes',
               '-o', 'StrictHostKeyChecking=no', '-o', f'UserKnownHostsFile={folder}/known_hosts',
               '-o', f'ProxyCommand={stack.program("adit")} proxy --sealed %h %p', '-o', f'Port={port}']
    return server, options


def test_ssh_through_the_proxy(t):
    """ssh with `ProxyCommand adit proxy %h %p`: commands, megabytes on standard input, sftp"""
    stack = t.stack
    folder = t.run.new_folder()
    os.makedirs(folder, 0o700)
    server, options = _sshd(stack, folder)

    def run(argv, **more):
        return subprocess.run(argv, env=stack.environment(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, check=False, **more)

    done = run(['ssh', *options, stack.NODE, 'echo there; exit 7'], stdin=subprocess.DEVNULL)
    check_equal((done.returncode, done.stdout), (7, b'there\n'), f'a command: {done.stderr.decode()}')
    noise = os.urandom(t.size(8 << 20, 128 << 20))
    done = run(['ssh', *options, stack.NODE, 'sha256sum'], input=noise)
    check_equal(done.stdout.split()[:1], [hashlib.sha256(noise).hexdigest().encode()], 'the hash')
    with open(f'{folder}/noise', 'wb') as file:
        file.write(noise)
    done = run(['scp', '-q', *options, f'{folder}/noise', f'{stack.NODE}:{folder}/copy'],
               stdin=subprocess.DEVNULL)
    check_equal(done.returncode, 0, f'scp: {done.stderr.decode()}')
    with open(f'{folder}/copy', 'rb') as file:
        check(file.read() == noise, 'the copy differs')
    server.stop()


test_ssh_through_the_proxy.limit = 90


def test_exec_and_shell(t):
    """`exec --sealed` and `shell --sealed` are as the inspected ones: bytes, status, a terminal"""
    stack = t.stack
    _forget_all(stack)
    noise = os.urandom(1 << 20)
    done = stack.adit('exec', '--sealed', stack.NODE, '--', 'sh', '-c', 'cat; echo oops >&2; exit 7',
                      input=noise)
    check_equal(done.returncode, 7, f'status: {done.stderr.decode()}')
    check(done.stdout == noise, 'the bytes differ')
    check(done.stderr.endswith(b'oops\n') and _FIRST_CONTACT.encode() in done.stderr, done.stderr)
    argv = [stack.program('adit'), 'shell', '--sealed', stack.NODE]
    with Terminal(argv, stack.environment(), 100, 30) as terminal:
        terminal.read_until(rb'[$#] $', 20)
        check_equal(terminal.run('stty size').strip(), '30 100', 'size')
        terminal.resize(90, 20)
        wait_until(lambda: terminal.run('stty size').strip() == '20 90', 5, 'the size follows')
        terminal.send(b'exit 3\r')
        check_equal(terminal.wait_ended(), 3, 'status')


def test_termination_says_why(t):
    """A sealed session that is terminated ends within 1.5 s at the client, with the reason"""
    stack = t.stack
    with TcpServer(echo) as target:
        forward = _forward(stack, target.port)
        with _connect(forward.port) as connection:
            connection.sendall(b'x')
            receive_exactly(connection, 1)
            listed = stack.adit('sessions', '--json').stdout.decode()
            session = re.findall(r'"id":"([^"]+)"', listed)[0]  # The newest is the first.
            start = time.monotonic()
            check_equal(stack.adit('terminate', session).returncode, 0, 'status of adit terminate')
            check_equal(forward.wait(5), 255, 'status of the forward')
            seconds = time.monotonic() - start
        check('ended' in forward.err() and 'Terminated by' in forward.err(), forward.err())
        check(seconds < 1.5 + 1.0, f'it took {seconds:.1f} s')
        t.note(f'over after {seconds:.2f} s')


def test_relay_dies(t):
    """When the relay dies both ends of a session without patience hear of it, and the client says so"""
    stack = t.own_stack()
    over = []

    def waits(connection):
        connection.sendall(b'r')
        try:
            over.append(connection.recv(1))
        except OSError as error:
            over.append(error)

    with TcpServer(waits) as target:
        forward = _forward(stack, target.port, env=stack.environment() | {'ADIT_PATIENCE': '0'})
        with _connect(forward.port) as connection:
            receive_exactly(connection, 1)
            stack.relay.kill()
            start = time.monotonic()
            check_equal(forward.wait(15), 255, 'status of the forward')
            t.note(f'the client ended after {time.monotonic() - start:.2f} s')
            wait_until(lambda: over, 15, 'the target hears of it')
        check('start it again' in forward.err(), forward.err())


test_relay_dies.limit = 60


def test_lanes(t):
    """One lane at first, one more once bulk runs; --lanes N opens N, and all carry"""
    stack = t.stack

    def source(connection):
        connection.recv(1)
        try:
            while True:
                connection.sendall(b'x' * 65536)
        except OSError:
            pass

    with TcpServer(source) as bulk_target, TcpServer(echo) as echo_target:
        del echo_target
        forward = _forward(stack, bulk_target.port)

        def count():
            return proc_facts.connection_count(forward.pid, stack.port)

        check_equal(count(), 1, 'lanes at first')
        with _connect(forward.port) as bulk:
            bulk.sendall(b'g')
            total = 0
            while total < (16 << 20) or count() < 2:
                total += len(bulk.recv(1 << 18))
                check(total < (1 << 30), 'no second lane after a gigabyte')
            with _connect(forward.port) as other:
                other.sendall(b'g')
                receive_exactly(other, 1)
            check_equal(count(), 2, 'lanes beside bulk')
        forward.stop()
    with TcpServer(echo) as target:
        forward = _forward(stack, target.port, '--sealed', '--lanes', '4')
        check_equal(proc_facts.connection_count(forward.pid, stack.port), 4, 'lanes that were asked for')
        connections = [_connect(forward.port) for _ in range(32)]
        for i, connection in enumerate(connections):
            connection.sendall(b'%03d' % i)
        for i, connection in enumerate(connections):
            check_equal(receive_exactly(connection, 3), b'%03d' % i, f'connection {i}')
            connection.close()
        forward.stop()


def test_behind_what_ends_tls(t):
    """Behind something that ends TLS a sealed session goes on inside it, with one line of notice"""
    authority = certificates.Authority(os.path.join(t.run.new_folder(), 'authority'))
    chain, key = authority.issue('relay')
    stack = t.own_stack(relay_arguments=('--tls-cert', chain, '--tls-key', key, '--loops', '1'))
    with TlsTerminator(stack.port, chain, key) as between, TcpServer(echo) as target:
        env = stack.environment() | {'ADIT_RELAY': f'127.0.0.1:{between.port}'}
        forward = _forward(stack, target.port, '--sealed', '--lanes', '2', env=env)
        text = os.urandom(1 << 20)
        with _connect(forward.port) as connection:
            feeder = threading.Thread(target=connection.sendall, args=(text,), daemon=True)
            feeder.start()
            check(receive_exactly(connection, len(text)) == text, 'the echo differs')
            feeder.join(5)
        check_equal(forward.stop(), 0, 'status')
        check_equal(forward.err().count('ends TLS'), 1, f'notices in {forward.err()!r}')


test_behind_what_ends_tls.limit = 60
