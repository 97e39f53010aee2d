"""An issuer of tokens for the tests: two RSA keys, tokens signed with them, a server for the key set. Standard library only."""
import base64
import hashlib
import http.server
import json
import threading
import time

from kodotest import free_port, http_request

OLD_N = int(
    "aac2b7bb8a0e712dc00ffcfd2eec40b2bd3e29a87222921a8d2f87dd560ba5d1a07fef3ec708df631e61d71ee7f213e8d88c"
    "6adb31c82e62e137cb1171e8b6f6d2e060fad6980035ad72e428d4544cf9907f09c8f1d74eda5d569255af762a04988811b4"
    "02bc27654d5d2af44d3761027815a2a18f21e0c60497398537a7359b0f61a59966eb9f5b6e3d4277d7049f76e767e4cf20c0"
    "e21da3cf6d717c7b6e0f8a62431373ad19fa91807b13fb5ef578cd10d83bec9b95f5507e792c765e5ab88b917363bd765586"
    "43db951d9bfd851bfa6dd3c23768ca8aec60757e4e9f94ff76505103661afc904fc70a8a32b0550bc8a42ed1214aa3634cb3"
    "9faf61616aaf", 16)
OLD_D = int(
    "dff956949d9823cb2647d24523eead4dc3fa6d198bdadc58072778c54fbf2757b5751890f6ef245215dfaf11d2992a9416b4"
    "d6d37a905e874370b2e1c6cebe6d305b2dd8d4efba16add22c81813eb15805b71b567e1f324628770ca966e34e6988c7b0b0"
    "b385a706b05aaba4944336f2ce1f529925ec01aeb906c1638283c741de7703c7a35e8e3e0029f1ddbcd1bb8508b5dc17e753"
    "123cc60f82d5bf77ca01ff580c239b97326da9a173956a011dbdc948d61ae7ec28efd86903403e69a0fcc26c2f8630728d73"
    "ef5d5205d9e95fd7e39aeb8052eeb77d8806c3b7ef3ebe803a84fb0525c5c434c559e1bf1647096d48507fdf551dbefc90b2"
    "d89ce9ddd2d", 16)
NEW_N = int(
    "b70721dafecd34b6c353159b5d555487afd31ab99a2e718cda5cd53b9d7950d87d07558de36b82dde6c94710bccdaaa408bb"
    "c1549af9a667074ad650fedded5a1629caaa74fb76c9f99a2232584458d3ee8b311ac6d6d5c880d9249079e12247b64f1a7a"
    "d4742ecc0723fe58ec7b298013f7ba4239123ee50c0f2f7a87b78fe6bbd8f1dad1fb542307bd8c7b1c92d155acdcfd27f0b4"
    "e1a8bbfe52959cdcc1e85596695f32d43046b188ef9fa36281d4a10820108332d64876dff4deab06e65abf1c406c284960fa"
    "2cbd719eb7294b6b6c2aa0d7c58768cfc88cb9785ceaaa8639293deb38878b2f18e7082b63f921804cb37f36b43e0f573a2d"
    "770a1d1fa0af", 16)
NEW_D = int(
    "2d4a9108a9bbeafafcfbbee18ae7963adb7a1067746d60c0fbba343403e464eaa589de94757e01ccda92dd489988055d8121"
    "c1162821761991b6e5b0f658c1a6e4cc23b029b19e741d959437c41ae9a64c25da996731fb8619c86221745f8f4592aa2181"
    "dab8036a8eabcc01824779fe0d32e4bf05736be7ef2384dabbe1e33448cb7acabe1ba3fcac07e8885489d6bb4ccc3e0703cc"
    "a178e591cb7faf87482167339994ae451484bfb49020aa480126c0e0b08728c80253372c24c1383a466dabf49ff165167594"
    "a03d159008bc491d487f2358c40cc937c14670f2f7e8f6a193bfa7776edf7282ceb6090933702c9f102612318e4f72bd807d"
    "a72528fb8481", 16)
KEYS = {"old": (OLD_N, OLD_D), "new": (NEW_N, NEW_D)}
SHA256_DER = bytes.fromhex("3031300d060960864801650304020105000420")      # RFC 8017, 9.2


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(audience, roles=("registry", "flows"), kid="old", header=None, **claims):
    """A token of RS256, signed by the key of that name."""
    head = {"alg": "RS256", "typ": "JWT", "kid": kid, **(header or {})}
    body = {"aud": audience, "exp": int(time.time()) + 300, "resource_access": {audience: {"roles": list(roles)}}, **claims}
    text = ".".join(b64(json.dumps({k: v for k, v in part.items() if v is not None}).encode()) for part in (head, body))
    n, d = KEYS.get(kid, KEYS["old"])
    digest = SHA256_DER + hashlib.sha256(text.encode()).digest()
    padded = b"\x00\x01" + b"\xff" * (256 - 3 - len(digest)) + b"\x00" + digest
    return text + "." + b64(pow(int.from_bytes(padded, "big"), d, n).to_bytes(256, "big"))


def bearer(*args, **more):
    return {"Authorization": "Bearer " + token(*args, **more)}


def key_set(*names):
    return json.dumps({"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": name, "e": "AQAB",
                                 "n": b64(KEYS[name][0].to_bytes(256, "big"))} for name in names]})


class Issuer:
    """Serves `body` with `status` after `delay` seconds; n counts the requests."""

    def __init__(self, port=None):
        self.port = port or free_port()
        self.url = f"http://localhost:{self.port}/certs"
        self.status, self.body, self.delay, self.n, self.headers = 200, key_set("old"), 0, 0, {}
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.n += 1
                time.sleep(issuer.delay)
                data = issuer.body.encode()
                self.send_response(issuer.status)
                for name, value in {"Content-Length": str(len(data)), **issuer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_):
                pass

        self.server = Server(("localhost", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class SignIn:
    """A proxy before a service that adds the header of who is signed in, as those for people do; asked has the paths, seen (path, status)."""

    def __init__(self, service):
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.token, self.asked, self.seen = None, [], []
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "authorization", "connection")}
                if proxy.token:
                    headers["Authorization"] = "Bearer " + proxy.token
                proxy.asked.append(self.path)
                answer = http_request(service.port, "GET", self.path, headers)
                proxy.seen.append((self.path, answer.status))
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    if name not in ("connection", "date", "server", "transfer-encoding"):
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(("localhost", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
