/** What a device makes of a payload: which of it is shown, which is for the app, which is Kii's own. */

const KIIS_LONG = new Set([
  "appID", "sender", "senderURI", "sourceURI", "origin", "when", "type", "topic", "modifiedAt",
  "objectScopeType", "objectScopeAppID", "objectScopeUserID", "objectScopeGroupID", "objectScopeThingID",
  "bucketID", "bucketType", "objectID",
]);
const KIIS_SHORT = new Set([
  "aps", "a", "s", "o", "w", "t", "to", "st", "sa", "su", "sg", "sth", "bi", "bt", "oi", "om",
]);

/**
 * Return what to show of a delivery, as `/_sandbox/deliveries` gives it:
 * `{from, title, subtitle, body, color, silent, data: [[key, text]], extras: [text]}`, absent texts undefined.
 */
export function seen(delivery) {
  const { deviceType, feature, payload } = delivery;
  const apple = deviceType === "IOS";
  const fields = deviceType === "ANDROID" ? payload.data ?? {} : payload;
  const kiis = apple ? KIIS_SHORT : KIIS_LONG;
  const shown = { ANDROID: android, IOS: ios }[deviceType]?.(payload) ?? dataOnly(payload);
  const data = Object.entries(fields).filter(([key]) => !kiis.has(key) && !shown.used?.includes(key));
  const event = feature === "bucket";
  if (event) {
    shown.title = spoken(fields[apple ? "t" : "type"]);
    data.unshift(["objectID", fields[apple ? "oi" : "objectID"]]);
  }
  return {
    ...shown,
    from: origin(feature, fields, apple),
    silent: !event && shown.note !== undefined,
    data: data.filter(([, value]) => value !== undefined).map(([key, value]) => [key, text(value)]),
  };
}

function origin(feature, fields, apple) {
  if (feature === "direct") return "Direct push";
  if (feature === "bucket") return `Bucket ${text(fields[apple ? "bi" : "bucketID"])}`;
  const topic = fields[apple ? "to" : "topic"];
  return topic === undefined ? "Topic" : `Topic ${text(topic)}`;
}

function android({ notification, data: _, ...options }) {
  const { title, body, color, icon: __, ...rest } = notification ?? {};
  return {
    title: text(title),
    body: text(body),
    color: /^#[0-9a-f]{6}$/i.test(color) ? color : undefined,
    extras: listed({ ...rest, ...options }),
    note: notification?.title || notification?.body ? undefined : "Data message: the app decides what to show",
  };
}

function ios({ aps }) {
  const { alert = {}, "content-available": wakes, ...shown } = aps;
  const localised = alert["loc-key"] && `${alert["loc-key"]} (${(alert["loc-args"] ?? []).join(", ")})`;
  const note = wakes ? "Silent: wakes the app and shows nothing" : "No alert: the app gets the data";
  return {
    title: text(alert.title),
    subtitle: text(alert.subtitle),
    body: text(alert.body ?? localised),
    extras: listed(shown),
    note: alert.title || alert.body || localised ? undefined : note,
  };
}

/** MQTT and JPush carry data alone; apps show its `title` and `body`, and so does the short form of a message. */
function dataOnly(payload) {
  const used = ["title", "body"].filter((key) => typeof payload[key] === "string");
  return { used, extras: [], ...Object.fromEntries(used.map((key) => [key, payload[key]])) };
}

const listed = (options) => Object.entries(options).map(([name, value]) => `${name.replaceAll(/[-_]/g, " ")} ${text(value)}`);

const text = (value) => (value === undefined || typeof value === "string" ? value : JSON.stringify(value));

/** `DATA_OBJECT_CREATED` as "Object created". */
function spoken(type) {
  const words = text(type ?? "Event").replace(/^DATA_/, "").replaceAll("_", " ").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
