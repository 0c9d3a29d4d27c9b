"""Are nodes, activations and their tags what AWS's clients take them for, and is one that is sent away gone?

Method: AWS's own client library calls every operation, each answer is held against its model; nodes are
real agents.
"""

import json
import os
import re
import signal

from support import aws as aws_support
from support.processes import check, check_equal, wait_until
from support.tcp_server import TcpServer


def _node_ids(answer):
    return [node['InstanceId'] for node in answer['InstanceInformationList']]


def _activate(t, made, name):
    """Enrols and starts an agent with an activation; returns its process and the node's id."""
    stack = t.stack
    line = re.sub(r'\bid=\S+', 'id=' + made['ActivationId'], stack.enroll_line)
    line = re.sub(r'\bcode=\S+', 'code=' + made['ActivationCode'], line)
    state = os.path.join(stack.folder, 'agent-' + name)
    done = stack.enroll(state=state, name=name, line=line)
    check_equal(done.returncode, 0, done.stderr)
    agent = stack.start_agent(state=state, name=name, wait=False)
    stack.wait_connected(agent=agent, node=name)
    return agent, stack.node_id(name)


def test_a_version_has_one_form(t):
    """The agent's version is the same before the node's first link and after it"""
    stack = t.own_stack()
    line = stack.adit('activate', '--name', 'quiet').stdout.decode().strip()
    check_equal(stack.enroll(state=os.path.join(stack.folder, 'agent-quiet'), name='quiet', line=line).returncode, 0,
                'enrolment')
    nodes = {node['name']: node for node in map(json.loads, stack.adit('nodes', '--json').stdout.splitlines())}
    versions = [nodes[name]['agent_version'] for name in ('quiet', stack.NODE)]
    check(versions[0] == versions[1] and re.fullmatch(r'[0-9.]+', versions[0]), f'{versions}')


def test_an_enrolment_that_is_interrupted(t):
    """A signal during the call to the relay ends an enrolment, and leaves no folder behind"""
    stack = t.stack
    folder = t.run.new_folder()
    state = os.path.join(folder, 'made', 'agent')
    # It takes what the agent says, and never answers.
    with TcpServer(lambda connection: connection.recv(65536) and connection.recv(1)) as silent:
        line = re.sub(r'\brelay=\S+', f'relay=127.0.0.1:{silent.port}', stack.enroll_line)
        for count, number in enumerate((signal.SIGINT, signal.SIGTERM), 1):
            enrolment = stack.start(f'enrolment-{count}', [stack.program('adit-agent'), 'enroll', '--state', state],
                                    stdin=line.encode() + b'\n')
            enrolment.wait_for(lambda: silent.connections == count, 20, 'it calls the relay')
            check(os.path.isdir(state), 'it has no folder yet')
            enrolment.signal(number)
            check_equal(enrolment.popen.wait(20), -number, f'how it ended: {enrolment.err()}')
            check(not os.path.exists(folder), 'it left a folder')
            check('interrupted' in enrolment.err(), enrolment.err())


