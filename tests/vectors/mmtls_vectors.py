#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Known answers for MMTLS: python3 mmtls_vectors.py > mmtls_vectors.json

HKDF is written out here on the standard library's HMAC; AES-GCM is OpenSSL's, by way of `cryptography`.
"""

import hashlib
import hmac
import json
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def made(name, size):
    """Bytes that look random."""
    return hashlib.shake_256(name.encode()).digest(size)


def expand(secret, label, transcript, size):
    """RFC 5869, 2.3."""
    info = label.encode() + transcript
    out = block = b""
    count = 1
    while len(out) < size:
        block = hmac.new(secret, block + info + bytes([count]), hashlib.sha256).digest()
        out += block
        count += 1
    return out[:size]


def message(kind, size):
    """A handshake message: length, type, content."""
    return struct.pack(">IB", size + 1, kind) + made(f"message {kind}", size)


TIME = 0x6553F100
HELLO = message(0x01, 300)
SERVER_HELLO = message(0x02, 132)
VERIFY = message(0x0F, 73)
TICKETS = message(0x04, 201)
EXTENSIONS = struct.pack(">IBIBIHI", 16, 0x08, 11, 1, 6, 0x12, TIME)

SHARED = made("shared secret", 32)
PSK = made("ticket's secret", 32)


def transcript(*messages):
    return hashlib.sha256(b"".join(messages)).digest()


def row(output, secret, label, over, size):
    return {
        "output": output,
        "secret": secret.hex(),
        "hash": transcript(*over).hex(),
        "bytes": expand(secret, label, transcript(*over), size).hex(),
    }


def schedule():
    both = (HELLO, SERVER_HELLO)
    whole = (HELLO, SERVER_HELLO, VERIFY, TICKETS)
    master = expand(SHARED, "expanded secret", transcript(*whole), 32)
    resumed = expand(PSK, "expanded secret", transcript(*both), 32)
    application = "application data key expansion"
    return [
        row("handshake", SHARED, "handshake key expansion", both, 56),
        row("access psk", SHARED, "PSK_ACCESS", both + (VERIFY,), 32),
        row("refresh psk", SHARED, "PSK_REFRESH", both + (VERIFY,), 32),
        row("application", master, application, whole, 56) | {"secret": SHARED.hex()},
        row("early", PSK, "early data key expansion", (HELLO,), 28),
        row("early response", PSK, "handshake key expansion", (HELLO, EXTENSIONS, SERVER_HELLO), 28),
        row("resumed", resumed, application, both, 56) | {"secret": PSK.hex()},
        row("resumed directly", PSK, application, both, 56),
    ]


def finished():
    rows = []
    for from_client, label in ((False, "server finished"), (True, "client finished")):
        over = transcript(HELLO, SERVER_HELLO, VERIFY, TICKETS)
        key = expand(SHARED, label, b"", 32)
        says = hmac.new(key, over, hashlib.sha256).hexdigest()
        rows.append({"from_client": from_client, "secret": SHARED.hex(), "hash": over.hex(), "bytes": says})
    return rows


def record(kind, version, seq, size):
    key, iv = made("key", 16), made("iv", 12)
    plain = made(f"plain {size}", size)
    nonce = (int.from_bytes(iv, "big") ^ seq).to_bytes(12, "big")
    header = struct.pack(">BHH", kind, version, size + 16)
    sealed = AESGCM(key).encrypt(nonce, plain, struct.pack(">Q", seq) + header)
    return {
        "key": key.hex(),
        "iv": iv.hex(),
        "seq": str(seq),
        "nonce": nonce.hex(),
        "header": header.hex(),
        "sealed": sealed.hex(),
        "plain": plain.hex(),
    }


def records():
    kinds = [
        (0x15, 0xF104, 5, 3),
        (0x16, 0xF104, 1, 37),
        (0x17, 0xF103, 2, 16),
        (0x17, 0xF104, 3, 15),
        (0x17, 0xF104, 4, 17),
        (0x17, 0xF104, 0, 0),
        (0x19, 0xF104, 1, 20),
        (0x17, 0xF104, 0x0102030405060708, 300),
        (0x17, 0xF104, 2**64 - 1, 1024),
    ]
    return [record(*kind) for kind in kinds]


MESSAGES = {"hello": HELLO, "server hello": SERVER_HELLO, "verify": VERIFY, "tickets": TICKETS}

print(
    json.dumps(
        {
            "time": TIME,
            "extensions": EXTENSIONS.hex(),
            "messages": {name: message.hex() for name, message in MESSAGES.items()},
            "schedule": schedule(),
            "finished": finished(),
            "records": records(),
        },
        indent=1,
    )
)
