// Authenticators and an app for codes that are not ours: Test::Autoflow::Foreign
// sends an order as a line of JSON, and gets an answer as one.

"use strict";

const readline = require("node:readline");
const {
  default: Browser, AuthenticatorEmulator, PasskeysCredentialsMemoryRepository, RpId,
} = require("nid-webauthn-emulator");
const { generateSync } = require("otplib");

const devices = {};

// what one asks its user, and what it says of that
const asks = ({ uv = true, up = true }) => (user) => ({ user, options: { uv, up } });

function made(settings, credentials) {
  return new Browser(new AuthenticatorEmulator({
    ...settings,
    userMakeCredentialInteraction: asks(settings),
    userGetAssertionInteraction: asks(settings),
    credentialsRepository: credentials,
  }));
}

// of the credentials of another one
function copied(from, change = (credential) => credential) {
  const credentials = new PasskeysCredentialsMemoryRepository();
  for (const credential of from.credentials.loadCredentials()) {
    credentials.saveCredential(change(credential));
  }
  return credentials;
}

function add(name, settings, credentials) {
  devices[name] = { settings, credentials, browser: made(settings, credentials) };
}

const orders = {
  device({ name, settings = {} }) {
    add(name, settings, new PasskeysCredentialsMemoryRepository());
  },

  // with other settings; or whose credentials are of another RP id
  copy({ name, of, settings = {}, rp_id: rpId }) {
    add(name, { ...devices[of].settings, ...settings }, copied(devices[of], (credential) => {
      if (rpId !== undefined) {
        credential.publicKeyCredentialSource.rpId = new RpId(rpId);
        credential.authenticatorData.rpIdHash = new RpId(rpId).hash;
      }
      return credential;
    }));
  },

  create: ({ name, origin, options, related = [] }) =>
    devices[name].browser.createJSON(origin, options, related),

  get: ({ name, origin, options, related = [] }) =>
    devices[name].browser.getJSON(origin, options, related),

  // what another server would keep of its one credential
  public_key({ name }) {
    const [{ authenticatorData }] = devices[name].credentials.loadCredentials();
    const { credentialId, credentialPublicKey } = authenticatorData.attestedCredentialData;
    const text = (octets) => Buffer.from(octets).toString("base64url");
    return { id: text(credentialId), public_key: text(credentialPublicKey.toBytes()) };
  },

  code: ({ secret, time, ...more }) => generateSync({ secret, epoch: time, ...more }),
};

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  let answer;
  try {
    const { order, ...rest } = JSON.parse(line);
    answer = { answer: orders[order](rest) ?? null };
  } catch (error) {
    answer = { error: error.name };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
});
