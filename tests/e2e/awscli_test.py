"""Does Debian's awscli run against the relay, once for each call that there is?

Method: what the other tests do with AWS's client library, by the command line tool; and the relay's own
tables, which say what has to be among it.
"""

import json
import os
import re

import iam_test
import terraform_test
from support.aws_cli import AwsCli
from support.processes import check, check_equal

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def _operations():
    """The names of all operations of AWS's that the relay's tables have, but for those of the key service."""
    names = set()
    for path, pattern in (('relay/api/api_route.cc', r'\{"(?:AmazonSSM|[a-z.]+CloudTrail_\d+)\.(\w+)"'),
                          ('relay/iam/iam_routes.cc', r'^    \{"(\w+)"'), ('relay/sts/sts_routes.cc', r'^    \{"(\w+)"')):
        with open(os.path.join(_ROOT, path), encoding='utf-8') as file:
            names |= set(re.findall(pattern, file.read(), re.MULTILINE))
    return names


def _wait(aws, wishes):
    """Waits by each waiter of the CLI's for what is there, and returns their names: those whose call the
    relay knows."""
    known = set()
    for service in ('iam', 'ssm', 'sts', 'cloudtrail'):
        client = aws.client(service)
        for method in client.waiter_names:
            waiter = client.get_waiter(method)
            if waiter.config.operation not in _operations():
                continue
            known.add(waiter.name)
            aws.wait(service, waiter.name, **wishes[waiter.name])
    return known


def test_every_call_once(t):
    """`aws` makes each call that the relay knows, with JSON and YAML documents, pages and queries"""
    stack = t.own_stack()
    with AwsCli(stack) as aws:
        def ssm(operation, **parameters):
            return aws.call('ssm', operation, **parameters)

        iam_test.every_operation(t, aws)
        terraform_test.ssm_resources(aws)

        tags = [{'Key': 'env', 'Value': 'cli'}]
        all_made = [ssm('CreateActivation', IamRole='paged', DefaultInstanceName='by-cli', Tags=tags) for _ in range(3)]
        listed = ssm('DescribeActivations', PageSize=1, Query='ActivationList[].ActivationId', Filters=[
            {'FilterKey': 'IamRole', 'FilterValues': ['paged']}])
        check_equal(listed, [each['ActivationId'] for each in reversed(all_made)], 'newest first, one on a page')
        made = all_made[0]
        line = re.sub(r'\bid=\S+', 'id=' + made['ActivationId'], stack.enroll_line)
        line = re.sub(r'\bcode=\S+', 'code=' + made['ActivationCode'], line)
        done = stack.enroll(state=os.path.join(stack.folder, 'by-cli'), name='by-cli', line=line)
        check_equal(done.returncode, 0, done.stderr)
        shown = ssm('DescribeInstanceInformation', PageSize=5, Filters=[{'Key': 'tag:env', 'Values': ['cli']}])
        node = shown['InstanceInformationList'][0]['InstanceId']
        ssm('UpdateManagedInstanceRole', InstanceId=node, IamRole='other')
        check_equal(ssm('GetConnectionStatus', Target=node)['Status'], 'notconnected', 'status')
        ssm('DeregisterManagedInstance', InstanceId=node)
        for each in all_made:
            ssm('DeleteActivation', ActivationId=each['ActivationId'])

        yaml = 'schemaVersion: "1.0"\nsessionType: Standard_Stream\ninputs: {idleSessionTimeout: "10"}\n'
        for name in ('CliOne', 'CliTwo'):
            ssm('CreateDocument', Name=name, Content=yaml, DocumentFormat='YAML', DocumentType='Session')
        names = ssm('ListDocuments', PageSize=1, Query="DocumentIdentifiers[?starts_with(Name, 'Cli')].Name")
        check_equal(names, ['CliOne', 'CliTwo'], 'documents, one on a page')
        check_equal(ssm('GetDocument', Name='CliOne', DocumentFormat='YAML')['Content'], yaml, 'as it was put')
        check_equal(len(ssm('ListDocumentVersions', Name='CliOne')['DocumentVersions']), 1, 'versions')
        for name in ('CliOne', 'CliTwo'):
            ssm('DeleteDocument', Name=name)

        ssm('StartSession', Target=stack.node_id(), Reason='by the CLI')
        found = ssm('DescribeSessions', State='Active', Query='Sessions[].[SessionId, Reason]')
        check_equal([reason for _, reason in found], ['by the CLI'], 'sessions')
        check(ssm('ResumeSession', SessionId=found[0][0])['TokenValue'], 'a token')
        ssm('TerminateSession', SessionId=found[0][0])

        aws.call('sts', 'GetAccessKeyInfo', AccessKeyId=aws.key)
        aws.call('sts', 'GetSessionToken', DurationSeconds=900)
        trust = {'Version': '2012-10-17', 'Statement': {
            'Effect': 'Allow', 'Action': 'sts:AssumeRole', 'Principal': {'AWS': 'arn:aws:iam::000000000000:user/admin'}}}
        role = aws.call('iam', 'CreateRole', RoleName='cli', AssumeRolePolicyDocument=json.dumps(trust))['Role']['Arn']
        aws.call('sts', 'AssumeRole', RoleArn=role, RoleSessionName='by-cli')
        waited = _wait(aws, {'UserExists': {'UserName': 'admin'}, 'RoleExists': {'RoleName': 'cli'},
                             'PolicyExists': {'PolicyArn': 'arn:aws:iam::aws:policy/AditAdmin'}})
        events = aws.call('cloudtrail', 'LookupEvents', MaxItems=3, LookupAttributes=[
            {'AttributeKey': 'EventName', 'AttributeValue': 'AssumeRole'}])['Events']
        check_equal(len(events), 1, 'events of AssumeRole')

        # These exist so that their callers hear AWS's word for "there is none".
        refused = {'GetAccountPasswordPolicy', 'GetLoginProfile', 'DeleteLoginProfile'}
        if 'GetMFADevice' not in aws.client('iam').meta.service_model.operation_names:
            refused.add('GetMFADevice')
        # And these are AWS's own agent's, signed by a node's key: originals_test makes them.
        of_agents = {'RegisterManagedInstance', 'RequestManagedInstanceRoleToken', 'UpdateInstanceInformation',
                     'UpdateManagedInstancePublicKey'}
        check_equal(_operations() - aws.seen - refused - of_agents, set(), 'calls that the CLI has not made')
        t.note(f'{len(aws.seen)} calls by the CLI, {len(waited)} waiters')


test_every_call_once.waits = True
test_every_call_once.limit = 300
