"""Do session documents do what AWS's do, for AWS's own clients, and are values nothing but data?

Method: Debian's awscli and boto3 make, change, list and delete documents; sessions are opened with
them by the adit client.
"""

import json
import os
import subprocess

import boto3
import botocore.config
import botocore.exceptions

from support.processes import check, check_equal

_SHELL = {'schemaVersion': '1.0', 'description': 'd', 'sessionType': 'Standard_Stream',
          'inputs': {'idleSessionTimeout': '15', 'maxSessionDuration': '60'}}
_GREET = '''schemaVersion: "1.0"
description: greets
sessionType: NonInteractiveCommands
parameters:
  who: {type: String, description: whom, allowedPattern: "[^x]*", default: world}
properties:
  linux:
    commands: "printf [%s] {{ who }}"
'''


def _ca(stack):
    path = os.path.join(stack.folder, 'ca.pem')
    with open(os.path.join(stack.config, 'config.json'), encoding='utf-8') as file:
        text = json.load(file)['ca_pem']
    with open(path, 'w', encoding='ascii') as file:
        file.write(text)
    return path


def _ssm(stack):
    return boto3.client(
        'ssm', endpoint_url=f'https://127.0.0.1:{stack.port}', region_name='adit', verify=_ca(stack),
        aws_access_key_id=stack.login_member('key'),
        aws_secret_access_key=stack.login_member('secret'),
        config=botocore.config.Config(retries={'max_attempts': 0}))


def _aws(stack, *arguments):
    env = stack.environment() | {'AWS_ACCESS_KEY_ID': stack.login_member('key'),
                                 'AWS_SECRET_ACCESS_KEY': stack.login_member('secret'),
                                 'AWS_DEFAULT_REGION': 'adit', 'AWS_CA_BUNDLE': _ca(stack),
                                 'AWS_PAGER': ''}
    return subprocess.run(['/usr/bin/aws', '--endpoint-url', f'https://127.0.0.1:{stack.port}',
                           '--output', 'json', 'ssm', *arguments],
                          env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60, check=False)


def _fails(code, call, **arguments):
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        check_equal(error.response['Error']['Code'], code, f'code for {arguments}')
        check(error.response['Error']['Message'] or code == 'InvalidFilterKey', 'a message')
        return
    check(False, f'{code} was expected of {arguments}')


