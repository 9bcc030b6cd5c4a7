/** The switches for Kii's failures. The sandbox's own list of rules is the truth; the switches show and change it. */

import { call, Unreachable } from "./api.js";
import { byId, make, show, stamp } from "./dom.js";

const SENDS = { method: "POST", path: "*/push/messages" };

const FAULTS = [
  { name: "Rate limit", does: "429 with no body", rule: { status: 429 } },
  {
    name: "Outage",
    does: "503, Kii is unavailable",
    rule: { status: 503, body: { errorCode: "RESOURCE_TEMPORARILY_UNAVAILABLE", message: "Try again later" } },
  },
  { name: "Slow", does: "Sent, but the answer takes 5 s", rule: { delayMs: 5000, after: true } },
  { name: "Cut after delivery", does: "Sent, but no answer ever comes", rule: { drop: "after" } },
  { name: "Cut before", does: "Not sent, and no answer comes", rule: { drop: "before" } },
  {
    name: "Token rejected",
    does: "403 WRONG_TOKEN",
    rule: { status: 403, body: { errorCode: "WRONG_TOKEN", message: "The token is not valid" } },
  },
];

export class Faults {
  constructor() {
    this._rules = [];
    this._switches = FAULTS.map((fault) => this._switch(fault));
    byId("faults-share").addEventListener("change", () => this._put(this._on()));
    byId("faults-clear").addEventListener("click", () => this._put([], []));
  }

  /** Show the rules in force, as `/_sandbox/faults` gives them. */
  update(rules) {
    this._rules = rules;
    const on = this._on();
    for (const [index, node] of this._switches.entries()) {
      const is = on.includes(FAULTS[index]);
      node.setAttribute("aria-checked", String(is));
      show(node.querySelector(".state"), is ? "On" : "Off");
    }
    const ours = rules.find((rule) => faultOf(rule));
    if (ours) this._showShare(ours.probability * on.length);
    const others = this._others();
    show(byId("faults-status"), status(on, others.length));
    show(byId("faults-on"), rules.length ? `${rules.length} ${rules.length === 1 ? "fault" : "faults"} on` : "");
    show(byId("faults-jump"), rules.length ? `: ${rules.length} on` : "");
    byId("faults").classList.toggle("active", rules.length > 0);
    byId("faults-clear").disabled = rules.length === 0;
    byId("other-faults").hidden = others.length === 0;
    byId("other-fault-list").replaceChildren(...others.map((rule) => make("li", "", JSON.stringify(brief(rule)))));
  }

  _on() {
    return FAULTS.filter((fault) => this._rules.some((rule) => faultOf(rule) === fault));
  }

  /** Rules that another program has set; they come after ours and stay when a switch is flipped. */
  _others() {
    return this._rules.filter((rule) => !faultOf(rule));
  }

  _switch(fault) {
    const item = stamp("fault-template");
    const node = item.querySelector(".switch");
    node.querySelector(".name").textContent = fault.name;
    node.querySelector(".does").textContent = fault.does;
    node.addEventListener("click", () => {
      const on = this._on();
      this._put(on.includes(fault) ? on.filter((each) => each !== fault) : [...on, fault]);
    });
    byId("fault-list").append(item);
    return node;
  }

  _showShare(share) {
    const options = [...byId("faults-share").options];
    const nearest = options.reduce((best, option) => (distance(option, share) < distance(best, share) ? option : best));
    byId("faults-share").value = nearest.value;
  }

  async _put(faults, others = this._others()) {
    const share = Number(byId("faults-share").value);
    try {
      const answer = await call("PUT", "/_sandbox/faults", [...rulesOf(faults, share), ...others]);
      if (!answer.ok) throw new Unreachable(`The sandbox answered ${answer.status}.`);
      this.update((await call("GET", "/_sandbox/faults")).body);
    } catch (failure) {
      if (!(failure instanceof Unreachable)) throw failure;
      show(byId("faults-status"), `Nothing changed. ${failure.message}`);
    }
  }
}

/**
 * Return the rules of the faults, which hit `share` of all sends between them, each as often as the others.
 * The sandbox asks one rule after the other, so each has to be likelier than the one before it.
 */
function rulesOf(faults, share) {
  const each = share / faults.length;
  return faults.map(({ rule }, index) => ({ match: SENDS, ...rule, probability: Math.min(1, each / (1 - index * each)) }));
}

/** Return the fault that a rule from the sandbox is, or undefined. */
function faultOf({ match, times, probability: _, ...rule }) {
  if (times !== null || match.method !== SENDS.method || match.path !== SENDS.path) return undefined;
  const sorted = same(rule);
  return FAULTS.find((fault) => same({ delayMs: 0, status: null, body: null, headers: {}, drop: null, after: false, dripMs: 0, ...fault.rule }) === sorted);
}

const same = (rule) => JSON.stringify(Object.entries(rule).sort());

const distance = (option, share) => Math.abs(Number(option.value) - share);

/** Return a rule without what it leaves as it is by default. */
function brief({ match, ...rule }) {
  const said = Object.entries(rule).filter(([name, value]) => value && !(name === "probability" && value === 1) && JSON.stringify(value) !== "{}");
  return { match, ...Object.fromEntries(said) };
}

function status(on, others) {
  const names = on.map(({ name }) => name);
  if (others) names.push(others === 1 ? "1 other rule" : `${others} other rules`);
  return names.length ? `On: ${names.join(", ")}.` : "None on. Kii answers as it should.";
}
