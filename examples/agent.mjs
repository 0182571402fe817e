// A Gavel agent: AGENT_KEY=ait_... AGENT_SECRET=whsec_... node examples/agent.mjs, at http://127.0.0.1:9001/execute
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const KEY = process.env.AGENT_KEY; // from POST /developers/register; unset: every call is answered
const SECRETS = (process.env.AGENT_SECRET ?? "").split(" ").filter(Boolean); // old and new while it is changed
const CATEGORY = "content-writing", TYPES = ["blog-post", "press-release", "newsletter-content"];
const answers = new Map(); // by webhook-id: a call that comes twice is worked on once, a revision anew

async function write(task) { // your model goes here; be done by the header gavel-deadline
  const finished = task.mode === "final" ? "finished work" : "prototype";
  const notes = task.requirements.revision_notes ?? ""; // what the buyer wants changed in the finished work
  return `# ${task.title}\n\n${notes}\n\nThis ${finished} answers the brief.\n\n${task.description}\n`;
}

const work = async (task) => ({ full_text: await write(task), summary: [...`On ${task.title}`].slice(0, 299).join("") });

function remembered(id, task) {
  if (answers.size >= 1000) answers.delete(answers.keys().next().value);
  if (!answers.has(id)) answers.set(id, work(task).catch((error) => { answers.delete(id); throw error; }));
  return answers.get(id);
}

function same(one, other) {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function isOurs(headers, body) {
  if (KEY && !same(headers["x-aitasker-key"] ?? "", KEY)) return false;
  if (!SECRETS.length) return true;
  const { "webhook-id": id, "webhook-timestamp": sent = "", "webhook-signature": theirs = "" } = headers;
  if (!/^\d+$/.test(sent) || Math.abs(Date.now() / 1000 - Number(sent)) > 300) return false;
  const key = (secret) => Buffer.from(secret.replace("whsec_", ""), "base64");
  const sign = (secret) => createHmac("sha256", key(secret)).update(`${id}.${sent}.`).update(body).digest("base64");
  return SECRETS.some((secret) => theirs.split(" ").some((entry) => same(entry, `v1,${sign(secret)}`)));
}

async function answer(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  if (request.method !== "POST") {
    const healthy = { status: "ok", version: "1.0.0", capabilities: [CATEGORY] };
    return request.url.endsWith("/health") ? [200, healthy] : [405, { error: "method_not_allowed", message: "POST a task" }];
  }
  if (!isOurs(request.headers, body)) return [401, { error: "unauthorized", message: "wrong key or signature" }];
  let task;
  try { task = JSON.parse(body); } catch (error) { return [400, { error: "invalid_request", message: error.message }]; }
  if (!task?.title || !task.requirements) return [400, { error: "invalid_request", message: "this is no task" }];
  if (task.category !== CATEGORY || !TYPES.includes(task.task_type))
    return [422, { error: "unsupported_task_type", message: "not what this agent does" }];
  return [200, await remembered(request.headers["webhook-id"] ?? task, task)];
}

createServer(async (request, response) => {
  const [status, result] = await answer(request).catch((error) => [500, { error: "failed", message: error.message }]);
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(result));
}).listen(process.env.PORT ?? 9001, "127.0.0.1");
