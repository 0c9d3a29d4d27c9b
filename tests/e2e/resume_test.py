"""Do sessions outlive their connections, byte for byte?

Method: bytes go both ways through a sealed forward, or a sealed shell is typed into, while the relay is
killed and started again, connections are cut, or the client is stopped. Each disturbance waits for progress,
none for a time; the local connections are the same ones from the first byte to the last.
"""

import hashlib
import os
import signal
import socket
import threading

from support import proc_facts
from support.processes import check, check_equal, free_port, wait_until
from support.targets import echo, receive_exactly
from support.tcp_server import TcpServer, both_ways

_BLOCK = os.urandom(1 << 20)


def _forward(stack, target, *options):
    port = free_port()
    process = stack.start('forward', [stack.program('adit'), 'forward', '--sealed', *options, stack.NODE,
                                      f'{port}:{target}'])
    process.wait_for(lambda: proc_facts.is_listening(port) and f':{port} -> ' in process.err(), 20,
                     'the forward is ready')
    process.port = port
    return process


class _Transfer:
    """Sends `size` bytes to an echo and reads them back, on one connection; `received` is how far it got."""

    def __init__(self, port, size):
        self.received = 0
        self._size = size
        self._sent_hash, self._received_hash = hashlib.sha256(), hashlib.sha256()
        self._error = None
        self._connection = socket.create_connection(('127.0.0.1', port), 120)
        self._threads = [threading.Thread(target=self._run, args=(part,), daemon=True)
                         for part in (self._send, self._receive)]
        for thread in self._threads:
            thread.start()

    def _run(self, part):
        try:
            part()
        except OSError as error:
            self._error = error

    def _send(self):
        for i in range(self._size >> 20):
            block = i.to_bytes(8, 'big') + _BLOCK[8:]
            self._connection.sendall(block)
            self._sent_hash.update(block)
        self._connection.shutdown(socket.SHUT_WR)

    def _receive(self):
        while data := self._connection.recv(1 << 18):
            self._received_hash.update(data)
            self.received += len(data)

    def wait_for(self, size, seconds=120):
        wait_until(lambda: self._error or self.received >= size, seconds,
                   f'{size} bytes came back ({self.received} did)')
        check(self._error is None, f'the local connection broke after {self.received} bytes: {self._error}')

    def finish(self):
        for thread in self._threads:
            thread.join(180)
        self.wait_for(self._size)
        check_equal(self.received, self._size, 'bytes')
        check_equal(self._received_hash.hexdigest(), self._sent_hash.hexdigest(), 'hash')
        self._connection.close()


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
        transfer = _Transfer(forward.port, size)
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


class _Cutter(TcpServer):
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
        cutters.append(_Cutter(port))
        return cutters[0].port

    stack = t.own_stack(advertise=advertise)
    cuts = t.size(5, 50)
    size = t.size(32 << 20, 1 << 30)
    with TcpServer(echo) as target, cutters[0] as cutter:
        forward = _forward(stack, target.port)
        transfer = _Transfer(forward.port, size)
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


test_a_command_that_is_cut_can_be_ended.limit = 90
