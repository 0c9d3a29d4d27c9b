"""Does `aws ssm start-session` with our session-manager-plugin do what users of the original know?

Method: Debian's AWS CLI runs the plugin against the real relay and node: a shell under a PTY, commands,
ports, ssh; sessions are ended from elsewhere and connections cut.
"""

import hashlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import threading

from support import aws, plugin, proc_facts
from support.plugin import PortSession
from support.plugin_client import wait_ended
from support.processes import check, check_equal, free_port, wait_until
from support.targets import echo, receive_exactly
from support.tcp_server import TcpServer, both_ways

_PROMPT = rb'[$#] $'
_FORWARD = 'AWS-StartPortForwardingSession'


def _fetch(port):
    """Everything that a server at a local port says."""
    with socket.create_connection(('127.0.0.1', port), 30) as connection:
        connection.settimeout(60)
        data = b''
        while piece := connection.recv(65536):
            data += piece
        return data


def test_what_installers_ask(t):
    """Without a session it says that it is installed, its version, and what it does not know"""
    def ask(*arguments):
        done = subprocess.run([t.stack.program('session-manager-plugin'), *arguments],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=10, check=False)
        return done.returncode, done.stdout.decode()

    check_equal(ask()[1], '\nThe Session Manager plugin was installed successfully. Use the AWS CLI to '
                          'start a session.\n\n', 'nothing')
    version = ask('--version')[1]
    check(re.fullmatch(r'\d+\.\d+\.\d+\.\d+\n', version), version)
    check([int(n) for n in version.split('.')] > [1, 2, 497, 0], 'newer CLIs hide the token then')
    check_equal(ask('{}', 'eu-west-1', 'StartSession')[0], 2, 'an answer without members')


def test_shell(t):
    """A shell under a PTY: size, job control, UTF-8, five megabytes, and the words around it"""
    stack = t.stack
    with plugin.terminal(stack) as terminal:
        session = terminal.read_until(rb'Starting session with SessionId: (\S+)\n', 30)[1].decode()
        terminal.read_until(_PROMPT, 20)
        check_equal(terminal.run('stty size').strip(), '24 80', 'size at the start')
        terminal.resize(132, 50)
        wait_until(lambda: terminal.run('stty size').strip() == '50 132', 5, 'the new size arrives')
        terminal.send(b'sleep 100\r')
        terminal.drain(0.3)
        terminal.send(b'\x03')
        terminal.read_until(_PROMPT)
        terminal.send(b'cat\r')
        terminal.drain(0.3)
        terminal.send(b'\x1a')
        terminal.read_until(rb'Stopped')
        terminal.send(b'fg\r')
        terminal.drain(0.3)
        terminal.send('é漢🙂\r'.encode())
        terminal.read_until('é漢🙂\n\\s*é漢🙂'.encode())
        terminal.send(b'\x04')
        terminal.read_until(_PROMPT)
        count = t.size(50_000, 500_000)
        text = terminal.run(f'seq -f %09g {count}', 120)
        check_equal([int(line) for line in text.split()], list(range(1, count + 1)), 'the lines')
        terminal.send(b'exit 3\r')
        terminal.read_until(f'\n\nExiting session with sessionId: {session}.\n\n'.encode())
        check_equal(terminal.wait_ended(), 0, 'status')
        check_equal(terminal.modes(), terminal.modes_before, 'terminal modes')


test_shell.limit = 180


