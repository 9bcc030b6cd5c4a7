import assert from "node:assert/strict";
import { test } from "node:test";
import { device, kii, newAdmin, unique } from "./sandbox.mjs";

const { Kii, KiiThing, KiiPushMessageBuilder } = kii();
const vendorThingID = unique("sensor");
const { admin } = await newAdmin();
let context;
let thing;
let thingsDevice;

test("a thing is registered and logs in", async () => {
  const registered = await KiiThing.register({ _vendorThingID: vendorThingID, _password: "password" });
  context = await Kii.authenticateAsThing(vendorThingID, "password");
  thing = context.getAuthenticatedThing();
  assert.equal(thing.getThingID(), registered.getThingID());
});

test("a wrong thing password is refused", async () => {
  await assert.rejects(Kii.authenticateAsThing(vendorThingID, "wrong"), /400.*invalid_grant/);
});

test("a thing is a device", async () => {
  thingsDevice = await device(context);
});

test("a thing gets what is sent to its topic", async () => {
  await thing.topicWithName("command").save();
  await thing.pushSubscription().subscribe(thing.topicWithName("command"));
  await admin
    .thingWithID(thing.getThingID())
    .topicWithName("command")
    .sendMessage(new KiiPushMessageBuilder({ turn: "on" }).build());
  const received = await thingsDevice.next();
  assert.deepEqual(
    [received.turn, received.objectScopeType, received.objectScopeThingID],
    ["on", "APP_AND_THING", thing.getThingID()],
  );
});

test("a thing hears of its bucket", async () => {
  const bucket = thing.bucketWithName("state");
  await thing.pushSubscription().subscribe(bucket);
  const state = bucket.createObject();
  state.set("power", true);
  await state.save();
  const event = await thingsDevice.next();
  assert.deepEqual(
    [event.type, event.sender, event.objectScopeThingID, event.bucketID],
    ["DATA_OBJECT_CREATED", thing.getThingID(), thing.getThingID(), "state"],
  );
});

test("the device disconnects", () => thingsDevice.close());
