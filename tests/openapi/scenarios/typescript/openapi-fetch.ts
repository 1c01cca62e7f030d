// openapi-typescript with openapi-fetch.

import { strict as assert } from "node:assert";

import createClient from "openapi-fetch";

import type { components, paths } from "./openapi-typescript/schema";
import { base, key, names, parse, present, run } from "./steps";

type Problem = components["schemas"]["Problem"];

const client = createClient<paths>({
  baseUrl: base,
  headers: { Authorization: `Bearer ${key}` },
});
// A body is bytes or a form; here it is bytes.
const bytes = { bodySerializer: (body: unknown) => body as Blob };
const octets = { "Content-Type": "application/octet-stream" };

/** What a success has, or the error that says which problem there was. */
function succeeded<T>(answer: { data?: T; error?: Problem; response: Response }): Response {
  assert.equal(answer.error, undefined);
  return answer.response;
}

function code(problem: Problem | undefined): components["schemas"]["ProblemCode"] {
  return present(problem, "a problem").code;
}

type Fields = { "If-Match"?: string; "If-None-Match"?: string; "X-CallFS-MTime"?: string };

function put(path: string, body: Blob, header: Fields) {
  return client.PUT("/v1/files/{path}", {
    params: { path: { path }, header },
    headers: octets,
    body,
    ...bytes,
  });
}

const etag = (response: Response) => present(response.headers.get("ETag"), "an entity tag");

void run("openapi-fetch", {
  create: async (path, body) => etag(succeeded(await put(path, body, { "If-None-Match": "*" }))),
  createAgain: async (path, body) => code((await put(path, body, { "If-None-Match": "*" })).error),
  async readRange(path, range) {
    const { data, error, response } = await client.GET("/v1/files/{path}", {
      params: { path: { path }, header: { Range: range } },
      parseAs: "blob",
    });
    assert.equal(error, undefined);
    assert.equal(response.status, 206);
    return present(data, "a part").text();
  },
  async replace(path, body, version) {
    const { error, response } = await put(path, body, { "If-Match": version });
    return error ? error.code : etag(response);
  },
  async createDirectory(path) {
    succeeded(await client.POST("/v1/files/{path}/", { params: { path: { path } } }));
  },
  async page(path, limit, after) {
    const { data } = await client.GET("/v1/directories/{path}", {
      params: { path: { path }, query: after === undefined ? { limit } : { limit, after } },
    });
    const listing = present(data, "a listing") as components["schemas"]["Listing"];
    return [listing.items.map((entry) => entry.name), listing.next];
  },
  async stream(path, limit) {
    const { data } = await client.GET("/v1/directories/{path}", {
      params: { path: { path }, query: { limit, recursive: true, type: "file" } },
      headers: { Accept: "application/x-ndjson" },
      parseAs: "stream",
    });
    const lines = present(data, "a stream") as ReadableStream<Uint8Array>;
    return names(await parse<components["schemas"]["ListingLine"]>(lines));
  },
  async move(path, destination) {
    const { data } = await client.PATCH("/v1/files/{path}", {
      params: { path: { path } },
      body: { destination, overwrite: false },
    });
    return present(data, "an entry").path;
  },
  async changeMode(path, mode) {
    const { data } = await client.PATCH("/v1/files/{path}", {
      params: { path: { path } },
      body: { mode },
    });
    return present(data, "an entry").mode;
  },
  async copy(from, path) {
    const params = { path: { path }, query: { from } };
    succeeded(await client.POST("/v1/files/{path}", { params }));
  },
  async delete(path) {
    succeeded(await client.DELETE("/v1/files/{path}", { params: { path: { path } } }));
  },
  async share(path) {
    const { data } = await client.POST("/v1/links/generate", {
      body: { path: `/${path}`, max_downloads: 1 },
    });
    const { token } = present(data, "a link");
    const stranger = createClient<paths>({ baseUrl: base });
    const shared = await stranger.GET("/download/{token}", {
      params: { path: { token } },
      parseAs: "text",
    });
    return present(shared.data, "a file") as unknown as string;
  },
  async createAt(path, body, mtime) {
    succeeded(await put(path, body, { "X-CallFS-MTime": mtime }));
  },
  async digests(path) {
    const { data } = await client.GET("/v1/directories/{path}", {
      params: { path: { path }, query: { fields: ["sha256", "content_type"] } },
    });
    return (present(data, "a listing") as components["schemas"]["Listing"]).items;
  },
  async exchange(path, destination) {
    const { data } = await client.PATCH("/v1/files/{path}", {
      params: { path: { path } },
      body: { destination, exchange: true },
    });
    return present(data, "an entry").path;
  },
  async shareDirectory(path, file) {
    const { data } = await client.POST("/v1/links/generate", {
      body: { path: `/${path}`, unlimited: true, expiry_seconds: 60, disposition: "inline" },
    });
    const { token, type } = present(data, "a link");
    assert.equal(type, "directory");
    const stranger = createClient<paths>({ baseUrl: base });
    const listing = await stranger.GET("/download/{token}/", { params: { path: { token } } });
    const entries = listing.data as components["schemas"]["SharedEntry"][];
    const shared = await stranger.GET("/download/{token}/{path}", {
      params: { path: { token, path: file } },
      parseAs: "text",
    });
    return [entries.map((entry) => entry.name), shared.data as unknown as string];
  },
  async problem(path) {
    const { error } = await client.GET("/v1/files/{path}", {
      params: { path: { path } },
      parseAs: "blob",
    });
    return code(error);
  },
});
