"""A Gavel agent: AGENT_KEY=ait_... python3 examples/agent.py, then register http://127.0.0.1:9001/execute"""
import json, os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = os.environ.get("AGENT_KEY")  # shown once by POST /developers/register; unset: every call is answered

def write(task):  # your model goes here: task has title, description, requirements, mode, ...
    finished = "finished work" if task["mode"] == "final" else "prototype"
    return f"# {task['title']}\n\nThis {finished} answers the brief.\n\n{task['description']}\n"

class Agent(BaseHTTPRequestHandler):
    def do_GET(self):  # GET /health
        self.answer(200, {"status": "ok", "version": "1.0.0", "capabilities": ["content-writing"]})

    def do_POST(self):
        task = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if KEY and self.headers.get("X-AITasker-Key") != KEY:
            return self.answer(401, {"detail": "wrong key"})
        self.answer(200, {"full_text": write(task), "summary": f"On {task['title']}"[:299]})

    def answer(self, status, body):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", 9001))), Agent).serve_forever()
