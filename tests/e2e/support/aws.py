"""AWS's own client library against the relay, and its models as the judge of every answer."""

import base64
import binascii
import json
import os
import re
import subprocess
import xml.etree.ElementTree as ElementTree

import botocore.config
import botocore.session

from support.processes import Failure, check, check_equal

# Members that AWS added after the oldest model that these tests run with: shape and member.
_NEWER = {('Session', 'AccessType')}
# Shapes whose values AWS added, or wrote in another way, after that.
_NEWER_VALUES = {'summaryKeyType', 'ConnectionStatus'}

# Lists that the asking changes: a call is an event, and a node was seen just now.
_CHANGING_LISTS = {'LookupEvents', 'DescribeInstanceInformation'}

_ISO_TIME = re.compile(r'^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$')


class Aws:
    """Clients of one access key. Every answer is held against the model of its operation, member by
    member; `seen` are the operations that were answered with success."""

    is_cli = False

    def __init__(self, port, ca_file, key, secret, token=None):
        self.port = port
        self.key = key
        self.ca_file = ca_file
        self.session = botocore.session.Session(
            session_vars={'profile': (None, None, None, None),
                          'config_file': (None, None, '/dev/null', None),
                          'credentials_file': (None, None, '/dev/null', None)})
        self.session.set_credentials(key, secret, token)
        self.seen = set()
        self._clients = {}

    def client(self, service):
        if service not in self._clients:
            client = self.session.create_client(
                service, region_name='us-east-1', endpoint_url=f'https://127.0.0.1:{self.port}',
                verify=self.ca_file,
                config=botocore.config.Config(retries={'max_attempts': 0}, parameter_validation=False,
                                              connect_timeout=10, read_timeout=20))
            client.meta.events.register(f'response-received.{service}', self._received)
            self._clients[service] = client
        return self._clients[service]

    def call(self, service, operation, **parameters):
        """Calls and returns the answer; an error is botocore's ClientError. A list is asked for in pages
        of one, too, and has to be the same."""
        client = self.client(service)
        method = method_of(client, operation)
        answer = getattr(client, method)(**parameters)
        if operation not in _CHANGING_LISTS and page_size(client, operation, parameters) == 1:
            self._check_pages(client.get_paginator(method), answer, operation, parameters)
        return answer

    def _check_pages(self, paginator, answer, operation, parameters):
        if answer.get('IsTruncated') or answer.get('NextToken'):
            return  # It is none of the small ones.
        paged = paginator.paginate(**parameters, PaginationConfig={'PageSize': 1}).build_full_result()
        for key in paginator.result_keys:
            name = key.expression
            check_equal(paged.get(name, []), answer.get(name, []), f'{operation} {parameters} in pages of one')

    def error(self, service, operation, **parameters):
        """The code and the text of the error that a call has to end with."""
        try:
            self.call(service, operation, **parameters)
        except self.client(service).exceptions.ClientError as error:
            return error.response['Error']['Code'], error.response['Error'].get('Message', '')
        raise Failure(f'{operation} {parameters} did not fail')

    def _received(self, response_dict=None, context=None, event_name='', **_):
        service, operation = event_name.split('.')[1:3]
        if response_dict is None or response_dict['status_code'] != 200:
            return
        model = self.client(service).meta.service_model
        check_answer(model, model.operation_model(operation), response_dict['body'])
        self.seen.add(operation)


def method_of(client, operation):
    """What an operation is called in Python: GetMFADevice is get_mfa_device."""
    return next(name for name, target in client.meta.method_to_api_mapping.items() if target == operation)


def page_size(client, operation, parameters):
    """The smallest page that a list may be asked for in; None: it has no pages, or its page was chosen."""
    method = method_of(client, operation)
    if not client.can_paginate(method):
        return None
    paging = client._cache['page_config'][operation]
    if {paging['limit_key'], paging['input_token'], 'PageSize', 'MaxItems'} & set(parameters):
        return None
    limit = client.meta.service_model.operation_model(operation).input_shape.members[paging['limit_key']]
    return max(1, limit.metadata.get('min', 1))


def ca_file(stack):
    """The relay's certificate authority in a file."""
    path = os.path.join(stack.folder, 'ca.pem')
    with open(os.path.join(stack.config, 'config.json'), encoding='utf-8') as file:
        text = json.load(file)['ca_pem']
    with open(path, 'w', encoding='ascii') as file:
        file.write(text)
    return path


def of_stack(stack):
    """Aws with the key that was logged in."""
    return Aws(stack.port, ca_file(stack), stack.login_member('key'), stack.login_member('secret'))


def cli(stack, service, *arguments, timeout=60):
    """Runs Debian's `aws SERVICE ARGUMENTS` against the relay; returns what it printed, or fails."""
    env = stack.environment() | {'AWS_ACCESS_KEY_ID': stack.login_member('key'),
                                 'AWS_SECRET_ACCESS_KEY': stack.login_member('secret'),
                                 'AWS_DEFAULT_REGION': 'adit', 'AWS_CA_BUNDLE': ca_file(stack),
                                 'AWS_PAGER': ''}
    done = subprocess.run(['/usr/bin/aws', '--endpoint-url', f'https://127.0.0.1:{stack.port}',
                           '--output', 'json', service, *arguments],
                          env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=timeout, check=False)
    check(done.returncode == 0, f'aws {service} {arguments}: {done.stderr.decode()}')
    return json.loads(done.stdout) if done.stdout.strip() else None


