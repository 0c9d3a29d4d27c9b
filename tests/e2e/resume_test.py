"""Do sessions outlive their connections, byte for byte?

Method: bytes go both ways through a sealed forward, or a sealed shell is typed into, while the relay is
killed and started again, connections are cut, or the client is stopped. Each disturbance waits for progress,
none for a time; the local connections are the same ones from the first byte to the last.
"""

import json
import os
import re
import signal
import socket
import threading
import time

from certificate_test import travel
from first_minutes_test import Person
from support import aws as aws_support
from support import proc_facts
from support.lasting import Transfer
from support.processes import check, check_equal, free_port, wait_until
from support.targets import echo, receive_exactly
from support.tcp_server import TcpServer, both_ways
from support.terminal import Terminal, plain


def _forward(stack, target, carriage='--sealed', env=None):
    port = free_port()
    process = stack.start('forward', [stack.program('adit'), 'forward', carriage, stack.NODE,
                                      f'{port}:{target}'], env)
    process.wait_for(lambda: proc_facts.is_listening(port) and f':{port} -> ' in process.err(), 20,
                     'the forward is ready')
    process.port = port
    return process


def _transfer(forward, size):
    """A transfer of `size` bytes through the forward, all of which may go at once."""
    transfer = Transfer(socket.create_connection(('127.0.0.1', forward.port), 120))
    transfer.allow(size)
    return transfer


def _kill_relay(stack):
    stack.relay.signal(signal.SIGKILL)
    stack.relay.wait(20)
    stack.start_relay()


