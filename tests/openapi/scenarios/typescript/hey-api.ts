// @hey-api/openapi-ts with its own fetch client.

import { strict as assert } from "node:assert";

import { createClient } from "./hey-api/client";
import {
  copyEntry,
  createDirectory,
  createLink,
  deleteEntry,
  downloadBelow,
  downloadFile,
  listDirectory,
  listSharedDirectory,
  readFile,
  updateEntry,
  writeFile,
} from "./hey-api/sdk.gen";
import type { ListingLine, Problem, ProblemCode } from "./hey-api/types.gen";
import { base, key, names, parse, present, run } from "./steps";

const client = createClient({ baseUrl: base, auth: key });

function code(problem: Problem | undefined): ProblemCode {
  return present(problem, "a problem").code;
}

function etag(response: Response | undefined): string {
  return present(response?.headers.get("ETag"), "an entity tag");
}

type Fields = { "If-Match"?: string; "If-None-Match"?: string; "X-CallFS-MTime"?: string };

function put(path: string, body: Blob, headers: Fields) {
  return writeFile({ client, path: { path }, headers, body });
}

void run("hey-api", {
  async create(path, body) {
    const { error, response } = await put(path, body, { "If-None-Match": "*" });
    assert.equal(error, undefined);
    return etag(response);
  },
  createAgain: async (path, body) => code((await put(path, body, { "If-None-Match": "*" })).error),
  async readRange(path, range) {
    const { data, response } = await readFile({
      client,
      path: { path },
      headers: { Range: range },
      parseAs: "blob",
    });
    assert.equal(response?.status, 206);
    return present(data, "a part").text();
  },
  async replace(path, body, version) {
    const { error, response } = await put(path, body, { "If-Match": version });
    return error ? error.code : etag(response);
  },
  async createDirectory(path) {
    await createDirectory({ client, path: { path }, throwOnError: true });
  },
  async page(path, limit, after) {
    const { data } = await listDirectory({
      client,
      path: { path },
      query: after === undefined ? { limit } : { limit, after },
      throwOnError: true,
    });
    return [data.items.map((entry) => entry.name), data.next];
  },
  async stream(path, limit) {
    const { data } = await listDirectory({
      client,
      path: { path },
      query: { limit, recursive: true, type: "file" },
      headers: { Accept: "application/x-ndjson" },
      parseAs: "stream",
      throwOnError: true,
    });
    return names(await parse<ListingLine>(data as unknown as ReadableStream<Uint8Array>));
  },
  async move(path, destination) {
    const { data } = await updateEntry({
      client,
      path: { path },
      body: { destination, overwrite: false },
      throwOnError: true,
    });
    return data.path;
  },
  async changeMode(path, mode) {
    const { data } = await updateEntry({
      client,
      path: { path },
      body: { mode },
      throwOnError: true,
    });
    return data.mode;
  },
  async copy(from, path) {
    await copyEntry({ client, path: { path }, query: { from }, throwOnError: true });
  },
  async delete(path) {
    await deleteEntry({ client, path: { path }, throwOnError: true });
  },
  async share(path) {
    const link = await createLink({
      client,
      body: { path: `/${path}`, max_downloads: 1 },
      throwOnError: true,
    });
    const stranger = createClient({ baseUrl: base });
    const { data } = await downloadFile({
      client: stranger,
      path: { token: link.data.token },
      parseAs: "blob",
      throwOnError: true,
    });
    return data.text();
  },
  async createAt(path, body, mtime) {
    const { error } = await put(path, body, { "X-CallFS-MTime": mtime });
    assert.equal(error, undefined);
  },
  async digests(path) {
    const { data } = await listDirectory({
      client,
      path: { path },
      query: { fields: ["sha256", "content_type"] },
      throwOnError: true,
    });
    return data.items;
  },
  async exchange(path, destination) {
    const { data } = await updateEntry({
      client,
      path: { path },
      body: { destination, exchange: true },
      throwOnError: true,
    });
    return data.path;
  },
  async shareDirectory(path, file) {
    const link = await createLink({
      client,
      body: { path: `/${path}`, unlimited: true, expiry_seconds: 60, disposition: "inline" },
      throwOnError: true,
    });
    assert.equal(link.data.type, "directory");
    const { token } = link.data;
    const stranger = createClient({ baseUrl: base });
    const listing = await listSharedDirectory({
      client: stranger,
      path: { token },
      throwOnError: true,
    });
    const shared = await downloadBelow({
      client: stranger,
      path: { token, path: file },
      parseAs: "blob",
      throwOnError: true,
    });
    assert(typeof listing.data !== "string");
    return [listing.data.map((entry) => entry.name), await shared.data.text()];
  },
  async problem(path) {
    return code((await readFile({ client, path: { path }, parseAs: "blob" })).error);
  },
});
