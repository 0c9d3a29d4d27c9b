"""Are sessions what AWS's clients take them for: listed, ended, described with their reason?

Method: the adit client opens sessions; AWS's client library and Debian's awscli look at them and end
them; each answer is held against botocore's model.
"""

import datetime

from support import aws as aws_support
from support.processes import check, check_equal, wait_until


def _ids(answer):
    return [session['SessionId'] for session in answer['Sessions']]


def test_every_operation_answers_as_the_model_says(t):
    """Sessions are found by every filter, in pages, and ended with a reason, as botocore's model says"""
    stack = t.own_stack()
    aws = aws_support.of_stack(stack)

    def ssm(operation, **parameters):
        return aws.call('ssm', operation, **parameters)

    def found(state, **filters):
        return _ids(ssm('DescribeSessions', State=state, Filters=[
            {'key': key, 'value': value} for key, value in filters.items()]))

    runs = [stack.popen('exec', '--inspected', stack.NODE, '--', 'sh', '-c', 'echo here; sleep 300')
            for _ in range(3)]
    for run in runs:
        check_equal(run.stdout.readline(), b'here\n', 'it runs')
    node = stack.node_id()
    active = found('Active')
    check_equal(len(active), 3, 'active sessions')
    shown = ssm('DescribeSessions', State='Active')['Sessions'][0]
    check_equal((shown['Target'], shown['Status'], shown['AccessType'] if 'AccessType' in shown else 'Standard',
                 shown['MaxSessionDuration']), (node, 'Connected', 'Standard', '1440'), 'a session')
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    for filters, count in (({'Target': node}, 3), ({'Target': 'mi-0'}, 0), ({'Owner': shown['Owner']}, 3),
                           ({'Owner': 'arn:aws:iam::000000000000:user/nobody'}, 0), ({'Status': 'Connected'}, 3),
                           ({'Status': 'Terminating'}, 0), ({'SessionId': active[1]}, 1),
                           ({'InvokedAfter': (now - day).strftime('%Y-%m-%dT%H:%M:%SZ')}, 3),
                           ({'InvokedBefore': (now - day).strftime('%Y-%m-%dT%H:%M:%SZ')}, 0),
                           ({'Target': node, 'SessionId': active[0]}, 1)):
        check_equal(len(found('Active', **filters)), count, str(filters))
    check_equal(aws.error('ssm', 'DescribeSessions', State='Active', Filters=[{'key': 'x', 'value': 'y'}])[0],
                'InvalidFilterKey', 'a filter that is not there')
    check_equal(aws.error('ssm', 'DescribeSessions', State='Never')[0], 'ValidationException', 'a state')
    check_equal(aws.error('ssm', 'DescribeSessions', State='Active', NextToken='x')[0], 'InvalidNextToken', 'token')
    paged = aws_support.cli(stack, 'ssm', 'describe-sessions', '--state', 'Active', '--page-size', '1',
                            '--query', 'Sessions[].SessionId')
    check_equal(paged, active, 'one on a page, newest first')

    check_equal(ssm('TerminateSession', SessionId=active[0])['SessionId'], active[0], 'the id')
    ended = aws_support.cli(stack, 'ssm', 'terminate-session', '--session-id', active[1])
    check_equal(ended['SessionId'], active[1], 'the id, by the CLI')
    check_equal(ssm('TerminateSession', SessionId='nobody-0')['SessionId'], 'nobody-0', 'an unknown one')
    wait_until(lambda: sum(run.poll() is not None for run in runs) == 2, 10, 'two ended')
    texts = [run.communicate()[1] for run in runs if run.poll() is not None]
    check(all(b'Terminated by arn:aws:iam::000000000000:user/admin' in text for text in texts), str(texts))
    history = ssm('DescribeSessions', State='History')['Sessions']
    check_equal([(s['SessionId'], s['Status']) for s in history],
                [(active[0], 'Terminated'), (active[1], 'Terminated')], 'the history, newest first')
    check(all(s['Details'].startswith('Terminated by') and s['EndDate'] >= s['StartDate'] for s in history),
          str(history))
    check_equal(ssm('GetConnectionStatus', Target=node)['Status'], 'connected', 'the node')
    check_equal(ssm('GetConnectionStatus', Target='mi-0')['Status'], 'notconnected', 'an unknown node')
    check_equal(aws.seen, {'DescribeSessions', 'TerminateSession', 'GetConnectionStatus'}, 'operations')


test_every_operation_answers_as_the_model_says.limit = 120


def test_link_local_addresses_that_a_policy_names(t):
    """A session may go to a link-local address that a policy names, and to no other"""
    stack = t.own_stack()
    aws = aws_support.of_stack(stack)
    target = '169.254.255.1:80'

    def refusal(carriage):
        ran = stack.adit('proxy', carriage, stack.NODE, target, input=b'')
        check_equal(ran.returncode, 255, ran.stderr)
        return b'link-local' in ran.stderr

    for carriage in ('--inspected', '--sealed'):
        check(refusal(carriage), f'{carriage}: an administrator names nothing')
    statement = ('{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ssm:StartSession", '
                 '"Resource": "*", "Condition": {"StringEquals": {"adit:RemoteHost": "169.254.255.1"}}}}')
    aws.call('iam', 'PutUserPolicy', UserName='admin', PolicyName='named', PolicyDocument=statement)
    # Nothing is there, so it fails all the same: of the address itself, and not of the rule.
    for carriage in ('--inspected', '--sealed'):
        check(not refusal(carriage), f'{carriage}: the address is named')
