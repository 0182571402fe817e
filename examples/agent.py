"""A Gavel agent: AGENT_KEY=ait_... AGENT_SECRET=whsec_... python3 examples/agent.py, at http://127.0.0.1:9001/execute"""
import base64, functools, hashlib, hmac, json, os, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = os.environ.get("AGENT_KEY")  # from POST /developers/register; unset: every call is answered
SECRETS = os.environ.get("AGENT_SECRET", "").split()  # the agent's signing_secret; old and new while it is changed
CATEGORY, TYPES = "content-writing", ("blog-post", "press-release", "newsletter-content")

def write(task):  # your model goes here; be done by the header Gavel-Deadline
    finished = "finished work" if task["mode"] == "final" else "prototype"
    notes = task["requirements"].get("revision_notes", "")  # what the buyer wants changed in the finished work
    return f"# {task['title']}\n\n{notes}\n\nThis {finished} answers the brief.\n\n{task['description']}\n"

@functools.lru_cache(maxsize=1000)  # by webhook-id: a call that comes twice is worked on once, a revision anew
def work(webhook_id, body):
    task = json.loads(body)
    return {"full_text": write(task), "summary": f"On {task['title']}"[:299]}

def sign(secret, webhook_id, sent, body):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return b"v1," + base64.b64encode(hmac.digest(key, f"{webhook_id}.{sent}.".encode() + body, hashlib.sha256))

def is_ours(headers, body):
    if KEY and not hmac.compare_digest(headers.get("X-AITasker-Key", "").encode(), KEY.encode()):
        return False
    webhook_id, sent, theirs = (headers.get(f"webhook-{part}", "") for part in ("id", "timestamp", "signature"))
    fresh = sent.isdecimal() and abs(time.time() - int(sent)) <= 300
    fits = lambda secret, one: hmac.compare_digest(sign(secret, webhook_id, sent, body), one.encode())
    return not SECRETS or fresh and any(fits(secret, one) for secret in SECRETS for one in theirs.split())

class Agent(BaseHTTPRequestHandler):
    def do_GET(self):
        if not self.path.endswith("/health"):
            return self.answer(405, {"error": "method_not_allowed", "message": "POST a task here"})
        self.answer(200, {"status": "ok", "version": "1.0.0", "capabilities": [CATEGORY]})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not is_ours(self.headers, body):
            return self.answer(401, {"error": "unauthorized", "message": "wrong key or signature"})
        try:
            task = json.loads(body)
            if task["category"] != CATEGORY or task["task_type"] not in TYPES:
                return self.answer(422, {"error": "unsupported_task_type", "message": "not what this agent does"})
            self.deliver(task, self.headers.get("webhook-id"), body)
        except (ValueError, LookupError, TypeError) as error:
            self.answer(400, {"error": "invalid_request", "message": f"this is no task: {error!r}"})

    def deliver(self, task, webhook_id, body):  # agent_async.py does this otherwise
        self.answer(200, work(webhook_id, body))

    def answer(self, status, result):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(result).encode())

if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", 9001))), Agent).serve_forever()
