"""Does a session survive everything at once, byte for byte, and how long is it away each time?

Method: client, relay and node on hosts of their own. Hashed bytes go through a forward of each carriage, `top` runs
in a sealed shell and a counter in an inspected one, and a probe asks for an echo every 10 ms, while the relay is killed,
cables are pulled, addresses change and the forwards are stopped. Each disturbance waits for progress; each
interruption is counted from when the way is back. At full size (tools/test --long siege) as the product promises:
1 GiB of each carriage, 50 kills, and half of the interruptions are shorter than a second.
"""

import contextlib
import json
import os
import random
import signal
import socket
import statistics
import threading
import time

from support.lasting import BLOCK, CounterShell, Probe, Transfer, Watched, forward_on
from support.processes import check, check_equal, free_port, wait_until
from support.targets import echo
from support.tcp_server import TcpServer, both_ways
from support.terminal import Terminal
from support.three_hosts import ThreeHosts, is_possible

_MEDIAN_MAX = 1.0  # Seconds, after the way is back.


class _Disturbances:
    """What may happen; each returns when the way is back, with the time of that."""

    def __init__(self, stack, *forwards):
        self._stack, self._forwards = stack, forwards

    def relay_killed(self):
        self._stack.relay.signal(signal.SIGKILL)
        self._stack.relay.wait(20)
        self._stack.start_relay()
        return time.monotonic()

    def _link_cut(self, name):
        self._stack.cut_link(name)
        time.sleep(random.uniform(0.2, 2))
        self._stack.mend_link(name)
        return time.monotonic()

    def client_link_cut(self):
        return self._link_cut('client')

    def node_link_cut(self):
        return self._link_cut('node')

    def client_address_changed(self):
        self._stack.change_address('client')
        return time.monotonic()

    def node_address_changed(self):
        self._stack.change_address('node')
        return time.monotonic()

    def client_stopped(self):
        for forward in self._forwards:
            forward.signal(signal.SIGSTOP)
        time.sleep(120)
        for forward in self._forwards:
            forward.signal(signal.SIGCONT)
        return time.monotonic()


def _top_shell(stack):
    shell = Terminal(stack.place([stack.program('adit'), 'shell', '--sealed', stack.NODE]), stack.environment())
    shell.run("PS1='no top> '")
    shell.read_until(rb'no top> ')
    shell.send(b'top -d 0.5\r')
    shell.read_until(rb'load average')
    return shell


