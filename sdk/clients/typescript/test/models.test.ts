// What is generated from the OpenAPI document.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const HERE = new URL("../", import.meta.url);

test("the models are those of the document", () => {
  const document =
    process.env["CALLFS_TEST_OPENAPI"] ??
    fileURLToPath(new URL("../../../host/http/openapi.json", HERE));
  const folder = mkdtempSync(join(tmpdir(), "callfs-models-"));
  try {
    const output = join(folder, "models.ts");
    execFileSync("node", ["generate.js", document, output], { cwd: HERE });
    const committed = readFileSync(new URL("src/models.ts", HERE), "utf8");
    assert(readFileSync(output, "utf8") === committed, "run npm run generate");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
