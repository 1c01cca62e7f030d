// The client against a real gateway.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import {
  Client,
  NotModified,
  isProblem,
  type Choice,
  type Content,
  type ProblemCode,
} from "callfs";

import { client, collected, decode, encode, folder } from "./gateway.js";

const has = (code: ProblemCode) => (error: unknown) => isProblem(error, code);

test("a file is written, read and described", async () => {
  const path = `${folder()}/notes/hello.txt`;
  const written = await client.write(path, "hello, world", { mediaType: "text/plain" });
  assert(written.created);
  const info = await client.stat(path);
  assert.deepEqual(
    [info.path, info.name, info.type, info.size, info.etag],
    [path, "hello.txt", "file", 12, written.etag],
  );
  assert.match(info.mediaType ?? "", /^text\/plain/);
  assert(Math.abs(Date.parse(info.mtime ?? "") - Date.now()) < 300_000);
  assert.equal(decode(await client.read(path)), "hello, world");
  assert(!(await client.write(path, "again")).created);
  assert.equal(await (await client.download(path)).text(), "again");
});

for (const name of [
  "a b.txt", "100%.txt", "a%41", "%2e%2e", "ä", "日本", "a+b", "a&b;c=d", "a#b?c", "it's", "a:b",
  '<b>"q"', ".hidden", "...", "line\u2028separator", "~", "a\\b",
]) {
  test(`the name ${name} stays as it is`, async () => {
    const directory = folder();
    await client.write(`${directory}/${name}`, name);
    const names = (entries: { name: string }[]) => entries.map((entry) => entry.name);
    assert.deepEqual(names(await collected(client.listDirectory(directory))), [name]);
    assert.deepEqual(names(await collected(client.streamDirectory(directory))), [name]);
    const to = `${directory}/to/${name}`;
    assert.equal((await client.move(`${directory}/${name}`, to, { createParents: true })).path, to);
    await client.copy(to, `${directory}/${name}`);
    assert.equal(decode(await client.read(`${directory}/${name}`)), name);
  });
}

test("a path that fetch would rewrite is refused", async () => {
  for (const path of ["/a/../b", "..", "/a/.", "/a//b"]) {
    await assert.rejects(client.remove(path, { recursive: true }), /has an empty name/);
  }
});

test("a range is a slice", async () => {
  const path = `${folder()}/digits`;
  const content = "0123456789";
  await client.write(path, content);
  for (const [start, end] of [
    [undefined, undefined], [0, 3], [2, undefined], [2, 5], [undefined, 4], [-3, undefined],
    [5, 99],
  ]) {
    const expected = content.slice(start, end);
    assert.equal(decode(await client.read(path, { start, end })), expected);
    const download = await client.download(path, { start, end });
    assert.deepEqual([download.size, download.info.size], [expected.length, 10]);
    assert.equal(await download.text(), expected);
  }
  await assert.rejects(client.read(path, { start: 10 }), has("RANGE_NOT_SATISFIABLE"));
  await assert.rejects(client.read(path, { start: 4, end: 4 }), RangeError);
});

test("content is text, bytes, a blob or a stream", async () => {
  const path = `${folder()}/file`;
  const content = "0123456789abcdef".repeat(40_000);
  async function* blocks() {
    for (let at = 0; at < content.length; at += 10_000) {
      yield encode(content.slice(at, at + 10_000));
    }
  }
  const contents: Content[] = [
    content, encode(content), encode(content).buffer, new Blob([content]),
    new Blob([content]).stream(), blocks(),
  ];
  for (const upload of contents) {
    await client.write(path, upload);
    const download = await client.download(path);
    const received: Uint8Array<ArrayBuffer>[] = [];
    for await (const block of download) received.push(block);
    assert.equal(await new Blob(received).text(), content);
    assert.equal(await new Response((await client.download(path)).stream).text(), content);
    await client.remove(path);
  }
  await client.write(path, "");
  assert.equal((await client.read(path)).length, 0);
});

test("a stream that fails leaves what was there", async () => {
  const path = `${folder()}/file`;
  await client.write(path, "old");
  async function* broken() {
    yield encode("new".repeat(100_000));
    throw new Error("the source broke");
  }
  await assert.rejects(client.write(path, broken()), /the source broke/);
  assert.equal(decode(await client.read(path)), "old");
});

