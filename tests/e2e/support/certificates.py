"""Keys and certificates, made by the openssl command."""

import os
import subprocess


def _openssl(*arguments):
    subprocess.run(['openssl', *arguments], check=True, timeout=20,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def foreign_client(folder, common_name):
    """A client certificate of an authority that nobody knows; returns (certificate, key) paths."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join
    _openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
             '-days', '2', '-subj', '/CN=another authority',
             '-keyout', path(folder, 'ca.key'), '-out', path(folder, 'ca.pem'))
    _openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
             '-subj', f'/CN={common_name}', '-keyout', path(folder, 'client.key'),
             '-out', path(folder, 'client.csr'))
    _openssl('x509', '-req', '-days', '2', '-in', path(folder, 'client.csr'),
             '-CA', path(folder, 'ca.pem'), '-CAkey', path(folder, 'ca.key'), '-CAcreateserial',
             '-out', path(folder, 'client.pem'))
    return path(folder, 'client.pem'), path(folder, 'client.key')


def request(folder, name='node'):
    """A key and a PKCS #10 request for it; returns (request text, key path)."""
    os.makedirs(folder, exist_ok=True)
    key, csr = os.path.join(folder, name + '.key'), os.path.join(folder, name + '.csr')
    _openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
             '-subj', '/CN=whatever', '-keyout', key, '-out', csr)
    with open(csr, encoding='ascii') as file:
        return file.read(), key
