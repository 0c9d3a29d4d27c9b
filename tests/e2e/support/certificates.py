"""Keys and certificates, made by the openssl command."""

import os
import subprocess
import time


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


def of_authority(folder, place, common_name, key, begin, end):
    """A client certificate of the authority in `folder` (ca.crt, ca.key) for a key, both as PEM, valid
    from `begin` to `end`, in seconds since 1970; `place` is a folder for files."""
    os.makedirs(place, exist_ok=True)
    path = os.path.join
    with open(path(place, 'key'), 'w', encoding='ascii') as file:
        file.write(key)
    with open(path(place, 'index'), 'w', encoding='ascii'):
        pass
    with open(path(place, 'ca.cnf'), 'w', encoding='ascii') as file:
        file.write(f'[ca]\ndefault_ca = a\n[a]\ndatabase = {place}/index\nnew_certs_dir = {place}\n'
                   'rand_serial = yes\ndefault_md = sha256\npolicy = p\nx509_extensions = e\n'
                   '[p]\ncommonName = supplied\n[e]\nextendedKeyUsage = clientAuth\n')
    _openssl('req', '-new', '-key', path(place, 'key'), '-subj', f'/CN={common_name}',
             '-out', path(place, 'csr'))
    dates = [time.strftime('%Y%m%d%H%M%SZ', time.gmtime(when)) for when in (begin, end)]
    _openssl('ca', '-batch', '-notext', '-config', path(place, 'ca.cnf'), '-cert', path(folder, 'ca.crt'),
             '-keyfile', path(folder, 'ca.key'), '-in', path(place, 'csr'), '-out', path(place, 'pem'),
             '-startdate', dates[0], '-enddate', dates[1])
    with open(path(place, 'pem'), encoding='ascii') as file:
        return file.read()


class Authority:
    """An organisation's own authority, which issues certificates for a server at 127.0.0.1."""

    def __init__(self, folder):
        os.makedirs(folder, exist_ok=True)
        self._folder = folder
        _openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
                 '-days', '2', '-subj', '/CN=the organisation',
                 '-keyout', self._path('ca.key'), '-out', self._path('ca.pem'))

    def _path(self, name):
        return os.path.join(self._folder, name)

    def issue(self, common_name):
        """A new certificate and key; returns the paths (chain with the authority, key), always the same."""
        with open(self._path('names.cnf'), 'w', encoding='ascii') as file:
            file.write('subjectAltName = IP:127.0.0.1, DNS:localhost\nextendedKeyUsage = serverAuth\n')
        _openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
                 '-subj', f'/CN={common_name}', '-keyout', self._path('server.key'),
                 '-out', self._path('server.csr'))
        _openssl('x509', '-req', '-days', '2', '-in', self._path('server.csr'), '-CA', self._path('ca.pem'),
                 '-CAkey', self._path('ca.key'), '-CAcreateserial', '-extfile', self._path('names.cnf'),
                 '-out', self._path('server.pem'))
        with open(self._path('chain.pem'), 'w', encoding='ascii') as chain:
            for name in ('server.pem', 'ca.pem'):
                with open(self._path(name), encoding='ascii') as file:
                    chain.write(file.read())
        return self._path('chain.pem'), self._path('server.key')
