/** Calls to the sandbox that served this page. */

/** The sandbox did not answer at all. */
export class Unreachable extends Error {}

/**
 * Call the sandbox and return its answer: `{ok, status, body}`, the body decoded when it is JSON, else text.
 * A `body` that is a string is sent as it is, anything else as JSON. Throws Unreachable.
 */
export async function call(method, path, body, headers = {}) {
  const given = body === undefined ? {} : { "Content-Type": "application/json" };
  const content = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
  let answer, text;
  try {
    answer = await fetch(path, { method, body: content, headers: { ...given, ...headers } });
    text = await answer.text();
  } catch {
    throw new Unreachable("The sandbox does not answer.");
  }
  return { ok: answer.ok, status: answer.status, body: decoded(text) };
}

/** Return the JSON at a control call such as `devices`. Throws Unreachable, also for an answer that is an error. */
export async function read(name) {
  const { ok, status, body } = await call("GET", `/_sandbox/${name}`);
  if (!ok) throw new Unreachable(`The sandbox answered ${status}.`);
  return body;
}

function decoded(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
