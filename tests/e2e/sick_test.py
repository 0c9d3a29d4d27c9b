"""Does a shell still open on a machine that is sick: just then somebody wants to look at it?

Method: the agent runs where every disk is full, where no name server answers, where memory is nearly gone, or
where the clock says 1970, in namespaces and control groups of its own; a shell opens, and says so.
"""

import os
import re
import socket
import subprocess
import time

from certificate_test import travel
from support.processes import check, check_equal, free_port, wait_until
from support.targets import echo, receive_exactly
from support.tcp_server import TcpServer
from support.terminal import Terminal
from support.three_hosts import is_possible

_MEMORY_GROUPS = '/sys/fs/cgroup/memory'
_SHELL_SECONDS_MAX = 20


def _opens_a_shell(stack, *options):
    with Terminal([stack.program('adit'), 'shell', *options, stack.NODE], stack.environment()) as shell:
        check_equal(shell.run('echo "$((6 * 7))"', _SHELL_SECONDS_MAX).strip(), '42', f'a shell {options}')
        shell.send(b'exit 3\r')
        check_equal(shell.wait_ended(_SHELL_SECONDS_MAX), 3, 'its status')


def _opens_everything(stack):
    for options in ((), ('--sealed',)):
        _opens_a_shell(stack, *options)
    done = stack.exec('echo', 'fine')
    check_equal((done.returncode, done.stdout), (0, b'fine\n'), f'a command: {done.stderr!r}')
    with TcpServer(echo) as target:
        forward = stack.forward(target.port)
        with socket.create_connection(('127.0.0.1', forward.port), 20) as connection:
            connection.sendall(b'hello')
            check_equal(receive_exactly(connection, 5), b'hello', 'the echo')
        check_equal(forward.stop(), 0, 'status')


def _restart_agent(stack, script):
    """Starts the agent anew, from a shell script in a mount namespace of its own; "$@" is the agent."""
    stack.agent.stop()
    agent = stack.start('sick-agent', ['unshare', '--mount', 'sh', '-ec', script, 'sh', stack.program('adit-agent'),
                                       'run', '--state', stack.agent_state])
    stack.agent = agent
    stack.wait_connected(agent=agent)


def _namespaces(t):
    if is_possible():
        return True
    t.note('skipped: namespaces need root')
    return False


def test_full_disks(t):
    """A shell opens on a node on whose disks not one byte can be written"""
    if not _namespaces(t):
        return
    stack = t.own_stack()
    # The state is copied into a file system that is then filled; the others are full from the beginning.
    _restart_agent(stack, f'''
        cp -a {stack.agent_state} {stack.folder}/kept
        mount -t tmpfs -o size=256k tmpfs {stack.agent_state}
        cp -a {stack.folder}/kept/. {stack.agent_state}
        for folder in /var /home /root {stack.shared}; do mount -t tmpfs -o size=16k tmpfs $folder; done
        for folder in {stack.agent_state} /var /home /root {stack.shared}; do
          chmod 1777 $folder
          cat /dev/zero > $folder/fill 2> /dev/null || true
          ! echo x > $folder/more 2> /dev/null
          rm -f $folder/more
        done
        chmod 700 {stack.agent_state}
        mount -o remount,bind,ro /
        ! touch {stack.folder}/more 2> /dev/null
        exec "$@"''')
    done = stack.exec('sh', '-c', f'echo x > {stack.shared}/more')
    check(done.returncode != 0, f'the disk is not full: {done}')
    _opens_everything(stack)


def test_no_name_server(t):
    """A shell opens on a node whose name servers do not answer, while look-ups hang there"""
    if not _namespaces(t):
        return
    stack = t.own_stack()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:  # It takes questions and never answers.
        silent.bind(('127.0.0.153', 53))
        resolv = os.path.join(stack.folder, 'resolv.conf')
        with open(resolv, 'w', encoding='ascii') as file:
            file.write('nameserver 127.0.0.153\noptions timeout:30 attempts:5\n')
        _restart_agent(stack, f'mount --bind {resolv} /etc/resolv.conf; exec "$@"')
        forward = stack.forward('db.example.com:5432')
        asking = [socket.create_connection(('127.0.0.1', forward.port), 20) for _ in range(8)]
        check(silent.recv(512), 'a question')
        _opens_everything(stack)
        for connection in asking:
            connection.close()
        check_equal(forward.stop(), 0, 'status')


test_no_name_server.limit = 90


