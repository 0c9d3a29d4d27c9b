"""Does anything grow in an hour of sessions and disturbances at random?

Method: one forward with a probe lives through all of it; commands, shells and transfers come and go beside it,
while the relay is killed, connections are cut and the client is stopped. Memory, descriptors and threads of all
three programs are noted every ten seconds, and are to be flat at the end. SOAK_SECONDS (3600) says how long;
the series is a line of bench/results/soak.jsonl.
"""

import hashlib
import json
import os
import random
import signal
import subprocess
import time

from support.growth import Growth
from support.processes import check, check_equal, wait_until
from support.targets import echo
from support.tcp_server import TcpServer
from support.three_hosts import ThreeHosts, is_possible

from siege_test import Probe, forward_on

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_SAMPLE_SECONDS = 10


class _Soak:
    def __init__(self, stack, forward, probe):
        self.stack, self.forward, self.probe = stack, forward, probe
        self.counts = {}
        self.growth = Growth()
        self._kept = self._sessions()  # The forward's.

    # ------------------------------------------------------------------------- work

    def command(self):
        text = os.urandom(random.randrange(1 << 16)).hex().encode()
        carriage = random.choice(['--sealed', '--inspected'])
        done = self.stack.adit('exec', carriage, self.stack.NODE, '--', 'cat', input=text, timeout=60)
        check_equal((done.returncode, done.stdout == text), (0, True), f'a command {carriage}: {done.stderr[-300:]!r}')

    def transfer(self):
        size = random.randrange(1 << 20, 1 << 26)
        with self.forward.connect() as connection:
            sent, received = hashlib.sha256(), hashlib.sha256()
            block = os.urandom(1 << 16)
            for _ in range(size >> 16):
                connection.sendall(block)
                sent.update(block)
                got = b''
                while len(got) < len(block):
                    piece = connection.recv(1 << 16)
                    check(piece, 'the connection ended early')
                    got += piece
                received.update(got)
            check_equal(received.hexdigest(), sent.hexdigest(), 'hash')

    def refused(self):
        done = self.stack.adit('exec', self.stack.NODE, '--', '/nowhere/nothing', timeout=60)
        check(done.returncode not in (0, 255), f'a program that is not there: {done.returncode} {done.stderr!r}')

    def killed_client(self):
        process = self.stack.popen('exec', '--sealed', self.stack.NODE, '--', 'sleep', '1000', stdin=subprocess.DEVNULL)
        time.sleep(random.uniform(0, 1))
        process.kill()
        process.communicate(timeout=10)
        # Its session would wait for it until it has been idle for 20 minutes.
        for session in self._sessions() - self._kept:
            self.stack.adit('terminate', session)

    def _sessions(self):
        return {json.loads(line)['id'] for line in self.stack.adit('sessions', '--json').stdout.splitlines()}

    # ----------------------------------------------------------------- disturbances

    def relay_killed(self):
        self.stack.relay.signal(signal.SIGKILL)
        self.stack.relay.wait(20)
        self.stack.start_relay()
        self._whole()

    def relay_stopped(self):
        self.stack.relay.stop(30)
        self.stack.start_relay()
        self._whole()

    def link_cut(self):
        name = random.choice(['client', 'node'])
        self.stack.cut_link(name)
        time.sleep(random.uniform(0.1, 3))
        self.stack.mend_link(name)
        self._whole()

    def address_changed(self):
        self.stack.change_address(random.choice(['client', 'node']))
        self._whole()

    def client_stopped(self):
        self.forward.signal(signal.SIGSTOP)
        time.sleep(random.uniform(1, 20))
        self.forward.signal(signal.SIGCONT)
        self._whole()

    def _whole(self):
        self.probe.answered_after(time.monotonic())
        self.stack.wait_connected(60)

    # --------------------------------------------------------------------- the hour

    def run(self, seconds):
        work = [self.command, self.transfer, self.refused, self.killed_client]
        disturbances = [self.relay_killed, self.relay_stopped, self.link_cut, self.address_changed, self.client_stopped]
        start = sampled = time.monotonic()
        while time.monotonic() - start < seconds:
            one = random.choice(work if random.random() < 0.85 else disturbances)
            one()
            self.counts[one.__name__] = self.counts.get(one.__name__, 0) + 1
            if time.monotonic() - sampled >= _SAMPLE_SECONDS:
                sampled = time.monotonic()
                # A relay that was killed begins anew, so that it can only seem smaller.
                self.growth.note(relay=self.stack.relay, agent=self.stack.agent, client=self.forward)


def test_soak(t):
    """After an hour of sessions, kills, cuts and new addresses memory, descriptors and threads are flat"""
    if not is_possible():
        t.note('skipped: network namespaces need root')
        return
    seconds = int(os.environ.get('SOAK_SECONDS', '3600'))
    signal.alarm(seconds + 600)
    seed = int(os.environ.get('SOAK_SEED', '0')) or random.randrange(1 << 30)
    random.seed(seed)
    stack = ThreeHosts(t.bin, t.run.new_folder(), t.io)
    t.adopt(stack)
    target = stack.hosts['node'].call(lambda: TcpServer(echo))
    with target:
        forward = forward_on(stack, target.port)
        soak = _Soak(stack, forward, Probe(forward.connect()))
        try:
            soak.run(seconds)
            soak.growth.check_flat()
        finally:
            line = {'date': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()), 'seed': seed, 'seconds': seconds,
                    'counts': soak.counts, 'echoes': len(soak.probe.answers),
                    'series': soak.growth.series[::max(1, len(soak.growth.series) // 360)]}
            with open(os.path.join(_ROOT, 'bench/results/soak.jsonl'), 'a', encoding='ascii') as file:
                file.write(json.dumps(line) + '\n')
        wait_until(lambda: not soak.probe.error, 1, f'the probe is whole ({soak.probe.error})')
        check_equal(forward.stop(), 0, 'status')
    t.note('figures ' + json.dumps({name: value for name, value in line.items() if name != 'series'}))


test_soak.full_only = True
test_soak.by_name = True  # An hour is asked for, not met with.
