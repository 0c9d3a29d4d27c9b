"""A terminal that a test types into and reads from: a PTY without a screen."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from support.processes import Failure

# The command runs below a shell that owns the terminal, as it does under a person's own shell: when
# it ends, the terminal stays and its modes can be looked at.
_WRAPPER = '"$@"; echo "[ended $?]"; read -r _'
_ESCAPES = re.compile(rb'\x1b(\[[0-9;?]*[a-zA-Z]|\][^\x07\x1b]*(\x07|\x1b\\)|[()][0-9A-B]|[=>])|\r')


def plain(data):
    """The bytes without escape sequences and carriage returns."""
    return _ESCAPES.sub(b'', data)


class Terminal:
    def __init__(self, argv, env, columns=80, rows=24):
        self.master, self.slave = pty.openpty()
        self.resize(columns, rows)
        self.all = bytearray()   # Everything that was ever shown.
        self._unread = bytearray()
        self.modes_before = termios.tcgetattr(self.slave)
        slave = self.slave

        def own_the_terminal():
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            # Whoever runs the tests by nohup ignores it, and children would, too.
            signal.signal(signal.SIGHUP, signal.SIG_DFL)

        self.popen = subprocess.Popen(
            ['/bin/sh', '-c', _WRAPPER, 'sh', *argv], env=env, stdin=slave, stdout=slave,
            stderr=slave, start_new_session=True, preexec_fn=own_the_terminal)

    def resize(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))

    def modes(self):
        return termios.tcgetattr(self.slave)

    def _pump(self, seconds, data=b''):
        """Reads for at most `seconds`, or writes some of `data`; returns what is left of it."""
        readable, writable, _ = select.select([self.master], [self.master] if data else [], [], seconds)
        if readable:
            got = os.read(self.master, 65536)
            self._unread += got
            self.all += got
        if writable:
            # In small pieces, so that the write cannot block on a full line.
            data = data[os.write(self.master, data[:512]):]
        return data

    def send(self, data, seconds=60):
        """Types; reads what comes meanwhile, as a terminal does."""
        end = time.monotonic() + seconds
        data = memoryview(data)
        while data:
            data = self._pump(0.2, data)
            if time.monotonic() > end:
                raise Failure(f'the terminal did not take what was typed within {seconds} s')

    def read_until(self, pattern, seconds=10):
        """Reads until `pattern` (bytes, a regular expression) is in the text without escapes."""
        end = time.monotonic() + seconds
        while True:
            text = plain(bytes(self._unread))
            match = re.search(pattern, text)
            if match:
                self._unread = bytearray(text[match.end():])
                return match
            if time.monotonic() > end:
                raise Failure(f'{pattern!r} did not appear within {seconds} s; the end of the screen: '
                              f'{text[-300:]!r}')
            self._pump(0.1)

    def drain(self, seconds):
        """Reads until it was quiet for `seconds`."""
        before = -1
        while before != len(self.all):
            before = len(self.all)
            self._pump(seconds)

    def run(self, line, seconds=10):
        """Types a line into a shell; returns the text it prints before its next prompt.

        The shell puts the two marks around it together, so that no echo of the line contains one:
        a line that is typed before the prompt is there is echoed twice. `$?` is as it was.
        """
        mark = f'{time.monotonic_ns()}'
        half = len(mark) // 2
        first, last = (f"printf '%s%s%s\\n' '{sign}' '{mark[:half]}' '{mark[half:]}'" for sign in '<>')
        self.send(f'(s=$?; {first}; exit $s); {line}; {last}\r'.encode())
        match = self.read_until(f'<{mark}\n(?P<text>[^\0]*?)>{mark}\n'.encode(), seconds)
        return match['text'].decode(errors='replace')

    def wait_ended(self, seconds=10):
        """Waits for the command's end; returns its exit status."""
        return int(self.read_until(rb'\[ended (\d+)\]', seconds)[1])

    def close(self):
        for pid in [self.popen.pid]:
            try:
                os.killpg(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.popen.wait(5)
        os.close(self.master)
        os.close(self.slave)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
