"""Does a forwarded port carry what real programs do with TCP?

Method: PostgreSQL, Redis and servers of the test's own behind `adit forward`; bytes, resets, ends,
descriptors and memory are compared before and after. What bears the most load goes over both carriages:
sealed, where the relay splices, and inspected, where its switchboard has every frame.
"""

import hashlib
import os
import random
import re
import signal
import socket
import struct
import threading
import time

from support import proc_facts
from support.databases import Postgres, Redis, pgbench, redis_benchmark
from support.processes import Failure, check, check_equal, free_port, wait_until
from support.targets import echo, receive_exactly, sink
from support.tcp_server import TcpServer


_CARRIAGES = ('--sealed', '--inspected')


def _connect(port, seconds=20):
    connection = socket.create_connection(('127.0.0.1', port), seconds)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _reset(connection):
    """Closes with a reset instead of an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    connection.close()


def _expect_reset(port):
    """Connects and waits for a reset, which may come as early as the connection is there."""
    try:
        with _connect(port) as connection:
            check_equal(connection.recv(1), None, 'what came instead of a reset')
    except ConnectionResetError:
        pass


def test_postgres(t):
    """PostgreSQL: pgbench -i, then pgbench -c 8 without an error"""
    folder = t.run.new_folder()
    os.makedirs(folder)
    os.chmod(folder, 0o755)
    server = Postgres(folder)
    try:
        for carriage in _CARRIAGES:
            forward = t.stack.forward(server.port, name='forward-postgres', options=[carriage])
            pgbench(forward.port, '-i', '-q', seconds=120)
            seconds = t.size(2, 10)
            text = pgbench(forward.port, '-c', '8', '-j', '2', '-T', str(seconds), seconds=seconds + 60)
            check('number of failed transactions: 0 ' in text, f'{carriage}: failed transactions: {text}')
            t.note(f'{carriage}: ' + next(line for line in text.splitlines() if line.startswith('tps')))
            check_equal(forward.stop(), 0, 'the status of a forward that is asked to stop')
    finally:
        server.stop()


def test_redis(t):
    """Redis: redis-benchmark with 50 pipelined connections"""
    folder = t.run.new_folder()
    os.makedirs(folder)
    server = Redis(folder)
    try:
        for carriage in _CARRIAGES:
            forward = t.stack.forward(server.port, name='forward-redis', options=[carriage])
            text = redis_benchmark(forward.port, t.size(30_000, 500_000), 120)
            rows = [line.split(',') for line in text.replace('"', '').splitlines() if ',' in line][1:]
            t.note(f'{carriage}: ' + ', '.join(f'{row[0]} {float(row[1]):.0f}/s' for row in rows))
            forward.stop()
    finally:
        server.stop()


def test_bytes_both_ways(t):
    """Bytes both ways at once, in pieces of odd sizes, arrive as they were sent"""
    for carriage in _CARRIAGES:
        _check_bytes_both_ways(t, carriage)


def _check_bytes_both_ways(t, carriage):
    size = t.size(32 << 20, 256 << 20)
    with TcpServer(echo) as target:
        forward = t.stack.forward(target.port, name='forward-bytes', options=[carriage])
        with _connect(forward.port) as connection:
            sent, received = hashlib.sha256(), hashlib.sha256()
            choose = random.Random(1)

            def feed():
                block = os.urandom(1 << 20)
                left = size
                while left:
                    start = choose.randrange(len(block) - 1)
                    size_now = choose.choice((1, 13, 1447, 16376, 16377, 300_000))
                    piece = block[start:start + min(left, size_now)]
                    connection.sendall(piece)
                    sent.update(piece)
                    left -= len(piece)
                connection.shutdown(socket.SHUT_WR)

            feeder = threading.Thread(target=feed, daemon=True)
            feeder.start()
            count = 0
            while piece := connection.recv(1 << 18):
                received.update(piece)
                count += len(piece)
            feeder.join(5)
        check_equal((count, received.hexdigest()), (size, sent.hexdigest()), f'{carriage}: size and hash')
        forward.stop()


def test_inspected_bytes_are_not_copied(t):
    """Of what an inspected forward carries, the relay puts together at most 7 % before it opens or seals it"""
    stack = t.own_stack()
    size = t.size(64 << 20, 1 << 30)
    with TcpServer(echo) as target:
        forward = stack.forward(target.port, options=['--inspected'])
        with _connect(forward.port) as connection:
            def feed():
                block = os.urandom(1 << 20)
                for _ in range(size >> 20):
                    connection.sendall(block)
                connection.shutdown(socket.SHUT_WR)

            feeder = threading.Thread(target=feed, daemon=True)
            feeder.start()
            count = sum(len(piece) for piece in iter(lambda: connection.recv(1 << 18), b''))
            feeder.join(5)
        check_equal(count, size, 'bytes that came back')
        forward.stop()
    check_equal(stack.relay.stop(20), 0, 'status of the relay')
    sums = {}
    for line in re.findall(r' tls_leg_bytes (.*)', stack.relay.err()):
        for name, value in re.findall(r'(\w+)=(\d+)', line):
            sums[name] = sums.get(name, 0) + int(value)
    check(sums.get('opened', 0) >= 2 * size, f'the relay has counted {sums}')
    copied = sums['opened_copied'] + sums['sealed_copied']
    t.note(f'copied {100 * copied / sums["opened"]:.2f} %: {sums}')
    check(copied <= 0.07 * sums['opened'], f'the relay copied {copied} bytes: {sums}')
    check(sums['sealed_in_place'] > 0, f'no record was sealed where it was opened: {sums}')


def test_half_close(t):
    """Either side may finish first, and the other goes on"""
    for carriage in _CARRIAGES:
        _check_half_close(t, carriage)


def _check_half_close(t, carriage):
    with TcpServer(sink) as target:
        forward = t.stack.forward(target.port, options=[carriage])
        with _connect(forward.port) as connection:
            connection.sendall(b'x' * 300_000)
            connection.shutdown(socket.SHUT_WR)
            check_equal(int.from_bytes(receive_exactly(connection, 8), 'big'), 300_000, f'{carriage}: the answer')
            check_equal(connection.recv(1), b'', f'{carriage}: the end')
        forward.stop()

    got = []

    def finishes_first(connection):
        connection.sendall(b'bye')
        connection.shutdown(socket.SHUT_WR)
        got.append(sum(len(piece) for piece in iter(lambda: connection.recv(65536), b'')))

    with TcpServer(finishes_first) as target:
        forward = t.stack.forward(target.port, options=[carriage])
        with _connect(forward.port) as connection:
            check_equal(receive_exactly(connection, 3), b'bye', f'{carriage}: the greeting')
            check_equal(connection.recv(1), b'', f'{carriage}: the end')
            connection.sendall(b'y' * 200_000)
            connection.shutdown(socket.SHUT_WR)
            wait_until(lambda: got, 5, f'{carriage}: the target reads to the end')
        check_equal(got, [200_000], f'{carriage}: bytes after the target had finished')
        forward.stop()


def test_resets_pass(t):
    """A reset passes in both directions"""
    for carriage in _CARRIAGES:
        _check_resets_pass(t, carriage)


def _check_resets_pass(t, carriage):
    seen = []

    def waits_for_reset(connection):
        connection.sendall(b'r')
        try:
            connection.recv(1)
            seen.append('end')
        except ConnectionResetError:
            seen.append('reset')

    with TcpServer(waits_for_reset) as target:
        forward = t.stack.forward(target.port, options=[carriage])
        connection = _connect(forward.port)
        receive_exactly(connection, 1)
        _reset(connection)
        wait_until(lambda: seen, 5, f'{carriage}: the target hears of the reset')
        check_equal(seen, ['reset'], f'{carriage}: what the target saw')
        forward.stop()

    with TcpServer(_reset) as target:
        forward = t.stack.forward(target.port, options=[carriage])
        _expect_reset(forward.port)
        forward.stop()


def test_refused_target(t):
    """A refused target resets the local connection before any byte and says why"""
    closed = free_port()
    for carriage in _CARRIAGES:
        forward = t.stack.forward(closed, options=[carriage])
        _expect_reset(forward.port)
        wait_until(lambda: str(closed) in forward.err() and 'refused' in forward.err(), 5,
                   f'{carriage}: standard error says that the target refused')
        forward.check_running()
        forward.stop()


def test_hangup(t):
    """A forward that nohup started outlives its terminal, another one does not"""
    with TcpServer(echo) as target:
        for ignored in (False, True):
            forward = t.stack.start(
                'forward-hangup', [t.stack.program('adit'), 'forward', t.stack.NODE, f'0:{target.port}'],
                before_exec=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN) if ignored else None)
            port = int(forward.wait_for(lambda: re.search(r'127\.0\.0\.1:(\d+) ->', forward.err()), 20,
                                        'the forward is ready')[1])
            forward.signal(signal.SIGHUP)
            if not ignored:
                check_equal(forward.wait(10), 128 + signal.SIGHUP, 'status')
                continue
            with _connect(port) as connection:
                connection.sendall(b'hello')
                check_equal(receive_exactly(connection, 5), b'hello', 'what came back')
            check_equal(forward.stop(), 0, 'status after SIGTERM')


def test_unknown_host(t):
    """A host that the node cannot resolve resets the connection and is named"""
    forward = t.stack.forward('no-such-host.invalid:80')
    _expect_reset(forward.port)
    wait_until(lambda: 'no-such-host.invalid' in forward.err(), 10, 'standard error names the host')
    forward.stop()


def test_local_port_taken(t):
    """A local port that is taken: the message names the holder and what to do"""
    with socket.create_server(('127.0.0.1', 0)) as holder:
        port = holder.getsockname()[1]
        done = t.stack.adit('forward', t.stack.NODE, f'{port}:9')
        check_equal(done.returncode, 255, 'status')
        text = done.stderr.decode()
        check(str(port) in text and str(os.getpid()) in text, f'the holder is not named: {text!r}')


def test_several_forwards_and_forms(t):
    """Several forwards at once, -L, a bind address, a host behind the node"""
    stack = t.stack
    with TcpServer(echo) as target:
        ports = [free_port() for _ in range(3)]
        process = stack.start('forward-forms', [
            stack.program('adit'), 'forward', stack.NODE, '-L', f'{ports[0]}:{target.port}',
            '-L', f'127.0.0.1:{ports[1]}:127.0.0.1:{target.port}',
            '-L', f'{ports[2]}:localhost:{target.port}'])
        process.wait_for(lambda: all(proc_facts.is_listening(port) for port in ports), 10, 'it listens')
        for port in ports:
            with _connect(port) as connection:
                connection.sendall(b'hello')
                check_equal(receive_exactly(connection, 5), b'hello', f'echo through port {port}')
        process.stop()


def test_stopped_reader(t):
    """64 connections through one forward: one whose reader stops does not hold up the others"""
    for carriage in _CARRIAGES:
        _check_stopped_reader(t, carriage)


test_stopped_reader.limit = 150


def _check_stopped_reader(t, carriage):
    size = t.size(2 << 20, 16 << 20)
    block = os.urandom(1 << 16)

    def source(connection):
        connection.recv(1)
        for _ in range((64 << 20) // len(block)):
            connection.sendall(block)

    with TcpServer(source) as target:
        forward = t.stack.forward(target.port, name='forward-64', options=[carriage])
        connections = [_connect(forward.port) for _ in range(64)]
        for connection in connections:
            connection.sendall(b'g')
        stopped, others = connections[0], connections[1:]
        receive_exactly(stopped, 1)
        time.sleep(0.5)  # Long enough for its windows to fill.
        counts = [0] * len(others)

        def read(i):
            try:
                while counts[i] < size:
                    counts[i] += len(others[i].recv(1 << 16)) or size * 2
            except OSError:
                counts[i] = -1

        start = time.monotonic()
        threads = [threading.Thread(target=read, args=(i,), daemon=True) for i in range(len(others))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.1, start + t.size(40, 400) - time.monotonic()))
        seconds = time.monotonic() - start
        slow = [i + 1 for i, count in enumerate(counts) if not size <= count < size * 2]
        check(not slow, f'{carriage}: connections {slow} did not go on')
        t.note(f'{carriage}: 63 x {size >> 20} MiB in {seconds:.1f} s beside a stopped reader, '
               f'{63 * size / seconds / 1e6:.0f} MB/s')
        # The stopped one goes on where it was.
        for _ in range(64):
            receive_exactly(stopped, 1 << 14)
        for connection in connections:
            connection.close()
        forward.stop()


def _one_connection(port, i):
    with _connect(port) as connection:
        text = b'connection %d' % i
        connection.sendall(text)
        if receive_exactly(connection, len(text)) != text:
            raise Failure(f'connection {i} got other bytes')
        if i % 3 == 0:
            _reset(connection)
        elif i % 3 == 1:
            connection.shutdown(socket.SHUT_WR)
            check_equal(connection.recv(1), b'', 'the end')


# A loop of the relay keeps up to four empty pipes for the next flows (engine/loop/pipe_cache.h).
_RELAY_PIPE_ENDS_MAX = 2 * 4 * os.cpu_count()


def _descriptors(processes):
    """How many descriptors each process has, but for pipes."""
    return [proc_facts.descriptor_count(p.pid) - proc_facts.pipe_end_count(p.pid) for p in processes]


def test_connections_leave_nothing_behind(t):
    """Many connections opened and closed in turn leave no descriptor and no memory behind"""
    for carriage in _CARRIAGES:
        _check_nothing_is_left(t, carriage)


def _check_nothing_is_left(t, carriage):
    count = t.size(1000, 10_000)
    with TcpServer(echo) as target:
        forward = t.stack.forward(target.port, name='forward-many', options=[carriage])
        processes = [t.stack.relay, t.stack.agent, forward]
        for i in range(t.size(200, 6000)):
            _one_connection(forward.port, i)
        time.sleep(0.5)
        fds = _descriptors(processes)
        memory = [proc_facts.memory_bytes(p.pid) for p in processes]
        start = time.monotonic()
        for i in range(count):
            _one_connection(forward.port, i)
        seconds = time.monotonic() - start
        # What an earlier forward left behind for a while may be gone by now.
        wait_until(lambda: all(n <= m for n, m in zip(_descriptors(processes), fds)), 10,
                   f'the descriptors are not more than before: {fds}')
        pipe_ends = proc_facts.pipe_end_count(t.stack.relay.pid)
        check(pipe_ends <= _RELAY_PIPE_ENDS_MAX, f'the relay keeps {pipe_ends} ends of pipes')
        after = [proc_facts.memory_bytes(p.pid) for p in processes]
        t.note(f'{carriage}: {count} connections, {count / seconds:.0f}/s; descriptors '
               + ', '.join(f'{p.name} {n} -> {m}'
                           for p, n, m in zip(processes, fds, _descriptors(processes))))
        t.note('memory: ' + ', '.join(f'{p.name} {a >> 10} -> {b >> 10} KiB'
                                      for p, a, b in zip(processes, memory, after)))
        for process, a, b in zip(processes, memory, after):
            # The relay's store may fill its page cache meanwhile, 2 MiB; nothing else may grow.
            limit = (5 << 19) if process is t.stack.relay else (1 << 18)
            check(b - a <= limit, f'{carriage}: {process.name} grew by {(b - a) >> 10} KiB')
        forward.stop()


def test_many_connections_at_once(t):
    """Five hundred connections open at once all work"""
    with TcpServer(echo) as target:
        for carriage in _CARRIAGES:
            forward = t.stack.forward(target.port, name='forward-500', options=[carriage])
            connections = [_connect(forward.port) for _ in range(500)]
            for i, connection in enumerate(connections):
                connection.sendall(b'%05d' % i)
            for i, connection in enumerate(connections):
                check_equal(receive_exactly(connection, 5), b'%05d' % i, f'connection {i}, {carriage}')
            for connection in connections:
                connection.close()
            forward.stop()
