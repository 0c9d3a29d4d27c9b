"""Sessions that live beside a fleet: real agents, real forwards, and a probe on each that checks every byte."""

import base64
import json
import os
import re
import selectors
import socket
import statistics
import struct
import subprocess
import threading
import time

SESSIONS_PER_AGENT = 50  # A node takes some 65 forwards.
PERIOD = 0.1             # Between two blocks of a probe.
BLOCK = 64
STARTING_MAX = 8         # Forwards that are started at once.


def identities(roll, count):
    """The authority, and certificate and key of the first nodes of a roll (fleet_roll.h)."""
    with open(roll, 'rb') as file:
        parts = file.read((count * 2 + 1) * 4096).split(b'\0')
    authority = parts[0].partition(b'\n')[2].decode()
    return authority, [(parts[1 + 2 * i].decode(), parts[2 + 2 * i].decode()) for i in range(count)]


def node_id_of(certificate):
    der = base64.b64decode(''.join(line for line in certificate.splitlines() if not line.startswith('-')))
    return re.search(rb'mi-[0-9a-f]{17}', der)[0].decode()


class Echo(threading.Thread):
    """Sends back what comes, on every connection."""

    def __init__(self):
        super().__init__(daemon=True)
        self._listener = socket.create_server(('127.0.0.1', 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        self.start()

    def run(self):
        ready = selectors.DefaultSelector()
        ready.register(self._listener, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.fileobj is self._listener:
                    ready.register(self._listener.accept()[0], selectors.EVENT_READ)
                elif data := _receive(key.fileobj):
                    key.fileobj.sendall(data)
                else:
                    ready.unregister(key.fileobj)
                    key.fileobj.close()


def _receive(connection):
    try:
        return connection.recv(1 << 16)
    except OSError:
        return b''


def _block(session, number):
    return (struct.pack('>II', session, number) * (BLOCK // 8))[:BLOCK]


class _Probe:
    def __init__(self, session, connection):
        self.session, self.connection = session, connection
        self.asked, self.answers, self.rest = 0, [], b''
        self.error = None

    def ask(self):
        try:
            self.connection.sendall(_block(self.session, self.asked))
            self.asked += 1
        except OSError as error:
            self.error = f'sending: {error}'

    def hear(self, now):
        data = _receive(self.connection)
        if not data:
            self.error = self.error or 'the connection ended'
            return
        self.rest += data
        while len(self.rest) >= BLOCK:
            if self.rest[:BLOCK] != _block(self.session, len(self.answers)):
                self.error = f'answer {len(self.answers)} is not what was asked'
                return
            self.answers.append(now)
            self.rest = self.rest[BLOCK:]


class LiveSessions:
    """`count` sessions of `adit forward` on agents of their own, the first ones of the relay's roll."""

    def __init__(self, relay, build, folder, count):
        self.relay, self.folder, self.count = relay, folder, count
        self.bin = os.path.join(build, 'bin')
        self.agent_count = -(-count // SESSIONS_PER_AGENT)
        self.env = dict(relay.env, ADIT_CONFIG_DIR=os.path.join(folder, 'config'))
        self.processes, self.probes = [], []
        self.echo = Echo()
        self._over = threading.Event()

    def _start(self, name, argv):
        with open(os.path.join(self.folder, name), 'wb') as log:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env)
        self.processes.append(process)

    def _log(self, name):
        with open(os.path.join(self.folder, name), errors='replace') as log:
            return log.read()

    def _await(self, name, word, seconds):
        end = time.monotonic() + seconds
        while word not in self._log(name):
            if time.monotonic() > end:
                raise SystemExit(f'{name} does not say "{word}": {self._log(name)[-500:]}')
            time.sleep(0.02)

    def start(self, login_line):
        subprocess.run([os.path.join(self.bin, 'adit'), 'login'], input=login_line.encode() + b'\n', env=self.env,
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        authority, nodes = identities(self.relay.roll, self.agent_count)
        for i, (certificate, key) in enumerate(nodes):
            state = os.path.join(self.folder, f'agent-{i}')
            os.makedirs(state, 0o700)
            with open(os.open(os.path.join(state, 'node.json'), os.O_CREAT | os.O_WRONLY, 0o600), 'w') as file:
                json.dump({'relay': f'127.0.0.1:{self.relay.port}', 'node_id': node_id_of(certificate),
                           'name': f'fleet-{i}', 'private_key': key, 'certificate': certificate,
                           'authority': authority}, file)
            self._start(f'agent-{i}.log', [os.path.join(self.bin, 'adit-agent'), 'run', '--state', state])
        for i in range(self.agent_count):
            self._await(f'agent-{i}.log', 'relay_connected', 60)
        for first in range(0, self.count, STARTING_MAX):
            self._start_forwards(range(first, min(first + STARTING_MAX, self.count)))
        threading.Thread(target=self._probe, daemon=True).start()

    def _start_forwards(self, numbers):
        ports = {}
        for i in numbers:
            with socket.socket() as free:
                free.bind(('127.0.0.1', 0))
                ports[i] = free.getsockname()[1]
            self._start(f'forward-{i}.log', [os.path.join(self.bin, 'adit'), 'forward', '--sealed',
                                             f'fleet-{i % self.agent_count}', f'{ports[i]}:{self.echo.port}'])
        for i, port in ports.items():
            self._await(f'forward-{i}.log', f':{port} -> ', 60)
            self.probes.append(_Probe(i, socket.create_connection(('127.0.0.1', port), 60)))

    def _probe(self):
        ready = selectors.DefaultSelector()
        for probe in self.probes:
            ready.register(probe.connection, selectors.EVENT_READ, probe)
        due = time.monotonic()
        while not self._over.is_set():
            for key, _ in ready.select(max(0, due - time.monotonic())):
                key.data.hear(time.monotonic())
                if key.data.error:
                    ready.unregister(key.fileobj)
            if time.monotonic() < due:
                continue
            due += PERIOD
            for probe in self.probes:
                if not probe.error:
                    probe.ask()

    def lost(self):
        """Those whose bytes did not come as they were sent, or whose connection or client ended."""
        return [f'{probe.session}: {probe.error}' for probe in self.probes if probe.error]

    def mark(self):
        """How much each was asked until now: what is asked later is answered when it is back."""
        return [probe.asked for probe in self.probes]

    def wait_back(self, mark, seconds):
        """Waits until each has answered something asked after `mark`; the times of the first such answers."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if all(probe.error or len(probe.answers) > asked for probe, asked in zip(self.probes, mark)):
                break
            time.sleep(0.02)
        return [probe.answers[asked] for probe, asked in zip(self.probes, mark) if len(probe.answers) > asked]

    def bytes_checked(self):
        return sum(len(probe.answers) for probe in self.probes) * BLOCK

    def end(self):
        self._over.set()
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()


def summary(times, start):
    """Seconds since `start`, of so many."""
    seconds = sorted(round(each - start, 2) for each in times)
    if not seconds:
        return {'count': 0}
    return {'count': len(seconds), 'first': seconds[0], 'median': round(statistics.median(seconds), 2),
            'p90': seconds[len(seconds) * 9 // 10 - 1 if len(seconds) > 9 else -1], 'last': seconds[-1]}
