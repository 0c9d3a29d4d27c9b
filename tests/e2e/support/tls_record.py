"""TLS 1.3 records by hand (RFC 8446, 5.2 and 7), from the secrets that a context logs: what ssl itself never sends."""

import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

ALERT, HANDSHAKE, APPLICATION_DATA = 21, 22, 23

CLOSE_NOTIFY = ALERT, b'\x01\x00'
KEY_UPDATE = HANDSHAKE, b'\x18\x00\x00\x01\x00'
KEY_UPDATE_ASKED = HANDSHAKE, b'\x18\x00\x00\x01\x01'
# A lifetime, an age, a nonce, a ticket, and no extension.
SESSION_TICKET = HANDSHAKE, b'\x04\x00\x00\x16' + struct.pack('>II', 3600, 7) + b'\x01n\x00\x08opaque!!\x00\x00'


def expand_label(secret, label, context, size):
    """HKDF-Expand-Label of RFC 8446, 7.1, for what one block holds."""
    name = hashlib.sha256 if len(secret) == 32 else hashlib.sha384
    full = b'tls13 ' + label.encode()
    info = struct.pack('>H', size) + bytes([len(full)]) + full + bytes([len(context)]) + context
    return hmac.new(secret, info + b'\1', name).digest()[:size]


def last_secret(log, label):
    """The newest secret with this label, such as CLIENT_TRAFFIC_SECRET_0, in a key log."""
    with open(log, encoding='ascii') as file:
        return bytes.fromhex([line.split()[2] for line in file if line.startswith(label)][-1])


class RecordMaker:
    """Goes on where TLS has sent `sequence` records under its first keys; `cipher` is the suite's name."""

    def __init__(self, secret, cipher, sequence):
        self._secret, self._cipher, self._sequence = secret, cipher, sequence

    def __call__(self, kind, content):
        size = 16 if '128' in self._cipher else 32
        key = expand_label(self._secret, 'key', b'', size)
        iv = expand_label(self._secret, 'iv', b'', 12)
        aead = ChaCha20Poly1305(key) if 'CHACHA' in self._cipher else AESGCM(key)
        nonce = (int.from_bytes(iv, 'big') ^ self._sequence).to_bytes(12, 'big')
        head = struct.pack('>BHH', APPLICATION_DATA, 0x0303, len(content) + 1 + 16)
        self._sequence += 1
        record = head + aead.encrypt(nonce, content + bytes([kind]), head)
        if kind == HANDSHAKE and content[:1] == b'\x18':
            self._secret = expand_label(self._secret, 'traffic upd', b'', len(self._secret))
            self._sequence = 0
        return record
