/** The console: keeps the page in step with the sandbox, live, and across the sandbox's restarts. */

import { call, read, Unreachable } from "./api.js";
import { Announcer } from "./announcer.js";
import { Card, MAX_DELIVERIES, named } from "./cards.js";
import { busy, byId, show } from "./dom.js";
import { Faults } from "./faults.js";
import { setUpInstall } from "./install.js";
import { ContractRate } from "./rate.js";
import { SendForm } from "./send.js";

const MAX_CARDS = 60;
const FILTER_MIN_DEVICES = 7;
const MAX_RECENT_DELIVERIES = 1000; // for cards that a filter or an installation brings up later
const RETRY_MS = 1000;
const PAUSE_MS = 200; // between looks, when many devices are installed at once
const LOOK_MS = 3000; // who is online, and which rules have run out, is not announced

const cards = new Map();
const announcer = new Announcer(byId("announcer"));
const faults = new Faults();
const rate = new ContractRate();
const sendForm = new SendForm();
let devices = [];
let recent = [];
let arrived = [];
let stream = null;

function connect() {
  stream = new EventSource("/_sandbox/events");
  const mine = stream;
  const lost = () => {
    if (mine !== stream) return;
    mine.close();
    stream = null;
    connection("lost", "Reconnecting");
    setTimeout(connect, RETRY_MS);
  };
  const begin = () =>
    start(mine).catch((error) => {
      lost();
      if (!(error instanceof Unreachable)) throw error;
    });
  mine.addEventListener("open", begin);
  mine.addEventListener("error", lost);
  mine.addEventListener("delivery", ({ data }) => arrive(JSON.parse(data)));
  mine.addEventListener("device", look);
  mine.addEventListener("reset", begin);
}

/** Show everything afresh: a sandbox that has restarted may count its deliveries from one again. */
async function start(mine) {
  recent = [];
  arrived = [];
  const { deliveries } = await read(`deliveries?last=${MAX_RECENT_DELIVERIES}`);
  if (mine !== stream) return;
  const known = new Set(deliveries.map(({ seq }) => seq));
  recent = [...deliveries, ...recent.filter(({ seq }) => !known.has(seq))];
  cards.clear();
  byId("cards").replaceChildren();
  await update();
  if (devices.length === 0) byId("install").open = true;
  connection("live", "Live");
}

function connection(state, text) {
  byId("connection").dataset.state = state;
  show(byId("connection"), text);
}

let looking = false;
let again = false;

/** Look at the devices, the faults, the rate and the bundle once more; asked for during a look, look again after it. */
async function look() {
  if (stream?.readyState !== EventSource.OPEN) return;
  again = true;
  if (looking) return;
  looking = true;
  try {
    while (again) {
      again = false;
      await update();
      if (again) await new Promise((done) => setTimeout(done, PAUSE_MS));
    }
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error; // else the stream's own error follows
  } finally {
    looking = false;
  }
}

async function update() {
  const [found, rules, limit, bundle] = await Promise.all([read("devices"), read("faults"), read("rate"), read("bundle")]);
  devices = found.devices;
  faults.update(rules);
  rate.update(limit);
  sendForm.update(bundle.url, devices);
  draw();
}

function draw() {
  const wanted = byId("filter").value.trim().toLowerCase();
  const matching = devices.filter((device) => {
    const { owner, type } = named(device);
    return `${owner} ${type}`.toLowerCase().includes(wanted);
  });
  const shown = new Map(matching.slice(0, MAX_CARDS).map((device) => [device.installationID, device]));
  for (const [id, card] of cards) {
    if (shown.has(id)) continue;
    card.node.remove();
    cards.delete(id);
  }
  const severalApps = new Set(devices.map(({ appID }) => appID)).size > 1;
  let before = null;
  for (const [id, device] of shown) {
    const card = cards.get(id) ?? added(id, device, before);
    card.update(device, severalApps);
    before = card.node;
  }
  show(byId("device-count"), devices.length ? String(devices.length) : "");
  byId("filter-field").hidden = devices.length < FILTER_MIN_DEVICES && wanted === "";
  byId("no-devices").hidden = devices.length > 0;
  byId("no-matches").hidden = devices.length === 0 || matching.length > 0;
  show(byId("more-devices"), matching.length > MAX_CARDS ? `${MAX_CARDS} of ${matching.length} devices are shown: filter to see others.` : "");
}

function added(id, device, before) {
  const card = new Card(device);
  cards.set(id, card);
  if (before) before.after(card.node);
  else byId("cards").prepend(card.node);
  card.add(recent.filter(({ installationID }) => installationID === id));
  return card;
}

/** Take a delivery in; the page is drawn once a frame, however many arrive. */
function arrive(delivery) {
  recent.push(delivery);
  if (recent.length > 2 * MAX_RECENT_DELIVERIES) recent = recent.slice(-MAX_RECENT_DELIVERIES);
  if (arrived.push(delivery) === 1) requestAnimationFrame(drawArrived);
  if (arrived.length > 2 * MAX_RECENT_DELIVERIES) arrived = arrived.slice(-MAX_RECENT_DELIVERIES);
}

function drawArrived() {
  for (const [id, deliveries] of Map.groupBy(arrived, ({ installationID }) => installationID)) {
    const card = cards.get(id);
    if (!card) continue;
    card.add(deliveries.slice(-MAX_DELIVERIES));
    announcer.pushes(card.device, deliveries);
  }
  arrived = [];
}

function setUpReset() {
  const dialog = byId("reset-dialog");
  const error = byId("reset-error");
  byId("reset").addEventListener("click", () => {
    error.hidden = true;
    dialog.showModal();
  });
  byId("reset-confirm").addEventListener("click", ({ currentTarget }) =>
    busy(currentTarget, async () => {
      try {
        const { ok, status } = await call("DELETE", "/_sandbox/state");
        if (!ok) throw new Unreachable(`The sandbox answered ${status}.`);
        dialog.close();
        announcer.say("The sandbox is back to its seed.");
      } catch (failure) {
        if (!(failure instanceof Unreachable)) throw failure;
        show(error, failure.message);
      }
    }),
  );
}

byId("filter").addEventListener("input", draw);
document.addEventListener("visibilitychange", () => document.hidden || look());
setInterval(() => document.hidden || look(), LOOK_MS);
setUpReset();
setUpInstall(announcer);
connect();