def test_documents_for_aws_clients(t):
    """boto3 makes, versions, converts, lists and deletes documents, with AWS's errors"""
    ssm = _ssm(t.stack)
    text = json.dumps(_SHELL)
    made = ssm.create_document(Content=text, Name='Prefs.1', DocumentType='Session',
                               VersionName='first', Tags=[{'Key': 'env', 'Value': 'test'}])
    description = made['DocumentDescription']
    check_equal((description['DocumentVersion'], description['DefaultVersion'],
                 description['Status'], description['SchemaVersion'], description['Tags']),
                ('1', '1', 'Active', '1.0', [{'Key': 'env', 'Value': 'test'}]), 'the description')
    _fails('DocumentAlreadyExists', ssm.create_document, Content=text, Name='Prefs.1',
           DocumentType='Session')
    _fails('InvalidDocumentContent', ssm.create_document, Content='{', Name='Bad')
    _fails('InvalidDocumentSchemaVersion', ssm.create_document,
           Content=text.replace('"1.0"', '"2.2"'), Name='Bad')
    _fails('MaxDocumentSizeExceeded', ssm.create_document, Content=text + ' ' * 65536, Name='Bad')
    _fails('ValidationException', ssm.create_document, Content=text, Name='AWS-Mine')
    _fails('ValidationException', ssm.create_document, Content=text, Name='Bad',
           DocumentType='Command')
    _fails('InvalidDocument', ssm.get_document, Name='Nothing')
    _fails('InvalidDocumentVersion', ssm.get_document, Name='Prefs.1', DocumentVersion='2')

    _fails('DuplicateDocumentContent', ssm.update_document, Content=text, Name='Prefs.1',
           DocumentVersion='$LATEST')
    second = text.replace('"15"', '"16"')
    _fails('InvalidDocumentVersion', ssm.update_document, Content=second, Name='Prefs.1',
           DocumentVersion='7')
    _fails('DuplicateDocumentVersionName', ssm.update_document, Content=second, Name='Prefs.1',
           VersionName='first')
    _fails('InvalidDocumentOperation', ssm.update_document, Content=second,
           Name='AWS-StartSSHSession')
    updated = ssm.update_document(Content=second, Name='Prefs.1', DocumentVersion='$LATEST')
    check_equal((updated['DocumentDescription']['DocumentVersion'],
                 updated['DocumentDescription']['DefaultVersion']), ('2', '1'), 'versions')
    check_equal(json.loads(ssm.get_document(Name='Prefs.1')['Content']), _SHELL, 'the default')
    moved = ssm.update_document_default_version(Name='Prefs.1', DocumentVersion='2')
    check_equal(moved['Description']['DefaultVersion'], '2', 'the default version')
    check_equal(ssm.get_document(Name='Prefs.1')['Content'], second, 'the new default')
    check_equal(ssm.get_document(Name='Prefs.1', VersionName='first')['Content'], text, 'by name')
    versions = ssm.list_document_versions(Name='Prefs.1', MaxResults=1)
    check_equal(versions['DocumentVersions'][0]['DocumentVersion'], '2', 'newest first')
    rest = ssm.list_document_versions(Name='Prefs.1', NextToken=versions['NextToken'])
    check_equal([v['IsDefaultVersion'] for v in rest['DocumentVersions']], [False], 'the rest')
    _fails('InvalidDocumentOperation', ssm.delete_document, Name='Prefs.1', DocumentVersion='2')

    yaml = ssm.get_document(Name='Prefs.1', DocumentFormat='YAML')
    ssm.create_document(Content=yaml['Content'], Name='Prefs.2', DocumentFormat='YAML')
    back = json.loads(ssm.get_document(Name='Prefs.2', DocumentFormat='JSON')['Content'])
    check_equal(back, json.loads(second), 'through YAML and back')

    names = [d['Name'] for d in ssm.list_documents(
        Filters=[{'Key': 'Owner', 'Values': ['Self']}])['DocumentIdentifiers']]
    check_equal(names, ['Prefs.1', 'Prefs.2'], 'own documents')
    tagged = ssm.list_documents(Filters=[{'Key': 'tag:env', 'Values': ['test', 'x']},
                                         {'Key': 'Name', 'Values': ['Pre']}])
    check_equal([d['Name'] for d in tagged['DocumentIdentifiers']], ['Prefs.1'], 'by tag')
    builtin = ssm.list_documents(Filters=[{'Key': 'Owner', 'Values': ['Amazon']}])
    check_equal(len(builtin['DocumentIdentifiers']), 6, 'built-in documents')
    _filters(ssm)
    _fails('InvalidNextToken', ssm.list_documents, NextToken='nonsense')
    parameters = ssm.describe_document(Name='AWS-StartSSHSession')['Document']['Parameters']
    check_equal([(p['Name'], p['DefaultValue']) for p in parameters], [('portNumber', '22')],
                'parameters of a built-in document')
    for name in ('Prefs.1', 'Prefs.2'):
        ssm.delete_document(Name=name)
    _fails('InvalidDocument', ssm.delete_document, Name='Prefs.1')
    _fails('InvalidDocumentOperation', ssm.delete_document, Name='AWS-StartSSHSession')


