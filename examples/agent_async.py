"""agent.py for execution_mode "async": it acknowledges at once, works, and posts the result to callback_url."""
import json, os, threading, time, urllib.request
from http.server import ThreadingHTTPServer
from agent import Agent, sign, work

PAUSES = (0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60)  # within execution_timeout_seconds

def call_back(task, webhook_id, body):
    result = json.dumps(work(webhook_id, body)).encode()
    for pause in PAUSES:
        time.sleep(pause)
        sent = str(int(time.time()))
        headers = {"Content-Type": "application/json", "webhook-id": webhook_id, "webhook-timestamp": sent,
                   "webhook-signature": sign(task["callback_secret"], webhook_id, sent, result).decode()}
        try:
            with urllib.request.urlopen(urllib.request.Request(task["callback_url"], result, headers), timeout=30):
                return
        except OSError as error:  # no answer counts as 503; other 4xx say no for good
            status = getattr(error, "code", 503)
            if status < 500 and status != 429:
                return print(f"the result of {webhook_id} was refused with {status}")

class Async(Agent):
    def deliver(self, task, webhook_id, body):
        threading.Thread(target=call_back, args=(task, webhook_id or task["task_id"], body)).start()
        self.answer(202, {"status": "accepted"})

if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", 9001))), Async).serve_forever()
