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
  /** The names that a stream of lines has. */
  stream(directory: string): Promise<string[]>;
  move(path: string, destination: string): Promise<string>;
  changeMode(path: string, mode: string): Promise<string>;
  copy(from: string, path: string): Promise<void>;
  delete(path: string): Promise<void>;
  /** Shares a file and returns what its link gives without a key. */
  share(path: string): Promise<string>;
  /** The code of the problem that reading this path ends with. */
  problem(path: string): Promise<string>;
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

/** The names in a stream of lines. */
export async function names(lines: ReadableStream<Uint8Array>): Promise<string[]> {
  const text = await new Response(lines).text();
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => (JSON.parse(line) as { name: string }).name);
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
  assert.deepEqual(await client.stream(folder), ["a ä.txt", "b.txt", "c.txt"]);

  const moved = await client.move(at("b.txt"), `/${at("moved.txt")}`);
  assert.equal(moved, `/${at("moved.txt")}`);
  assert.equal(await client.changeMode(at("moved.txt"), "0600"), "0600");
  assert.equal(await client.share(at("moved.txt")), "hello again");

  await client.delete(at("moved.txt"));
  assert.equal(await client.problem(at("moved.txt")), "FILE_NOT_FOUND");
}
