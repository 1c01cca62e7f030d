// What happens when the gateway is busy, gone, or cut off.

import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { mock, test } from "node:test";

import {
  Client,
  ConnectionFailed,
  Problem,
  TimedOut,
  Truncated,
  isProblem,
  type Retries,
} from "callfs";

import { collected, encode } from "./gateway.js";

const ENTRY =
  '{"name":"a","path":"/a","type":"file","size":1,"mode":"0644","owner":"alice",' +
  '"group":"staff","mtime":"2026-11-28T16:19:37.882115541Z","etag":"x"}\n';

const NEXT = '{"type":"next","next":"/a"}\n';

function problem(status: number, code: string, headers: Record<string, string> = {}): Response {
  const document = { code, message: "why", request_id: "r", status };
  return new Response(JSON.stringify(document), {
    status,
    headers: { "Content-Type": "application/problem+json", ...headers },
  });
}

/** A client that gets one answer after another, and the bodies and the queries that it sent. */
function scripted(answers: (() => Response)[], retries: Partial<Retries> = { firstWait: 1 }) {
  const bodies: unknown[] = [];
  const queries: string[] = [];
  const answer: typeof fetch = async (url, init) => {
    queries.push(new URL(String(url)).search);
    bodies.push(init?.body);
    const next = answers.shift();
    assert(next !== undefined, "one request too many");
    return next();
  };
  const client = new Client({ url: "http://gateway", key: "key", fetch: answer, retries });
  return { client, bodies, queries };
}

const written = () => new Response(null, { status: 201, headers: { ETag: '"x"' } });
const busy = () => problem(503, "BACKEND_TIMEOUT");
const lost = () => {
  throw new TypeError("fetch failed");
};

test("Retry-After is honoured", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const date = new Date(Date.now() + 5_000).toUTCString();
    const { client, bodies } = scripted([
      () => problem(503, "BACKEND_UNAVAILABLE", { "Retry-After": "3" }),
      () => problem(429, "RATE_LIMIT_EXCEEDED", { "Retry-After": date }),
      () => problem(423, "LOCKED"),
      written,
    ]);
    const done = client.write("/file", "content");
    const settled = async () => {
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    };
    for (const [wait, sent] of [[2_900, 1], [110, 2], [3_500, 2], [1_600, 4]] as const) {
      await settled();
      mock.timers.tick(wait);
      await settled();
      // What was to be sent at once after a short wait has a timer of its own.
      mock.timers.tick(10);
      await settled();
      assert.equal(bodies.length, sent);
    }
    assert((await done).created);
  } finally {
    mock.timers.reset();
  }
});

test("retries are bounded", async () => {
  const { client, bodies } = scripted([busy, busy, busy, busy]);
  await assert.rejects(client.read("/file"), (error) => isProblem(error, "BACKEND_TIMEOUT"));
  assert.equal(bodies.length, 4);
  const late = () => problem(503, "NOT_READY", { "Retry-After": "3600" });
  await assert.rejects(scripted([late]).client.write("/file", "x"), (error) => {
    return isProblem(error, "NOT_READY") && error.retryAfter === 3600;
  });
  await assert.rejects(scripted([busy], { attempts: 1 }).client.read("/file"), Problem);
});

const once = new Blob(["x"]).stream();
const calls: [string, (client: Client) => Promise<unknown>, number][] = [
  ["read", (client) => client.read("/a"), 2],
  ["write", (client) => client.write("/a", "x"), 2],
  ["remove", (client) => client.remove("/a"), 2],
  ["copy over", (client) => client.copy("/a", "/b", { overwrite: true }), 2],
  ["conditional move", (client) => client.move("/a", "/b", { ifMatch: "x" }), 2],
  ["conditional copy", (client) => client.copy("/a", "/b", { ifNoneMatch: "*" }), 2],
  ["create", (client) => client.create("/a", "x"), 1],
  ["move", (client) => client.move("/a", "/b"), 1],
  ["exchange", (client) => client.exchange("/a", "/b"), 1],
  // The condition may hold again after the first one.
  ["conditional exchange", (client) => client.exchange("/a", "/b", { ifMatch: "*" }), 1],
  ["copy", (client) => client.copy("/a", "/b"), 1],
  ["createLink", (client) => client.createLink("/a"), 1],
  ["write of a stream", (client) => client.write("/a", once), 1],
];
for (const [name, call, attempts] of calls) {
  test(`${name} is sent ${attempts} time(s)`, async () => {
    for (const failure of [busy, lost]) {
      const { client, bodies } = scripted([failure, () => problem(400, "BAD_REQUEST")]);
      await assert.rejects(call(client), (error) => {
        return error instanceof Problem || error instanceof ConnectionFailed;
      });
      assert.equal(bodies.length, attempts);
    }
  });
}

test("a problem has the code of its document, or else of its status", async () => {
  const cases: [() => Response, string, number][] = [
    [() => problem(404, "FILE_NOT_FOUND"), "FILE_NOT_FOUND", 404],
    [() => problem(418, "OF_A_NEWER_GATEWAY"), "OF_A_NEWER_GATEWAY", 418],
    [() => new Response(null, { status: 404 }), "FILE_NOT_FOUND", 404],
    [() => new Response("<h1>proxy</h1>", { status: 502 }), "PLUGIN_FAILED", 502],
    [() => new Response(null, { status: 418 }), "UNKNOWN", 418],
  ];
  for (const [answer, code, status] of cases) {
    await assert.rejects(scripted([answer]).client.read("/a"), (error) => {
      assert(isProblem(error));
      assert.deepEqual([error.code, error.status, error.name], [code, status, "Problem"]);
      return true;
    });
  }
});

