/** What the bundle answered to a push, in words, with the whole of the answer behind a click. */

import { make } from "./dom.js";

const STATUS = {
  200: "OK", 201: "Created", 202: "Accepted", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
  409: "Conflict", 410: "Gone", 413: "Content Too Large", 415: "Unsupported Media Type", 422: "Unprocessable Content",
  429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
};

/** Show an answer, as `call` returns it, that took `ms`. */
export function showAnswer(result, { ok, status, body }, ms) {
  const fields = Object(body);
  if (!ok && typeof fields.error === "string" && fields.status === undefined) {
    showTrouble(result, "The sandbox could not pass the push on.", `It says: ${fields.error}.`);
    return;
  }
  const parts = [make("p", ok ? "outcome good" : "outcome bad", make("strong", "", ok ? "Sent" : fields.title ?? fields.message ?? "Not sent"))];
  parts[0].append(make("span", "status", `${status} ${STATUS[status] ?? ""} in ${Math.round(ms)} ms`));
  if (fields.detail) parts.push(make("p", "", fields.detail));
  const known = ["pushMessageID", "id", "outcome", "errorCode"].filter((name) => typeof fields[name] === "string");
  if (known.length) parts.push(list(known.map((name) => [name, fields[name]])));
  if (Array.isArray(fields.errors) && fields.errors.length > 1) {
    parts.push(list(fields.errors.map(({ field, reason }) => [String(field), String(reason)])));
  }
  parts.push(whole(body));
  result.replaceChildren(...parts);
}

/** Show why there is no answer from the bundle, and what to do. */
export function showTrouble(result, what, then) {
  result.replaceChildren(make("p", "outcome bad", make("strong", "", what)), make("p", "", then));
}

const list = (entries) =>
  make("dl", "data", ...entries.map(([name, value]) => make("div", "", make("dt", "", name), make("dd", "", value))));

function whole(body) {
  const pre = make("pre", "", typeof body === "string" ? body : JSON.stringify(body, null, 2));
  pre.tabIndex = 0; // it scrolls
  pre.setAttribute("role", "group");
  pre.setAttribute("aria-label", "The whole answer");
  return make("details", "payload", make("summary", "", "Whole answer"), pre);
}
