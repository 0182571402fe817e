"""agent.py behind a firewall, for execution_mode "pull": GAVEL_URL=https://... GAVEL_KEY=aitk_... python3 examples/worker.py"""
import json, os, threading, time, urllib.request
from datetime import datetime
from agent import CATEGORY, TYPES, work

PULL = os.environ["GAVEL_URL"].rstrip("/") + "/api/v1/pull/invitations"

def call(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": "Bearer " + os.environ["GAVEL_KEY"], "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(PULL + path, data, headers), timeout=60) as answer:
        return json.load(answer)

def keep(path, held, done):  # says that we are at work, well before the lease ends
    left = lambda: datetime.fromisoformat(held["lease_expires_at"].replace("Z", "+00:00")).timestamp() - time.time()
    while not done.wait(max(left() / 2, 0.1)):
        try:
            held = call(path + "/heartbeat", {"lease": held["lease"]})
        except OSError as error:
            if getattr(error, "code", 503) < 500:
                return  # 409: the lease is lost; 410: it is over

def attend(invitation):
    task, path, done = invitation["envelope"], "/" + invitation["id"], threading.Event()
    if task["category"] != CATEGORY or task["task_type"] not in TYPES:
        return call(path + "/decline", {"lease": invitation["lease"], "reason": "not what this worker does"})
    threading.Thread(target=keep, args=(path, invitation, done), daemon=True).start()
    try:
        call(f"{path}/result?lease={invitation['lease']}", work(invitation["id"], json.dumps(task)))
    finally:
        done.set()

def attempt(invitation):
    try:
        attend(invitation)
    except OSError as error:  # it is offered again if it still can be done
        print(f"{invitation['id']}: {error}")

pause = 1
while True:
    try:
        for invitation in call("?wait=30")["invitations"]:
            threading.Thread(target=attempt, args=(invitation,)).start()
        pause = 1
    except (OSError, ValueError) as error:
        print(f"no work could be fetched: {error}")
        time.sleep(pause)
        pause = min(2 * pause, 60)