/** Sends these pieces to one client and closes the connection; without any, it says nothing. */
async function serving(pieces: string[], use: (url: string) => Promise<void>): Promise<void> {
  const server: Server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => {
      for (const piece of pieces) socket.write(piece);
      if (pieces.length > 0) socket.end();
    });
    server.on("close", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert(typeof address === "object" && address !== null);
  try {
    await use(`http://127.0.0.1:${address.port}`);
  } finally {
    server.close();
  }
}

const chunk = (block: string) => `${encode(block).length.toString(16)}\r\n${block}\r\n`;
const NDJSON =
  "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n";
const FILE =
  "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nX-CallFS-Type: file\r\nX-CallFS-Size: 9\r\n" +
  "X-CallFS-Mode: 0644\r\nX-CallFS-Owner: a\r\nX-CallFS-Group: b\r\n\r\n";

for (const [name, pieces] of Object.entries({
  "between lines": [NDJSON, chunk(ENTRY)],
  "within a line": [NDJSON, chunk(ENTRY + ENTRY.slice(0, 20))],
  "within a line of a complete body": [NDJSON, chunk(ENTRY + ENTRY.slice(0, 20)), chunk("")],
})) {
  test(`a stream that is cut ${name} is an error`, async () => {
    await serving(pieces, async (url) => {
      const client = new Client({ url, key: "key" });
      await assert.rejects(collected(client.streamDirectory("/")), Truncated);
    });
  });
}

test("a line may come in pieces", async () => {
  const pieces = [ENTRY.slice(0, 10), ENTRY.slice(10) + ENTRY.slice(0, 50), ENTRY.slice(50), ""];
  await serving([NDJSON, ...pieces.map(chunk)], async (url) => {
    const client = new Client({ url, key: "key" });
    assert.equal((await collected(client.streamDirectory("/"))).length, 2);
  });
});

test("a stream that the gateway cuts goes on by itself", async () => {
  const { client, queries } = scripted(
    [ENTRY + NEXT, NEXT, ENTRY].map((lines) => () => new Response(lines)),
  );
  const entries = await collected(client.streamDirectory("/", { recursive: true }));
  assert.equal(entries.map((entry) => entry.name).join(), "a,a");
  const continued = "?recursive=true&limit=0&after=%2Fa";
  assert.deepEqual(queries, ["?recursive=true&limit=0", continued, continued]);
});

test("a stream with a limit does not", async () => {
  const { client, queries } = scripted([() => new Response(ENTRY + NEXT)]);
  assert.equal((await collected(client.streamDirectory("/", { limit: 1 }))).length, 1);
  assert.deepEqual(queries, ["?limit=1"]);
});

test("a download that is cut is an error", async () => {
  await serving([FILE, "four"], async (url) => {
    const client = new Client({ url, key: "key", retries: { attempts: 1 } });
    const download = await client.download("/file");
    await assert.rejects(download.bytes(), Truncated);
    await assert.rejects(client.read("/file"), Truncated);
  });
});

test("a gateway that does not answer times out", async () => {
  await serving([], async (url) => {
    const client = new Client({ url, key: "key", timeout: 50, retries: { attempts: 1 } });
    await assert.rejects(client.read("/file"), TimedOut);
  });
});

test("a gateway that stops within a body times out", async () => {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.write(FILE + "four"));
    server.on("close", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert(typeof address === "object" && address !== null);
  const url = `http://127.0.0.1:${address.port}`;
  try {
    const client = new Client({ url, key: "key", timeout: 50, retries: { attempts: 1 } });
    await assert.rejects((await client.download("/file")).bytes(), TimedOut);
  } finally {
    server.close();
  }
});

test("a connection that is refused is an error", async () => {
  let closed = "";
  await serving([], async (url) => {
    closed = url;
  });
  const client = new Client({ url: closed, key: "key", retries: { attempts: 2, firstWait: 1 } });
  await assert.rejects(client.read("/file"), ConnectionFailed);
});

test("a request can be aborted at any time", async () => {
  const reason = new Error("the user left");
  await serving([], async (url) => {
    const client = new Client({ url, key: "key" });
    const controller = new AbortController();
    const reading = client.read("/file", { signal: controller.signal });
    setImmediate(() => controller.abort(reason));
    await assert.rejects(reading, reason);
    await assert.rejects(client.read("/file", { signal: controller.signal }), reason);
  });
  const controller = new AbortController();
  const { client } = scripted([() => problem(503, "NOT_READY", { "Retry-After": "20" })]);
  const waiting = client.read("/file", { signal: controller.signal });
  setImmediate(() => controller.abort(reason));
  await assert.rejects(waiting, reason);
});

test("a client needs a gateway and a key", () => {
  const { CALLFS_URL, CALLFS_KEY } = process.env;
  delete process.env["CALLFS_URL"];
  delete process.env["CALLFS_KEY"];
  try {
    assert.throws(() => new Client(), /set CALLFS_URL/);
    assert.throws(() => new Client({ url: "http://127.0.0.1" }), /set CALLFS_KEY/);
  } finally {
    Object.assign(process.env, { CALLFS_URL, CALLFS_KEY });
  }
});