test("a download may be left before its end", async () => {
  const path = `${folder()}/file`;
  await client.write(path, "x".repeat(3_000_000));
  for await (const block of await client.download(path)) {
    assert(block.length > 0);
    break;
  }
  await (await client.download(path)).cancel();
  const begun = await client.download(path);
  await begun[Symbol.asyncIterator]().next();
  await begun.cancel();
  assert.equal((await client.read(path, { end: 5 })).length, 5);
});

test("conditions hold for reads and writes", async () => {
  const directory = folder();
  const path = `${directory}/file`;
  await client.write(`${directory}/other`, "other");
  const first = await client.write(path, "1", { ifNoneMatch: "*" });
  assert.match(first.etag ?? "", /^[^"]+$/);
  const ifMatch = first.etag ?? "";
  await assert.rejects(client.read(path, { ifNoneMatch: ifMatch }), (error) => {
    return error instanceof NotModified && error.etag === ifMatch;
  });
  const second = await client.write(path, "2", { ifMatch: `"${ifMatch}"` });
  const past = new Date("2001-02-03T00:00:00Z");
  for (const refused of [
    () => client.write(path, "3", { ifNoneMatch: "*" }),
    () => client.write(path, "3", { ifMatch }),
    () => client.move(path, `${directory}/elsewhere`, { ifMatch }),
    () => client.copy(`${directory}/other`, path, { overwrite: true, ifMatch }),
    () => client.setAttributes(path, { mode: "0600" }, { ifMatch }),
    () => client.remove(path, { ifMatch }),
    () => client.remove(path, { ifUnmodifiedSince: past }),
    () => client.read(path, { ifMatch }),
    () => client.stat(path, { ifMatch }),
  ]) {
    await assert.rejects(refused(), has("PRECONDITION_FAILED"));
  }
  const ifModifiedSince = second.lastModified ?? past;
  await assert.rejects(client.read(path, { ifModifiedSince }), NotModified);
  assert.equal(decode(await client.read(path, { ifModifiedSince: past })), "2");
});

test("a digest is checked", async () => {
  const path = `${folder()}/file`;
  const sha256 = createHash("sha256").update("content").digest();
  await client.write(path, "content", { sha256 });
  await assert.rejects(client.write(path, "c0ntent", { sha256 }), has("DIGEST_MISMATCH"));
});

test("an upload brings its time", async () => {
  const directory = folder();
  for (const [mtime, expected] of [
    [new Date("2020-01-02T03:04:05.678Z"), "2020-01-02T03:04:05.678Z"],
    [new Date("1969-12-31T23:59:59.500Z"), "1969-12-31T23:59:59.5Z"],
    ["2020-01-02T03:04:05.123456789+01:00", "2020-01-02T02:04:05.123456789Z"],
  ] as const) {
    await client.write(`${directory}/written`, "x", { mtime });
    await client.create(`${directory}/created`, "x", { mtime });
    assert.equal((await client.stat(`${directory}/written`)).mtime, expected);
    assert.equal((await client.stat(`${directory}/created`)).mtime, expected);
    await client.remove(`${directory}/created`);
  }
});

test("two entries change places", async () => {
  const directory = folder();
  const [one, other] = [`${directory}/one`, `${directory}/other`];
  await client.write(one, "1");
  await client.write(`${other}/below`, "2");
  assert.equal((await client.exchange(one, other)).path, other);
  assert.equal(decode(await client.read(other)), "1");
  assert.equal(decode(await client.read(`${one}/below`)), "2");
  const ifMatch = (await client.stat(`${one}/below`)).etag ?? "";
  const otherIfMatch = (await client.stat(other)).etag ?? "";
  const entry = await client.exchange(`${one}/below`, other, { ifMatch, otherIfMatch });
  assert.deepEqual([entry.path, entry.etag], [other, ifMatch]);
  for (const stale of [{ ifMatch }, { otherIfMatch: `"${otherIfMatch}"` }]) {
    await assert.rejects(
      client.exchange(`${one}/below`, other, stale),
      has("PRECONDITION_FAILED"),
    );
  }
  assert.equal(decode(await client.read(other)), "2");
  await assert.rejects(client.exchange(other, `${directory}/none`), has("FILE_NOT_FOUND"));
});

test("entries are moved, copied, changed and removed", async () => {
  const directory = folder();
  const at = (name: string) => `${directory}/${name}`;
  assert((await client.create(at("a/file"), "1")).created);
  await assert.rejects(client.create(at("a/file"), "2"), has("FILE_ALREADY_EXISTS"));
  const moved = await client.move(at("a/file"), at("a/moved"));
  const { etag } = await client.stat(at("a/moved"));
  assert.deepEqual(
    [moved.path, moved.name, moved.size, moved.etag],
    [at("a/moved"), "moved", 1, etag],
  );
  assert((await client.copy(at("a"), at("b"))).created);
  await assert.rejects(client.copy(at("a/moved"), at("b/moved")), has("FILE_ALREADY_EXISTS"));
  await assert.rejects(client.move(at("a/moved"), at("b/moved")), has("FILE_ALREADY_EXISTS"));
  await client.copy(at("a/moved"), at("b/moved"), { overwrite: true });
  await client.move(at("a/moved"), at("b/moved"), { overwrite: true });
  const mtime = "2020-01-02T03:04:05Z";
  const entry = await client.setAttributes(at("b/moved"), { mode: "0600", mtime });
  assert.equal(entry.mode, "0600");
  assert.equal(Date.parse(entry.mtime ?? ""), Date.parse(mtime));
  await assert.rejects(client.remove(at("b")), has("DIRECTORY_NOT_EMPTY"));
  await client.remove(at("b"), { recursive: true });
  assert(!(await client.exists(at("b"))));
  assert(await client.exists(directory));
});

test("a directory is made once", async () => {
  const directory = folder();
  assert((await client.makeDirectory(`${directory}/a/b`)).created);
  assert(!(await client.makeDirectory(`${directory}/a/b`)).created);
  assert.equal((await client.stat(`${directory}/a`)).type, "directory");
  await assert.rejects(client.read(`${directory}/a`), has("IS_A_DIRECTORY"));
  await assert.rejects(client.download(`${directory}/a`), has("IS_A_DIRECTORY"));
});

test("a listing comes in pages or as a stream", async () => {
  const directory = folder();
  const files = Array.from({ length: 23 }, (_, index) => `${String(index).padStart(2, "0")}.txt`);
  await Promise.all(files.map((name) => client.write(`${directory}/${name}`, "x")));
  await client.write(`${directory}/below/deep.txt`, "x");
  const names = (entries: { name: string }[]) => entries.map((entry) => entry.name);
  const page = await client.listPage(directory, { limit: 10 });
  assert.deepEqual(names(page.items), files.slice(0, 10));
  assert.notEqual(page.next, null);
  const pages = client.listDirectory(directory, { pageSize: 5 });
  assert.deepEqual(names(await collected(pages)), [...files, "below"]);
  const all = client.streamDirectory(directory, { recursive: true });
  assert.deepEqual(names(await collected(all)), [...files, "below", "deep.txt"]);
  const chosen = client.streamDirectory(directory, {
    recursive: true,
    glob: "**/d*.txt",
    type: "file",
  });
  assert.deepEqual(names(await collected(chosen)), ["deep.txt"]);
  const after = client.streamDirectory(directory, { after: `${directory}/20.txt` });
  assert.deepEqual(names(await collected(after)), [...files.slice(21), "below"]);
  const shallow = client.listDirectory(directory, { recursive: true, maxDepth: 1 });
  assert.deepEqual(names(await collected(shallow)), [...files, "below"]);
});

test("a stream with a limit ends where the next one begins", async () => {
  const directory = folder();
  const files = Array.from({ length: 7 }, (_, index) => `${index}.txt`);
  await Promise.all(files.map((name) => client.write(`${directory}/${name}`, "x")));
  const names = (entries: { name: string }[]) => entries.map((entry) => entry.name);
  const first = await collected(client.streamDirectory(directory, { limit: 3 }));
  assert.deepEqual(names(first), files.slice(0, 3));
  const second = client.streamDirectory(directory, { limit: 4, after: first[2]?.path ?? "" });
  assert.deepEqual(names(await collected(second)), files.slice(3));
  const all = client.streamDirectory(directory, { limit: 100 });
  assert.deepEqual(names(await collected(all)), files);
});

test("entries have more members on request", async () => {
  const directory = folder();
  const digest = createHash("sha256").update("content");
  const hexadecimal = digest.copy().digest("hex");
  const sha256 = digest.digest();
  await client.write(`${directory}/file`, "content", { mediaType: "text/css", sha256 });
  await client.makeDirectory(`${directory}/with`);
  const cases: [Choice, object, object][] = [
    [{ fields: "sha256" }, { sha256: hexadecimal }, { sha256: null }],
    [{ fields: ["content_type"] }, { content_type: "text/css" }, { content_type: null }],
    [
      { fields: ["sha256", "content_type"] },
      { sha256: hexadecimal, content_type: "text/css" },
      { sha256: null, content_type: null },
    ],
    [{ fields: [] }, {}, {}],
    [{}, {}, {}],
  ];
  for (const [choice, ...expected] of cases) {
    for (const entries of [
      (await client.listPage(directory, choice)).items,
      await collected(client.listDirectory(directory, { pageSize: 1, ...choice })),
      await collected(client.streamDirectory(directory, choice)),
    ]) {
      const members = entries.map((entry) => {
        return Object.fromEntries(
          Object.entries(entry).filter(([name]) => ["sha256", "content_type"].includes(name)),
        );
      });
      assert.deepEqual(members, expected);
    }
  }
});

test("a link downloads without a key", async () => {
  const path = `${folder()}/file`;
  await client.write(path, "shared");
  const issued = await client.createLink(path, {
    expirySeconds: 60,
    maxDownloads: 2,
    filename: "other.txt",
  });
  const answer = await fetch(issued.url);
  assert.equal(await answer.text(), "shared");
  assert.match(answer.headers.get("Content-Disposition") ?? "", /^attachment.*other\.txt/);
  const link = await client.getLink(issued.id);
  assert.deepEqual([link.path, link.type, link.disposition], [path, "file", "attachment"]);
  assert.deepEqual([link.unlimited, link.max_downloads, link.downloads], [false, 2, 1]);
  const links = await collected(client.listLinks());
  assert(links.some((link) => link.id === issued.id));
  await client.revokeLink(issued.id);
  await assert.rejects(client.getLink(issued.id), has("FILE_NOT_FOUND"));
});

test("an unlimited link is not counted", async () => {
  const path = `${folder()}/file`;
  await client.write(path, "shared");
  await assert.rejects(client.createLink(path, { unlimited: true }), /expiry_seconds/);
  const issued = await client.createLink(path, {
    expirySeconds: 60,
    unlimited: true,
    inline: true,
  });
  for (let number = 0; number < 3; number++) {
    const answer = await fetch(issued.url);
    assert.equal(await answer.text(), "shared");
    assert.match(answer.headers.get("Content-Disposition") ?? "", /^inline/);
  }
  const link = await client.getLink(issued.id);
  assert.deepEqual([link.unlimited, link.max_downloads, link.downloads], [true, null, null]);
  assert.equal(link.disposition, "inline");
});

test("a link shares a directory", async () => {
  const directory = folder();
  await client.write(`${directory}/a/b c.txt`, "shared");
  await client.write(`${directory}/secret`, "not shared");
  await assert.rejects(client.createLink(`${directory}/a`), has("IS_A_DIRECTORY"));
  const terms = { expirySeconds: 60, unlimited: true };
  const issued = await client.createLink(`${directory}/a`, terms);
  assert.deepEqual([issued.path, issued.type], [`${directory}/a`, "directory"]);
  const listed = (await (await fetch(issued.url)).json()) as { path: string }[];
  assert.deepEqual(listed.map((entry) => entry.path), ["/b c.txt"]);
  assert.equal(await (await fetch(`${issued.url}b%20c.txt`)).text(), "shared");
  assert.equal((await fetch(`${issued.url}secret`)).status, 404);
  await client.revokeLink(issued.id);
  assert([404, 410].includes((await fetch(issued.url)).status));
});

test("a wrong key is a problem", async () => {
  const stranger = new Client({ key: "a-key-that-is-wrong" });
  await assert.rejects(stranger.read("/file"), (error) => {
    assert(isProblem(error));
    assert.deepEqual([error.code, error.status], ["AUTHENTICATION_FAILED", 401]);
    return error.requestId !== undefined && error.message !== "";
  });
});
