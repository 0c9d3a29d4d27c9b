"""Do certificates that end, and clocks that are wrong, say what is the matter and what to do?

Method: the relay's own authority issues certificates for a node's key with other dates, which are put
into the stopped agent's state; a preloaded library shifts one process's clock.
"""

import calendar
import json
import os
import re
import subprocess
import time

from support import certificates
from support.processes import check, check_equal, wait_until

_LIBRARY = 'libwall_clock_shift.so'
_HOUR, _DAY = 3600, 24 * 3600


def travel(t, stack, seconds):
    """The environment of a process whose wall clock is off by so much."""
    library = os.path.join(os.path.dirname(t.bin), 'lib', _LIBRARY)
    check(os.path.exists(library), f'{library} is not built')
    return stack.environment() | {'LD_PRELOAD': library, 'WALL_CLOCK_SHIFT_SECONDS': str(seconds)}


def _node(stack):
    with open(os.path.join(stack.agent_state, 'node.json'), encoding='utf-8') as file:
        return json.load(file)


def _dates(stack):
    """(begin, end) of the agent's certificate, in seconds since 1970."""
    done = subprocess.run(['openssl', 'x509', '-noout', '-dates', '-dateopt', 'iso_8601'], check=True,
                          input=_node(stack)['certificate'].encode(), stdout=subprocess.PIPE, timeout=20)
    texts = re.findall(r'=(\d+-\d+-\d+ \d+:\d+:\d+)Z', done.stdout.decode())
    return [calendar.timegm(time.strptime(text, '%Y-%m-%d %H:%M:%S')) for text in texts]


def _stop_and_date(stack, begin, end):
    """Stops the agent, and gives it a good certificate of the relay's with other dates."""
    stack.agent.stop()
    node = _node(stack)
    node['certificate'] = certificates.of_authority(
        stack.relay_state, os.path.join(stack.folder, 'dated'), node['node_id'], node['private_key'],
        time.time() + begin, time.time() + end)
    with open(os.path.join(stack.agent_state, 'node.json'), 'w', encoding='utf-8') as file:
        json.dump(node, file)


def _log_says(process, event, words, seconds=10):
    line = rf'{event} [^\n]*{words}[^\n]*\n'
    return process.wait_for(lambda: re.search(line, process.err()), seconds,
                            f'the log of {process.name} says {line!r}')[0]


def test_a_certificate_is_renewed_in_time(t):
    """An agent whose certificate is in its last third renews it, keeps it, and comes back with it"""
    stack = t.stack
    _stop_and_date(stack, -23 * _HOUR, _HOUR)
    end = _dates(stack)[1]
    agent = stack.start_agent()
    _log_says(agent, 'certificate_renewed', f'node={stack.node_id()}')
    wait_until(lambda: _dates(stack)[1] > end + 20 * _HOUR, 5, 'the new certificate is kept')
    check_equal(stack.exec('true').returncode, 0, 'a session after that')
    agent.stop()
    agent = stack.start_agent()
    check_equal(stack.adit('exec', '--sealed', stack.NODE, '--', 'true').returncode, 0, 'a sealed one')
    check('certificate_renewed' not in agent.err(), 'a fresh certificate was renewed again')


def test_a_young_certificate_is_left_alone(t):
    """A certificate that is not in its last third is not renewed"""
    stack = t.stack
    _stop_and_date(stack, -15 * _HOUR, 9 * _HOUR)
    agent = stack.start_agent()
    check_equal(stack.exec('true').returncode, 0, 'a session')
    check('certificate_renewed' not in agent.err(), agent.err())


def test_a_certificate_that_expired(t):
    """One that expired while the agent was off is refused by name; enrolling again mends it"""
    stack = t.own_stack()
    _stop_and_date(stack, -25 * _HOUR, -_HOUR)
    agent = stack.start_agent(wait=False)
    line = _log_says(agent, 'relay_not_reached', 'reason=')
    check('expired' in line and 'enroll --replace' in line, f'the agent says {line!r}')
    _log_says(stack.relay, 'handshake_failed', "client's certificate has expired")
    check(not stack.is_connected(), 'it connected all the same')
    check_equal(stack.exec('true').returncode, 255, 'a session to a node that is not there')
    agent.stop()
    made = stack.api().call('CreateActivation', {'IamRole': 'any'}).json()
    line = re.sub(r'id=\S+ code=\S+', f'id={made["ActivationId"]} code={made["ActivationCode"]}',
                  stack.enroll_line)
    done = subprocess.run([stack.program('adit-agent'), 'enroll', '--state', stack.agent_state, '--name',
                           stack.NODE, '--replace'], input=line.encode() + b'\n', timeout=20,
                          env=stack.environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE,
                          check=False)
    check_equal(done.returncode, 0, f'enrolling again: {done.stderr.decode()}')
    stack.start_agent()


def test_a_certificate_of_the_future(t):
    """A certificate that begins later, as of a relay whose clock was ahead, opens the relay all the same"""
    stack = t.stack
    _stop_and_date(stack, _HOUR, _DAY)
    stack.start_agent()
    for carriage in ('--sealed', '--inspected'):
        check_equal(stack.adit('exec', carriage, stack.NODE, '--', 'true').returncode, 0, f'a session, {carriage}')


def test_a_relay_that_was_far_ahead(t):
    """A certificate of a hundred days ahead, when the relay's has ended, is replaced by one of today"""
    stack = t.stack
    _stop_and_date(stack, 100 * _DAY, 101 * _DAY)
    agent = stack.start_agent()
    _log_says(agent, 'certificate_renewed', f'node={stack.node_id()}')
    wait_until(lambda: _dates(stack)[1] < time.time() + 2 * _DAY, 5, 'the certificate of today is kept')
    for carriage in ('--sealed', '--inspected'):
        check_equal(stack.adit('exec', carriage, stack.NODE, '--', 'true').returncode, 0, f'a session, {carriage}')


def test_clocks_that_are_off(t):
    """Ten minutes off, an agent connects and carries sessions; a client says how far it is off"""
    stack = t.stack
    for seconds in (-600, 600):
        stack.agent.stop()
        agent = stack.start('agent-off', [stack.program('adit-agent'), 'run', '--state',
                                          stack.agent_state], travel(t, stack, seconds))
        stack.agent = agent
        stack.wait_connected(agent=agent)
        for carriage in ('--sealed', '--inspected'):
            done = stack.adit('exec', carriage, stack.NODE, '--', 'true')
            check_equal(done.returncode, 0, f'{carriage} to an agent {seconds} s off: {done.stderr}')
        done = stack.adit('nodes', env=travel(t, stack, seconds))
        word = 'behind' if seconds < 0 else 'ahead of'
        check_equal(done.returncode, 255, f'status of a client {seconds} s off')
        check(re.search(rf'clock of this machine is (9|10) min {word}', done.stderr.decode()), done.stderr)
    # Behind, its own certificate says how late it is at least; ahead, nothing does.
    stack.agent.stop()
    agent = stack.start('agent-far-off', [stack.program('adit-agent'), 'run', '--state',
                                          stack.agent_state], travel(t, stack, 91 * _DAY))
    line = _log_says(agent, 'relay_not_reached', 'expired')
    check("this machine's clock" in line, f'the agent says {line!r}')
    agent.stop()
    stack.start_agent()
