// What a user of the API might write, with types made from its document: the
// compiler checks it, and t/13-openapi-client.t runs it.

import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { argv: string[] };

type User = components["schemas"]["User"];

const api = createClient<paths>({ baseUrl: process.argv[2]! });
const email = "ada@example.com";
const password = "correct horse battery staple";

function must<T>(what: string, answer: { data?: T; error?: { code: string } }): T {
  if (answer.data === undefined) {
    throw new Error(`${what}: ${answer.error?.code}`);
  }
  return answer.data;
}

const registered = must("register", await api.POST("/auth/register", {
  body: { email, password, full_name: "Ada Lovelace" },
}));

const taken = await api.POST("/auth/register", { body: { email, password } });
if (taken.response.status !== 409 || taken.error?.code !== "email_taken") {
  throw new Error("the address is free");
}

// @ts-expect-error a member of the wrong type
const wrong = await api.POST("/auth/register", { body: { email, password: 1 } });
if (wrong.response.status !== 422) {
  throw new Error("a number is a password");
}

const pair = must("log in", await api.POST("/auth/login", { body: { email, password } }));

api.use({
  onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${pair.access_token}`);
    return request;
  },
});

const sessions = must("list sessions", await api.GET("/auth/sessions", {
  params: { query: { size: 5 } },
}));
const current = sessions.data.find((session) => session.is_current);

const user: User = must("change the account", await api.PATCH("/auth/me", {
  body: { bio: "Notes", full_name: null },
}));
const profile = must("change the profile", await api.PATCH("/profiles/{id}", {
  params: { path: { id: must("read", await api.GET("/profiles/me")).id } },
  body: { first_name: "Ada", is_public: true },
}));

const name: string | null = profile.first_name;

console.log(JSON.stringify({
  same: registered.user.id === user.id,
  sessions: sessions.total,
  current: current?.id !== undefined,
  bio: user.bio,
  full_name: user.full_name,
  name,
}));