def test_relay_killed_under_a_transfer(t):
    """Bytes both ways through a sealed forward survive a relay that is killed again and again"""
    stack = t.own_stack()
    kills = t.size(3, 20)
    size = t.size(64 << 20, 1 << 30)
    with TcpServer(echo) as target:
        forward = _forward(stack, target.port)
        transfer = _transfer(forward, size)
        for i in range(kills):
            transfer.wait_for(size * (i + 1) // (kills + 1))
            _kill_relay(stack)
        transfer.finish()
        check_equal(target.connections, 1, 'connections at the target')
        # New ones, too.
        with socket.create_connection(('127.0.0.1', forward.port), 20) as connection:
            connection.sendall(b'more')
            check_equal(receive_exactly(connection, 4), b'more', 'the echo')
        check_equal(forward.stop(), 0, 'status')


test_relay_killed_under_a_transfer.limit = 240


class Cutter(TcpServer):
    """A TCP proxy that can cut all its connections at once."""

    def __init__(self, server_port):
        self._server_port = server_port
        self._open = set()
        self.cuts = 0
        super().__init__(self._splice)

    def _splice(self, here):
        with socket.create_connection(('127.0.0.1', self._server_port), 20) as there:
            for connection in (here, there):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.add((here, there))
            try:
                both_ways(lambda: self._carry(there, here), lambda: self._carry(here, there), 60)
            finally:
                self._open.discard((here, there))

    @staticmethod
    def _carry(source, sink):
        try:
            while data := source.recv(1 << 16):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            for connection in (source, sink):
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def cut(self):
        self.cuts += 1
        for pair in list(self._open):
            for connection in pair:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


def test_connections_cut_under_a_transfer(t):
    """Bytes both ways survive that every connection of client and node is cut, at any byte"""
    cutters = []

    def advertise(port):
        cutters.append(Cutter(port))
        return cutters[0].port

    stack = t.own_stack(advertise=advertise)
    cuts = t.size(5, 50)
    size = t.size(32 << 20, 1 << 30)
    with TcpServer(echo) as target, cutters[0] as cutter:
        forward = _forward(stack, target.port)
        transfer = _transfer(forward, size)
        for i in range(cuts):
            transfer.wait_for(size * (i + 1) // (cuts + 1))
            cutter.cut()
        transfer.finish()
        check_equal(target.connections, 1, 'connections at the target')
        check_equal(forward.stop(), 0, 'status')


test_connections_cut_under_a_transfer.limit = 240


def test_stopped_client_goes_on(t):
    """A client that was stopped until the node gave its connections up goes on where it was"""
    stack = t.own_stack()
    with TcpServer(echo) as target:
        forward = _forward(stack, target.port)
        with socket.create_connection(('127.0.0.1', forward.port), 60) as connection:
            connection.sendall(b'before')
            check_equal(receive_exactly(connection, 6), b'before', 'the echo')
            forward.signal(signal.SIGSTOP)
            connection.sendall(b'meanwhile')
            stack.agent.wait_for(lambda: 'lane_waits' in stack.agent.err(), 30, 'the node notices')
            forward.signal(signal.SIGCONT)
            check_equal(receive_exactly(connection, 9), b'meanwhile', 'the echo')
            check('lane_resumed' in stack.agent.err(), stack.agent.tail())
        check_equal(target.connections, 1, 'connections at the target')
        check_equal(forward.stop(), 0, 'status')


test_stopped_client_goes_on.limit = 120
test_stopped_client_goes_on.waits = True


def test_terminated_sessions_do_not_come_again(t):
    """A session that is terminated while its client is away is refused to it, with the reason"""
    stack = t.own_stack()
    with TcpServer(echo) as target:
        forward = _forward(stack, target.port)
        forward.signal(signal.SIGSTOP)
        session = stack.adit('sessions', '--json').stdout.decode().split('"id":"')[1].split('"')[0]
        check_equal(stack.adit('terminate', session).returncode, 0, 'status of terminate')
        forward.signal(signal.SIGCONT)
        check_equal(forward.wait(30), 255, f'status: {forward.tail()}')
        check('Terminated' in forward.err() or 'ended' in forward.err() or 'over' in forward.err(),
              forward.err())


test_terminated_sessions_do_not_come_again.limit = 90


def test_a_command_that_is_cut_can_be_ended(t):
    """A sealed command survives its relay; while there is no connection, one signal ends it here"""
    stack = t.own_stack()
    command = stack.start('sealed-exec', [stack.program('adit'), 'exec', '--sealed', stack.NODE, '--',
                                          'sh', '-c', 'echo begun; sleep 100'])
    command.wait_for(lambda: 'begun' in command.out(), 20, 'the command runs')
    stack.relay.kill()
    command.wait_for(lambda: 'is lost' in command.err(), 30, 'the command says that it is cut')
    check(command.running(), 'it waits for another connection')
    command.signal(signal.SIGTERM)
    check_equal(command.wait(10), 128 + signal.SIGTERM, f'status: {command.tail()}')
    check('what runs there may go on' in command.err() and 'adit terminate ' in command.err(), command.err())


test_a_command_that_is_cut_can_be_ended.limit = 90


_PROMPT = rb'[$#%>] $'
_LINES = 20000


def _shell(stack, *options):
    """A shell on a terminal that shows the remote's bytes alone: what adit says is in a file."""
    said = os.path.join(stack.folder, 'said')
    argv = [stack.program('adit'), 'shell', *options, stack.NODE]
    terminal = Terminal(['sh', '-c', 'exec "$@" 2>"$0"', said, *argv], stack.environment())
    terminal.said = said
    terminal.read_until(_PROMPT, 20)
    return terminal


def test_a_shell_that_is_cut_says_what_stays(t):
    """`~.` without a connection ends the shell here, and says what may go on there and how to end it"""
    stack = t.own_stack()
    argv = [stack.program('adit'), 'shell', stack.NODE]
    with Terminal(argv, {**stack.environment(), 'TERM': 'xterm'}) as terminal:
        terminal.read_until(_PROMPT, 20)
        stack.relay.kill()
        # Its title says when it has noticed.
        wait_until(lambda: terminal.drain(0.1) or b'is lost' in terminal.all, 30, 'it says that it is cut')
        terminal.send(b'\r~.')
        terminal.read_until(br'what runs there may go on\n.*adit terminate [^`]+` ends it', 20)
        check_equal(terminal.wait_ended(20), 255, 'status')


test_a_shell_that_is_cut_says_what_stays.limit = 90


def _shell_over_a_killed_relay(t, *options):
    stack = t.own_stack()
    with _shell(stack, *options) as terminal:
        terminal.send(b"stty -echo; PS1=; for r in 1 2 3; do seq -f r$r-%.0f 1 " + str(_LINES).encode() +
                      b"; read x; done; echo all; exec cat\r")
        for turn in (b'r1', b'r2', b'r3'):
            terminal.read_until(turn + rb'-5000\n', 30)  # And the rest waits, some of it on its way.
            stack.relay.signal(signal.SIGKILL)
            stack.relay.wait(20)
            terminal.send(b'\r')  # Typed while there is no relay.
            stack.start_relay()
            terminal.read_until(turn + rb'-%d\n' % _LINES, 60)
        terminal.read_until(rb'all\n', 20)
        shown = re.findall(rb'^r(\d)-(\d+)$', plain(bytes(terminal.all)), re.MULTILINE)
        wanted = [(b'%d' % turn, b'%d' % line) for turn in (1, 2, 3) for line in range(1, _LINES + 1)]
        check_equal(len(shown), len(wanted), 'lines on the screen')
        check(shown == wanted, 'the screen is not the one that the shell wrote')
        terminal.send(b'\x04')
        terminal.wait_ended(20)


def _listed(stack):
    """The sessions that are open: carriage to id."""
    lines = stack.adit('sessions', '--json').stdout.decode().splitlines()
    return {session['carriage']: session['id'] for session in map(json.loads, lines)}


def _records(stack, session, name):
    """The records of that name about the session, oldest first."""
    found = stack.adit('audit', 'lookup', '--json', '--by', f'ResourceName={session}')
    check_equal(found.returncode, 0, found.stderr)
    records = [json.loads(line) for line in found.stdout.decode().splitlines()]
    return [record for record in reversed(records) if record['eventName'] == name]


def test_a_session_keeps_its_carriage(t):
    """Over a killed relay inspected sessions stay inspected and sealed ones sealed, and lists and records say so"""
    stack = t.own_stack()
    with TcpServer(echo) as target:
        forwards = {carriage: _forward(stack, target.port, f'--{carriage}') for carriage in ('inspected', 'sealed')}
        connections = {carriage: socket.create_connection(('127.0.0.1', forward.port), 60)
                       for carriage, forward in forwards.items()}

        def talk():
            for connection in connections.values():
                connection.sendall(b'hello')
                check_equal(receive_exactly(connection, 5), b'hello', 'the echo')

        talk()
        sessions = _listed(stack)
        check_equal(set(sessions), {'inspected', 'sealed'}, 'carriages')
        _kill_relay(stack)
        talk()
        check_equal(_listed(stack), sessions, 'sessions and carriages after the restart')
        for carriage, connection in connections.items():
            connection.close()
            check_equal(forwards[carriage].stop(), 0, 'status')
            session = sessions[carriage]
            wait_until(lambda: _records(stack, session, 'SessionEnded'), 20, 'the end is on record')
            said = [_records(stack, session, name)[-1]['additionalEventData']['carriage']
                    for name in ('SessionConnected', 'SessionEnded')]
            check_equal(said, [carriage] * 2, 'the records before and after the restart')
            again = _records(stack, session, 'Rejoin')[-1]
            check_equal(again['responseElements']['carriage'], carriage, 'the record of the return')


test_a_session_keeps_its_carriage.limit = 90


def test_piped_commands_survive_a_killed_relay(t):
    """`adit proxy` and `adit exec` on pipes, of both carriages, go on over a killed relay, each byte once"""
    stack = t.own_stack()
    with TcpServer(echo) as target:
        commands = [(*verb, carriage, stack.NODE, *rest) for carriage in ('--sealed', '--inspected')
                    for verb, rest in ((('proxy',), (str(target.port),)), (('exec',), ('--', 'cat')))]
        processes = [stack.popen(*command) for command in commands]

        def talk():
            for command, process in zip(commands, processes):
                text = os.urandom(t.size(1 << 14, 1 << 15))  # Less than a pipe takes without a reader.
                process.stdin.write(text)
                process.stdin.flush()
                check(process.stdout.read(len(text)) == text, f'{command}: the echo differs')

        for _ in range(t.size(2, 10)):
            talk()
            _kill_relay(stack)
        talk()
        for command, process in zip(commands, processes):
            out, err = process.communicate(timeout=20)  # It ends what goes in.
            check_equal((process.returncode, out), (0, b''), f'{command}: {err!r}')
        check_equal(target.connections, 2, 'connections at the target')


test_piped_commands_survive_a_killed_relay.limit = 120


def _credentials_for_a_while(stack):
    """An environment with credentials of the administrator's that end after the least that there is."""
    made = aws_support.of_stack(stack).call('sts', 'GetSessionToken', DurationSeconds=900)['Credentials']
    return stack.environment() | {'AWS_ACCESS_KEY_ID': made['AccessKeyId'],
                                  'AWS_SECRET_ACCESS_KEY': made['SecretAccessKey'],
                                  'AWS_SESSION_TOKEN': made['SessionToken']}


def _user_for_a_while(stack, seconds):
    """A user who may do everything for so long."""
    line = stack.adit('user', 'add', 'bob', '--policy', 'none').stdout.decode()
    until = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() + seconds))
    policy = {'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': 'ssm:*', 'Resource': '*',
         'Condition': {'DateLessThan': {'aws:CurrentTime': until}}}]}
    for command in (('policy', 'put', 'while', '-'), ('policy', 'attach', 'while', '--user', 'bob')):
        done = stack.adit(*command, input=json.dumps(policy).encode())
        check_equal(done.returncode, 0, done.stderr)
    return Person(stack, line, 'bob')


