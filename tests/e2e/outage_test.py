"""Do sessions go on when the relay's store does not?

Method: the disk under the store of a running relay becomes full or read-only, by a preloaded library, or its files
are moved away; sessions that run are used, cut and killed meanwhile, new ones are tried.
That this may last for hours is seen by tests/unit/broker/broker_outage_test.cc, on a clock of its own.
"""

import errno
import json
import os
import re
import socket
import struct

from resume_test import Cutter
from support.processes import check, check_equal, wait_until
from support.targets import echo, receive_exactly
from support.tcp_server import TcpServer
from support.terminal import Terminal

_LIBRARY = 'libdisk_errors.so'
_PROMPT = rb'[$#%>] $'


class _Disk:
    """The disk of a relay's state, which fails as it is told."""

    def __init__(self, t):
        self._control = os.path.join(t.run.new_folder(), 'disk')
        os.makedirs(os.path.dirname(self._control), exist_ok=True)
        self.fail(0, 0)
        library = os.path.join(os.path.dirname(t.bin), 'lib', _LIBRARY)
        check(os.path.exists(library), f'{library} is not built')
        self.env = {'LD_PRELOAD': library, 'DISK_ERRORS_CONTROL': self._control}

    def fail(self, writing, reading):
        """Every write and every read ends with that error; 0: it works."""
        with open(self._control, 'r+b' if os.path.exists(self._control) else 'wb') as file:
            file.write(struct.pack('=ii', writing, reading))


def _own_stack(t):
    """A stack all of whose connections can be cut: see its cutter."""
    cutters = []

    def advertise(port):
        cutters.append(Cutter(port))
        return cutters[0].port

    stack = t.own_stack(advertise=advertise)
    stack.cutter = cutters[0]
    return stack


def _relay_on(t, disk):
    """A stack whose relay has its state on the disk."""
    stack = _own_stack(t)
    stack.relay.stop()
    stack.extra_env = disk.env | {'DISK_ERRORS_FOLDER': stack.relay_state}
    stack.start_relay()
    stack.extra_env = {}
    stack.wait_connected()
    return stack


class _Talk:
    """A shell, and a sealed and an inspected forward to an echo, that are used."""

    def __init__(self, stack, target):
        self.stack = stack
        self.shell = Terminal([stack.program('adit'), 'shell', stack.NODE], stack.environment())
        self.shell.read_until(_PROMPT, 20)
        self.shell.run('x=kept')
        self.forwards = [stack.forward(target.port, options=[carriage]) for carriage in ('--sealed', '--inspected')]
        self.connections = [socket.create_connection(('127.0.0.1', forward.port), 60) for forward in self.forwards]
        self.count = 0
        self.check('at first')

    def check(self, when):
        self.count += 1
        text = b'%08d' % self.count
        for connection in self.connections:
            connection.settimeout(60)
            connection.sendall(text)
            check_equal(receive_exactly(connection, 8), text, f'the echo, {when}')
        check(self.shell.run('echo $x', 60).strip().endswith('kept'), f'the shell, {when}')

    def end(self):
        self.shell.send(b'exit\r')
        for connection, forward in zip(self.connections, self.forwards):
            connection.close()
            check_equal(forward.stop(), 0, 'status of the forward')
        self.shell.wait_ended(30)


def _refused(stack):
    refused = stack.exec('echo', 'new')
    check_equal(refused.returncode, 255, f'status of a new session: {refused.stderr}')
    check(b'store' in refused.stderr, f'no reason: {refused.stderr}')


def _returned(stack):
    """The sessions whose return is on record."""
    found = stack.adit('audit', 'lookup', '--by', 'EventName=Rejoin', '--json').stdout.decode()
    elements = [json.loads(line)['responseElements'] for line in found.splitlines()]
    return {each['sessionId'] for each in elements if each}


def _sessions_go_on(stack, take_away, bring_back):
    with TcpServer(echo) as target, stack.cutter:
        talk = _Talk(stack, target)
        take_away()
        for _ in range(3):
            _refused(stack)
        talk.check('without the store')
        # Their connections are lost: they come again all the same, and the permission is asked.
        mark = len(stack.agent.err())
        talk.shell.send(b'~R')
        stack.agent.wait_for(lambda: 'lane_resumed' in stack.agent.err()[mark:], 30, 'the shell comes again')
        talk.check('after ~R')
        # The node loses its link, and each session its connections.
        mark = len(stack.relay.err())
        stack.cutter.cut()
        talk.check('after all connections were cut')
        check(re.search('node_connected .*admitted=yes', stack.relay.err()[mark:]), stack.relay.tail())
        _refused(stack)
        bring_back()
        wait_until(lambda: stack.exec('echo', 'new').stdout == b'new\n', 30, 'new sessions')
        stack.relay.wait_for(lambda: 'store_works_again' in stack.relay.err(), 20, 'the relay says so')
        check_equal(target.connections, 2, 'connections at the target')
        wait_until(lambda: len(_returned(stack)) == 3, 20, 'the return of all three sessions is on record')
        talk.end()
        failures = stack.relay.err().count('store_failed at=batch')
        check_equal(failures, 1, 'the log says it once')


def _with_a_disk_that_fails(t, writing):
    disk = _Disk(t)
    stack = _relay_on(t, disk)
    _sessions_go_on(stack, lambda: disk.fail(writing, 0), lambda: disk.fail(0, 0))


def test_full_store(t):
    """While the store's disk is full sessions go on, and come again; new ones are refused with the reason"""
    _with_a_disk_that_fails(t, errno.ENOSPC)


def test_store_that_cannot_be_written(t):
    """So they do while it is read-only"""
    _with_a_disk_that_fails(t, errno.EROFS)


def test_store_that_is_gone(t):
    """So they do while its files are not there"""
    stack = _own_stack(t)
    gone = stack.relay_state + '.gone'

    def move(source, target):
        os.rename(source, target)

    _sessions_go_on(stack, lambda: move(stack.relay_state, gone), lambda: move(gone, stack.relay_state))


for _test in (test_full_store, test_store_that_cannot_be_written, test_store_that_is_gone):
    _test.limit = 150
