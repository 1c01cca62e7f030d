// Which gateway is asked, with which key, and how.

import { DEFAULT_RETRIES, type Retries } from "./retries.js";

export interface ClientOptions {
  /** The URL of the gateway; in Node.js the variable CALLFS_URL unless given. */
  url?: string;
  /** The key of the caller; in Node.js the variable CALLFS_KEY unless given. */
  key?: string;
  /** How long to wait for an answer, and for each further block of it, in milliseconds. */
  timeout?: number;
  retries?: Partial<Retries>;
  /** Used instead of the global `fetch`. */
  fetch?: typeof fetch;
}

export interface Settings {
  url: string;
  key: string;
  timeout: number;
  retries: Retries;
  fetch: typeof fetch;
}

export function settingsOf(options: ClientOptions): Settings {
  const url = options.url ?? variable("CALLFS_URL");
  const key = options.key ?? variable("CALLFS_KEY");
  if (!url) throw new TypeError("there is no gateway; give url, or set CALLFS_URL");
  if (!key) throw new TypeError("there is no key; give key, or set CALLFS_KEY");
  return {
    url: url.replace(/\/+$/, ""),
    key: key.trim(),
    timeout: options.timeout ?? 60_000,
    retries: { ...DEFAULT_RETRIES, ...options.retries },
    // A browser refuses to call `fetch` as a method of anything else.
    fetch: options.fetch ?? ((...request) => globalThis.fetch(...request)),
  };
}

function variable(name: string): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return process?.env?.[name];
}