def test_a_session_outlives_its_credential_and_not_its_permission(t):
    """Credentials that have ended do not keep a session from coming again; a permission that has ended does"""
    stack = t.own_stack()
    for_a_while = _credentials_for_a_while(stack)
    bob = _user_for_a_while(stack, 1800)
    with TcpServer(echo) as target:
        outlives = _forward(stack, target.port, env=for_a_while)
        ends = _forward(stack, target.port, env=bob.env)
        connections = [socket.create_connection(('127.0.0.1', forward.port), 60) for forward in (outlives, ends)]
        for connection in connections:
            connection.sendall(b'before')
            check_equal(receive_exactly(connection, 6), b'before', 'the echo')
        stack.relay.signal(signal.SIGKILL)
        stack.relay.wait(20)
        late = travel(t, stack, 3600)
        stack.extra_env = {name: late[name] for name in ('LD_PRELOAD', 'WALL_CLOCK_SHIFT_SECONDS')}
        stack.start_relay()  # An hour later.
        connections[0].sendall(b'after')
        check_equal(receive_exactly(connections[0], 5), b'after', 'the echo of who has no credentials any more')
        refused = stack.adit('exec', stack.NODE, '--', 'true', env=for_a_while | stack.extra_env)
        check_equal(refused.returncode, 255, 'status of a new session with those credentials')
        check(b'expired' in refused.stderr.lower(), f'no reason: {refused.stderr}')
        check_equal(ends.wait(30), 255, f'status of who is not permitted any more: {ends.tail()}')
        check('The permission for this session has ended' in ends.err(), f'no reason: {ends.tail()}')
        check_equal(outlives.stop(), 0, 'status')


