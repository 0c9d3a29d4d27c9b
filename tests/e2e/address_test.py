"""Is a new address more than a moment, whichever end has it?

Method: client, relay and node on hosts of their own, and a probe that asks for an echo every 10 ms over a forward
of two lanes. The address of one end goes, and another one comes; the other end, which sees a sound connection, must
be told, also when the link that tells it has died of the same. Silence alone would be noticed after 14 s.
"""

import statistics
import time

from support.lasting import Probe, forward_on
from support.processes import check, check_equal, wait_until
from support.targets import echo
from support.tcp_server import TcpServer
from support.three_hosts import ThreeHosts, is_possible

_BACK_MAX = 10


def test_new_addresses(t):
    """A new address at either end, again and again: the session is back long before silence is noticed"""
    if not is_possible():
        t.note('skipped: network namespaces need root')
        return
    count = t.size(3, 30)
    stack = ThreeHosts(t.bin, t.run.new_folder(), t.io)
    t.adopt(stack)
    target = stack.hosts['node'].call(lambda: TcpServer(echo))
    with target:
        forward = forward_on(stack, target.port, '--sealed', '--lanes', '2')
        probe = Probe(forward.connect())
        wait_until(lambda: len(probe.answers) > 10, 10, 'the probe is answered')
        away = []
        for i in range(count):
            for name in ('node', 'client'):
                stack.change_address(name)
                start, asked = time.monotonic(), probe.asked
                wait_until(lambda: probe.error or len(probe.answers) > asked, _BACK_MAX,
                           f'the probe is answered after change {i + 1} of the address of the {name}')
                check(probe.error is None, f'the probe broke: {probe.error}')
                away.append(probe.answers[asked] - start)
        echoes = probe.stop()
        check_equal(target.connections, 1, 'connections at the target')
        check_equal(forward.stop(), 0, 'status')
    t.note(f'{2 * count} new addresses, {echoes} echoes, each once: back after {statistics.median(away):.2f} s (median), '
           f'{max(away):.2f} s (last)')


test_new_addresses.limit = 60
