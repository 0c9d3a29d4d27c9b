"""Does anything grow in an hour of sessions and disturbances at random?

Method: client, relay and node on hosts of their own. A forward of each carriage with a probe and a shell of each with a
counter live through all of it, each byte looked at; commands, shells and hashed transfers come and go beside them, while
the relay is killed, cables are pulled, what is sent is swallowed for a moment or until both ends notice, addresses change
and the client is stopped. In the second half the relay alone is left in peace: it can grow in one life only.
Memory, descriptors and threads of all three programs are noted every ten seconds, and are to be flat at the end.
SOAK_SECONDS (3600) says how long, SOAK_SEED which; the series is a line of bench/results/soak.jsonl.
"""

import json
import os
import random
import signal
import subprocess
import time

from support.growth import Growth
from support.lasting import BLOCK, CounterShell, Probe, Transfer, Watched, forward_on
from support.processes import check, check_equal, wait_until
from support.targets import echo
from support.tcp_server import TcpServer
from support.terminal import Terminal
from support.three_hosts import ThreeHosts, is_possible

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_SAMPLE_SECONDS = 10
# From which part of the hour on they live in one process.
_PROGRAMS = {'relay': 0.5, 'agent': 0, 'client': 0, 'inspected': 0}
_CARRIAGES = ('--sealed', '--inspected')


class _Soak:
    def __init__(self, stack, target):
        self.stack = stack
        self.forwards = [forward_on(stack, target.port, carriage) for carriage in _CARRIAGES]
        self.probes = [Probe(forward.connect()) for forward in self.forwards]
        self.shells = [CounterShell(stack, carriage) for carriage in _CARRIAGES]
        self.counts = {}
        self.bytes = 0
        self.growth = Growth()
        self._kept = self._sessions()

    # ------------------------------------------------------------------------- work

    def command(self):
        text = os.urandom(random.randrange(1 << 16)).hex().encode()
        carriage = random.choice(_CARRIAGES)
        done = self.stack.adit('exec', carriage, self.stack.NODE, '--', 'cat', input=text, timeout=60)
        check_equal((done.returncode, done.stdout == text), (0, True), f'a command {carriage}: {done.stderr[-300:]!r}')

    def shell(self):
        argv = [self.stack.program('adit'), 'shell', random.choice(_CARRIAGES), self.stack.NODE]
        with Terminal(self.stack.place(argv), self.stack.environment()) as shell:
            lines = random.randrange(1, 2000)
            shown = shell.run(f'seq {lines}', 30).split()
            check_equal(shown, [str(i + 1) for i in range(lines)], 'what a shell showed')
            shell.send(b'exit 7\r')
            check_equal(shell.wait_ended(30), 7, 'status of a shell')

    def transfer(self):
        self._transfer(random.choice(self.forwards).connect())

    def _transfer(self, connection, meanwhile=lambda: None):
        size = random.randrange(1 << 4, 1 << 10) * len(BLOCK)
        transfer = Transfer(connection)
        transfer.allow(size)
        transfer.wait_half(size)
        meanwhile()
        self.bytes += transfer.finish()

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

    def relay_stopped(self):
        self.stack.relay.stop(30)
        self.stack.start_relay()

    def link_cut(self):
        name = random.choice(['client', 'node'])
        self.stack.cut_link(name)
        time.sleep(random.uniform(0.1, 3))
        self.stack.mend_link(name)

    def swallowed(self):
        name = random.choice(['client', 'node'])
        self.stack.swallow(name)
        time.sleep(10 ** random.uniform(-1.3, 1.5))  # From 0.05 s, a few lost packets, to 32 s, when both ends have noticed.
        self.stack.mend_swallowing(name)

    def address_changed(self):
        self.stack.change_address(random.choice(['client', 'node']))

    def client_stopped(self):
        forward = random.choice(self.forwards)
        forward.signal(signal.SIGSTOP)
        time.sleep(random.uniform(1, 20))
        forward.signal(signal.SIGCONT)

    def _disturb(self, disturbance):
        """Alone, or under a transfer of a connection that was there before."""
        if random.random() < 0.5:
            disturbance()
        else:
            self._transfer(random.choice(self.forwards).connect(), disturbance)
        back = time.monotonic()
        for probe in self.probes:
            probe.answered_after(back)
        self.stack.wait_connected(60)

    # --------------------------------------------------------------------- the hour

    def run(self, seconds):
        work = [self.command, self.shell, self.transfer, self.refused, self.killed_client]
        of_relay = [self.relay_killed, self.relay_stopped]
        of_others = [self.link_cut, self.swallowed, self.address_changed, self.client_stopped]
        start = sampled = time.monotonic()
        while (passed := time.monotonic() - start) < seconds:
            if random.random() < 0.85:
                one = random.choice(work)
                one()
            else:
                one = random.choice(of_others + (of_relay if passed < seconds * _PROGRAMS['relay'] - _SAMPLE_SECONDS else []))
                self._disturb(one)
            self.counts[one.__name__] = self.counts.get(one.__name__, 0) + 1
            if time.monotonic() - sampled >= _SAMPLE_SECONDS:
                sampled = time.monotonic()
                self.growth.note(relay=self.stack.relay, agent=self.stack.agent, client=self.forwards[0],
                                 inspected=self.forwards[1])
        for name, part in _PROGRAMS.items():
            self.growth.check_flat(name, part)

    def finish(self):
        """Whatever lived through it is whole; returns how much of it there was."""
        for probe in self.probes:
            wait_until(lambda probe=probe: not probe.error, 1, f'the probe is whole ({probe.error})')
        echoes = sum(probe.stop() for probe in self.probes)
        with open(os.path.join(self.stack.shared, 'enough'), 'w', encoding='ascii'):
            pass
        lines = sum(shell.finish() for shell in self.shells)
        for forward in self.forwards:
            check_equal(forward.stop(), 0, 'status')
        return echoes, lines


def _commit():
    described = subprocess.run(['git', '-C', _ROOT, 'describe', '--always', '--abbrev=12', '--dirty=-changed'],
                               stdout=subprocess.PIPE, text=True, check=False)
    return described.stdout.strip()


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
    line = {'date': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()), 'commit': _commit(), 'seed': seed,
            'seconds': seconds, 'ok': False}
    with target:
        soak = _Soak(stack, target)
        try:
            with Watched(*soak.shells):
                soak.run(seconds)
            line['echoes'], line['lines'] = soak.finish()
            line['ok'] = True
        finally:
            for shell in soak.shells:
                shell.close()
            line |= {'counts': soak.counts, 'bytes': soak.bytes,
                     'series': soak.growth.series[::max(1, len(soak.growth.series) // 360)]}
            with open(os.path.join(_ROOT, 'bench/results/soak.jsonl'), 'a', encoding='ascii') as file:
                file.write(json.dumps(line) + '\n')
    t.note('figures ' + json.dumps({name: value for name, value in line.items() if name != 'series'}))


test_soak.full_only = True
test_soak.by_name = True  # An hour is asked for, not met with.
