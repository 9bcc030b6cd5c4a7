import assert from "node:assert/strict";
import { test } from "node:test";
import { APP, device, newAdmin, newUser, unique } from "./sandbox.mjs";

const { admin, KiiACLEntry, KiiACLAction, KiiAnyAuthenticatedUser, KiiPushMessageBuilder, KiiUser } =
  await newAdmin();
const bob = await newUser("bob");
const eve = await newUser("eve");
const bobsDevice = await device(bob.user);

const name = unique("news");
const topic = admin.topicWithName(name);
const asBob = bob.Kii.topicWithName(name);
const message = (data) => new KiiPushMessageBuilder(data).build();

test("the admin creates an app topic, once", async () => {
  assert.equal(await topic.exists(), false);
  await topic.save();
  assert.equal(await topic.exists(), true);
  await assert.rejects(topic.save(), /409.*TOPIC_ALREADY_EXISTS/);
});

test("a user may not create an app topic", async () => {
  await assert.rejects(bob.Kii.topicWithName(unique("mine")).save(), /401.*UNAUTHORIZED/);
});

test("topics are listed, page by page", async () => {
  const before = new Set((await allTopics()).map((each) => each.getName()));
  const names = Array.from({ length: 60 }, () => unique("paged"));
  for (const each of names) {
    await admin.topicWithName(each).save();
  }
  const found = (await allTopics()).map((each) => each.getName());
  assert.equal(new Set(found).size, found.length);
  assert.deepEqual(found.filter((each) => !before.has(each)).sort(), names.sort());
  for (const each of names) {
    await admin.topicWithName(each).deleteTopic();
  }

  async function allTopics() {
    const all = [];
    let key;
    do {
      const [page, next] = await admin.listTopics(null, key);
      all.push(...page);
      key = next;
    } while (key !== null);
    return all;
  }
});

test("a user sees the topics he may subscribe to", async () => {
  const [topics] = await bob.Kii.listTopics();
  assert.ok(topics.some((each) => each.getName() === name));
});

test("a user subscribes, once", async () => {
  const subscription = bob.user.pushSubscription();
  assert.equal((await subscription.isSubscribed(asBob))[2], false);
  await subscription.subscribe(asBob);
  assert.equal((await subscription.isSubscribed(asBob))[2], true);
  await assert.rejects(subscription.subscribe(asBob), /409.*PUSH_SUBSCRIPTION_ALREADY_EXISTS/);
});

test("a message with the builder's defaults arrives over MQTT", async () => {
  await topic.sendMessage(message({ text: "hello", count: 3, urgent: true }));
  assert.deepEqual(await bobsDevice.next(), {
    text: "hello",
    count: 3,
    urgent: true,
    topic: name,
    objectScopeType: "APP",
    objectScopeAppID: APP,
    senderURI: "kiicloud://admins/APP_ADMIN",
    sourceURI: `kiicloud://topics/${name}`,
  });
});

test("data of the MQTT block goes before the data of all", async () => {
  await topic.sendMessage(new KiiPushMessageBuilder({ msg: "y", z: "1" }).mqttData({ msg: "x" }).build());
  const received = await bobsDevice.next();
  assert.deepEqual([received.msg, received.z], ["x", "1"]);
});

test("everything the builder can say is accepted", async () => {
  const full = new KiiPushMessageBuilder({ k: "v" })
    .gcmData({ only: "droid" }).gcmCollapseKey("c").gcmTimeToLive(60).gcmDelayWhileIdle(true)
    .gcmRestrictedPackageName("com.example")
    .apnsData({ n: 1 }).apnsAlert({ title: "T", body: "B" }).apnsSound("s.caf").apnsBadge(2)
    .apnsContentAvailable(true).apnsMutableContent(true).apnsCategory("C")
    .jpushData({ j: true }).setSendToDevelopment(true).setSendToProduction(true).build();
  await topic.sendMessage(full);
  assert.equal((await bobsDevice.next()).k, "v");
});

test("a message against the rules is refused with Kii's error code", async () => {
  await assert.rejects(topic.sendMessage(message({ from: "reserved" })), /400.*INVALID_INPUT_DATA/);
  await assert.rejects(topic.sendMessage(message({ deep: {} })), /400.*INVALID_INPUT_DATA/);
});

test("messages for development devices do not reach production ones", async () => {
  await topic.sendMessage(new KiiPushMessageBuilder({ k: "dev" }).setSendToProduction(false).build());
  await topic.sendMessage(new KiiPushMessageBuilder({ k: "prod" }).setSendToDevelopment(false).build());
  assert.equal((await bobsDevice.next()).k, "prod");
});

