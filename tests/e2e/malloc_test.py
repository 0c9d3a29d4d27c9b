"""Does the data path allocate?

Method: a preloaded library counts malloc and its kin in the three real processes, with the stacks they
came from, while bytes pass through forwards and commands in both directions. What our code allocates
must not grow with the bytes. BoringSSL, told apart by the names in the stacks, must not allocate at all;
that it is told apart is seen by what the handshakes allocated.
"""

import mmap
import os
import socket
import struct
import subprocess
import threading
import time

from support.processes import Failure, check, check_equal
from support.targets import echo
from support.tcp_server import TcpServer

_LIBRARY = 'libmalloc_count.so'
# As in tests/support/malloc_count.cc.
_HEADER = struct.Struct('<QQQ')
_STACKS_MAX = 32768
_FRAMES_MAX = 12
_STACK = struct.Struct(f'<Q{_FRAMES_MAX}Q')

# What may be called beside the data while the test runs, by who calls: at once, and more each second. Data
# that cost anything would cost thousands, for each of their frames.
_MOST = {
    'our own code': (16, 16),  # Pings, timers, a log line. 0 to 7 were measured.
    # SQLite's: the relay's look for what is due, each second. Up to 93 were measured.
    'the store': (128, 128),
    # Nothing of BoringSSL runs by the clock, and records need nothing but their two ciphers, which are there
    # since the handshake (engine/tls/traffic_keys.h), and a thread's two for pieces, since their first use
    # (engine/tls/piece_cipher.h).
    'BoringSSL': (0, 0),
}
# A lane that opens during a round allocates, once, and shakes hands; what the bytes cost shows in every round.
_ROUNDS_MAX = 3


class Counter:
    """The counts of one process, read while it runs."""

    def __init__(self, path):
        with open(path, 'rb') as file:
            self._map = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)

    def stacks(self):
        """{return addresses: calls}; stacks beyond the table's size are under ()."""
        _, _, lost = _HEADER.unpack_from(self._map, 0)
        found = {(): lost} if lost else {}
        for i in range(_STACKS_MAX):
            calls, *frames = _STACK.unpack_from(self._map, _HEADER.size + i * _STACK.size)
            if calls:
                found[tuple(frame for frame in frames if frame)] = calls
        return found


def _difference(after, before):
    return {stack: calls - before.get(stack, 0) for stack, calls in after.items()
            if calls > before.get(stack, 0)}


def _mappings(pid):
    """(start, end, file offset, path) of what can be executed."""
    found = []
    with open(f'/proc/{pid}/maps', encoding='utf-8') as maps:
        for line in maps:
            fields = line.split(maxsplit=5)
            if len(fields) == 6 and 'x' in fields[1]:
                start, end = (int(part, 16) for part in fields[0].split('-'))
                found.append((start, end, int(fields[2], 16), fields[5].strip()))
    return found