def check_answer(service_model, operation_model, body):
    """Fails when a body has a member that the model does not know, lacks one that it requires, or has a
    value of another form."""
    name = operation_model.name
    shape = operation_model.output_shape
    if service_model.metadata['protocol'] == 'json':
        if shape is not None:
            _check_json(shape, json.loads(body), name)
        return
    root = ElementTree.fromstring(body)
    check(_name(root) == name + 'Response', f'{name} is answered with <{_name(root)}>')
    parts = {_name(part): part for part in root}
    check(set(parts) == {name + 'Result', 'ResponseMetadata'}, f'{name}: {sorted(parts)}')
    request_id = [_name(part) for part in parts['ResponseMetadata']]
    check(request_id == ['RequestId'], f'{name}: ResponseMetadata has {request_id}')
    result = parts[name + 'Result']
    if shape is None:
        check(len(result) == 0, f'{name} answers with members that the model does not have')
    else:
        check(shape.serialization.get('resultWrapper') == name + 'Result', name)
        _check_xml(shape, result, name)


def _name(element):
    return element.tag.rpartition('}')[2]


def _check_xml(shape, element, where):
    if shape.type_name == 'structure':
        members = {member.serialization.get('name', name): (name, member)
                   for name, member in shape.members.items()}
        found = set()
        for child in element:
            tag = _name(child)
            check(tag in members, f'{where} has no member {tag}')
            name, member = members[tag]
            check(name not in found, f'{where}.{name} is there twice')
            found.add(name)
            _check_xml(member, child, f'{where}.{name}')
        missing = set(shape.required_members) - found
        check(not missing, f'{where} lacks {sorted(missing)}')
    elif shape.type_name == 'list':
        for child in element:
            check(_name(child) == 'member', f'{where} has an entry <{_name(child)}>')
            _check_xml(shape.member, child, where + '[]')
    elif shape.type_name == 'map':
        for entry in element:
            check(_name(entry) == 'entry', f'{where} has an entry <{_name(entry)}>')
            check([_name(part) for part in entry] == ['key', 'value'], f'{where}: key and value')
            _check_xml(shape.key, entry[0], where + '{key}')
            _check_xml(shape.value, entry[1], where + '{value}')
    else:
        _check_text(shape, element.text or '', where)


def _check_json(shape, value, where):
    if shape.type_name == 'structure':
        check(isinstance(value, dict), f'{where} is no object')
        for name, member in value.items():
            if (shape.name, name) in _NEWER and name not in shape.members:
                continue
            check(name in shape.members, f'{where} has no member {name}')
            _check_json(shape.members[name], member, f'{where}.{name}')
        missing = set(shape.required_members) - set(value)
        check(not missing, f'{where} lacks {sorted(missing)}')
    elif shape.type_name == 'list':
        check(isinstance(value, list), f'{where} is no list')
        for each in value:
            _check_json(shape.member, each, where + '[]')
    elif shape.type_name == 'map':
        check(isinstance(value, dict), f'{where} is no map')
        for key, each in value.items():
            _check_json(shape.key, key, where + '{key}')
            _check_json(shape.value, each, where + '{value}')
    elif shape.type_name == 'boolean':
        check(isinstance(value, bool), f'{where} is {value!r}')
    elif shape.type_name == 'timestamp':
        check(isinstance(value, (int, float)) and not isinstance(value, bool), f'{where}: {value!r}')
    elif shape.type_name in ('integer', 'long'):
        check(isinstance(value, int) and not isinstance(value, bool), f'{where} is {value!r}')
    else:
        check(isinstance(value, str), f'{where} is {value!r}')
        _check_text(shape, value, where)


def _check_text(shape, text, where):
    kind = shape.type_name
    if kind == 'boolean':
        check(text in ('true', 'false'), f'{where} is {text!r}')
    elif kind in ('integer', 'long'):
        check(re.fullmatch(r'-?\d+', text), f'{where} is {text!r}')
    elif kind == 'timestamp':
        check(_ISO_TIME.match(text), f'{where} is {text!r}')
    elif kind == 'blob':
        try:
            base64.b64decode(text, validate=True)
        except binascii.Error:
            raise Failure(f'{where} is no Base64: {text!r}') from None
    elif kind == 'string':
        enum = None if shape.name in _NEWER_VALUES else shape.metadata.get('enum')
        check(not enum or text in enum, f'{where} is {text!r}, none of {enum}')
        check(len(text) >= shape.metadata.get('min', 0), f'{where} is too short: {text!r}')
        check(len(text) <= shape.metadata.get('max', len(text)), f'{where} is too long: {text!r}')
