// Paths of entries, and their form in a URL.

/** The path with one slash at its start and none at its end. */
export function absolute(path: string): string {
  return "/" + path.replace(/^\/+|\/+$/g, "");
}

/**
 * The path as a part of a URL.
 *
 * `fetch` resolves `.` and `..` before it sends anything, so that a request would be about another
 * entry. Such a path is refused here.
 */
export function encoded(path: string): string {
  const names = absolute(path).slice(1).split("/");
  if (names.length === 1 && names[0] === "") return "/";
  if (names.some((name) => name === "" || name === "." || name === "..")) {
    throw new TypeError(`the path '${path}' has an empty name, '.' or '..' in it`);
  }
  return names.map((name) => "/" + encodeURIComponent(name)).join("");
}

export type Query = Record<string, string | number | boolean | undefined>;

/** An encoded path with those parameters that have a value. */
export function target(path: string, query: Query = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  if (given.length === 0) return path;
  return `${path}?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}
