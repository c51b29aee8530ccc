// Preloaded into the suite (`node --import`): it knows no way to send a token, and the testbed's
// server takes nothing without one. Every request carries TESTBED_TOKEN, by whichever client.
import { subscribe } from "node:diagnostics_channel";

const bearer = `Bearer ${process.env.TESTBED_TOKEN}`;

subscribe("undici:request:create", ({ request }) => request.addHeader("authorization", bearer));
subscribe("http.client.request.created", ({ request }) => request.setHeader("authorization", bearer));