def _filters(ssm):
    """Each filter of ListDocuments, of both forms, among the built-in documents, Prefs.1 and Prefs.2."""
    ssm.update_document(Content=json.dumps(_SHELL | {'description': 'of the night shift'}), Name='Prefs.2',
                        TargetType='/AWS::EC2::Instance')
    ssm.update_document_default_version(Name='Prefs.2', DocumentVersion='2')
    own = ['Prefs.1', 'Prefs.2']

    def names(*filters):
        found = ssm.list_documents(Filters=[{'Key': key, 'Values': values} for key, values in filters])
        return [document['Name'] for document in found['DocumentIdentifiers']]

    everything = names()
    for filters, expected in (
            ([('Name', ['Prefs.', 'x'])], own), ([('Name', ['refs'])], []), ([('Owner', ['Self'])], own),
            ([('Owner', ['Private'])], own), ([('Owner', ['ThirdParty'])], []), ([('Owner', ['Public'])], everything[:6]),
            ([('PlatformTypes', ['Linux'])], everything), ([('DocumentType', ['Session'])], everything),
            ([('DocumentType', ['Command'])], []), ([('TargetType', ['/AWS::EC2::Instance'])], ['Prefs.2']),
            ([('SearchKeyword', ['night shift'])], ['Prefs.2']), ([('SearchKeyword', ['PortForwardingSession'])], everything[2:5]),
            ([('tag:env', ['test'])], ['Prefs.1']), ([('tag:env', ['prod'])], []),
            ([('Owner', ['Self']), ('tag:env', ['test'])], ['Prefs.1'])):
        check_equal(names(*filters), expected, f'documents of {filters}')
    for key, value, expected in (('Name', 'Prefs', own), ('Owner', 'Self', own), ('PlatformTypes', 'Linux', everything),
                                 ('DocumentType', 'Session', everything)):
        old = ssm.list_documents(DocumentFilterList=[{'key': key, 'value': value}])['DocumentIdentifiers']
        check_equal([document['Name'] for document in old], expected, f'the older filter {key}')
    _fails('InvalidFilterKey', ssm.list_documents, Filters=[{'Key': 'Colour', 'Values': ['red']}])


def test_awscli_pages(t):
    """The AWS CLI makes a YAML document and lists all, one on a page"""
    stack = t.stack
    path = os.path.join(stack.folder, 'greet.yaml')
    with open(path, 'w', encoding='ascii') as file:
        file.write(_GREET)
    made = _aws(stack, 'create-document', '--name', 'Greet-Paged', '--document-type', 'Session',
                '--document-format', 'YAML', '--content', f'file://{path}')
    check_equal(made.returncode, 0, made.stderr)
    listed = _aws(stack, 'list-documents', '--page-size', '1')
    check_equal(listed.returncode, 0, listed.stderr)
    names = [d['Name'] for d in json.loads(listed.stdout)['DocumentIdentifiers']]
    check(names == sorted(names) and len(names) == len(set(names)) == 7, f'pages: {names}')
    got = _aws(stack, 'get-document', '--name', 'Greet-Paged')
    content = json.loads(json.loads(got.stdout)['Content'])
    check_equal(content['parameters']['who']['default'], 'world', 'as JSON')
    check_equal(_aws(stack, 'delete-document', '--name', 'Greet-Paged').returncode, 0, 'deleted')


def _run(stack, document, *parameters, options=(), stdin=b''):
    arguments = [word for parameter in parameters for word in ('--parameter', parameter)]
    return stack.adit('shell', stack.NODE, '--document', document, *arguments, *options,
                      input=stdin, timeout=60)


def test_values_are_data(t):
    """A value of a parameter reaches the program as it is, with and without a shell, either carriage"""
    stack = t.stack
    ssm = _ssm(stack)
    ssm.create_document(Content=_GREET, Name='Greet', DocumentType='Session', DocumentFormat='YAML')
    ssm.create_document(Content=_GREET.replace('NonInteractive', 'Interactive'), Name='Greet-Shell',
                        DocumentType='Session', DocumentFormat='YAML')
    try:
        for value in ('a b', '$(id)', '; id', '`id`', "' ; id ; '", '" ; id ; "', '{{ who }}', '*'):
            for carriage in ('--inspected', '--sealed'):
                for document in ('Greet', 'Greet-Shell'):
                    ran = _run(stack, document, f'who={value}', options=(carriage,))
                    check_equal((ran.returncode, ran.stdout), (0, f'[{value}]'.encode()),
                                f'{document} {carriage} of {value!r}: {ran.stderr}')
        refused = _run(stack, 'Greet', 'who=xylophone')
        check(refused.returncode == 255 and b'allowed pattern' in refused.stderr, refused.stderr)
        refused = _run(stack, 'Greet', 'whom=a')
        check(refused.returncode == 255 and b'not defined' in refused.stderr, refused.stderr)
        # What was granted, and nothing else, may be opened.
        other = stack.exec('id')
        check_equal(other.returncode, 0, 'a command of its own session')
    finally:
        for name in ('Greet', 'Greet-Shell'):
            ssm.delete_document(Name=name)


