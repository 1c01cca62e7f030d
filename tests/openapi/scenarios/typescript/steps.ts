// What every TypeScript client is asked for, whatever its functions are called.

import { strict as assert } from "node:assert";

/** What a client has to be able to do; every answer is what its types say. */
export interface Steps {
  /** Stores bytes where nothing is, and returns the entity tag. */
  create(path: string, bytes: Blob): Promise<string>;
  /** The code of the problem that a second `create` is refused with. */
  createAgain(path: string, bytes: Blob): Promise<string>;
  readRange(path: string, range: string): Promise<string>;
  /** Replaces a version, and returns the new entity tag or the code of the problem. */
  replace(path: string, bytes: Blob, etag: string): Promise<string>;
  createDirectory(path: string): Promise<void>;
  /** One page of names, and the cursor of the next. */
  page(directory: string, limit: number, after?: string): Promise<[string[], string | null]>;
  /** The names that a stream of lines has, and where it continues if the limit has cut it. */
  stream(directory: string, limit?: number): Promise<[string[], string | null]>;
  move(path: string, destination: string): Promise<string>;
  changeMode(path: string, mode: string): Promise<string>;
  copy(from: string, path: string): Promise<void>;
  delete(path: string): Promise<void>;
  /** Shares a file and returns what its link gives without a key. */
  share(path: string): Promise<string>;
  /** Stores bytes with a time of the last change. */
  createAt(path: string, bytes: Blob, mtime: string): Promise<void>;
  /** The entries of a directory, each with its SHA-256. */
  digests(directory: string): Promise<Digest[]>;
  /** Lets two entries change places, and returns where the first is now. */
  exchange(path: string, destination: string): Promise<string>;
  /** Shares a directory without limit; its names and one of its files, without a key. */
  shareDirectory(path: string, file: string): Promise<[string[], string]>;
  /** The code of the problem that reading this path ends with. */
  problem(path: string): Promise<string>;
}

/** What a listing tells of a file; some clients make a Date of its time. */
export interface Digest {
  name: string;
  mtime: string | Date | null;
  sha256?: string | null;
}

export const base = environment("CALLFS_URL");
export const key = environment("CALLFS_KEY");

function environment(name: string): string {
  const value = process.env[name];
  assert(value, `${name} is not set`);
  return value;
}

/** A value that the client's types allow to be absent and this answer must have. */
export function present<T>(value: T | undefined | null, what: string): T {
  assert(value !== undefined && value !== null, what);
  return value;
}

/** The lines of a stream, each as the client's types have it. */
export async function parse<Line>(lines: ReadableStream<Uint8Array>): Promise<Line[]> {
  const text = await new Response(lines).text();
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
}

/** The names in lines, and where they continue. */
export function names(
  lines: ({ type: string; name: string } | { type: "next"; next: string })[],
): [string[], string | null] {
  const found: string[] = [];
  for (const line of lines) {
    if ("next" in line) return [found, line.next];
    found.push(line.name);
  }
  return [found, null];
}

async function sha256(bytes: Blob): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await bytes.arrayBuffer());
  return Buffer.from(digest).toString("hex");
}

export async function run(folder: string, client: Steps): Promise<void> {
  const blob = (text: string) => new Blob([text]);
  const at = (name: string) => `${folder}/${name}`;

  await client.createDirectory(folder);
  const first = await client.create(at("a ä.txt"), blob("hello, world"));
  assert.match(first, /^".+"$/);
  assert.equal(await client.createAgain(at("a ä.txt"), blob("other")), "PRECONDITION_FAILED");
  assert.equal(await client.readRange(at("a ä.txt"), "bytes=7-11"), "world");

  const second = await client.replace(at("a ä.txt"), blob("hello again"), first);
  assert.match(second, /^".+"$/);
  assert.notEqual(second, first);
  assert.equal(await client.replace(at("a ä.txt"), blob("late"), first), "PRECONDITION_FAILED");
  assert.equal(await client.readRange(at("a ä.txt"), "bytes=0-"), "hello again");

  await client.copy(`/${at("a ä.txt")}`, at("b.txt"));
  await client.create(at("c.txt"), blob("{}"));
  const [items, next] = await client.page(folder, 2);
  assert.deepEqual(items, ["a ä.txt", "b.txt"]);
  assert.deepEqual(await client.page(folder, 2, present(next, "a cursor")), [["c.txt"], null]);
  assert.deepEqual(await client.stream(folder), [["a ä.txt", "b.txt", "c.txt"], null]);
  const firstTwo = [["a ä.txt", "b.txt"], `/${at("b.txt")}`];
  assert.deepEqual(await client.stream(folder, 2), firstTwo);

  const moved = await client.move(at("b.txt"), `/${at("moved.txt")}`);
  assert.equal(moved, `/${at("moved.txt")}`);
  assert.equal(await client.changeMode(at("moved.txt"), "0600"), "0600");
  assert.equal(await client.share(at("moved.txt")), "hello again");

  await client.delete(at("moved.txt"));
  assert.equal(await client.problem(at("moved.txt")), "FILE_NOT_FOUND");

  // A site is replaced while it is in use.
  const [old, fresh] = [blob("old page"), blob("fresh page")];
  const time = "2001-02-03T04:05:06Z";
  await client.createDirectory(at("site"));
  await client.createAt(at("site/page.txt"), old, time);
  const [page] = await client.digests(at("site"));
  const { name, mtime, sha256: digest } = present(page, "an entry");
  assert.deepEqual([name, digest], ["page.txt", await sha256(old)]);
  assert.equal(new Date(present(mtime, "a time")).getTime(), new Date(time).getTime());
  await client.createDirectory(at("next"));
  await client.createAt(at("next/page.txt"), fresh, time);
  assert.equal(await client.exchange(at("next"), `/${at("site")}`), `/${at("site")}`);
  assert.equal(await client.readRange(at("next/page.txt"), "bytes=0-"), "old page");
  const shared = await client.shareDirectory(at("site"), "page.txt");
  assert.deepEqual(shared, [["page.txt"], "fresh page"]);
}
