"""Do the links notice what died, come back, and stop in good order?

Method: stop, kill and restart the real processes and watch the clock.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import time

from support import proc_facts
from support.processes import check, check_equal, wait_until
from support.targets import echo
from support.tcp_server import TcpServer


def test_frozen_relay_is_noticed(t):
    """A relay that hangs is noticed within 15 s, and the agent is back when it goes on"""
    stack = t.own_stack()
    mark = len(stack.agent.err())
    stack.relay.signal(signal.SIGSTOP)
    start = time.monotonic()
    # The sixteenth second is for the test's own clock.
    wait_until(lambda: _says_lost(stack.agent, mark), 16, 'the agent says that the link is silent')
    noticed = time.monotonic() - start
    stack.relay.signal(signal.SIGCONT)
    start = time.monotonic()
    stack.wait_connected(35)
    t.note(f'noticed after {noticed:.1f} s, connected {time.monotonic() - start:.1f} s after SIGCONT')
    check_equal(stack.exec('echo', 'back').stdout, b'back\n', 'exec afterwards')


def _says_lost(process, mark):
    text = process.err()[mark:].lower()
    return any(word in text for word in ('silent', 'nothing was heard', 'liveness', 'lost'))


test_frozen_relay_is_noticed.limit = 80
test_frozen_relay_is_noticed.waits = True


def test_frozen_agent_is_noticed(t):
    """An agent that hangs is noticed within 15 s, is listed as not connected, and comes back"""
    stack = t.own_stack()
    stack.agent.signal(signal.SIGSTOP)
    start = time.monotonic()
    wait_until(lambda: not stack.is_connected(), 17, 'the node is listed as not connected')
    noticed = time.monotonic() - start
    done = stack.exec('true')
    check(done.returncode == 255 and b'is offline' in done.stderr,
          f'exec on a lost node: {done.returncode} {done.stderr!r}')
    stack.agent.signal(signal.SIGCONT)
    stack.wait_connected(35)
    t.note(f'noticed after {noticed:.1f} s')


test_frozen_agent_is_noticed.limit = 80
test_frozen_agent_is_noticed.waits = True


def test_relay_restart(t):
    """After a restart of the relay, with its state, the agent and the client are back by themselves"""
    stack = t.own_stack()
    stack.relay.kill()
    stack.start_relay()
    start = time.monotonic()
    stack.wait_connected(35)
    t.note(f'connected {time.monotonic() - start:.1f} s after the restart')
    check('adit-login' not in stack.relay.out(), 'a second start prints secrets again')
    check_equal(stack.exec('echo', 'back').stdout, b'back\n', 'exec afterwards')


def test_same_certificate_twice(t):
    """The same certificate twice: the newest wins, and the relay's log says so"""
    stack = t.own_stack()
    copy = os.path.join(stack.folder, 'agent-copy')
    shutil.copytree(stack.agent_state, copy)
    mark = len(stack.relay.err())
    second = stack.start_agent(copy, 'agent-second', wait=False)
    wait_until(lambda: 'replaces_a_link=yes' in stack.relay.err()[mark:], 10,
               'the relay says that a link was replaced')
    stack.agent.kill()
    stack.wait_connected(35, second)
    check_equal(stack.exec('echo', 'newest').stdout, b'newest\n', 'exec afterwards')


def _does_not_come_again(stack):
    """The environment of a client whose session ends with its connection."""
    return stack.environment() | {'ADIT_PATIENCE': '0'}


def test_relay_stops_in_good_order(t):
    """SIGTERM drains: a running command ends with a reason within the deadline, the relay with 0"""
    stack = t.own_stack()
    process = stack.popen('exec', stack.NODE, '--', 'sh', '-c', 'echo ready; sleep 100',
                          env=_does_not_come_again(stack))
    process.stdout.readline()
    start = time.monotonic()
    stack.relay.signal(signal.SIGTERM)
    check_equal(stack.relay.wait(30), 0, 'status of the relay')
    t.note(f'stopped after {time.monotonic() - start:.1f} s with a session open')
    check_equal(process.wait(10), 255, 'status of the client')
    check(process.stderr.read(), 'the client does not say why it ended')


test_relay_stops_in_good_order.limit = 60
test_relay_stops_in_good_order.waits = True


def test_short_command_survives_a_drain(t):
    """SIGTERM lets a command that ends soon end by itself"""
    stack = t.own_stack()
    process = stack.popen('exec', stack.NODE, '--', 'sh', '-c', 'echo ready; sleep 1; echo done; exit 4',
                          env=_does_not_come_again(stack))
    process.stdout.readline()
    stack.relay.signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)
    check_equal((process.returncode, out), (4, b'done\n'), f'result ({err!r})')
    check_equal(stack.relay.wait(30), 0, 'status of the relay')


