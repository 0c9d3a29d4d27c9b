"""Does each rule of the frames that a relay breaks end that link by name, at the node and at the client?

Method: a relay by hand, with the real one's certificate, answers the hello of the real agent or of the real
client, lets one stream come about, and breaks one rule. The real program says which, and is whole after it.
"""

import json
import re
import subprocess

from support import frames
from support.broken_rules import HELLO, LIMIT, TEXT, before_the_answer, broken_rules, hear_goaway
from support.evil_relay import GREETING, SECONDS_MAX, EvilRelay, Script, control, enroll_at
from support.frames import frame
from support.lying_relay import Lies
from support.processes import check, check_equal

_PROTOCOL = frames.PROTOCOL_ERROR

# In the place of the relay's hello: (name, bytes, close code, pattern).
_NO_HELLOS = (
    ('a ping first', frame(frames.PING, 0, bytes(8)), _PROTOCOL, 'no hello'),
    ('an open first', frame(frames.OPEN, 2, LIMIT + b'{}'), _PROTOCOL, 'no hello'),
    ('data first', frame(frames.DATA, 2, b'x'), _PROTOCOL, 'no hello'),
    ('garbage', b'HTTP/1.1 200 OK\r\n\r\n', _PROTOCOL, 'frame'),
    ('no version in common', control(HELLO | {'version': 9, 'version_min': 9, 'role': 'relay'}),
     frames.UNSUPPORTED, 'version'))
# What it says that it is.
_ROLES = ('agent', 'client', 'node', 'Relay', 'relay ', 'x' * 256)


def _as(role):
    return control(HELLO | {'role': role, 'software': 'evil/1'})


# ------------------------------------------------------------------------ to the node


_NODE_STREAM = 2


def _talk_to_node(link):
    link.send(GREETING)
    request = {'type': 'exec', 'arguments': ['cat'], 'session_id': 'evil-1', 'principal': 'evil'}
    link.send(frame(frames.OPEN, _NODE_STREAM, LIMIT + json.dumps(request).encode()))
    got = link.wait_for(frames.ACCEPT, frames.REJECT, frames.GOAWAY)
    check(got and got.type == frames.ACCEPT, f'the open was answered with {got}')
    link.send(frame(frames.DATA, _NODE_STREAM, TEXT))
    check_equal(link.wait_for(frames.DATA, frames.GOAWAY).payload, TEXT, 'the echo')


def test_a_relay_that_breaks_a_rule_to_a_node(t):
    """A relay that breaks a rule of the frames gets a goaway from the agent, which then comes again"""
    with EvilRelay(t.stack) as evil:
        stack = evil.stack
        state = enroll_at(evil, 'deceived')

        def tell(script):
            evil.lies = Lies(link=script)
            agent = stack.start_agent(state, 'deceived-agent', wait=False)
            script.result()
            agent.check_running()
            return agent

        def breaks(name, data, code, why, begin):
            def run(link):
                begin(link)
                link.send(data)
                hear_goaway(link, name, code, why)
            return Script(run)

        rules = broken_rules(_NODE_STREAM, dialled=False)
        for name, data, code, why in rules:
            agent = tell(breaks(name, data, code, why, _talk_to_node))
            # It dials again, and is the node that it was.
            again = Script(_talk_to_node)
            evil.lies = Lies(link=again)
            if name == rules[0][0]:
                again.result()
            agent.kill()
        for name, data, code, why in _NO_HELLOS:
            tell(breaks(name, data, code, why, lambda link: None)).kill()
        for role in _ROLES:
            tell(breaks(role, _as(role), frames.UNSUPPORTED, 'not a relay', lambda link: None)).kill()
        t.note(f'{len(rules) + len(_NO_HELLOS)} rules, {len(_ROLES)} roles')


test_a_relay_that_breaks_a_rule_to_a_node.limit = 120


