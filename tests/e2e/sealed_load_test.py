"""Does a session hold what it promises while it is under load, and when a side of it dies?

Method: many senders against readers that stopped, with an eye on the memory of all three programs;
kill -9 of each program in the middle of a transfer, with the bytes that came out compared. Sealed, where
the relay splices, and inspected, where it has every byte.
"""

import contextlib
import os
import socket
import threading
import time

from support import proc_facts
from support.processes import check, check_equal, free_port, wait_until
from support.tcp_server import TcpServer

_SENDERS = 64

_CARRIAGES = ('--sealed', '--inspected')

# What each program may grow by: the windows of one session's lanes and what is received and sent
# around them (client/memory_plan.h, agent/session/window_budget.h). The node's windows may grow by what
# is lent, WindowBudget::kReserveMax, beside the lanes' shares. The relay holds pipes alone of a sealed
# session; of an inspected one, for each of its lanes, some blocks (relay/switchboard/leg.h).
_GROWTH_MAX = {'client': 96 << 20, 'agent': 256 << 20, 'relay': 8 << 20}
# An inspected session that does not come again has no lane of its own: its streams cross the client's link
# and the node's, and for each the relay grants credit of its own, LinkBudget::kHeldMax of all of them.
# Frames as large as these here pin little more than they are.
_GROWTH_MAX_OVER_LINKS = _GROWTH_MAX | {'relay': (96 + 16) << 20}


def _without_patience(stack):
    """The environment of a client whose sessions end with their connections."""
    return stack.environment() | {'ADIT_PATIENCE': '0'}


def _forward(stack, target, carriage, env=None):
    port = free_port()
    process = stack.start('loaded-forward', [stack.program('adit'), 'forward', carriage, stack.NODE,
                                             f'{port}:{target}'], env)
    process.wait_for(lambda: proc_facts.is_listening(port), 20, 'the forward listens')
    process.port = port
    return process


def _connect(port):
    return socket.create_connection(('127.0.0.1', port), 20)


def test_many_senders_at_a_stopped_reader(t):
    """64 senders push at readers that stopped: all three programs hold a bounded part, and go on after it"""
    for carriage in _CARRIAGES:
        # A stack of its own, since what a program once had for its pools it keeps, and would not grow by.
        _check_many_senders(t, t.own_stack(), carriage, _GROWTH_MAX)
    stack = t.own_stack()
    _check_many_senders(t, stack, '--inspected', _GROWTH_MAX_OVER_LINKS, _without_patience(stack))


test_many_senders_at_a_stopped_reader.limit = 240


