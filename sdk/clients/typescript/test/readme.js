// Makes a test of the lines of README.md, in the order in which they are there.

import { readFile, writeFile } from "node:fs/promises";

const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
const blocks = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block]) => block);
if (blocks.length < 3) throw new Error("README.md has too few blocks of TypeScript");
await writeFile(new URL("readme.test.ts", import.meta.url), blocks.join("\n"));
