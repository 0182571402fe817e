// Checks one recorded request, as JSON on stdin, with the published library. Exit codes: 0 genuine, 3 refused.

const { Webhook, WebhookVerificationError } = require("standardwebhooks");

const request = JSON.parse(require("fs").readFileSync(0, "utf8"));
try {
  new Webhook(request.secret).verify(Buffer.from(request.body, "base64"), request.headers);
} catch (refusal) {
  if (!(refusal instanceof WebhookVerificationError)) throw refusal;
  console.log(refusal.message);
  process.exit(3);
}
