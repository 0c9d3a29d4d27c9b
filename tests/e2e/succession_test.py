"""Can an agent be restarted, for a newer version, without its sessions noticing?

Method: SIGUSR2 to the agent while bytes go both ways through a forward and shells are open, several times in a
row, so that processes of several generations live at a time. Each step waits for progress, none for a time.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket

from support import proc_facts
from support.processes import check, check_equal, wait_until
from support.targets import echo
from support.tcp_server import TcpServer

from resume_test import _forward, _kill_relay, _shell, _transfer


def _succeed(stack, pid):
    """SIGUSR2 to the newest process; returns the one that takes its place. All write into one log."""
    mark = len(stack.agent.err())
    os.kill(pid, signal.SIGUSR2)
    line = stack.agent.wait_for(
        lambda: re.search(r'agent_succeeded\b.*?\bby\W+(\d+)', stack.agent.err()[mark:]), 30, 'a successor')
    return int(line[1])


def _wait_gone(pids, seconds=30):
    wait_until(lambda: not any(proc_facts.is_alive(pid) for pid in pids), seconds, f'{pids} have ended')


def _sessions(stack):
    return {json.loads(line)['id'] for line in stack.adit('sessions', '--json').stdout.splitlines()}


def _check_exec(stack):
    done = stack.exec('echo', 'works')
    check_equal((done.returncode, done.stdout), (0, b'works\n'), f'a new command: {done.stderr[-300:]!r}')


def test_sessions_outlive_an_agent_that_is_replaced(t):
    """Forwards and shells go on byte for byte while agents follow one another, also over a relay that is killed"""
    stack = t.own_stack()
    size = t.size(32 << 20, 1 << 30)
    generations = [stack.agent.pid]
    with TcpServer(echo) as target, contextlib.ExitStack() as shells:
        forward = _forward(stack, target.port)
        before = _sessions(stack)
        sealed = shells.enter_context(_shell(stack, '--sealed'))
        inspected = shells.enter_context(_shell(stack))
        ended = (_sessions(stack) - before)
        for shell in (sealed, inspected):
            shell.run('x=kept')
        transfer = _transfer(forward, size)
        for i in range(3):
            transfer.wait_for(size * (i + 1) // 4)
            generations.append(_succeed(stack, generations[-1]))
            _check_exec(stack)
            if i == 1:
                # The lanes of the first process come again by what the relay tells the newest one.
                _kill_relay(stack)
                stack.wait_connected()
        transfer.finish()
        check_equal(target.connections, 1, 'connections at the target')
        for shell in (sealed, inspected):
            check_equal(shell.run('echo $x').strip(), 'kept', 'the shell')
        for session in ended:
            done = stack.adit('terminate', session)
            check_equal(done.returncode, 0, f'terminate: {done.stderr!r}')
        wait_until(lambda: not ended & _sessions(stack), 20, 'the relay ends what the first process has')
        check_equal(forward.stop(), 0, 'status')
    check_equal(stack.agent.wait(30), 0, 'status of the first process')
    _wait_gone(generations[:-1])
    _check_exec(stack)
    os.kill(generations[-1], signal.SIGTERM)
    _wait_gone(generations)


test_sessions_outlive_an_agent_that_is_replaced.limit = 150


def test_all_generations_stop_with_the_newest(t):
    """SIGTERM to the newest agent ends the sessions of those before it, and says so to clients and service manager"""
    path = f'/tmp/adit-e2e-notify-{os.getpid()}'
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        try:
            _stop_all(t.own_stack(env={'NOTIFY_SOCKET': path}), manager)
        finally:
            os.unlink(path)


def _stop_all(stack, manager):
    old = stack.popen('exec', stack.NODE, '--', 'sh', '-c', 'echo ready; sleep 100')
    check_equal(old.stdout.readline(), b'ready\n', 'the command')
    newest = _succeed(stack, stack.agent.pid)
    manager.settimeout(10)
    while (said := manager.recv(4096)) != b'MAINPID=%d' % newest:
        check(b'STOPPING=1' not in said, said)
    os.kill(newest, signal.SIGTERM)
    check_equal(old.wait(20), 255, 'status of the client')
    check(b'stop' in old.stderr.read(), 'the client is told why')
    check_equal(stack.agent.wait(20), 0, 'status of the first process')
    _wait_gone([newest])
    wait_until(lambda: not _sessions(stack), 10, 'the relay has no session any more')


test_all_generations_stop_with_the_newest.waits = True  # The command has five seconds for its end.


def test_a_successor_that_fails_changes_nothing(t):
    """Where the new program cannot run, or ends at once, the agent says so and goes on"""
    stack = t.own_stack()
    stack.agent.stop()
    program = os.path.join(stack.folder, 'adit-agent')
    shutil.copy(stack.program('adit-agent'), program)
    agent = stack.start('agent-copy', [program, 'run', '--state', stack.agent_state],
                        stack.environment() | stack.extra_env)
    stack.wait_connected(agent=agent)
    running = stack.popen('exec', stack.NODE, '--', 'sh', '-c', 'echo ready; exec cat')
    check_equal(running.stdout.readline(), b'ready\n', 'the command')
    for broken in ('#!/bin/sh\nexit 3\n', 'no program\n'):
        os.unlink(program)
        with open(program, 'w', encoding='ascii') as file:
            file.write(broken)
        os.chmod(program, 0o755)
        mark = len(agent.err())
        agent.signal(signal.SIGUSR2)
        agent.wait_for(lambda: 'successor_failed' in agent.err()[mark:], 20, 'the failure is told')
        _check_exec(stack)
    # Also where it has no relay when it fails.
    stack.relay.stop(20)
    mark = len(agent.err())
    agent.signal(signal.SIGUSR2)
    agent.wait_for(lambda: 'successor_failed' in agent.err()[mark:], 20, 'the failure is told')
    stack.start_relay()
    stack.wait_connected(agent=agent)
    _check_exec(stack)
    out, _ = running.communicate(b'still here\n', timeout=20)
    check_equal((running.returncode, out), (0, b'still here\n'), 'a command from before')


def test_a_killed_successor_is_followed_by_the_one_before_it(t):
    """When the newest process is killed, the one that it followed takes the link up again, with its sessions"""
    stack = t.own_stack()
    running = stack.popen('exec', stack.NODE, '--', 'sh', '-c', 'echo ready; exec cat')
    check_equal(running.stdout.readline(), b'ready\n', 'the command')  # Its session is there.
    newest = _succeed(stack, stack.agent.pid)
    os.kill(newest, signal.SIGKILL)
    stack.agent.wait_for(lambda: 'successor_failed' in stack.agent.err(), 20, 'the end is told')
    stack.wait_connected(agent=stack.agent)
    _check_exec(stack)
    again = _succeed(stack, stack.agent.pid)
    _check_exec(stack)
    out, _ = running.communicate(b'still here\n', timeout=20)
    check_equal((running.returncode, out), (0, b'still here\n'), 'a command from before')
    check_equal(stack.agent.wait(20), 0, 'status of the first process')
    os.kill(again, signal.SIGTERM)
    _wait_gone([again])
