/** Says to screen readers what has arrived, politely: a burst of pushes is one sentence. */

import { named } from "./cards.js";
import { seen } from "./payload.js";

const GATHER_MS = 1000;

export class Announcer {
  /** `node` is the live region. */
  constructor(node) {
    this._node = node;
    this._waiting = [];
  }

  /** Announce deliveries to a device. */
  pushes(device, deliveries) {
    const { owner, type } = named(device);
    if (this._waiting.length === 0) setTimeout(() => this._speak(), GATHER_MS);
    this._waiting.push({ to: `${owner}, ${type}`, deliveries });
  }

  /** Announce a text at once. */
  say(text) {
    this._node.textContent = text;
  }

  _speak() {
    const count = this._waiting.reduce((sum, { deliveries }) => sum + deliveries.length, 0);
    const to = [...new Set(this._waiting.map((each) => each.to))];
    const [first] = this._waiting[0].deliveries;
    const { title, body, from } = seen(first);
    const devices = to.length > 3 ? `${to.length} devices` : to.join("; ");
    this.say(count === 1 ? `Push to ${to[0]}: ${title ?? body ?? from}` : `${count} pushes to ${devices}`);
    this._waiting = [];
  }
}
