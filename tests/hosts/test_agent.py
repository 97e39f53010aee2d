"""An agent's own program behind the path of its flow: the fragments beside each sample."""
import os
import shutil

import pytest

import hosts
import kodotest


def with_agent(kind, fragment, above, line, port):
    """The kind of host whose site includes the fragment, above that line of its sample, or at its end."""
    class WithAgent(kind):
        modules = kind.modules + (["proxy", "proxy_http"] if kind.modules else [])

        def put_sample(self, name, to):
            path = super().put_sample(name, to)
            if name != self.sample:
                return path
            with open(os.path.join(hosts.CONF, fragment), encoding="utf-8") as f:
                agent = f.read()
            assert "127.0.0.1:8000" in agent or '"port" => 8000' in agent
            included = self.put("agent.conf", agent.replace("127.0.0.1:8000", f"127.0.0.1:{port}").replace('"port" => 8000', f'"port" => {port}'))
            with open(path, encoding="utf-8") as f:
                site = f.read()
            line_here = line.format(path=included)
            assert above == "" or above in site
            site = site.replace(above, line_here + "\n" + above, 1) if above else site + line_here + "\n"
            with open(path, "w", encoding="utf-8") as f:
                f.write(site)
            return path
    return WithAgent


KINDS = [(hosts.NginxFastCGI, "nginx/agent.conf", "\tlocation / {", "include {path};"),
         (hosts.LighttpdFastCGI, "lighttpd/agent.conf", "", 'include "{path}"'),
         (hosts.ApacheFcgid, "apache/agent.conf", "\tAlias \"/\"", "\tInclude {path}")]


@pytest.mark.parametrize("kind, fragment, above, line", KINDS, ids=[kind[0].kind for kind in KINDS])
def test_agent_behind_its_path(kind, fragment, above, line):
    agent = kodotest.Peer(answer=lambda method, path, body: (200, {"called": method, "path": path, "got": body}))
    place = hosts.new_place()
    flows = [{"url": "/newsletter", "name": "Newsletter", "entry": "http://localhost:1/agents/newsletter"}, kodotest.flow(1)]
    one = with_agent(kind, fragment, above, line, agent.port)(place, {"organization": "Hosted", "flows": flows})
    try:
        one.start()
        page = one.get("/flows/newsletter", headers={"accept": "text/html"})
        assert page.status == 200 and "Call it" in page.text()
        assert one.get("/flows/newsletter", headers={"accept": "application/json"}).json()["entry"] == flows[0]["entry"]
        for target in ("/flows/newsletter", "/agents/newsletter", "/agents/newsletter/below?a=b"):
            for method in ("POST", "PUT", "DELETE"):
                answer = one.request(method, target, body={"q": "ü"})
                assert answer.status == 200, (method, target, answer, one.words())
                path = target.replace("/flows/", "/agents/")
                assert answer.json() == {"called": method, "path": path, "got": {"q": "ü"}}, (method, target)
        assert one.get("/agents/newsletter?x=1").json()["path"] == "/agents/newsletter?x=1"
        # all else is kodo's
        assert one.request("POST", "/flows/flow-1", body={}).status == 405
        assert one.request("POST", "/flows/newsletter/below", body={}).status == 405
        assert one.get("/flows?format=json").json()["total"] == 2
    finally:
        one.stop()
        agent.close()
        shutil.rmtree(place, ignore_errors=True)
