/** The contract rate: how many sends and object changes a second Kii takes, and how it counts them. */

import { call, Unreachable } from "./api.js";
import { byId, mark, show } from "./dom.js";

export class ContractRate {
  constructor() {
    this._retryAfter = null;
    for (const id of ["rate", "rate-window"]) byId(id).addEventListener("change", () => this._put());
  }

  /** Show the rate in force, as `/_sandbox/rate` gives it, but not over what is being typed. */
  update({ perSecond, window, retryAfter }) {
    this._retryAfter = retryAfter;
    if (["rate", "rate-window"].includes(document.activeElement?.id)) return;
    mark(byId("rate"), byId("rate-error"), "");
    byId("rate").value = String(perSecond);
    byId("rate-window").value = window;
    this._say(perSecond);
  }

  async _put() {
    const field = byId("rate");
    if (!field.checkValidity()) {
      this._fail(`Give a whole number from 0 to ${field.max}.`);
      return;
    }
    const perSecond = field.valueAsNumber;
    try {
      const body = { perSecond, window: byId("rate-window").value, retryAfter: this._retryAfter };
      const answer = await call("PUT", "/_sandbox/rate", body);
      if (!answer.ok) throw new Unreachable(`The sandbox answered ${answer.status}.`);
      mark(field, byId("rate-error"), "");
      this._say(perSecond);
    } catch (failure) {
      if (!(failure instanceof Unreachable)) throw failure;
      this._fail(failure.message);
    }
  }

  _fail(reason) {
    mark(byId("rate"), byId("rate-error"), `Nothing changed. ${reason}`);
  }

  _say(perSecond) {
    const wait = this._retryAfter === null ? "" : `, with Retry-After: ${this._retryAfter}`;
    show(byId("rate-hint"), perSecond ? `On: beyond ${perSecond} sends a second Kii answers 429${wait}.` : "0: no limit. Else sends a second.");
  }
}