def test_paste(t):
    """64 KB pasted into `cat > file` have the same hash"""
    line = b'0123456789abcdefghijklmnopqrstuvwxyz-0123456789abcdefghijklmnopqrstuvwxyz\r'
    text = line * (64_000 // len(line))
    path = os.path.join(t.stack.shared, 'plugin-paste')
    with plugin.terminal(t.stack) as terminal:
        terminal.read_until(_PROMPT, 30)
        terminal.send(f'cat > {path}\r'.encode())
        terminal.drain(0.2)
        terminal.send(text, 60)
        terminal.send(b'\x04')
        terminal.read_until(_PROMPT, 30)
        got = terminal.run(f'sha256sum {path}; rm {path}', 20).split()[0]
    check_equal(got, hashlib.sha256(text.replace(b'\r', b'\n')).hexdigest(), 'hash')


def test_commands(t):
    """Interactive and other commands print what they print, and the end is told"""
    stack = t.stack
    done = plugin.run(stack, 'AWS-StartInteractiveCommand', 'command=echo one; stty size')
    text = done.stdout.decode().replace('\r', '')
    session = plugin.session_id(text)
    check_equal((done.returncode, text),
                (0, f'\nStarting session with SessionId: {session}\none\n100 300\n'
                    f'\n\nExiting session with sessionId: {session}.\n\n'), 'interactive')
    done = plugin.run(stack, 'AWS-StartNonInteractiveCommand', 'command=sh -c "echo out; echo err >&2; exit 7"')
    text = done.stdout.decode()
    check_equal(done.returncode, 0, f'status {done.stderr.decode()}')
    check('out\n' in text and 'err\n' in text and 'Exiting session' in text, text)
    noise = os.path.join(stack.shared, 'plugin-noise')
    with open(noise, 'wb') as file:
        file.write(os.urandom(t.size(1 << 20, 16 << 20)))
    done = plugin.run(stack, 'AWS-StartNonInteractiveCommand', f'command=base64 -w0 {noise}')
    check_equal(len(done.stdout.split(b'\n')[2]), (os.path.getsize(noise) + 2) // 3 * 4, 'the bytes of base64')


test_commands.limit = 120


def test_exit_codes(t):
    """With ADIT_PLUGIN_EXIT_CODE=1 the plugin ends with the command's code; the CLI tells it as a failure"""
    stack = t.stack
    content = {'schemaVersion': '1.0', 'sessionType': 'NonInteractiveCommands',
               'properties': {'linux': {'commands': 'sh -c "echo out; echo err >&2; exit 7"',
                                        'separateOutputStream': True}}}
    aws.cli(stack, 'ssm', 'create-document', '--name', 'Ends-With-7', '--document-type', 'Session',
            '--content', json.dumps(content))
    done = plugin.run(stack, 'Ends-With-7', env=plugin.environment(stack, ADIT_PLUGIN_EXIT_CODE='1'))
    check(b'returned non-zero exit status 7' in done.stderr, f'status {done.returncode}: {done.stderr!r}')
    for word in (b'out\n', b'err\n', b'EXIT_CODE: 7'):
        check(word in done.stdout, f'{word} in {done.stdout!r}')
    done = plugin.run(stack, 'Ends-With-7')
    check_equal((done.returncode, b'EXIT_CODE: 7' in done.stdout), (0, True), f'otherwise {done.stderr!r}')
    aws.cli(stack, 'ssm', 'delete-document', '--name', 'Ends-With-7')
    for command, code in (('exit 9', 9), ('kill -9 $$', 137)):
        done = plugin.run(stack, 'AWS-StartInteractiveCommand', f'command={command}',
                          env=plugin.environment(stack, ADIT_PLUGIN_EXIT_CODE='1'))
        check(f'returned non-zero exit status {code}'.encode() in done.stderr, f'{command}: {done.stderr!r}')


def test_escapes(t):
    """`~?` and `~.` are the plugin's at the start of a line (P27); the session ends for the relay, too"""
    stack = t.stack
    with plugin.terminal(stack) as terminal:
        session = terminal.read_until(rb'Starting session with SessionId: (\S+)\n', 30)[1].decode()
        terminal.read_until(_PROMPT, 20)
        terminal.send(b'\r')
        terminal.read_until(_PROMPT)
        terminal.send(b'~?')
        terminal.read_until(rb'~\.[^\0]*~~[^\n]*\n')
        check_equal(terminal.run('echo x~.y').strip(), 'x~.y', 'a tilde inside a line is no escape')
        terminal.send(b'\r')
        terminal.read_until(_PROMPT)
        terminal.send(b'~.')
        terminal.read_until(f'Exiting session with sessionId: {session}.\n'.encode())
        check_equal(terminal.wait_ended(), 0, 'status')
        check_equal(terminal.modes(), terminal.modes_before, 'terminal modes')
    wait_until(lambda: session not in stack.adit('sessions').stdout.decode(), 5,
               'the session is over for the relay')


def test_input_at_its_end(t):
    """A shell whose input is at its end hears of it and ends (P31), also behind what was typed before"""
    done = plugin.run(t.stack)
    check_equal(done.returncode, 0, f'status: {done.stderr!r}')
    check(b'Exiting session with sessionId' in done.stdout, f'{done.stdout!r}')
    done = plugin.run(t.stack, stdin=b'echo typed-$((6*7))\n')
    check(b'typed-42' in done.stdout and b'Exiting session' in done.stdout, f'{done.stdout!r}')


def test_forwarded_port(t):
    """50 downloads at once through one local port are equal; Ctrl-C ends the session at once"""
    stack = t.stack
    noise = os.urandom(1 << 20)
    with TcpServer(lambda connection: connection.sendall(noise)) as target:
        forward = PortSession(stack, _FORWARD, f'portNumber={target.port}',
                              f'localPortNumber={free_port()}')
        got = []
        threads = [threading.Thread(target=lambda: got.append(_fetch(forward.port) == noise))
                   for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        check_equal(got, [True] * 50, 'the hashes')
        check_equal(forward.process.out().count('Connection accepted for session'), 1, 'said once')
        check_equal(forward.end(signal.SIGINT), 0, 'status')
        check(forward.process.out().endswith(
            'Terminate signal received, exiting.\n\n\n'
            f'Exiting session with sessionId: {forward.session}.\n\n'), forward.process.out()[-200:])
    wait_until(lambda: forward.session not in stack.adit('sessions').stdout.decode(), 5,
               'the session is over for the relay')


test_forwarded_port.limit = 120


def test_ports_of_all_kinds(t):
    """A port behind the node, a UNIX socket here, another address, and a port that is closed"""
    stack = t.stack
    with TcpServer(echo) as target:
        forward = PortSession(stack, 'AWS-StartPortForwardingSessionToRemoteHost',
                              'host=127.0.0.1', f'portNumber={target.port}')
        with socket.create_connection(('127.0.0.1', forward.port), 20) as connection:
            connection.sendall(b'there')
            check_equal(receive_exactly(connection, 5), b'there', 'a port behind the node')
        forward.end(signal.SIGTERM)

        path = os.path.join(stack.folder, 'plugin.sock')
        forward = PortSession(stack, 'AWS-StartPortForwardingSessionToSocket',
                              f'portNumber={target.port}', f'localUnixSocket={path}')
        check_equal(forward.path, path, 'what is said')
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            connection.sendall(b'socket')
            check_equal(receive_exactly(connection, 6), b'socket', 'a UNIX socket')
        forward.end(signal.SIGTERM)
        check(not os.path.exists(path), 'the socket is left behind')

        forward = PortSession(stack, _FORWARD, f'portNumber={target.port}',
                              env=plugin.environment(stack, ADIT_PLUGIN_BIND='127.0.0.2'))
        with socket.create_connection(('127.0.0.2', forward.port), 20) as connection:
            connection.sendall(b'bound')
            check_equal(receive_exactly(connection, 5), b'bound', 'another address')
        forward.end(signal.SIGTERM)

    closed = free_port()
    forward = PortSession(stack, _FORWARD, f'portNumber={closed}')
    try:
        got = _fetch(forward.port)
    except ConnectionResetError:  # Adit's own protocol can say that, AWS's cannot.
        got = b''
    check_equal(got, b'', 'a closed port')
    forward.process.wait_for(
        lambda: '\nConnection to destination port failed, check SSM Agent logs.\n' in forward.process.out(),
        10, 'that is said')
    with socket.create_server(('127.0.0.1', closed)) as server:
        threading.Thread(target=lambda: server.accept()[0].sendall(b'late'), daemon=True).start()
        with socket.create_connection(('127.0.0.1', forward.port), 20) as connection:
            check_equal(receive_exactly(connection, 4), b'late', 'a later connection')
    forward.end(signal.SIGTERM)


def _sealed(stack):
    """The sessions that went on sealed, as the relay recorded it."""
    done = stack.adit('audit', 'lookup', '--by', 'EventName=SealSession', '--json')
    return [event['responseElements']['sessionId'] for event in map(json.loads, done.stdout.splitlines())
            if event['responseElements']]


def test_sealed_port(t):
    """A port goes on sealed under the same id; its connections outlive the relay, and it can be ended"""
    stack = t.own_stack()
    with TcpServer(echo) as target:
        forward = PortSession(stack, _FORWARD, f'portNumber={target.port}')
        wait_until(lambda: forward.session in _sealed(stack), 10, 'that is on record')
        with socket.create_connection(('127.0.0.1', forward.port), 20) as connection:
            connection.settimeout(60)
            connection.sendall(b'before')
            check_equal(receive_exactly(connection, 6), b'before', 'a connection')
            stack.relay.kill()
            connection.sendall(b'meanwhile')
            stack.start_relay()
            check_equal(receive_exactly(connection, 9), b'meanwhile', 'the same connection')
        check_equal(forward.process.out().count('Starting session'), 1, 'sessions')
        check_equal(stack.adit('terminate', forward.session).returncode, 0, 'adit terminate')
        check_equal(forward.process.wait(20), 0, 'status')
        check(f'SessionId: {forward.session} : ' in forward.process.out(), forward.process.out()[-200:])


test_sealed_port.limit = 150


def test_relay_that_dies(t):
    """A forwarded port that does not outlive its relay leads to the same target again, in another session"""
    stack = t.own_stack()
    with TcpServer(echo) as target:
        forward = PortSession(stack, _FORWARD, f'portNumber={target.port}',
                              env=plugin.environment(stack, ADIT_PATIENCE='0'))
        with socket.create_connection(('127.0.0.1', forward.port), 20) as connection:
            connection.sendall(b'before')
            check_equal(receive_exactly(connection, 6), b'before', 'a connection')
        stack.relay.kill()
        stack.start_relay()
        forward.process.wait_for(
            lambda: forward.process.out().count(f'Port {forward.port} opened for sessionId') == 2, 60,
            'the port opens again')
        check(plugin.session_id(forward.process.out().split(forward.session)[-1]) != forward.session,
              'another session')
        with socket.create_connection(('127.0.0.1', forward.port), 20) as connection:
            connection.sendall(b'after')
            check_equal(receive_exactly(connection, 5), b'after', 'a connection after that')
        check_equal(forward.end(signal.SIGINT), 0, 'status')


test_relay_that_dies.limit = 150


def _sshd(stack, folder):
    """A server for this user alone; returns (process, port)."""
    os.makedirs(folder, 0o700)
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
    return server, port


def test_ssh(t):
    """ssh and scp with the CLI as ProxyCommand: a status, megabytes both ways"""
    stack = t.stack
    folder = t.run.new_folder()
    server, port = _sshd(stack, folder)
    proxy = shlex.join(plugin.command(stack, 'AWS-StartSSHSession', 'portNumber=%p', target='%h'))
    options = ['-F', 'none', '-i', f'{folder}/user', '-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=no',
               '-o', f'UserKnownHostsFile={folder}/known_hosts', '-o', f'ProxyCommand={proxy}',
               '-o', f'Port={port}']
    node = stack.node_id()

    def run(argv, **more):
        return subprocess.run(argv, env=plugin.environment(stack), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=300, check=False, **more)

    done = run(['ssh', *options, node, 'echo there; exit 7'], stdin=subprocess.DEVNULL)
    check_equal((done.returncode, done.stdout), (7, b'there\n'), f'a command: {done.stderr.decode()}')
    with open(f'{folder}/noise', 'wb') as file:
        file.write(os.urandom(t.size(8 << 20, 1 << 30)))
    for source, destination in ((f'{folder}/noise', f'{node}:{folder}/there'),
                                (f'{node}:{folder}/there', f'{folder}/back')):
        done = run(['scp', '-q', *options, source, destination], stdin=subprocess.DEVNULL)
        check_equal(done.returncode, 0, f'scp: {done.stderr.decode()}')
    check_equal(subprocess.run(['cmp', f'{folder}/noise', f'{folder}/back'], check=False).returncode, 0,
                'the copies')
    for name in ('noise', 'there', 'back'):
        os.unlink(f'{folder}/{name}')
    server.stop()


test_ssh.limit = 120


def test_terminated_from_elsewhere(t):
    """A session that somebody ends gives the terminal back, with the words of the original"""
    stack = t.stack
    with plugin.terminal(stack) as terminal:
        session = terminal.read_until(rb'Starting session with SessionId: (\S+)\n', 30)[1].decode()
        terminal.read_until(_PROMPT, 20)
        check_equal(stack.adit('terminate', session).returncode, 0, 'adit terminate')
        terminal.read_until(f'(sessionId: {session}\\.|SessionId: {session} : [^\n]+)\n\n'.encode())
        check_equal(terminal.wait_ended(), 0, 'status')
        check_equal(terminal.modes(), terminal.modes_before, 'terminal modes')


class _Cutter(TcpServer):
    """In front of the relay: cuts each connection of the plugin's after some bytes, `cuts_left` times."""

    def __init__(self, server_port, cuts, size):
        self._server_port = server_port
        self._size = size
        self.cuts_left = cuts
        super().__init__(self._splice)

    def _splice(self, here):
        with socket.create_connection(('127.0.0.1', self._server_port), 20) as there:
            hello = here.recv(16384)
            there.sendall(hello)
            # The node and adit name their protocol; so does the CLI.
            is_plugins = b'adit' not in hello and b'http/1.1' not in hello
            both_ways(lambda: self._carry(there, here, is_plugins),
                      lambda: self._carry(here, there, False), 60)

    def _carry(self, source, sink, is_cut):
        left = self._size
        try:
            while piece := source.recv(16384):
                sink.sendall(piece)
                left -= len(piece)
                if is_cut and left <= 0 and self.cuts_left > 0:
                    self.cuts_left -= 1
                    source.shutdown(socket.SHUT_RDWR)
                    break
            sink.shutdown(socket.SHUT_RDWR if left <= 0 else socket.SHUT_WR)
        except OSError:  # The other direction was cut.
            pass


def test_twenty_cuts(t):
    """A download goes on after each of 20 cut connections, and no byte is lost or doubled"""
    noise = os.urandom(t.size(6 << 20, 60 << 20))
    cutters = []

    def behind_cutter(port):
        cutters.append(_Cutter(port, 20, len(noise) // 30))
        return cutters[0].port

    stack = t.own_stack(advertise=behind_cutter)
    with TcpServer(lambda connection: connection.sendall(noise)) as target:
        forward = PortSession(stack, _FORWARD, f'portNumber={target.port}',
                              env=plugin.environment(stack, ADIT_PLUGIN_NATIVE='0'))
        data = _fetch(forward.port)
        check(hashlib.sha256(data).digest() == hashlib.sha256(noise).digest(),
              f'{len(data)} of {len(noise)} bytes, or others')
        check_equal(cutters[0].cuts_left, 0, 'cuts that did not happen')
        forward.end(signal.SIGINT)


test_twenty_cuts.limit = 120


def test_who_may_not_resume(t):
    """A client that is cut and may not resume says so, and its session is ended for the relay, too"""
    def behind_cutter(port):
        return _Cutter(port, 1, 100_000).port

    stack = t.own_stack(advertise=behind_cutter)
    made = stack.adit('user', 'add', 'once', '--policy', 'AditOperator')
    check_equal(made.returncode, 0, made.stderr.decode())
    path = os.path.join(stack.folder, 'never-again.json')
    with open(path, 'w', encoding='ascii') as file:
        json.dump({'Version': '2012-10-17', 'Statement': [
            {'Effect': 'Deny', 'Action': 'ssm:ResumeSession', 'Resource': '*'}]}, file)
    for words in (('policy', 'put', 'never-again', path), ('policy', 'attach', 'never-again', '--user', 'once')):
        done = stack.adit(*words)
        check_equal(done.returncode, 0, done.stderr.decode())
    words = dict(word.partition('=')[::2] for word in made.stdout.decode().split())
    env = plugin.environment(stack, AWS_ACCESS_KEY_ID=words['key'], AWS_SECRET_ACCESS_KEY=words['secret'])
    done = plugin.run(stack, 'AWS-StartInteractiveCommand',
                      'command=head -c 400000 /dev/zero | tr "\\0" x; sleep 100', env=env)
    text = done.stdout.decode()
    check('Cannot perform start session: the connection was lost, and ResumeSession failed: AccessDenied'
          in text, text[-300:])
    over = wait_ended(stack.api(), plugin.session_id(text))
    check('Terminated by' in over['Details'], f'{over}')