def test_no_name_server_for_the_relay(t):
    """A node and a client that know their relay by name come back to it while no name server answers"""
    if not _namespaces(t):
        return
    stack = t.own_stack()
    files = {name: os.path.join(stack.folder, name) for name in ('hosts', 'resolv.conf')}

    def write(name, text):  # In place: it is bound over the one of /etc.
        with open(files[name], 'w', encoding='ascii') as file:
            file.write(text)

    write('hosts', '127.0.0.1 localhost\n127.0.0.1 relay.adit.test\n')
    write('resolv.conf', 'nameserver 127.0.0.153\noptions timeout:30 attempts:5\n')
    binds = ''.join(f'mount --bind {path} /etc/{name}; ' for name, path in files.items())
    inside = ['unshare', '--mount', 'sh', '-ec', binds + 'exec "$@"', 'sh']
    state = os.path.join(stack.folder, 'named')
    made = stack.api().call('CreateActivation', {'IamRole': 'any'}).json()
    line = re.sub(r'relay=[^:]*(.*)id=\S+ code=\S+',
                  rf'relay=relay.adit.test\1id={made["ActivationId"]} code={made["ActivationCode"]}', stack.enroll_line)
    enrolled = subprocess.run([*inside, stack.program('adit-agent'), 'enroll', '--state', state, '--name', 'named'],
                              input=line, text=True, capture_output=True, timeout=30, check=False)
    check_equal(enrolled.returncode, 0, f'enrolment: {enrolled.stderr}')
    agent = stack.start('named-agent', [*inside, stack.program('adit-agent'), 'run', '--state', state])
    stack.wait_connected(agent=agent, node='named')
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent, TcpServer(echo) as target:
        silent.bind(('127.0.0.153', 53))
        port = free_port()
        client = stack.start('named-forward', [*inside, stack.program('adit'), 'forward', '--sealed', 'named',
                                               f'{port}:{target.port}'],
                             env=stack.environment() | {'ADIT_RELAY': f'relay.adit.test:{stack.port}'})
        client.wait_for(lambda: f':{port} -> ' in client.err(), 20, 'the forward is ready')
        with socket.create_connection(('127.0.0.1', port), 60) as connection:
            connection.sendall(b'before')
            check_equal(receive_exactly(connection, 6), b'before', 'the echo')
            write('hosts', '127.0.0.1 localhost\n')
            stack.relay.kill()
            stack.start_relay()
            start = time.monotonic()
            connection.sendall(b'after')
            check_equal(receive_exactly(connection, 5), b'after', 'the echo once the relay is back')
            t.note(f'back after {time.monotonic() - start:.1f} s')
        silent.settimeout(5)
        check(silent.recv(512), 'a question that nobody answered')
        check_equal((client.stop(), agent.stop()), (0, 0), 'statuses')


test_no_name_server_for_the_relay.limit = 90


class _MemoryGroup:
    """A control group with little memory, and a process in it that holds nearly all of it."""

    def __init__(self):
        self.path = os.path.join(_MEMORY_GROUPS, f'adit-test-{os.getpid()}')
        os.mkdir(self.path)
        self._hog = None

    def _write(self, name, value):
        with open(os.path.join(self.path, name), 'w', encoding='ascii') as file:
            file.write(str(value))

    def _read(self, name):
        with open(os.path.join(self.path, name), encoding='ascii') as file:
            return int(file.read())

    def take(self, pid):
        self._write('cgroup.procs', pid)

    def leave_free(self, size):
        """Fills the group until only so much is left."""
        self._write('memory.limit_in_bytes', self._read('memory.usage_in_bytes') + (64 << 20))
        held = self._read('memory.limit_in_bytes') - self._read('memory.usage_in_bytes') - size
        self._hog = subprocess.Popen(['python3', '-c', f'held = b"x" * {held}; print(flush=True); import time; '
                                      'time.sleep(600)'], stdout=subprocess.PIPE, preexec_fn=self._join)
        check(self._hog.stdout.readline(), 'the memory cannot be held')

    def _join(self):
        self.take(os.getpid())

    def ends(self):
        """How often a process was ended for want of memory."""
        with open(os.path.join(self.path, 'memory.oom_control'), encoding='ascii') as file:
            return next(int(line.split()[1]) for line in file if line.startswith('oom_kill '))

    def end(self):
        if self._hog:
            self._hog.kill()
            self._hog.wait()
        wait_until(self._removed, 10, 'the control group can be removed')

    def _removed(self):
        try:
            os.rmdir(self.path)
        except OSError:
            return False
        return True


def test_no_memory(t):
    """A shell opens on a node on which a few MiB of memory are left, and the agent stays"""
    try:
        group = _MemoryGroup()
    except OSError as error:
        t.note(f'skipped: no control group of version 1 can be made ({error})')
        return
    stack = t.own_stack()
    try:
        group.take(stack.agent.pid)
        stack.exec('true')  # What it needs first is charged to the group now.
        group.leave_free(12 << 20)
        pid = stack.agent.pid
        _opens_everything(stack)
        check_equal(stack.agent.pid, pid, 'the agent')
        stack.agent.check_running()
        t.note(f'{group.ends()} processes were ended for want of memory')
    finally:
        stack.stop()
        group.end()


def test_clock_of_1970(t):
    """A shell opens on a node whose clock says 1970"""
    stack = t.own_stack()
    stack.agent.stop()
    env = travel(t, stack, 60 - int(time.time()))
    agent = stack.start('agent-of-1970', [stack.program('adit-agent'), 'run', '--state', stack.agent_state], env)
    stack.agent = agent
    stack.wait_connected(agent=agent)
    _opens_everything(stack)
