/** The form that sends a push through the bundle's HTTPS door. */

import { call, Unreachable } from "./api.js";
import { showAnswer, showTrouble } from "./answer.js";
import { busy, byId, make, mark } from "./dom.js";

const EXAMPLE = {
  data: { order: "42" },
  gcm: { enabled: false },
  fcm: { enabled: true, notification: { title: "Order shipped", body: "It arrives tomorrow." } },
  apns: { enabled: true, sound: "default", badge: 1, alert: { title: "Order shipped", body: "It arrives tomorrow." } },
  mqtt: { enabled: true, data: { title: "Order shipped", body: "It arrives tomorrow." } },
};
const SCOPES = {
  groups: { label: "Group ID", value: "team" },
  users: { label: "Login name", value: "bob" },
  things: { label: "Thing ID", value: "VENDOR_THING_ID:lamp" },
};

export class SendForm {
  constructor() {
    this._form = byId("send-form");
    this._url = undefined;
    byId("send-json").value = JSON.stringify(EXAMPLE, null, 2);
    this._form.addEventListener("input", () => this._draw());
    byId("send-scope").addEventListener("change", () => this._scope());
    this._form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this._check()) busy(byId("send-button"), () => this._send());
    });
    this._draw();
  }

  /** Show where pushes go (`url` is null when no bundle is connected) and whom they can go to. */
  update(url, devices) {
    if (url !== this._url) {
      this._url = url;
      byId("bundle").replaceChildren(...(url ? connected(url) : unconnected()));
      byId("bundle").classList.toggle("callout", !url);
    }
    const owners = [...new Set(devices.filter(({ userID }) => userID).map(({ ownerName, userID }) => ownerName ?? `ID:${userID}`))];
    const list = byId("owners");
    if (owners.join("\n") !== [...list.children].map(({ value }) => value).join("\n")) {
      list.replaceChildren(...owners.map((owner) => new Option("", owner)));
    }
  }

  _chosen(name) {
    return this._form.elements[name].value;
  }

  _draw() {
    const chosen = [this._chosen("to"), this._chosen("form")];
    for (const part of this._form.querySelectorAll("[data-for]")) part.hidden = !chosen.includes(part.dataset.for);
    byId("send-confirm-field").hidden = !this._isToEverybody();
    byId("send-path").textContent = this._path();
    for (const field of this._form.querySelectorAll("[aria-invalid]")) mark(field, byId(errorOf(field)), "");
  }

  _scope() {
    const scope = SCOPES[byId("send-scope").value];
    byId("send-scope-field").hidden = !scope;
    if (scope) {
      byId("send-scope-label").textContent = scope.label;
      byId("send-scope-id").value = scope.value;
    }
    this._draw();
  }

  /** The bundle wants a confirm for a topic of the app's. */
  _isToEverybody() {
    return this._chosen("to") === "topic" && byId("send-scope").value === "";
  }

  _path() {
    if (this._chosen("to") === "user") return `/users/${user(byId("send-user").value)}/push/messages`;
    const scope = byId("send-scope").value;
    const id = byId("send-scope-id").value;
    const prefix = scope ? `/${scope}/${scope === "users" ? user(id) : segment(id)}` : "";
    const confirm = this._isToEverybody() && byId("send-confirm").checked ? "?confirm=true" : "";
    return `${prefix}/topics/${segment(byId("send-topic").value)}/push/messages${confirm}`;
  }

  /** Mark what is missing or malformed and go there; return whether all is well. */
  _check() {
    const wrong = [];
    for (const field of this._form.querySelectorAll("[required]")) {
      if (field.closest("[hidden]") || field.value.trim()) continue;
      mark(field, byId(errorOf(field)), byId(errorOf(field)).textContent);
      wrong.push(field);
    }
    const confirm = byId("send-confirm");
    if (this._isToEverybody() && !confirm.checked) {
      mark(confirm, byId(errorOf(confirm)), byId(errorOf(confirm)).textContent);
      wrong.push(confirm);
    }
    if (this._chosen("form") === "json") {
      try {
        JSON.parse(byId("send-json").value);
      } catch (error) {
        mark(byId("send-json"), byId("send-json-error"), `This is not JSON: ${error.message}`);
        wrong.push(byId("send-json"));
      }
    }
    wrong[0]?.focus();
    return wrong.length === 0;
  }

  /** The message as JSON text: what was written by hand goes out as it was written. */
  _message() {
    if (this._chosen("form") === "json") return byId("send-json").value;
    const networks = [...this._form.querySelectorAll("[name=network]:checked")].map(({ value }) => value);
    const message = { title: byId("send-title-text").value, body: byId("send-body").value };
    return JSON.stringify(networks.length ? { ...message, networks } : message);
  }

  async _send() {
    const result = byId("send-result");
    result.replaceChildren();
    const began = performance.now();
    try {
      const wanted = `{"path":${JSON.stringify(this._path())},"body":${this._message()}}`;
      const answer = await call("POST", "/_sandbox/send", wanted);
      showAnswer(result, answer, performance.now() - began);
    } catch (failure) {
      if (!(failure instanceof Unreachable)) throw failure;
      showTrouble(result, failure.message, "Start it with make up; the page comes back by itself.");
    }
  }
}

const errorOf = (field) => `${field.id.replace("-id", "")}-error`;

/** A path segment; the colon of `EMAIL:` and its like needs no escape, and reads better without. */
const segment = (id) => encodeURIComponent(id.trim()).replaceAll("%3A", ":") || "…";

/** A user's identifier in a path: a login name unless it says what it is. */
function user(given) {
  const id = given.trim();
  if (id.startsWith("ID:")) return segment(id.slice(3));
  return /^(LOGIN_NAME|EMAIL|PHONE):/.test(id) ? segment(id) : `LOGIN_NAME:${segment(id)}`;
}

const connected = (url) => ["Goes out signed, by the bundle at ", make("span", "mono", url)];

const unconnected = () => [
  make("strong", "", "No bundle is connected. "),
  "Run ",
  make("code", "", "make up"),
  " to deploy it on this machine and connect it, or start the sandbox with ",
  make("code", "", "--bundle-url URL"),
  ".",
];
