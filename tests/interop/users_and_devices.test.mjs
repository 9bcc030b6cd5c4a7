import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, kii, newAdmin, newUser } from "./sandbox.mjs";

const { user, name, KiiUser, KiiPushMessageBuilder } = await newUser("bob");
let installation;
let endpoint;

test("a user registers and is logged in", () => {
  assert.ok(user.getID());
  assert.ok(user.getAccessToken());
  assert.equal(user.getUsername(), name);
});

test("a registered name cannot be registered again", async () => {
  await assert.rejects(KiiUser.userWithUsername(name, "password").register(), /USER_ALREADY_EXISTS/);
});

test("a user logs in by name, and by token", async () => {
  const elsewhere = kii();
  const same = await elsewhere.KiiUser.authenticate(name, "password");
  assert.equal(same.getID(), user.getID());
  const again = await kii().KiiUser.authenticateWithToken(same.getAccessToken());
  assert.equal(again.getID(), user.getID());
});

test("a wrong password is refused", async () => {
  await assert.rejects(kii().KiiUser.authenticate(name, "wrong-password"), /invalid_grant|password/i);
});

test("the app's admin logs in, with a wrong secret not", async () => {
  assert.ok((await newAdmin()).admin._getToken());
  await assert.rejects(kii().Kii.authenticateAsAppAdmin("sandbox-client", "wrong"));
});

test("a device is installed; installing it again finds it", async () => {
  installation = await user.pushInstallation().installMqtt(false);
  assert.ok(installation.installationID);
  assert.ok(installation.installationRegistrationID);
  assert.deepEqual(await user.pushInstallation().installMqtt(false), installation);
});

test("GCM and APNs devices are installed and uninstalled", async () => {
  const pushes = user.pushInstallation();
  assert.ok((await pushes.installGcm(`gcm-${name}`, false)).installationID);
  assert.ok((await pushes.installApns(`apns-${name}`, true)).installationID);
  await pushes.uninstall(`gcm-${name}`, "ANDROID");
  await pushes.uninstall(`apns-${name}`, "IOS");
  await assert.rejects(pushes.uninstall(`gcm-${name}`, "ANDROID"), /INSTALLATION_NOT_FOUND/);
});

test("the MQTT endpoint has all a device needs", async () => {
  endpoint = await user.pushInstallation().getMqttEndpoint(installation.installationID);
  assert.equal(endpoint.installationID, installation.installationID);
  for (const field of ["username", "password", "mqttTopic", "host"]) {
    assert.equal(typeof endpoint[field], "string", field);
  }
  for (const field of ["portTCP", "portWS", "X-MQTT-TTL"]) {
    assert.ok(endpoint[field] > 0, field);
  }
});

for (const [label, options] of [
  ["MQTT 3.1 over TCP", {}],
  ["MQTT 3.1.1 over TCP", { protocolVersion: 4 }],
  ["MQTT 3.1 over WebSocket", { webSocket: true }],
  ["MQTT 3.1.1 over WebSocket", { webSocket: true, protocolVersion: 4 }],
]) {
  test(`a device connects with ${label}`, async () => {
    const device = await connect(endpoint, options);
    const topic = user.topicWithName("connected");
    if (!(await topic.exists())) {
      await topic.save();
      await user.pushSubscription().subscribe(topic);
    }
    await topic.sendMessage(new KiiPushMessageBuilder({ over: label }).build());
    assert.equal((await device.next()).over, label);
    await device.close();
  });
}

test("an uninstalled device's endpoint is gone, and its credentials with it", async () => {
  await user.pushInstallation().uninstallByInstallationID(installation.installationID);
  await assert.rejects(
    user.pushInstallation().getMqttEndpoint(installation.installationID),
    /INSTALLATION_NOT_FOUND/,
  );
  await assert.rejects(connect(endpoint), /not authorized/i);
});