test_a_session_outlives_its_credential_and_not_its_permission.limit = 90


def test_sealed_shell_survives_a_killed_relay(t):
    """A sealed shell goes on, byte for byte, when its relay is killed and started again, three times"""
    _shell_over_a_killed_relay(t, '--sealed')


test_sealed_shell_survives_a_killed_relay.limit = 150


def test_inspected_shell_survives_a_killed_relay(t):
    """So does one that the relay can read"""
    _shell_over_a_killed_relay(t)


test_inspected_shell_survives_a_killed_relay.limit = 150


def test_a_connection_can_be_left(t):
    """~R leaves the connection of a shell for another one, and the shell goes on"""
    stack = t.own_stack()
    for options in ((), ('--sealed',)):
        with _shell(stack, *options) as terminal:
            terminal.run('x=kept')
            mark = len(stack.agent.err())
            terminal.send(b'~R')
            stack.agent.wait_for(lambda: 'lane_resumed' in stack.agent.err()[mark:], 20, 'the lane goes on')
            check_equal(terminal.run('echo $x').strip(), 'kept', 'the shell')
            with open(terminal.said, encoding='utf-8') as said:
                check('is back' in said.read(), 'the user is told')


test_a_connection_can_be_left.limit = 60


def test_a_lost_connection_is_a_title(t):
    """On a terminal that a program has drawn on, a lost connection is said in the title, and the old one comes back"""
    stack = t.own_stack()
    argv = [stack.program('adit'), 'shell', stack.NODE]
    with Terminal(argv, {**stack.environment(), 'TERM': 'xterm'}) as terminal:
        terminal.read_until(_PROMPT, 20)
        terminal.send(b"stty -echo; printf 'draw''n'; read x; printf 'over''\\033[1'; read x; printf 'm-all\\n'; exec cat\r")
        terminal.read_until(b'drawn', 20)
        away = _shown_while_away(stack, terminal)
        title = br'\x1b\[22;2t\x1b\]2;adit: the connection to [^\x07]* is lost[^\x07]*\x07'
        check(re.fullmatch(title + br'\x1b\]2;[^\x07]+\x07\x1b\[23;2t', away), f'what the terminal got: {away!r}')
        terminal.send(b'\r')
        terminal.read_until(b'over', 20)  # In the middle of a control sequence.
        check_equal(_shown_while_away(stack, terminal), b'', 'what splits the sequence')
        terminal.send(b'\r')
        terminal.read_until(b'-all', 20)
        terminal.send(b'\x04')
        terminal.wait_ended(20)


