/** The card of one device: who owns it, whether it is there, and the latest pushes as it would show them. */

import { make, show, stamp } from "./dom.js";
import { seen } from "./payload.js";

/** Pushes that a card keeps; older ones leave the page. */
export const MAX_DELIVERIES = 20;

const MAX_ROWS = 6;
const TYPES = { ANDROID: "Android", IOS: "iOS", JPUSH: "JPush", MQTT: "MQTT" };
const TONE_COUNT = 6;
const CLOCK = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/** How to call a device: `{owner, type}`. */
export function named({ ownerName, userID, thingID, deviceType }) {
  return { owner: ownerName ?? userID ?? thingID, type: TYPES[deviceType] ?? deviceType };
}

export class Card {
  /** `device` is as `/_sandbox/devices` gives it. */
  constructor(device) {
    this.node = stamp("card-template");
    this._list = this._find(".pushes");
    this._seqs = [];
    this._find(".card").dataset.type = device.deviceType;
    const names = [".owner", ".type"].map((name) => this._find(name));
    for (const name of names) name.id = `${name.className}-${device.installationID}`;
    this._find(".card").setAttribute("aria-labelledby", names.map(({ id }) => id).join(" "));
    this.update(device);
  }

  /** Show what has changed about the device; its app is named when there are several. */
  update(device, severalApps = false) {
    this.device = device;
    const { owner, type } = named(device);
    show(this._find(".avatar"), owner.charAt(0).toUpperCase());
    this._find(".avatar").dataset.tone = [...owner].reduce((sum, char) => sum + char.codePointAt(0), 0) % TONE_COUNT;
    show(this._find(".owner"), owner);
    this._find(".owner").title = `Installation ${device.installationID}`;
    show(this._find(".type"), device.thingID ? `${type} thing` : type);
    show(this._find(".app"), severalApps ? device.appID : "");
    this._find(".development").hidden = !device.development;
    const presence = device.online === null ? "Simulated" : device.online ? "Online" : "Offline";
    show(this._find(".presence"), presence);
    this._find(".presence").dataset.is = presence;
    this._find(".presence").title = device.online === null ? "The sandbox keeps what the network would carry" : "";
    this._list.setAttribute("aria-label", `Pushes to ${owner}, ${type}, newest first`);
    this._wait();
  }

  /** Show more deliveries to this device; those that it shows already, or shows no more, are left out. */
  add(deliveries) {
    const oldest = this._seqs.length === MAX_DELIVERIES ? this._seqs.at(-1) : 0;
    const fresh = deliveries
      .filter(({ seq }) => seq > oldest && !this._seqs.includes(seq))
      .sort((one, other) => one.seq - other.seq)
      .slice(-MAX_DELIVERIES);
    for (const delivery of fresh) {
      const place = this._seqs.findIndex((seq) => seq < delivery.seq);
      const at = place === -1 ? this._seqs.length : place;
      this._list.insertBefore(drawn(delivery), this._list.children[at] ?? null);
      this._seqs.splice(at, 0, delivery.seq);
    }
    while (this._seqs.length > MAX_DELIVERIES) {
      this._seqs.pop();
      this._list.lastElementChild.remove();
    }
    this._wait();
  }

  _find(selector) {
    return this.node.querySelector(selector);
  }

  _wait() {
    const offline = "Offline. MQTT keeps nothing for later: connect it, then send.";
    const text = this.device.online === false ? offline : "Waiting for its first push";
    show(this._find(".waiting"), this._seqs.length ? "" : text);
    this._list.hidden = this._seqs.length === 0;
  }
}

function drawn(delivery) {
  const node = stamp("push-template");
  const find = (selector) => node.querySelector(selector);
  const { from, title, subtitle, body, color, silent, note, data, extras } = seen(delivery);
  node.classList.toggle("silent", silent);
  // The style sheet may come from here only; a style set by script is not one that a payload could bring along.
  if (color) find(".app-icon").style.setProperty("--icon", color);
  show(find(".from"), from);
  const at = new Date(delivery.at);
  find("time").dateTime = at.toISOString();
  show(find("time"), CLOCK.format(at));
  show(find(".title"), title);
  show(find(".subtitle"), subtitle);
  show(find(".body"), body ?? (silent ? note : ""));
  rows(find(".data"), data);
  find(".extras").replaceChildren(...extras.map((extra) => make("span", "extra", extra)));
  find(".extras").hidden = extras.length === 0;
  payload(find(".payload"), delivery, title ?? from);
  return node;
}

function rows(list, data) {
  for (const [key, value] of data.slice(0, MAX_ROWS)) {
    list.append(make("div", "", make("dt", "", key), make("dd", "", value)));
  }
  if (data.length > MAX_ROWS) list.append(make("div", "", make("dt", "", `${data.length - MAX_ROWS} more`), make("dd", "", "")));
  list.hidden = data.length === 0;
}

/** The raw payload is written out when it is first asked for: most never are. */
function payload(details, delivery, about) {
  const bytes = new TextEncoder().encode(JSON.stringify(delivery.payload)).length;
  const summary = details.querySelector("summary");
  summary.append("Payload", make("span", "bytes", ` ${bytes.toLocaleString("en")} bytes`), make("span", "unseen", ` of ${about}`));
  details.addEventListener("toggle", () => {
    const pre = details.querySelector("pre");
    if (!pre.textContent) {
      pre.textContent = JSON.stringify(delivery.payload, null, 2);
      pre.setAttribute("aria-label", `Payload of ${about}`);
      details.append(make("p", "push-id", "pushMessageID ", make("code", "", delivery.pushMessageID)));
    }
    if (details.open) details.scrollIntoView({ block: "nearest" });
  });
}