def test_what_a_node_passes_over(t):
    """Messages that no node knows, answers to no ping and members of later versions disturb no node"""
    with EvilRelay(t.stack) as evil:
        stack = evil.stack
        state = enroll_at(evil, 'patient')

        def run(link):
            _talk_to_node(link)
            for data in (control({'type': 'of-tomorrow', 'x': [1, {}]}), frame(frames.CONTROL, 0, b'{"type":'),
                         frame(frames.CONTROL, 0, b'[' * 4000), control({'type': 'resize', 'columns': 'many'}),
                         control({'type': 'of-tomorrow'}, _NODE_STREAM),
                         control({'type': 'resize', 'columns': 1 << 40}, _NODE_STREAM),
                         control({'type': 'signal', 'name': 'NONE'}, _NODE_STREAM),
                         control({'type': 'lane-offer', 'session_id': 'nobody', 'join_token': 'x', 'loop': 0}),
                         control({'type': 'session-stop', 'session_id': 'nobody', 'reason': 'x'}),
                         frame(frames.PING, 0, bytes(8), flags=1), GREETING, frame(frames.GOAWAY, 0, b'\0\0bye')):
                link.send(data)
            link.send(frame(frames.DATA, _NODE_STREAM, b'and on'))
            got = link.wait_for(frames.DATA, frames.GOAWAY, frames.RESET)
            check_equal((got.type, got.payload), (frames.DATA, b'and on'), 'the echo after all that')

        script = Script(run)
        evil.lies = Lies(link=script)
        agent = stack.start_agent(state, 'patient-agent', wait=False)
        script.result()
        agent.kill()


# ---------------------------------------------------------------------- to the client


_CLIENT_STREAM = 1


def _talk_to_client(link):
    link.send(GREETING)
    got = link.wait_for(frames.OPEN, frames.GOAWAY)
    check(got and got.type == frames.OPEN, f'instead of an open came {got}')
    check_equal(got.stream, _CLIENT_STREAM, 'the first stream of a client')
    link.send(frame(frames.ACCEPT, _CLIENT_STREAM, LIMIT))
    check_equal(link.wait_for(frames.DATA, frames.GOAWAY).payload, TEXT, 'what was typed')
    link.send(frame(frames.DATA, _CLIENT_STREAM, TEXT))


def _client_is_told(evil, name, script, wanted):
    """A command through the script ends with 255 and says what the other side did."""
    evil.lies = Lies(link=script)
    stack = evil.stack
    # Its output is not read: what it does not take must be held against the limit.
    process = stack.popen('exec', '--inspected', stack.NODE, '--', 'cat', env=stack.environment() | {
        'ADIT_RELAY': f'127.0.0.1:{evil.port}', 'ADIT_PATIENCE': '0'})
    try:
        process.stdin.write(TEXT)
        process.stdin.flush()
        script.result()
        _, text = process.communicate(timeout=SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        check(False, f'{name}: the client hangs')
    finally:
        process.kill()
    check_equal(process.returncode, 255, f'{name}: status ({text!r})')
    check(re.search(wanted, text.decode()), f'{name}: {text!r} does not say {wanted!r}')


def _breaks_to_client(name, data, code, why, begin):
    def run(link):
        begin(link)
        link.send(data)
        hear_goaway(link, name, code, why)
    return Script(run)


def _before_its_answer(link):
    link.send(GREETING)
    check_equal(link.wait_for(frames.OPEN, frames.GOAWAY).type, frames.OPEN, 'type')


def test_a_relay_that_breaks_a_rule_to_a_client(t):
    """A relay that breaks a rule of the frames ends the client's command with 255 and the rule's name"""
    with EvilRelay(t.stack) as evil:
        rules = broken_rules(_CLIENT_STREAM, dialled=False)
        early = tuple(before_the_answer(_CLIENT_STREAM))
        for begin, some in ((_talk_to_client, rules), (_before_its_answer, early), (lambda link: None, _NO_HELLOS)):
            for name, data, code, why in some:
                _client_is_told(evil, name, _breaks_to_client(name, data, code, why, begin),
                                'broke the protocol|no protocol version')
        for role in _ROLES:
            rule = _breaks_to_client(role, _as(role), _PROTOCOL, 'not as a relay', lambda link: None)
            _client_is_told(evil, role, rule, f"answered as '{role}' and not as a relay; .*update")
        t.note(f'{len(rules) + len(early) + len(_NO_HELLOS)} rules, {len(_ROLES)} roles')


test_a_relay_that_breaks_a_rule_to_a_client.limit = 120


def test_streams_that_a_relay_opens(t):
    """A stream that the relay opens to a client is rejected as unsupported, and what runs goes on"""
    with EvilRelay(t.stack) as evil:
        def run(link):
            _talk_to_client(link)
            link.send(frame(frames.OPEN, 2, LIMIT + b'{"type":"exec","arguments":["id"]}'))
            got = link.wait_for(frames.ACCEPT, frames.REJECT, frames.GOAWAY)
            check_equal((got.type, frames.code_of(got)[0]), (frames.REJECT, frames.UNSUPPORTED), f'the answer {got}')
            link.send(frame(frames.RESET, _CLIENT_STREAM, b'\0\3no more'))

        _client_is_told(evil, 'a stream of its own', Script(run), 'no more')
