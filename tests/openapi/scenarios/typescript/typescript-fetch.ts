// typescript-fetch of openapi-generator.

import { strict as assert } from "node:assert";

import {
  Configuration,
  DirectoriesApi,
  FilesApi,
  type InitOverrideFunction,
  LinksApi,
  type ListingLine,
  type Problem,
  ResponseError,
} from "./typescript-fetch/index";
import { base, key, names, parse, present, run } from "./steps";

const settings = new Configuration({ basePath: base, accessToken: key });
const files = new FilesApi(settings);
const directories = new DirectoriesApi(settings);
const links = new LinksApi(settings);

/** The code of the problem that a call ends with. */
async function code(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    assert(error instanceof ResponseError, String(error));
    return ((await error.response.json()) as Problem).code;
  }
  return assert.fail("the call succeeded");
}

const etag = (response: Response) => present(response.headers.get("ETag"), "an entity tag");
const lines: InitOverrideFunction = async ({ init }) => ({
  headers: { ...init.headers, Accept: "application/x-ndjson" },
});

void run("typescript-fetch", {
  create: async (path, body) =>
    etag((await files.writeFileRaw({ path, body, ifNoneMatch: "*" })).raw),
  createAgain: (path, body) => code(files.writeFile({ path, body, ifNoneMatch: "*" })),
  readRange: async (path, range) => (await files.readFile({ path, range })).text(),
  async replace(path, body, version) {
    try {
      return etag((await files.writeFileRaw({ path, body, ifMatch: version })).raw);
    } catch (error) {
      return code(Promise.reject(error));
    }
  },
  createDirectory: (path) => files.createDirectory({ path }),
  async page(path, limit, after) {
    const listing = await directories.listDirectory({ path, limit, after });
    return [listing.items.map((entry) => entry.name), listing.next];
  },
  async stream(path, limit) {
    const request = { path, limit, recursive: true, type: "file" as const };
    const { raw } = await directories.listDirectoryRaw(request, lines);
    return names(await parse<ListingLine>(present(raw.body, "a stream")));
  },
  async move(path, destination) {
    return (await files.updateEntry({ path, change: { destination, overwrite: false } })).path;
  },
  async changeMode(path, mode) {
    return (await files.updateEntry({ path, change: { mode } })).mode;
  },
  copy: (from, path) => files.copyEntry({ path, from }),
  delete: (path) => files.deleteEntry({ path }),
  async share(path) {
    const linkRequest = { path: `/${path}`, maxDownloads: 1 };
    const { token } = await links.createLink({ linkRequest });
    const stranger = new LinksApi(new Configuration({ basePath: base }));
    return (await stranger.downloadFile({ token })).text();
  },
  createAt: (path, body, mtime) => files.writeFile({ path, body, xCallFSMTime: mtime }),
  async digests(path) {
    return (await directories.listDirectory({ path, fields: ["sha256", "content_type"] })).items;
  },
  async exchange(path, destination) {
    return (await files.updateEntry({ path, change: { destination, exchange: true } })).path;
  },
  async shareDirectory(path, file) {
    const linkRequest = {
      path: `/${path}`,
      unlimited: true,
      expirySeconds: 60,
      disposition: "inline" as const,
    };
    const { token, type } = await links.createLink({ linkRequest });
    assert.equal(type, "directory");
    const stranger = new LinksApi(new Configuration({ basePath: base }));
    const entries = await stranger.listSharedDirectory({ token });
    const shared = await stranger.downloadBelow({ token, path: file });
    return [entries.map((entry) => entry.name), await shared.text()];
  },
  problem: (path) => code(files.readFile({ path })),
});
