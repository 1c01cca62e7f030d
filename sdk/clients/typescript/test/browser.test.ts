// The client in a page of another origin, in a browser without a window.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { test } from "node:test";

import { folder } from "./gateway.js";

const MODULES = new URL("../dist/", import.meta.url);

/** Runs in the page. */
const SCENARIO = `
  import { Client, NotModified, isProblem } from "/dist/index.js";
  const [url, key, folder] = SETTINGS;
  const results = {};
  try {
    const client = new Client({ url, key });
    const path = folder + "/a b.txt";
    const content = new Blob(["0123456789"], { type: "text/plain" });
    const mtime = new Date("2020-01-02T03:04:05Z");
    const written = await client.write(path, content, { mtime });
    const info = await client.stat(path);
    results.etag = info.etag === written.etag;
    results.mtime = info.mtime;
    results.isText = info.mediaType.startsWith("text/plain");
    results.part = new TextDecoder().decode(await client.read(path, { start: 2, end: 5 }));
    results.text = await new Response((await client.download(path)).stream).text();
    results.names = [];
    for await (const entry of client.streamDirectory(folder)) results.names.push(entry.name);
    for await (const entry of client.listDirectory(folder)) results.names.push(entry.name);
    await client.read(path, { ifNoneMatch: info.etag })
      .catch((error) => { results.unchanged = error instanceof NotModified; });
    await client.read(folder + "/none")
      .catch((error) => { results.missing = isProblem(error, "FILE_NOT_FOUND"); });
    await client.move(path, folder + "/moved");
    await client.remove(folder, { recursive: true });
    results.exists = await client.exists(folder);
  } catch (error) {
    results.error = String(error?.stack ?? error);
  }
  await fetch("/results", { method: "POST", body: JSON.stringify(results) });
`;

test("a page of an origin that CORS allows uses the client", { timeout: 60_000 }, async (t) => {
  const browser = installed("chromium-headless-shell", "chromium");
  if (browser === undefined) {
    assert.notEqual(process.env["CALLFS_TEST_FORBID_SKIP"], "1", "there is no chromium here");
    t.skip("there is no chromium here");
    return;
  }
  const settings = [process.env["CALLFS_URL"], process.env["CALLFS_KEY"], folder()];
  const script = SCENARIO.replace("SETTINGS", JSON.stringify(settings));
  let finish: (results: unknown) => void;
  const results = new Promise((resolve) => (finish = resolve));
  const server = createServer((request, response) => {
    const url = request.url ?? "/";
    if (request.method === "POST") {
      const body: Buffer[] = [];
      request.on("data", (block: Buffer) => body.push(block));
      request.on("end", () => {
        response.end();
        finish(JSON.parse(Buffer.concat(body).toString()));
      });
    } else if (/^\/dist\/\w+\.js$/.test(url)) {
      response.setHeader("Content-Type", "text/javascript");
      response.end(readFileSync(new URL(url.slice("/dist/".length), MODULES)));
    } else {
      response.setHeader("Content-Type", "text/html");
      response.end(`<!doctype html><script type="module">${script}</script>`);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert(typeof address === "object" && address !== null);
  const profile = mkdtempSync(join(tmpdir(), "callfs-browser-"));
  const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
  const more = ["--no-proxy-server", "--no-first-run", `--user-data-dir=${profile}`];
  const page = `http://127.0.0.1:${address.port}/`;
  // A browser keeps running with a port to control it by, and is many processes.
  const child = spawn(browser, [...flags, ...more, "--remote-debugging-port=0", page], {
    detached: true,
    stdio: "ignore",
    env: { ...process.env, HOME: profile },
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  try {
    const early = ended.then(() => assert.fail("the browser ended by itself"));
    assert.deepEqual(await Promise.race([results, early]), {
      etag: true,
      mtime: "2020-01-02T03:04:05Z",
      isText: true,
      part: "234",
      text: "0123456789",
      names: ["a b.txt", "a b.txt"],
      unchanged: true,
      missing: true,
      exists: false,
    });
  } finally {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
    await ended;
    server.closeAllConnections();
    server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
});

function installed(...names: string[]): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return names
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