test("sending needs a grant; the ACL gives and takes it", async () => {
  await assert.rejects(asBob.sendMessage(message({ k: "v" })), /401.*UNAUTHORIZED/);
  const bobsId = bob.user.getID();
  const entry = () =>
    KiiACLEntry.entryWithSubject(KiiUser.userWithID(bobsId), KiiACLAction.KiiACLSendMessageToTopic);
  let acl = topic.acl();
  acl.putACLEntry(entry());
  await acl.save();
  const [, entries] = await topic.acl().listACLEntries();
  const granted = entries.map((each) => `${each.getActionString()}/${each.getEntityString()}`);
  assert.ok(granted.includes(`SEND_MESSAGE_TO_TOPIC/UserID:${bobsId}`), granted.join());

  await asBob.sendMessage(message({ k: "from bob" }));
  const received = await bobsDevice.next();
  assert.deepEqual(
    [received.k, received.sender, received.senderURI],
    ["from bob", bobsId, `kiicloud://users/${bobsId}`],
  );
  await assert.rejects(eve.Kii.topicWithName(name).sendMessage(message({ k: "v" })), /401.*UNAUTHORIZED/);

  acl = topic.acl();
  const revoked = entry();
  revoked.setGrant(false);
  acl.putACLEntry(revoked);
  await acl.save();
  await assert.rejects(asBob.sendMessage(message({ k: "v" })), /401.*UNAUTHORIZED/);
});

test("any authenticated user can be granted to send", async () => {
  const acl = topic.acl();
  acl.putACLEntry(
    KiiACLEntry.entryWithSubject(new KiiAnyAuthenticatedUser(), KiiACLAction.KiiACLSendMessageToTopic),
  );
  await acl.save();
  await eve.Kii.topicWithName(name).sendMessage(message({ k: "from eve" }));
  assert.equal((await bobsDevice.next()).k, "from eve");
});

test("a user's own topic is his alone", async () => {
  const mine = bob.user.topicWithName("todo");
  await mine.save();
  await bob.user.pushSubscription().subscribe(mine);
  await mine.sendMessage(message({ k: "mine" }));
  const received = await bobsDevice.next();
  assert.deepEqual(
    [received.k, received.topic, received.objectScopeType, received.objectScopeUserID, received.sourceURI],
    ["mine", "todo", "APP_AND_USER", bob.user.getID(), `kiicloud://users/${bob.user.getID()}/topics/todo`],
  );
  const [topics] = await bob.user.listTopics();
  assert.deepEqual(topics.map((each) => each.getName()), ["todo"]);
  const asEve = eve.KiiUser.userWithID(bob.user.getID()).topicWithName("todo");
  await assert.rejects(asEve.sendMessage(message({ k: "v" })), /401.*UNAUTHORIZED/);
});

test("a group's members share its topics", async () => {
  const group = eve.KiiGroup.groupWithName(unique("team"));
  group.addUser(eve.KiiUser.userWithID(bob.user.getID()));
  await group.save();
  await group.topicWithName("chat").save();
  const asMember = bob.KiiGroup.groupWithID(group.getID()).topicWithName("chat");
  await bob.user.pushSubscription().subscribe(asMember);
  await group.topicWithName("chat").sendMessage(message({ k: "hi team" }));
  const received = await bobsDevice.next();
  assert.deepEqual(
    [received.k, received.sender, received.objectScopeType, received.objectScopeGroupID],
    ["hi team", eve.user.getID(), "APP_AND_GROUP", group.getID()],
  );
  await assert.rejects(
    (await newUser("stranger")).KiiGroup.groupWithID(group.getID()).topicWithName("chat")
      .sendMessage(message({ k: "v" })),
    /401.*UNAUTHORIZED/,
  );
});

test("an unsubscribed user gets nothing more", async () => {
  await bob.user.pushSubscription().unsubscribe(asBob);
  assert.equal((await bob.user.pushSubscription().isSubscribed(asBob))[2], false);
  await assert.rejects(bob.user.pushSubscription().unsubscribe(asBob), /404.*PUSH_SUBSCRIPTION_NOT_FOUND/);
  await topic.sendMessage(message({ k: "not for bob" }));
  await bob.user.topicWithName("todo").sendMessage(message({ k: "for bob" }));
  assert.equal((await bobsDevice.next()).k, "for bob");
});

test("a deleted topic is gone", async () => {
  await topic.deleteTopic();
  assert.equal(await topic.exists(), false);
  await assert.rejects(topic.sendMessage(message({ k: "v" })), /404.*TOPIC_NOT_FOUND/);
  await assert.rejects(topic.deleteTopic(), /404.*TOPIC_NOT_FOUND/);
});

test("the device disconnects", () => bobsDevice.close());
