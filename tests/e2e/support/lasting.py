"""Work that lasts through whatever happens to it, and of which each byte is looked at."""

import hashlib
import itertools
import os
import re
import socket
import struct
import threading
import time

from support.processes import check, check_equal, free_port, wait_until
from support.terminal import Terminal, plain

BLOCK = os.urandom(1 << 16)


def forward_on(stack, target, *options):
    """A forward to that port of the node; `connect` of the process makes a connection through it."""
    port = free_port()
    process = stack.start('forward', [stack.program('adit'), 'forward', *options, stack.NODE, f'{port}:{target}'])
    process.wait_for(lambda: f':{port} -> ' in process.err(), 20, 'the forward is ready')

    def connect():
        return socket.create_connection(('127.0.0.1', port), 600)
    process.connect = lambda: stack.hosts['client'].call(connect)
    return process


class Transfer:
    """Sends to an echo as much as it is allowed, and reads it back; both ways are hashed."""

    def __init__(self, connection):
        self.received = 0
        self.error = None
        self._allowed = 0
        self._is_over = False
        self._more = threading.Condition()
        self._hashes = hashlib.sha256(), hashlib.sha256()
        self._connection = connection
        self._threads = [threading.Thread(target=self._run, args=(part,), daemon=True)
                         for part in (self._send, self._receive)]
        for thread in self._threads:
            thread.start()

    def _run(self, part):
        try:
            part()
        except OSError as error:
            self.error = error

    def _send(self):
        for i in itertools.count():
            with self._more:
                self._more.wait_for(lambda: self._is_over or self._allowed > i * len(BLOCK))
                if self._allowed <= i * len(BLOCK):
                    break
            block = i.to_bytes(8, 'big') + BLOCK[8:]
            self._connection.sendall(block)
            self._hashes[0].update(block)
        self._connection.shutdown(socket.SHUT_WR)

    def _receive(self):
        while data := self._connection.recv(1 << 18):
            self._hashes[1].update(data)
            self.received += len(data)

    def allow(self, size):
        """As many more bytes may go, whole blocks."""
        with self._more:
            self._allowed += size
            self._more.notify_all()

    def wait_half(self, size):
        """Waits until half of the `size` that was allowed last is back; the rest is under way."""
        self.wait_for(self._allowed - size // 2)

    def wait_for(self, wanted):
        wait_until(lambda: self.error or self.received >= wanted, 300,
                   f'{wanted} bytes came back ({self.received} did)')
        check(self.error is None, f'the connection broke after {self.received} bytes: {self.error}')

    def finish(self):
        """Ends it; returns how many bytes came back, which are those that went."""
        with self._more:
            self._is_over = True
            self._more.notify_all()
        for thread in self._threads:
            thread.join(300)
        self.wait_for(self._allowed)
        check_equal(self.received, self._allowed, 'bytes')
        check_equal(self._hashes[1].hexdigest(), self._hashes[0].hexdigest(), 'hash')
        self._connection.close()
        return self.received


class Probe(threading.Thread):
    """Asks an echo every 10 ms; `answers` are the times of the answers, which come once and in order."""

    def __init__(self, connection):
        super().__init__(daemon=True)
        self.answers = []
        self.asked = 0
        self.error = None
        self._connection = connection
        self._over = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.start()

    def run(self):
        try:
            for i in itertools.count():
                if self._over.wait(0.01):
                    return
                self._connection.sendall(struct.pack('>I', i))
                self.asked = i + 1
        except OSError as error:
            self.error = error

    def _read(self):
        data = b''
        try:
            while piece := self._connection.recv(4096):
                data += piece
                while len(data) >= 4:
                    if struct.unpack('>I', data[:4])[0] != len(self.answers):
                        self.error = f'answer {len(self.answers)} was {data[:4]!r}'
                        return
                    self.answers.append(time.monotonic())
                    data = data[4:]
        except OSError as error:
            self.error = error

    def answered_after(self, when):
        """How long after `when` the first answer came to what was asked after it."""
        asked = self.asked
        wait_until(lambda: self.error or len(self.answers) > asked, 60, 'the probe is answered again')
        check(self.error is None, f'the probe broke: {self.error}')
        return self.answers[asked] - when

    def stop(self):
        self._over.set()
        self.join(10)
        return len(self.answers)


class CounterShell(Terminal):
    """A shell that prints numbers, twenty a second, until the file `enough` is in the stack's shared folder."""

    def __init__(self, stack, carriage):
        super().__init__(stack.place([stack.program('adit'), 'shell', carriage, stack.NODE]), stack.environment())
        self.run('PS1=; stty -echo')
        self.send(b'i=0; while [ ! -e %s/enough ]; do echo "line $i."; i=$((i+1)); sleep 0.05; done; echo counted\r'
                  % stack.shared.encode())
        self.read_until(rb'line 0\.')

    def finish(self):
        """Reads to the end of the output; returns how many lines there were, each once and in order."""
        self.read_until(rb'counted', 60)
        text = plain(bytes(self.all))
        numbers = [int(number) for number in re.findall(rb'line (\d+)\.', text[text.rindex(b'line 0.'):])]
        check_equal(numbers, list(range(len(numbers))), 'the numbers of the lines')
        return len(numbers)


class Watched:
    """Terminals whose screens somebody looks at all the time, until the block ends."""

    def __init__(self, *terminals):
        self._terminals = terminals
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self):
        while not self._over.is_set():
            for terminal in self._terminals:
                terminal.drain(0.02)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