test_a_lost_connection_is_a_title.limit = 60


def _shown_while_away(stack, terminal):
    """What the terminal is given while the relay is away for some seconds."""
    terminal.drain(0.5)
    mark, said = len(terminal.all), len(stack.agent.err())
    stack.relay.signal(signal.SIGKILL)
    stack.relay.wait(20)
    terminal.drain(3)
    stack.start_relay()
    stack.agent.wait_for(lambda: 'lane_resumed' in stack.agent.err()[said:], 30, 'the lane goes on')
    terminal.drain(0.5)
    return bytes(terminal.all[mark:])


# ------------------------------------------------------------- a relay that is restarted in order


class _Manager:
    """What systemd is to a relay: it keeps the listening socket, and hands it to the next process."""

    def __init__(self, folder):
        os.makedirs(folder, exist_ok=True)
        self.path = os.path.join(folder, 'notify')
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self.kept = None

    def receive(self):
        """Reads until the relay has handed its socket over."""
        self._socket.settimeout(20)
        while self.kept is None:
            text, descriptors, _, _ = socket.recv_fds(self._socket, 4096, 4)
            if b'FDSTORE=1' in text:
                check(b'FDNAME=adit-listen' in text, text)
                self.kept = descriptors[0]

    def start(self, stack):
        """Starts the relay of the stack, which has ended, on the socket that was kept."""
        argv = stack.relay.argv
        env = stack.environment() | {'LISTEN_FDS': '1', 'LISTEN_FDNAMES': 'adit-listen'}

        def hand_over():
            os.dup2(self.kept, 3)
            os.set_inheritable(3, True)
            os.execve(argv[0], argv, env | {'LISTEN_PID': str(os.getpid())})

        stack.relay = stack.start('relay', argv, env, before_exec=hand_over)
        stack.relay.wait_for(lambda: 'relay_ready' in stack.relay.err(), 20, 'the relay is ready')

    def close(self):
        self._socket.close()
        if self.kept is not None:
            os.close(self.kept)


class _Knocker:
    """Somebody who connects again and again, and counts who was not let in."""

    def __init__(self, port):
        self.count = 0
        self.refused = []
        self._port = port
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.wait(0.005):
            try:
                socket.create_connection(('127.0.0.1', self._port), 60).close()
                self.count += 1
            except OSError as error:
                self.refused.append(str(error))

    def stop(self):
        self._stop.set()
        self._thread.join(90)


def test_a_restart_refuses_nobody(t):
    """SIGTERM hands the listening socket to the next relay: nobody is refused, and sessions go on"""
    manager = _Manager(t.run.new_folder())
    stack = t.own_stack(env={'NOTIFY_SOCKET': manager.path})
    manager.receive()
    restarts = t.size(3, 20)
    size = t.size(32 << 20, 1 << 30)
    with TcpServer(echo) as target, _shell(stack) as terminal:
        terminal.run('x=kept')
        forward = _forward(stack, target.port)
        transfer = _transfer(forward, size)
        knocker = _Knocker(stack.port)
        for i in range(restarts):
            transfer.wait_for(size * (i + 1) // (restarts + 1))
            knocks = knocker.count
            stack.relay.signal(signal.SIGTERM)
            check_equal(stack.relay.wait(30), 0, f'status of the relay: {stack.relay.tail()}')
            wait_until(lambda: knocker.count > knocks + 3, 20, 'somebody comes while there is no relay')
            manager.start(stack)
        transfer.finish()
        check_equal(terminal.run('echo $x', 30).strip(), 'kept', 'the shell')
        knocker.stop()
        check_equal(knocker.refused, [], f'who was refused, of {knocker.count}')
        check_equal(target.connections, 1, 'connections at the target')
        check_equal(stack.exec('echo', 'new', timeout=30).stdout, b'new\n', 'a new session')
        check_equal(forward.stop(), 0, 'status')
    manager.close()


test_a_restart_refuses_nobody.limit = 180