def _distribution(times):
    """The times in words: least, median, nine of ten, most."""
    ordered = sorted(times)
    tenth = ordered[min(len(ordered) - 1, len(ordered) * 9 // 10)]
    return (f'{ordered[0]:.2f} s at least, {statistics.median(ordered):.2f} s median, {tenth:.2f} s in nine of ten, '
            f'{ordered[-1]:.2f} s at most')


def test_siege(t):
    """Bytes, top and a counter survive kills, cut links, new addresses and a stopped client, each byte once"""
    if not is_possible():
        t.note('skipped: network namespaces need root')
        return
    counts = t.size({'relay_killed': 3, 'client_link_cut': 1},
                    {'relay_killed': 50, 'client_link_cut': 8, 'node_link_cut': 8, 'client_address_changed': 3,
                     'node_address_changed': 3, 'client_stopped': 1})
    plan = [name for name, count in counts.items() for _ in range(count)]
    seed = int(os.environ.get('SIEGE_SEED', '0')) or random.randrange(1 << 30)
    random.seed(seed)
    random.shuffle(plan)
    piece = t.size(8 << 20, ((1 << 30) // len(plan) // len(BLOCK) + 1) * len(BLOCK))
    stack = ThreeHosts(t.bin, t.run.new_folder(), t.io)
    t.adopt(stack)
    target = stack.hosts['node'].call(lambda: TcpServer(echo))
    with target:
        forwards = [forward_on(stack, target.port, carriage) for carriage in ('--sealed', '--inspected')]
        transfers, probe = [Transfer(forward.connect()) for forward in forwards], Probe(forwards[0].connect())
        with _top_shell(stack) as top, CounterShell(stack, '--inspected') as counter:
            away = {name: [] for name in counts}
            disturb = _Disturbances(stack, *forwards)
            with Watched(top, counter):
                for name in plan:
                    for transfer in transfers:
                        transfer.allow(piece)
                    for transfer in transfers:
                        transfer.wait_half(piece)
                    back = getattr(disturb, name)()
                    away[name].append(probe.answered_after(back))
                size = sum(transfer.finish() for transfer in transfers)
            echoes = probe.stop()
            with open(os.path.join(stack.shared, 'enough'), 'w', encoding='ascii'):
                pass
            lines = counter.finish()
            # Whatever it has shown meanwhile, it goes on: it shows another screen, and takes a key.
            top.drain(0.1)
            mark = len(top.all)
            # Not the words of its first screen: it rewrites only what has changed.
            wait_until(lambda: top.drain(0.1) or len(top.all) > mark, 60, 'top shows another screen')
            top.send(b'q')
            top.read_until(rb'no top> ')  # What is typed earlier is thrown away by top.
            check_equal(top.run('echo "$?"').strip(), '0', 'status of top')
        check_equal(target.connections, 3, 'connections at the target')
        for forward in forwards:
            check_equal(forward.stop(), 0, 'status')
    t.note(f'seed {seed}: {size >> 20} MiB, {echoes} echoes and {lines} lines, each once')
    for name, times in away.items():
        t.note(f'{name} x{len(times)}: back after {_distribution(times)}')
    every = statistics.median([time for times in away.values() for time in times])
    t.note('figures ' + json.dumps({
        'seed': seed, 'io': t.io, 'MiB': size >> 20, 'echoes': echoes, 'lines': lines,
        'median_s': round(every, 3),
        'away_s': {name: [round(value, 3) for value in sorted(times)] for name, times in away.items()}}))
    # A figure of the product, and so of the long form alone: a busy machine fails no test.
    check(every < _MEDIAN_MAX or not t.size(False, True),
          f'half of the interruptions took longer than {every:.2f} s; {_MEDIAN_MAX} s is what is promised')


test_siege.limit = 120


class _HalfOpen(TcpServer):
    """A proxy that can swallow all that passes, both ways, on the connections that it has."""

    def __init__(self, server_port):
        self._server_port = server_port
        self._swallowed = set()
        self._open = {}  # When each has last carried something; the oldest one first, which is the node's link.
        self.link_spoke = threading.Event()  # After a silence.
        super().__init__(self._splice)

    def _splice(self, here):
        with socket.create_connection(('127.0.0.1', self._server_port), 20) as there:
            there.settimeout(None)  # A link may be silent for long.
            self._open[here] = time.monotonic()
            both_ways(lambda: self._carry(there, here, here), lambda: self._carry(here, there, here), 600)
            del self._open[here]

    def _carry(self, source, sink, name):
        with contextlib.suppress(ConnectionError):  # One end gives up what it has found silent.
            while data := source.recv(1 << 16):
                now = time.monotonic()
                if list(self._open)[:1] == [name] and now - self._open[name] > 8:
                    self.link_spoke.set()
                self._open[name] = now
                if name not in self._swallowed:
                    sink.sendall(data)
            if name not in self._swallowed:
                sink.shutdown(socket.SHUT_WR)

    def swallow(self):
        self._swallowed |= set(self._open)


def test_half_open_proxy(t):
    """A proxy that swallows both ways is noticed by both ends within 15 s, and left behind"""
    _leave_half_open_proxy(t, 0)


def test_half_open_proxy_of_an_old_session(t):
    """It is noticed as soon when nothing but a session's lanes has been used for more than a minute"""
    _leave_half_open_proxy(t, 65)


def _leave_half_open_proxy(t, quiet_seconds):
    proxies = []

    def advertise(port):
        proxies.append(_HalfOpen(port))
        return proxies[0].port

    stack = t.own_stack(advertise=advertise)
    with TcpServer(echo) as target, proxies[0] as proxy:
        port = free_port()
        forward = stack.start('forward', [stack.program('adit'), 'forward', '--sealed', stack.NODE,
                                          f'{port}:{target.port}'])
        forward.wait_for(lambda: f':{port} -> ' in forward.err(), 20, 'the forward is ready')
        probe = Probe(socket.create_connection(('127.0.0.1', port), 600))
        wait_until(lambda: len(probe.answers) > 10, 10, 'the probe is answered')
        if quiet_seconds:
            # The link of a node without a session would rest by now. Its worst moment is behind a ping.
            time.sleep(quiet_seconds)
            proxy.link_spoke.clear()
            check(proxy.link_spoke.wait(40), 'the link of the node is asked')
            time.sleep(0.5)
        mark = len(stack.agent.err())
        proxy.swallow()
        start = time.monotonic()
        asked = len(probe.answers) + 10
        # The sixteenth second is for dialling again, and the seventeenth for the test.
        wait_until(lambda: probe.error or len(probe.answers) > asked, 17, 'the probe is answered again')
        check(probe.error is None, f'the probe broke: {probe.error}')
        seconds = time.monotonic() - start
        for event in ('relay_lost', 'lane_waits'):  # Nobody else could tell it.
            wait_until(lambda text=event: text in stack.agent.err()[mark:], max(0.1, 17 - seconds),
                       f'the node has noticed by itself: {event}')
        stack.wait_connected(20)
        t.note(f'left behind after {seconds:.1f} s, {probe.stop()} echoes, each once')
        name = 'half_open_old_s' if quiet_seconds else 'half_open_s'
        t.note('figures ' + json.dumps({'io': t.io, name: round(seconds, 1)}))
        check_equal(target.connections, 1, 'connections at the target')
        check_equal(forward.stop(), 0, 'status')


test_half_open_proxy.limit = 90
test_half_open_proxy.full_only = True
test_half_open_proxy_of_an_old_session.limit = 180
test_half_open_proxy_of_an_old_session.full_only = True