def test_every_operation_answers_as_the_model_says(t):
    """Every operation on nodes, activations and tags answers as botocore's model says, member by member"""
    aws = aws_support.of_stack(t.stack)

    def ssm(operation, **parameters):
        return aws.call('ssm', operation, **parameters)

    made = ssm('CreateActivation', IamRole='service', Description='d', DefaultInstanceName='n',
               RegistrationLimit=2, Tags=[{'Key': 'env', 'Value': 'dev'}])
    ssm('CreateActivation', IamRole='other')
    by_role = [{'FilterKey': 'IamRole', 'FilterValues': ['service']}]
    shown = ssm('DescribeActivations', Filters=by_role)['ActivationList']
    check_equal([(a['ActivationId'], a['RegistrationsCount'], a['Tags']) for a in shown],
                [(made['ActivationId'], 0, [{'Key': 'env', 'Value': 'dev'}])], 'the activation')
    check_equal(aws.error('ssm', 'DescribeActivations', Filters=[{'FilterKey': 'x', 'FilterValues': ['y']}])[0],
                'InvalidFilter', 'a filter that is not there')
    check_equal(aws.error('ssm', 'CreateActivation', IamRole='r', RegistrationLimit=1001)[0],
                'ValidationException', 'a limit above the maximum')
    check_equal(aws.error('ssm', 'CreateActivation', IamRole='r', ExpirationDate='2001-01-01')[0],
                'InvalidParameters', 'an expiry in the past')

    _, node = _activate(t, made, 'tagged')
    tag = {'ResourceType': 'ManagedInstance', 'ResourceId': node}
    check_equal(ssm('ListTagsForResource', **tag)['TagList'], [{'Key': 'env', 'Value': 'dev'}],
                'tags of the activation are on the node')
    ssm('AddTagsToResource', Tags=[{'Key': 'team', 'Value': 'db'}], **tag)
    for key, values in (('tag:team', ['x', 'db']), ('tag-key', ['team']), ('IamRole', ['service']),
                        ('ActivationIds', [made['ActivationId']])):
        found = ssm('DescribeInstanceInformation', Filters=[{'Key': key, 'Values': values}])
        check_equal(_node_ids(found), [node], key)
    for key, value in (('PingStatus', 'Online'), ('PlatformTypes', 'Linux'), ('ResourceType', 'ManagedInstance')):
        found = ssm('DescribeInstanceInformation', Filters=[{'Key': key, 'Values': [value]}])
        check_equal(len(_node_ids(found)), 2, key)
        old = ssm('DescribeInstanceInformation', InstanceInformationFilterList=[{'key': key, 'valueSet': [value]}])
        check_equal(_node_ids(old), _node_ids(found), f'{key} in the older list')
    version = ssm('DescribeInstanceInformation')['InstanceInformationList'][0]['AgentVersion']
    found = ssm('DescribeInstanceInformation', Filters=[{'Key': 'AgentVersion', 'Values': [version]}])
    check_equal(len(_node_ids(found)), 2, 'AgentVersion')
    found = ssm('DescribeInstanceInformation', Filters=[{'Key': 'AssociationStatus', 'Values': ['Success']}])
    check_equal(_node_ids(found), [], 'AssociationStatus')
    ssm('RemoveTagsFromResource', TagKeys=['team'], **tag)
    ssm('UpdateManagedInstanceRole', InstanceId=node, IamRole='another')
    found = ssm('DescribeInstanceInformation', Filters=[{'Key': 'IamRole', 'Values': ['another']}])
    check_equal(_node_ids(found), [node], 'the new role')
    check_equal(ssm('GetConnectionStatus', Target=node)['Status'], 'connected', 'status')
    ssm('DeleteActivation', ActivationId=made['ActivationId'])
    check_equal(aws.error('ssm', 'DeleteActivation', ActivationId=made['ActivationId'])[0], 'InvalidActivation',
                'a deleted activation')
    ssm('DeregisterManagedInstance', InstanceId=node)
    check_equal(aws.error('ssm', 'DeregisterManagedInstance', InstanceId=node)[0], 'InvalidInstanceId', 'twice')
    check_equal(aws.error('ssm', 'ListTagsForResource', **tag)[0], 'InvalidResourceId', 'tags of a node that is gone')
    for operation, error in (('AddTagsToResource', 'InvalidResourceType'),
                             ('ListTagsForResource', 'InvalidResourceType')):
        more = {'Tags': [{'Key': 'a', 'Value': ''}]} if operation.startswith('Add') else {}
        check_equal(aws.error('ssm', operation, ResourceType='Parameter', ResourceId='x', **more)[0], error,
                    operation)
    check_equal(aws.seen, {'CreateActivation', 'DescribeActivations', 'DeleteActivation', 'ListTagsForResource',
                           'AddTagsToResource', 'RemoveTagsFromResource', 'DescribeInstanceInformation',
                           'UpdateManagedInstanceRole', 'DeregisterManagedInstance', 'GetConnectionStatus'},
                'operations that were answered')


def test_a_deregistered_node_is_cut_off(t):
    """A deregistered node loses its link and its sessions, sealed and inspected, at once, and comes in no more"""
    aws = aws_support.of_stack(t.stack)
    stack = t.stack
    made = aws.call('ssm', 'CreateActivation', IamRole='r')
    agent, node = _activate(t, made, 'sent-away')
    runs = {carriage: stack.popen('exec', carriage, node, '--', 'sh', '-c', 'echo here; sleep 300')
            for carriage in ('--inspected', '--sealed')}
    for carriage, run in runs.items():
        check_equal(run.stdout.readline(), b'here\n', f'{carriage} runs')
    aws.call('ssm', 'DeregisterManagedInstance', InstanceId=node)
    for carriage, run in runs.items():
        _, text = run.communicate(timeout=10)
        check(run.returncode == 255 and b'deregistered' in text, f'{carriage}: {run.returncode} {text}')
    wait_until(lambda: 'not registered' in agent.err() + agent.out(), 20, 'the node is refused when it comes again')
    check(node not in _node_ids(aws.call('ssm', 'DescribeInstanceInformation')), 'the node is listed')
    history = aws.call('ssm', 'DescribeSessions', State='History', Filters=[{'key': 'Target', 'value': node}])
    check_equal({s['Details'] for s in history['Sessions']}, {'The node was deregistered.'}, 'the reason on record')
    check(stack.exec('true').returncode == 0, 'another node goes on')
    events = aws.call('cloudtrail', 'LookupEvents', LookupAttributes=[
        {'AttributeKey': 'EventName', 'AttributeValue': 'DeregisterManagedInstance'}])['Events']
    check_equal([e['Resources'][0]['ResourceName'] for e in events if node in e['CloudTrailEvent']], [node],
                'the event')