def _check_many_senders(t, stack, carriage, growth_max, env=None):
    what = carriage if env is None else f'{carriage} without patience'
    go_on = threading.Event()
    totals = []

    def stops(connection):
        connection.recv(1)
        go_on.wait(60)
        total = 1
        while piece := connection.recv(1 << 18):
            total += len(piece)
        totals.append(total)

    with TcpServer(stops) as target:
        forward = _forward(stack, target.port, carriage, env)
        programs = {'client': forward, 'agent': stack.agent, 'relay': stack.relay}
        before = {name: proc_facts.memory_bytes(p.pid) for name, p in programs.items()}
        connections = [_connect(forward.port) for _ in range(_SENDERS)]
        sent = [0] * _SENDERS

        def push(i):
            block = b'x' * (1 << 16)
            connections[i].settimeout(0.5)
            try:
                while True:
                    sent[i] += connections[i].send(block)
            except TimeoutError:
                pass  # Nobody takes any more.

        threads = [threading.Thread(target=push, args=(i,), daemon=True) for i in range(_SENDERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        stuck = sum(sent)
        for name, program in programs.items():
            growth = proc_facts.memory_bytes(program.pid) - before[name]
            t.note(f'{what}: {name}: {growth >> 20} MiB more for {stuck >> 20} MiB that wait')
            check(growth < growth_max[name], f'{what}: the {name} grew by {growth >> 20} MiB')
        go_on.set()
        for connection in connections:
            connection.settimeout(30)
            connection.shutdown(socket.SHUT_WR)
        for connection in connections:
            check_equal(connection.recv(1), b'', 'the end of the target')
            connection.close()
        wait_until(lambda: len(totals) == _SENDERS, 10, 'every target has read to the end')
        check_equal(sorted(totals), sorted(sent), 'bytes at the targets')
        check_equal(forward.stop(), 0, 'status')


_SLOW_READERS = 16  # Of the 64; the others stop.
_SLOW_PIECE = 1 << 14


def test_many_senders_at_clients_that_stop(t):
    """64 far ends push at clients that stop or read slowly: all three programs hold a bounded part, and slow ones get on"""
    for carriage in _CARRIAGES:
        _check_many_far_ends(t, t.own_stack(), carriage, _GROWTH_MAX)
    stack = t.own_stack()
    _check_many_far_ends(t, stack, '--inspected', _GROWTH_MAX_OVER_LINKS, _without_patience(stack))


test_many_senders_at_clients_that_stop.limit = 240


class _FarEnds:
    """A target that pushes as fast as it can, on each connection, until `enough` is set; then it finishes."""

    def __init__(self):
        self.enough = threading.Event()
        self.stuck = set()  # Connections that take no more for the moment.
        self.sent = {}
        self._lock = threading.Lock()

    def __call__(self, connection):
        number = connection.recv(1)[0]
        block = b'x' * (1 << 16)
        connection.settimeout(0.5)
        total = 0
        while not self.enough.is_set():
            try:
                total += connection.send(block)
                self.stuck.discard(number)
            except TimeoutError:
                self.stuck.add(number)
        with self._lock:
            self.sent[number] = total


def _check_many_far_ends(t, stack, carriage, growth_max, env=None):
    what = carriage if env is None else f'{carriage} without patience'
    far_ends = _FarEnds()
    received = [0] * _SENDERS
    with TcpServer(far_ends) as target:
        forward = _forward(stack, target.port, carriage, env)
        programs = {'client': forward, 'agent': stack.agent, 'relay': stack.relay}
        before = {name: proc_facts.memory_bytes(p.pid) for name, p in programs.items()}
        connections = [_connect(forward.port) for _ in range(_SENDERS)]
        for i, connection in enumerate(connections):
            connection.sendall(bytes([i]))

        def read_slowly(i):
            with contextlib.suppress(OSError):  # What is missing then is missed in the end.
                while not far_ends.enough.wait(0.02):
                    received[i] += len(connections[i].recv(_SLOW_PIECE))

        def read_on(i):
            connections[i].settimeout(30)
            with contextlib.suppress(OSError):
                while piece := connections[i].recv(1 << 18):
                    received[i] += len(piece)

        slow = [threading.Thread(target=read_slowly, args=(i,), daemon=True) for i in range(_SLOW_READERS)]
        for thread in slow:
            thread.start()
        stopped = set(range(_SLOW_READERS, _SENDERS))
        wait_until(lambda: stopped <= far_ends.stuck, 60, f'{what}: nobody takes any more of those that stopped')
        beside = received[:_SLOW_READERS]
        wait_until(lambda: all(now > then + 8 * _SLOW_PIECE for now, then in zip(received, beside)), 60,
                   f'{what}: the slow ones read on')
        for name, program in programs.items():
            growth = proc_facts.memory_bytes(program.pid) - before[name]
            t.note(f'{what}: {name}: {growth >> 20} MiB more')
            check(growth < growth_max[name], f'{what}: the {name} grew by {growth >> 20} MiB')
        far_ends.enough.set()
        for thread in slow:
            thread.join(30)
        rest = [threading.Thread(target=read_on, args=(i,), daemon=True) for i in range(_SENDERS)]
        for thread in rest:
            thread.start()
        for thread in rest:
            thread.join(60)
        wait_until(lambda: len(far_ends.sent) == _SENDERS, 10, f'{what}: every far end has ended')
        check_equal(received, [far_ends.sent[i] for i in range(_SENDERS)], f'{what}: bytes at the clients')
        for connection in connections:
            connection.close()
        check_equal(forward.stop(), 0, 'status')


# What is promised of a session without patience: both ends hear of its end so soon. What is late is waited for
# as long again, so that it is told from what never comes.
_HEARD_SECONDS = 15
_WAITED_SECONDS = 2 * _HEARD_SECONDS


class _Transfer:
    """A connection through which the same noise goes both ways until it breaks."""

    def __init__(self, stack, size, carriage):
        self.noise = os.urandom(size)
        self.got = {'client': bytearray(), 'target': bytearray()}
        self._over = {}  # {(place, direction): (when, the error or None)}
        self.server = TcpServer(self._serve)
        self.forward = _forward(stack, self.server.port, carriage, env=_without_patience(stack))
        self.connection = _connect(self.forward.port)
        threading.Thread(target=self._carry, args=('client', self.connection), daemon=True).start()

    def _serve(self, connection):
        self._carry('target', connection)

    def _carry(self, place, connection):
        connection.settimeout(2 * _WAITED_SECONDS)
        sender = threading.Thread(target=self._until_over, args=(place, 'send', connection.sendall, self.noise),
                                  daemon=True)
        sender.start()
        self._until_over(place, 'receive', self._receive, connection, self.got[place])
        sender.join(_WAITED_SECONDS)

    def _until_over(self, place, direction, call, *arguments):
        error = None
        try:
            call(*arguments)
        except OSError as caught:
            error = caught
        self._over[place, direction] = (time.monotonic(), error)

    @staticmethod
    def _receive(connection, got):
        while piece := connection.recv(1 << 16):
            got += piece

    def is_running(self):
        return min(len(got) for got in self.got.values()) > 4 << 20

    def wait_over(self, who):
        """Returns when the last of both connections, in both directions, was over."""
        wait_until(lambda: len(self._over) == 4, _WAITED_SECONDS, f'{who}: both connections are over')
        return max(when for when, _ in self._over.values())

    def check_beginnings(self, who):
        """What came out is the beginning of what was sent, and not all of it."""
        for place, got in self.got.items():
            check(len(got) < len(self.noise), f'{who}: everything came to the {place} before')
            check(self.noise.startswith(bytes(got)), f'{who}: other bytes came out at the {place}')

    def check_resets(self, who):
        """Neither program takes what it got for all that there was: it saw no end, but a reset."""
        for place in self.got:
            # Whichever of its two calls comes first is told; the other one only that it is over.
            errors = [self._over[place, direction][1] for direction in ('send', 'receive')]
            check(any(isinstance(error, ConnectionResetError) for error in errors),
                  f'{who}: the {place} saw no reset, but {errors}')

    def close(self):
        self.connection.close()
        self.server.close()


class _Command:
    """`adit exec -- sleep` without patience, and the process that it runs on the node."""

    def __init__(self, stack, carriage):
        # So many seconds nobody else sleeps.
        self.words = f'sleep {3000 + os.getpid() % 1000}.{time.monotonic_ns() % 1_000_000_000}'
        self.carriage = carriage
        self.client = stack.start('killed-exec', [stack.program('adit'), 'exec', carriage, stack.NODE, '--',
                                                  *self.words.split()], _without_patience(stack))
        self.client.wait_for(lambda: proc_facts.processes_running(self.words), 20, f'{self.words} runs')

    def wait_over(self, who):
        """Returns when the client had said why and the process on the node was gone."""
        check_equal(self.client.wait(_WAITED_SECONDS), 255, f'{who}: status of the exec {self.carriage}')
        check('relay' in self.client.err(), f'{who}: the exec {self.carriage} says {self.client.err()!r}')
        wait_until(lambda: not proc_facts.processes_running(self.words), _WAITED_SECONDS,
                   f'{who}: {self.words} is gone')
        return time.monotonic()


def test_killed_in_a_transfer(t):
    """kill -9 of relay, node or client in a transfer without patience: within 15 s both ends hear of it, no byte is wrong"""
    for who, carriage in (('relay', '--sealed'), ('relay', '--inspected'), ('agent', '--sealed'),
                          ('client', '--sealed')):
        stack = t.own_stack()
        # A node or client that is killed cannot end its programs itself: they are exec_test's.
        commands = [_Command(stack, other) for other in _CARRIAGES] if who == 'relay' else []
        transfer = _Transfer(stack, 100 << 20, carriage)
        name = f'{who}, {carriage}'
        try:
            wait_until(transfer.is_running, 20, 'the transfer runs')
            victim = {'relay': stack.relay, 'agent': stack.agent, 'client': transfer.forward}[who]
            start = time.monotonic()
            victim.kill()
            over = [time.monotonic()]
            if who != 'client':
                check_equal(transfer.forward.wait(_WAITED_SECONDS), 255, f'{name}: status of the forward')
                over.append(time.monotonic())
                check(stack.NODE in transfer.forward.err(), transfer.forward.err())
            over += [one.wait_over(name) for one in (transfer, *commands)]
            if who == 'relay':  # One that has ended is there until the node has waited for it.
                wait_until(lambda: not proc_facts.descendants(stack.agent.pid), _WAITED_SECONDS,
                           f'{name}: the node has no process left')
                over.append(time.monotonic())
            seconds = max(over) - start
            t.note(f'{name} killed: over everywhere after {seconds:.2f} s')
            check(seconds <= _HEARD_SECONDS, f'{name}: it took {seconds:.1f} s until all had heard of it')
            transfer.check_beginnings(name)
            if who == 'relay':
                transfer.check_resets(name)
        finally:
            transfer.close()


test_killed_in_a_transfer.limit = 240