def test_agent_stops_in_good_order(t):
    """SIGTERM to the agent ends its sessions and itself with 0"""
    stack = t.own_stack()
    process = stack.popen('exec', stack.NODE, '--', 'sh', '-c', 'echo ready; sleep 100')
    process.stdout.readline()
    stack.agent.signal(signal.SIGTERM)
    check_equal(stack.agent.wait(15), 0, 'status of the agent')
    check_equal(process.wait(10), 255, 'status of the client')
    wait_until(lambda: not stack.is_connected(), 5, 'the node is listed as not connected')


test_agent_stops_in_good_order.waits = True


def test_agent_waits_for_a_relay(t):
    """An agent started before the relay answers connects when it does"""
    stack = t.own_stack()
    stack.agent.stop()
    stack.relay.stop(20)
    agent = stack.start_agent(wait=False)
    time.sleep(1.5)
    agent.check_running()
    stack.start_relay()
    stack.wait_connected(35, agent)


def test_the_kernel_asks_where_the_relay_does_not(t):
    """Connections that the relay only joins are probed by its kernel: a peer that is gone for good is noticed"""
    with TcpServer(echo) as target:
        forward = t.stack.forward(target.port, options=('--sealed',))
        with socket.create_connection(('127.0.0.1', forward.port), 20) as connection:
            connection.sendall(b'x')
            check_equal(connection.recv(1), b'x', 'the echo')

            def unprobed():
                """Of the relay's accepted connections those that are not probed; just now, a retransmission's timer may run."""
                table = subprocess.run(['ss', '-tnoH', 'state', 'established', f'sport = :{t.stack.port}'], check=True,
                                       stdout=subprocess.PIPE, text=True, timeout=20).stdout.splitlines()
                check(len(table) >= 3, f'both sides of the lane and the link of the node: {table}')
                return [line for line in table if 'timer:(keepalive' not in line]
            wait_until(lambda: not unprobed(), 10, 'each connection has a timer')
        check_equal(forward.stop(), 0, 'status')


def test_an_end_reaches_a_node_that_was_away(t):
    """A session that is terminated while its node is away ends there when the node is back, of each carriage"""
    stack = t.own_stack()
    commands = {carriage: f'sleep 86{i}9' for i, carriage in enumerate(('--sealed', '--inspected'))}
    clients = [stack.popen('exec', carriage, stack.NODE, '--', *command.split(), stdin=subprocess.DEVNULL)
               for carriage, command in commands.items()]

    def running():
        return [command for command in commands.values() if proc_facts.processes_running(command)]
    wait_until(lambda: len(running()) == 2, 20, 'both commands run')
    stack.agent.signal(signal.SIGSTOP)
    wait_until(lambda: not stack.is_connected(), 17, 'the node is away')
    sessions = [json.loads(line)['id'] for line in stack.adit('sessions', '--json').stdout.splitlines()]
    for session in sessions:
        done = stack.adit('terminate', session)
        check_equal(done.returncode, 0, f'terminate ({done.stderr!r})')
    for client in clients:
        client.communicate(timeout=40)
    check_equal(len(running()), 2, 'commands that run while their node is away')
    stack.agent.signal(signal.SIGCONT)
    stack.wait_connected(35)
    wait_until(lambda: not running(), 20, 'the commands have ended')


test_an_end_reaches_a_node_that_was_away.limit = 120
test_an_end_reaches_a_node_that_was_away.waits = True


def test_an_agent_that_is_killed_leaves_no_program(t):
    """A program that an agent started hears SIGHUP when that is killed, of each carriage"""
    stack = t.own_stack()
    commands = {carriage: f'sleep 85{i}9' for i, carriage in enumerate(('--sealed', '--inspected'))}
    for carriage, command in commands.items():
        stack.popen('exec', carriage, stack.NODE, '--', *command.split(), stdin=subprocess.DEVNULL)

    def running():
        return [command for command in commands.values() if proc_facts.processes_running(command)]
    wait_until(lambda: len(running()) == 2, 20, 'both commands run')
    stack.agent.kill()
    wait_until(lambda: not running(), 20, 'the commands have ended')


def test_a_node_with_many_sessions_comes_back(t):
    """A node with a hundred sessions is asked of all of them when it comes, and its link lives through that"""
    stack = t.own_stack()
    clients = []

    def talk(to, text):
        for client in to:
            client.stdin.write(text)
            client.stdin.flush()
        for client in to:
            check_equal(client.stdout.readline(), text, 'what a command said')
    for _ in range(4):  # No more than 64 may wait for the node's answer.
        more = [stack.popen('exec', '--sealed', stack.NODE, '--', 'cat', stdin=subprocess.PIPE) for _ in range(25)]
        talk(more, b'before\n')
        clients += more
    stack.relay.signal(signal.SIGKILL)
    stack.relay.wait(20)
    mark = len(stack.agent.err())
    stack.start_relay()
    stack.wait_connected()
    talk(clients, b'after\n')
    check_equal(stack.agent.err()[mark:].count('relay_connected'), 1, 'links of the node')
    for client in clients:
        client.stdin.close()
    check_equal({client.wait(30) for client in clients}, {0}, 'statuses')


test_a_node_with_many_sessions_comes_back.limit = 90