def _name_frames(pid, stacks):
    """Resolves every address of the stacks to 'function (file)' with addr2line."""
    mappings = _mappings(pid)
    by_file = {}
    for address in {frame for stack in stacks for frame in stack}:
        for start, end, offset, path in mappings:
            if start <= address < end:
                # One byte back: inside the call, not behind it.
                by_file.setdefault(path, []).append((address, address - start + offset - 1))
    names = {}
    for path, pairs in by_file.items():
        done = subprocess.run(['addr2line', '-f', '-C', '-e', path],
                              input='\n'.join(hex(p[1]) for p in pairs).encode(), timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        lines = done.stdout.decode(errors='replace').splitlines()
        for i, (address, _) in enumerate(pairs):
            if 2 * i + 1 < len(lines):
                names[address] = f'{lines[2 * i]} ({lines[2 * i + 1].split(" ")[0]})'
    return names


_NEAREST = 4  # Functions above the allocator.


def _is_tls(stack, names):
    """True when the nearest functions above the allocator are BoringSSL's."""
    words = [names.get(frame, '') for frame in stack[:_NEAREST]]
    return any('OPENSSL_' in word or 'bssl::' in word or 'boringssl' in word.lower() or
               '/src/crypto/' in word or '/src/ssl/' in word for word in words)


def _caller(stack, names):
    """Which of _MOST a call counts to; one of which nothing is known is our own."""
    if _is_tls(stack, names):
        return 'BoringSSL'
    return 'the store' if any('sqlite3' in names.get(frame, '') for frame in stack) else 'our own code'


def _echo_through(connection, size):
    """Sends `size` bytes and reads them back."""
    block = os.urandom(1 << 18)

    def feed():
        left = size
        while left:
            piece = block[:min(left, len(block))]
            connection.sendall(piece)
            left -= len(piece)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    buffer = bytearray(1 << 20)
    left = size
    while left:
        got = connection.recv_into(buffer, min(left, len(buffer)))
        check(got, f'the connection ended {left} bytes early')
        left -= got
    feeder.join(5)


class _Pipes:
    """A command's standard input and output, as a connection."""

    def __init__(self, process):
        self._process = process

    def sendall(self, data):
        view = memoryview(data)
        while view:
            view = view[os.write(self._process.stdin.fileno(), view):]

    def recv_into(self, buffer, size):
        return os.readv(self._process.stdout.fileno(), [memoryview(buffer)[:size]])


def _counted_stack(t):
    """A stack whose programs count; returns (stack, environment, function from process to Counter)."""
    library = os.path.join(os.path.dirname(t.bin), 'lib', _LIBRARY)
    check(os.path.exists(library), f'{library} is not built')
    folder = t.run.new_folder()
    os.makedirs(folder)
    os.chmod(folder, 0o777)
    preload = {'LD_PRELOAD': library, 'MALLOC_COUNT_FOLDER': folder}
    stack = t.own_stack(env=preload)
    return (stack, stack.environment() | preload,
            lambda process: Counter(os.path.join(folder, f'{process.pid}.counts')))


def _check_no_allocation(t, what, connection, processes, counter_of):
    """Echoes through the connection, and looks at what the processes, {name: process}, allocated."""
    _echo_through(connection, 64 << 20)  # Warm-up: pools, windows, lanes, lazily made tables.
    time.sleep(0.2)
    for attempt in range(_ROUNDS_MAX):
        if _echo_counted(t, what, connection, processes, counter_of):
            return
        t.note(f'  once more: what comes once, such as a lane, is no cost of the bytes ({attempt + 1})')
    raise Failure(f'{what}: bytes cost allocations in {_ROUNDS_MAX} rounds of {_ROUNDS_MAX}')


def _echo_counted(t, what, connection, processes, counter_of):
    """One round; True when nobody allocated more than the time explains."""
    counters = {name: counter_of(process) for name, process in processes.items()}
    before = {name: counter.stacks() for name, counter in counters.items()}
    size = t.size(64 << 20, 1 << 30)
    start = time.monotonic()
    _echo_through(connection, size)
    seconds = time.monotonic() - start
    t.note(f'{what}: {size >> 20} MiB each way in {seconds:.1f} s')
    clean = True
    for name, process in processes.items():
        change = _difference(counters[name].stacks(), before[name])
        names = _name_frames(process.pid, change)
        by_caller = {caller: {} for caller in _MOST}
        for stack, calls in change.items():
            by_caller[_caller(stack, names)][stack] = calls
        t.note(f'  {name}: allocations of ' + ', '.join(f'{caller} {sum(found.values())}'
                                                        for caller, found in by_caller.items()))
        for caller, found in by_caller.items():
            at_once, a_second = _MOST[caller]
            if sum(found.values()) <= at_once + seconds * a_second:
                continue
            clean = False
            for stack, calls in sorted(found.items(), key=lambda item: -item[1])[:5]:
                t.note(f'    {calls} x ' + ' < '.join(names.get(f, hex(f)) for f in stack[:8]))
    return clean


def _check_told_apart(name, process, counter):
    """Every stack was kept, and among them are BoringSSL's, of the handshakes: else none of it means nothing."""
    stacks = counter.stacks()
    check_equal(stacks.get((), 0), 0, f'{name}: calls whose stacks had no room')
    names = _name_frames(process.pid, {stack[:_NEAREST] for stack in stacks})
    check(any(_is_tls(stack, names) for stack in stacks), f'{name}: no call is recognised as one of BoringSSL')


def test_no_allocation_while_bytes_pass(t):
    """After warm-up, bytes through a forward cost no allocation in relay, agent and client"""
    stack, env, counter_of = _counted_stack(t)
    with TcpServer(echo) as target:
        for carriage in ('--sealed', '--inspected'):
            forward = stack.forward(target.port, env=env, options=[carriage])
            processes = {'relay': stack.relay, 'agent': stack.agent, 'client': forward}
            with socket.create_connection(('127.0.0.1', forward.port), 60) as connection:
                _check_no_allocation(t, f'forward {carriage}', connection, processes, counter_of)
                if carriage == '--inspected':  # Once is enough, after all that was counted.
                    for name, process in processes.items():
                        _check_told_apart(name, process, counter_of(process))
            forward.stop()


test_no_allocation_while_bytes_pass.limit = 90


def test_no_allocation_in_a_command(t):
    """After warm-up, bytes through a remote command's pipes cost no allocation, either"""
    stack, env, counter_of = _counted_stack(t)
    for carriage in ('--sealed', '--inspected'):
        client = stack.popen('exec', carriage, stack.NODE, '--', 'cat', env=env)
        processes = {'relay': stack.relay, 'agent': stack.agent, 'client': client}
        _check_no_allocation(t, f'exec {carriage}', _Pipes(client), processes, counter_of)
        client.stdin.close()
        check_equal(client.wait(10), 0, 'status of the command')
        for pipe in (client.stdout, client.stderr):
            pipe.close()


test_no_allocation_in_a_command.limit = 90
