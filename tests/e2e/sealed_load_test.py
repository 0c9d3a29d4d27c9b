"""Does a sealed session hold what it promises while it is under load, and when a side of it dies?

Method: many senders against readers that stopped, with an eye on the memory of all three programs;
kill -9 of each program in the middle of a transfer, with the bytes that came out compared.
"""

import os
import socket
import threading
import time

from support import proc_facts
from support.processes import check, check_equal, free_port, wait_until
from support.tcp_server import TcpServer

_SENDERS = 64

# What each program may grow by: the windows of one session's lanes and what is received and sent
# around them (client/memory_plan.h, agent/session/window_budget.h); the relay holds pipes alone.
# The node's windows may grow by what is lent, WindowBudget::kReserveMax, beside the lanes' shares.
_GROWTH_MAX = {'client': 96 << 20, 'agent': 256 << 20, 'relay': 8 << 20}


def _forward(stack, target, *options, env=None):
    port = free_port()
    process = stack.start('loaded-forward', [stack.program('adit'), 'forward', '--sealed', *options,
                                             stack.NODE, f'{port}:{target}'], env)
    process.wait_for(lambda: proc_facts.is_listening(port), 20, 'the forward listens')
    process.port = port
    return process


def _connect(port):
    return socket.create_connection(('127.0.0.1', port), 20)


def test_many_senders_at_a_stopped_reader(t):
    """64 senders push at readers that stopped: all three programs hold a bounded part, and go on after it"""
    stack = t.stack
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
        forward = _forward(stack, target.port)
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
            t.note(f'{name}: {growth >> 20} MiB more for {stuck >> 20} MiB that wait')
            check(growth < _GROWTH_MAX[name], f'the {name} grew by {growth >> 20} MiB')
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


test_many_senders_at_a_stopped_reader.limit = 150


class _Transfer:
    """A sealed connection through which the same noise goes both ways until it breaks."""

    def __init__(self, stack, size):
        self.noise = os.urandom(size)
        self.at_target = bytearray()
        self.at_client = bytearray()
        self.target_over = threading.Event()
        self.server = TcpServer(self._serve)
        self.forward = _forward(stack, self.server.port, env=stack.environment() | {'ADIT_PATIENCE': '0'})
        self.connection = _connect(self.forward.port)
        self.connection.settimeout(20)
        threads = ((self._send, self.connection), (self._receive, self.connection, self.at_client))
        self._threads = [threading.Thread(target=call[0], args=call[1:], daemon=True) for call in threads]
        for thread in self._threads:
            thread.start()

    def _serve(self, connection):
        connection.settimeout(20)
        sender = threading.Thread(target=self._send, args=(connection,), daemon=True)
        sender.start()
        self._receive(connection, self.at_target)
        sender.join(20)
        self.target_over.set()

    def _send(self, connection):
        try:
            connection.sendall(self.noise)
        except OSError:
            pass

    @staticmethod
    def _receive(connection, place):
        try:
            while piece := connection.recv(1 << 16):
                place += piece
        except OSError:
            pass

    def check_beginnings(self, who):
        """What came out is the beginning of what was sent, and not all of it."""
        for thread in self._threads:
            thread.join(20)
            check(not thread.is_alive(), f'{who}: the local connection hangs')
        wait_until(self.target_over.is_set, 20, f"{who}: the target's connection ends")
        for place, got in (('target', self.at_target), ('client', self.at_client)):
            check(len(got) < len(self.noise), f'{who}: everything came to the {place} before')
            check(self.noise.startswith(bytes(got)), f'{who}: other bytes came out at the {place}')

    def close(self):
        self.connection.close()
        self.server.close()


def test_killed_in_a_transfer(t):
    """kill -9 of relay, node or client in a transfer without patience: both ends hear of it within 15 s, no byte is wrong"""
    for who in ('relay', 'agent', 'client'):
        stack = t.own_stack()
        transfer = _Transfer(stack, 100 << 20)
        try:
            wait_until(lambda: min(len(transfer.at_target), len(transfer.at_client)) > 4 << 20, 20,
                       'the transfer runs')
            victim = {'relay': stack.relay, 'agent': stack.agent, 'client': transfer.forward}[who]
            victim.kill()
            start = time.monotonic()
            if who != 'client':
                check_equal(transfer.forward.wait(15), 255, f'{who}: status of the forward')
                check('node-1' in transfer.forward.err(), transfer.forward.err())
            transfer.check_beginnings(who)
            t.note(f'{who} killed: over everywhere after {time.monotonic() - start:.2f} s')
        finally:
            transfer.close()


test_killed_in_a_transfer.limit = 150
