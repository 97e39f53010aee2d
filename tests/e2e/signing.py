"""Sign requests and answers as peers do (RFC 9421, RFC 9530), apart from the program: Ed25519 by libcrypto, the rest here.

Standard library only.
"""
import base64
import ctypes
import functools
import hashlib
import json
import os

_lib = ctypes.CDLL("libcrypto.so.3")
_ED25519 = 1087             # NID_ED25519
for _name in ("EVP_PKEY_new_raw_private_key", "EVP_PKEY_new_raw_public_key", "EVP_MD_CTX_new"):
    getattr(_lib, _name).restype = ctypes.c_void_p
_P, _N = ctypes.c_void_p, ctypes.c_size_t
_lib.EVP_PKEY_new_raw_private_key.argtypes = [ctypes.c_int, _P, ctypes.c_char_p, _N]
_lib.EVP_PKEY_new_raw_public_key.argtypes = [ctypes.c_int, _P, ctypes.c_char_p, _N]
_lib.EVP_PKEY_get_raw_public_key.argtypes = [_P, ctypes.c_char_p, ctypes.POINTER(_N)]
_lib.EVP_DigestSignInit.argtypes = [_P, _P, _P, _P, _P]
_lib.EVP_DigestSign.argtypes = [_P, ctypes.c_char_p, ctypes.POINTER(_N), ctypes.c_char_p, _N]
_lib.EVP_DigestVerifyInit.argtypes = [_P, _P, _P, _P, _P]
_lib.EVP_DigestVerify.argtypes = [_P, ctypes.c_char_p, _N, ctypes.c_char_p, _N]
_lib.EVP_PKEY_free.argtypes = _lib.EVP_MD_CTX_free.argtypes = [_P]


def b64(data):
    return base64.b64encode(data).decode()


def b64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Key:
    """An Ed25519 key."""

    def __init__(self, seed=None):
        self.seed = seed or os.urandom(32)
        pair = _lib.EVP_PKEY_new_raw_private_key(_ED25519, None, self.seed, 32)
        out, n = ctypes.create_string_buffer(32), _N(32)
        assert _lib.EVP_PKEY_get_raw_public_key(pair, out, ctypes.byref(n)) == 1
        _lib.EVP_PKEY_free(pair)
        self.public = out.raw
        self.text = b64url(self.public)

    def sign(self, data):
        pair, context = _lib.EVP_PKEY_new_raw_private_key(_ED25519, None, self.seed, 32), _lib.EVP_MD_CTX_new()
        out, n = ctypes.create_string_buffer(64), _N(64)
        assert _lib.EVP_DigestSignInit(context, None, None, None, pair) == 1
        assert _lib.EVP_DigestSign(context, out, ctypes.byref(n), data, len(data)) == 1
        _lib.EVP_MD_CTX_free(context)
        _lib.EVP_PKEY_free(pair)
        return out.raw

    def rotation(self, new):
        """The entry of Kodo-Former for this key, which new has replaced."""
        text = f"kodo key rotation\n{self.text}\n{new.text}\n".encode()
        return f"{self.text}.{b64url(self.sign(text))}"


@functools.lru_cache(None)
def key_of(url):
    """The key of a stand-in for a peer with that url, the same in all of one test's process."""
    return Key()


def document(url):
    """What /.well-known/kodo.json of such a stand-in shows."""
    return {"url": url, "keys": [{"key": key_of(url).text, "alg": "ed25519", "since": "2026-01-01T00:00:00Z"}]}


def verify(public, signature, data):
    pair, context = _lib.EVP_PKEY_new_raw_public_key(_ED25519, None, public, 32), _lib.EVP_MD_CTX_new()
    assert _lib.EVP_DigestVerifyInit(context, None, None, None, pair) == 1
    good = _lib.EVP_DigestVerify(context, signature, 64, data, len(data)) == 1
    _lib.EVP_MD_CTX_free(context)
    _lib.EVP_PKEY_free(pair)
    return good


def digest(body):
    return f"sha-256=:{b64(hashlib.sha256(body).digest())}:"


def fields(key, values, names, created):
    """Signature-Input and Signature over the components of those names, in that order; values: of each, by its name."""
    params = f'({" ".join(names)});created={created};keyid="{key.text}";alg="ed25519";tag="kodo"'
    base = "".join(f"{name}: {values[name]}\n" for name in names) + f'"@signature-params": {params}'
    return {"Signature-Input": f"kodo={params}", "Signature": f"kodo=:{b64(key.sign(base.encode()))}:"}


def headers(key, method, to, sender, body=b"", created=1763000000, components=None):
    """The fields of a signed request. to: the receiver's own url with the path."""
    values = {'"@method"': method, '"kodo-to"': to, '"kodo-from"': sender, '"content-digest"': digest(body)}
    names = [f'"{name}"' for name in components] if components else list(values)
    return {"Content-Digest": digest(body), "Kodo-From": sender, "Kodo-To": to, **fields(key, values, names, created)}


def sender_of(body):
    """The url in whose name a body speaks, or None."""
    try:
        value = json.loads(body)
        sender = value.get("provider", value.get("url"))
    except (ValueError, TypeError, AttributeError):
        return None
    return sender if isinstance(sender, str) else None


def post_headers(to, body):
    """The fields with which a stand-in posts that body, if it says whose it is."""
    sender = sender_of(body)
    return headers(key_of(sender), "POST", to, sender, body) if sender else {}


def answer_headers(sender, status, body, asked):
    """The fields of a stand-in's answer to a request with these fields, if that was signed."""
    if "Signature" not in asked:
        return {}
    request = '"signature";req;key="kodo"'
    values = {'"@status"': status, '"kodo-from"': sender, '"content-digest"': digest(body),
              request: asked["Signature"].split("kodo=", 1)[1]}
    return {"Content-Digest": digest(body), "Kodo-From": sender, **fields(key_of(sender), values, list(values), 1763000000)}


def answer_key(status, head, body, asked):
    """The public key that has signed an answer to the request with these fields; None: nobody has, or it does not hold."""
    head = {name.lower(): value for name, value in head.items()}
    if "signature" not in head:
        return None
    assert head["content-digest"] == digest(body)
    params = head["signature-input"].split("kodo=", 1)[1]
    assert params.startswith('("@status" "kodo-from" "content-digest" "signature";req;key="kodo");')
    base = (f'"@status": {status}\n"kodo-from": {head["kodo-from"]}\n"content-digest": {head["content-digest"]}\n'
            f'"signature";req;key="kodo": {asked["Signature"].split("kodo=", 1)[1]}\n"@signature-params": {params}')
    public = base64.urlsafe_b64decode(params.split('keyid="', 1)[1].split('"', 1)[0] + "=")
    return public if verify(public, base64.b64decode(head["signature"].split("kodo=:", 1)[1].split(":", 1)[0]), base.encode()) else None
