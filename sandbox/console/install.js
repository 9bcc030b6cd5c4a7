/** The form that installs a device by Kii's REST API, as a device's own program would. */

import { call, Unreachable } from "./api.js";
import { busy, byId, make } from "./dom.js";

/** Make the form work. The page's live stream shows the device; this says so. */
export function setUpInstall(announcer) {
  const form = byId("install-form");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(form.querySelector("button"), async () => {
      const result = byId("install-result");
      result.replaceChildren();
      try {
        await install();
        announcer.say("The device is installed.");
      } catch (failure) {
        if (!(failure instanceof Unreachable || failure instanceof InstallationRefused)) throw failure;
        result.append(make("p", "outcome bad", failure.message));
      }
    });
  });
}

/** Kii refused; the message says why. */
class InstallationRefused extends Error {}

async function install() {
  const app = `/api/apps/${encodeURIComponent(byId("install-app").value.trim())}`;
  const deviceType = byId("install-type").value;
  const login = await kii(`${app}/oauth2/token`, {
    grant_type: "password",
    username: byId("install-login").value.trim(),
    password: byId("install-password").value,
  });
  const device = { deviceType, development: byId("install-development").checked };
  if (deviceType !== "MQTT") device.installationRegistrationID = `console-${crypto.randomUUID()}`;
  await kii(`${app}/installations`, device, {
    Authorization: `Bearer ${login.access_token}`,
    "Content-Type": "application/vnd.kii.InstallationCreationRequest+json",
  });
}

async function kii(path, body, headers) {
  const answer = await call("POST", path, body, headers);
  if (answer.ok) return answer.body;
  const { errorCode = "", message, error_description: description } = Object(answer.body);
  throw new InstallationRefused(`Kii answered ${answer.status} ${errorCode}: ${message ?? description ?? "no reason given"}`);
}
