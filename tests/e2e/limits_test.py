"""Do sessions end when they reach their limits, with the reason on both sides?

Method: documents with the shortest limits that AWS knows, a minute; sessions of both carriages that
do nothing, and that never stop, all at once. Real time is waited for, so only at full size.
"""

import json
import time

from support import aws as aws_support
from support.processes import check, check_equal
from support.targets import echo
from support.tcp_server import TcpServer

_SECONDS = 60


def _make(aws, name, **inputs):
    content = {'schemaVersion': '1.0', 'sessionType': 'Standard_Stream', 'inputs': inputs}
    aws.call('ssm', 'CreateDocument', Name=name, DocumentType='Session', Content=json.dumps(content))


def _check_limits(stack, target_port):
    aws = aws_support.of_stack(stack)
    _make(aws, 'Idle', idleSessionTimeout='1')
    _make(aws, 'Short', maxSessionDuration='1')
    # A forward has the preferences' limits.
    _make(aws, 'SSM-SessionManagerRunShell', idleSessionTimeout='1')
    busy = b'while :; do echo busy; sleep 1; done\n'
    start = time.monotonic()
    runs = {}
    for carriage in ('--inspected', '--sealed'):
        for document, line in (('Idle', b'echo started; sleep 300\n'), ('Idle', busy), ('Short', busy)):
            run = stack.popen('shell', carriage, stack.NODE, '--document', document)
            run.stdin.write(line)
            run.stdin.flush()
            runs[carriage, document, line is busy] = run
        runs[carriage, 'proxy', False] = stack.popen('proxy', carriage, stack.NODE, str(target_port))
    endings = {('Idle', False): f'{_SECONDS} seconds', ('Short', True): 'maximum duration',
               ('proxy', False): f'{_SECONDS} seconds'}
    for (carriage, document, is_busy), run in runs.items():
        if (document, is_busy) not in endings:
            continue
        _, text = run.communicate(timeout=_SECONDS + 40)
        seconds = time.monotonic() - start
        what = f'{document} {carriage} after {seconds:.0f} s: {run.returncode} {text[-300:]}'
        check(seconds >= _SECONDS - 1, f'too early: {what}')
        check(run.returncode == 255 and endings[document, is_busy].encode() in text, what)
    for carriage in ('--inspected', '--sealed'):
        check_equal(runs[carriage, 'Idle', True].poll(), None, f'a busy session goes on, {carriage}')
        runs[carriage, 'Idle', True].kill()
        runs[carriage, 'Idle', True].communicate()
    history = aws.call('ssm', 'DescribeSessions', State='History')['Sessions']
    reasons = sorted(s['Details'] for s in history if 'longest' in s['Details'] or 'maximum' in s['Details'])
    check_equal(len(reasons), 6, f'reasons on record: {reasons}')
    check('session_ended' in stack.agent.err() and 'maximum duration' in stack.agent.err(),
          'the node says why it ended a sealed session')


def test_without_a_relay(t):
    """A client that cannot ask the relay knows when its session's time is over"""
    stack = t.own_stack()
    _make(aws_support.of_stack(stack), 'Short', maxSessionDuration='1')
    runs = [stack.popen('shell', carriage, stack.NODE, '--document', 'Short') for carriage in ('--inspected', '--sealed')]
    for run in runs:
        run.stdin.write(b'echo started\n')
        run.stdin.flush()
        check(b'started' in run.stdout.readline(), 'the shell answers')
    stack.relay.kill()
    start = time.monotonic()
    for run in runs:
        _, text = run.communicate(timeout=_SECONDS + 40)
        seconds = time.monotonic() - start
        check(_SECONDS - 5 <= seconds and run.returncode == 255 and b'60 s by its document' in text,
              f'after {seconds:.0f} s: {run.returncode} {text[-300:]}')


def test_idle_and_maximum_duration(t):
    """A session that is idle for its minute, or lasts for its minute, ends, either carriage, and says why"""
    with TcpServer(echo) as target:
        _check_limits(t.own_stack(), target.port)


test_idle_and_maximum_duration.full_only = True
test_without_a_relay.full_only = True
test_without_a_relay.limit = 200
test_idle_and_maximum_duration.limit = 200
