import assert from "node:assert/strict";
import { test } from "node:test";
import { APP, device, newAdmin, newUser, unique } from "./sandbox.mjs";

const bob = await newUser("bob");
const bobsDevice = await device(bob.user, { webSocket: true });
const bucket = bob.user.bucketWithName("notes");
const subscription = bob.user.pushSubscription();
let note;

test("a user subscribes to a bucket of his", async () => {
  assert.equal((await subscription.isSubscribed(bucket))[2], false);
  await subscription.subscribe(bucket);
  assert.equal((await subscription.isSubscribed(bucket))[2], true);
  await assert.rejects(subscription.subscribe(bucket), /409.*PUSH_SUBSCRIPTION_ALREADY_EXISTS/);
});

test("a saved object is pushed as created", async () => {
  note = bucket.createObject();
  note.set("text", "buy milk");
  await note.save();
  assert.ok(note.getID());
  const { when, modifiedAt, ...event } = await bobsDevice.next();
  const user = bob.user.getID();
  assert.deepEqual(event, {
    origin: "EVENT",
    type: "DATA_OBJECT_CREATED",
    appID: APP,
    sender: user,
    sourceURI: `kiicloud://users/${user}/buckets/notes/objects/${note.getID()}`,
    objectScopeType: "APP_AND_USER",
    objectScopeAppID: APP,
    objectScopeUserID: user,
    bucketID: "notes",
    bucketType: "rw",
    objectID: note.getID(),
  });
  assert.ok(Math.abs(when - Date.now()) < 60_000);
  assert.ok(Math.abs(modifiedAt - Date.now()) < 60_000);
});

test("a partial change is pushed as updated, and can be read back", async () => {
  note.set("done", true);
  await note.save();
  assert.equal((await bobsDevice.next()).type, "DATA_OBJECT_UPDATED");
  const copy = bob.KiiObject.objectWithURI(note.objectURI());
  await copy.refresh();
  assert.deepEqual([copy.get("text"), copy.get("done")], ["buy milk", true]);
});

test("a replaced object is pushed as updated", async () => {
  note.set("text", "buy oat milk");
  await note.saveAllFields();
  const event = await bobsDevice.next();
  assert.deepEqual([event.type, event.objectID], ["DATA_OBJECT_UPDATED", note.getID()]);
});

test("an object with an ID of the caller's choice is pushed as created", async () => {
  const named = bucket.createObjectWithID("my-own-id");
  named.set("k", "v");
  await named.saveAllFields();
  const event = await bobsDevice.next();
  assert.deepEqual([event.type, event.objectID], ["DATA_OBJECT_CREATED", "my-own-id"]);
});

test("a deleted object is pushed as deleted", async () => {
  await note.delete();
  const event = await bobsDevice.next();
  assert.deepEqual([event.type, event.objectID], ["DATA_OBJECT_DELETED", note.getID()]);
});

test("what the admin saves in an app bucket reaches its subscribers", async () => {
  const name = unique("prices");
  const { admin } = await newAdmin();
  const first = admin.bucketWithName(name).createObject();
  first.set("eur", 1);
  await first.save();
  await subscription.subscribe(bob.Kii.bucketWithName(name));
  const second = admin.bucketWithName(name).createObject();
  second.set("eur", 2);
  await second.save();
  const event = await bobsDevice.next();
  assert.deepEqual(
    [event.type, event.objectScopeType, event.bucketID, event.objectID],
    ["DATA_OBJECT_CREATED", "APP", name, second.getID()],
  );
});

test("an unsubscribed user hears no more of the bucket", async () => {
  await subscription.unsubscribe(bucket);
  assert.equal((await subscription.isSubscribed(bucket))[2], false);
  await bucket.createObject().save();
  const todos = bob.user.bucketWithName("todos");
  await subscription.subscribe(todos);
  await todos.createObject().save();
  assert.equal((await bobsDevice.next()).bucketID, "todos");
});

test("the device disconnects", () => bobsDevice.close());
