// What each script needs: fresh copies of Kii's SDK pointed at the sandbox, and a real MQTT device.
import { randomUUID } from "node:crypto";
import sdk from "kii-cloud-sdk";
import mqtt from "mqtt";

export const APP = "sandbox-app";
const SITE = `${process.env.SANDBOX_URL}/api`;

/** A copy of the SDK, so that one script can be several users at once: classes of two copies do not mix. */
export function kii() {
  const copy = sdk.create();
  copy.Kii.initializeWithSite(APP, "any-app-key-will-do", SITE);
  return copy;
}

/** The SDK with a newly registered, logged-in user, and that user. */
export async function newUser(prefix = "user") {
  const copy = kii();
  const name = `${prefix}-${randomUUID()}`;
  const user = await copy.KiiUser.userWithUsername(name, "password").register();
  return { ...copy, user, name };
}

/** The SDK, and its context that acts as the app's admin. */
export async function newAdmin() {
  const copy = kii();
  return { ...copy, admin: await copy.Kii.authenticateAsAppAdmin("sandbox-client", "sandbox-secret") };
}

export function unique(prefix) {
  return `${prefix}-${randomUUID().slice(0, 8)}`;
}

/** Connects with an endpoint's credentials the way Kii's devices do: MQTT 3.1, its topic as client ID. */
export async function connect(endpoint, { webSocket = false, protocolVersion = 3 } = {}) {
  const url = webSocket
    ? `ws://${endpoint.host}:${endpoint.portWS}`
    : `mqtt://${endpoint.host}:${endpoint.portTCP}`;
  const client = await mqtt.connectAsync(url, {
    protocolId: protocolVersion === 3 ? "MQIsdp" : "MQTT",
    protocolVersion,
    clientId: endpoint.mqttTopic,
    username: endpoint.username,
    password: endpoint.password,
    clean: true,
    reconnectPeriod: 0,
    connectTimeout: 5000,
  });
  const received = [];
  const waiting = [];
  client.on("message", (_topic, payload) => {
    const message = JSON.parse(payload.toString());
    const resolve = waiting.shift();
    resolve ? resolve(message) : received.push(message);
  });
  await client.subscribeAsync(endpoint.mqttTopic, { qos: 0 });
  return {
    close: () => client.endAsync(),
    /** The next push, in the order they came; fails after five seconds without one. */
    next: () =>
      received.length > 0
        ? Promise.resolve(received.shift())
        : new Promise((resolve, reject) => {
            const timer = setTimeout(() => reject(new Error("no push within 5 s")), 5000);
            waiting.push((message) => {
              clearTimeout(timer);
              resolve(message);
            });
          }),
  };
}

/** Installs the SDK's user as an MQTT device, waits for the endpoint and connects. */
export async function device(user, options) {
  const installation = await user.pushInstallation().installMqtt(false);
  const endpoint = await user.pushInstallation().getMqttEndpoint(installation.installationID);
  return connect(endpoint, options);
}
