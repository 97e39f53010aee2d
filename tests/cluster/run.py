"""make run-cluster: a registry of three machines on this one, each with a member of etcd, until Ctrl-C."""
import os
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from clustertest import Cluster  # noqa: E402

KODO = os.environ["KODO"]


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with tempfile.TemporaryDirectory(prefix="kodo-cluster-") as folder:
        c = Cluster(folder, url="http://registry.localhost")
        try:
            c.start()
            print(f"Three machines are one registry. Their folders are in {folder}.\n")
            for machine, etcd in zip(c.machines, c.etcd):
                print(f"  {machine.name}  http://127.0.0.1:{machine.port}/status   service {machine.process.pid}, "
                      f"log {machine.engine()}, etcd {etcd.process.pid}")
            print(f"\nKill any of these processes, and look at another machine's page meanwhile, or at\n  {KODO} cluster status --state "
                  f"{c.machines[0].state_path()}\nCtrl-C ends all.", flush=True)
            while True:
                time.sleep(1)
        except KeyboardInterrupt:
            pass
        finally:
            c.end()


main()