def test_preferences(t):
    """Preferences type a profile into the shell and choose its user; root and unknown users are refused"""
    if os.geteuid() != 0:
        t.note('skipped: only root can run sessions as others')
        return
    stack = t.own_stack()
    ssm = _ssm(stack)

    def prefer(**inputs):
        content = json.dumps(_SHELL | {'inputs': inputs})
        try:
            ssm.create_document(Content=content, Name='SSM-SessionManagerRunShell',
                                DocumentType='Session')
        except ssm.exceptions.DocumentAlreadyExists:
            version = ssm.update_document(Content=content, Name='SSM-SessionManagerRunShell',
                                          DocumentVersion='$LATEST')
            ssm.update_document_default_version(
                Name='SSM-SessionManagerRunShell',
                DocumentVersion=version['DocumentDescription']['DocumentVersion'])

    # Another shell, a folder, the environment of what is run, and a command at the start.
    prefer(shellProfile={'windows': 'cd C:\\', 'linux': 'exec bash --norc\ncd /usr; export GREETING="hello there"\n'
                                                        'echo "at the start: $((6 * 7))"'})
    for carriage in ('--inspected', '--sealed'):
        shell = stack.adit('shell', carriage, stack.NODE,
                           input=b'echo "<${BASH_VERSION:+bash}: $(printenv GREETING) in $PWD>"\nexit\n')
        check(b'<bash: hello there in /usr>' in shell.stdout and b'at the start: 42' in shell.stdout,
              f'the profile {carriage}: {shell.stdout}')
    check_equal(stack.exec('pwd').stdout != b'/usr\n', True, 'no profile in a command')

    prefer(runAsEnabled=True, runAsDefaultUser='nobody')
    for carriage in ('--inspected', '--sealed'):
        check_equal(stack.adit('exec', carriage, stack.NODE, '--', 'id', '-un').stdout, b'nobody\n',
                    f'run as, {carriage}')
    prefer(runAsEnabled=True, runAsDefaultUser='no-such-user')
    for carriage in ('--inspected', '--sealed'):
        ran = stack.adit('exec', carriage, stack.NODE, '--', 'id')
        check(ran.returncode == 255 and not ran.stdout and b'no user no-such-user' in ran.stderr,
              f'{carriage}: {ran}')
    prefer(runAsEnabled=True)
    ran = stack.exec('id')
    check(ran.returncode == 255 and b'runAsDefaultUser' in ran.stderr, str(ran))
    _fails('InvalidDocumentContent', ssm.update_document, DocumentVersion='$LATEST',
           Name='SSM-SessionManagerRunShell',
           Content=json.dumps(_SHELL | {'inputs': {'runAsDefaultUser': 'root'}}))


def test_link_local_targets(t):
    """No way of writing a metadata address is forwarded to, sealed or inspected"""
    stack = t.stack
    for host in ('169.254.169.254', '2852039166', '0xa9fea9fe', '0251.0376.0251.0376', '169.254.43518',
                 '::ffff:169.254.169.254', 'fe80::1', 'fd00:ec2::254'):
        target = f'[{host}]:80' if ':' in host else f'{host}:80'
        for carriage in ('--inspected', '--sealed'):
            ran = stack.adit('proxy', carriage, stack.NODE, target, input=b'')
            check(ran.returncode == 255 and b'link-local' in ran.stderr, f'{target}: {ran.stderr}')
