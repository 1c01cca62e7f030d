// Generates src/models.ts from the OpenAPI document: node generate.js DOCUMENT [OUTPUT]

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import openapiTS, { astToString } from "openapi-typescript";

const [document, output = fileURLToPath(new URL("src/models.ts", import.meta.url))] =
  process.argv.slice(2);
if (document === undefined) {
  console.error("usage: node generate.js DOCUMENT [OUTPUT]");
  process.exit(2);
}

const described = JSON.parse(await readFile(document, "utf8"));
// The client knows the operations; what it needs to know of the document are the schemas.
const schemas = {
  openapi: described.openapi,
  info: { title: "callfs", version: "1" },
  paths: {},
  components: { schemas: described.components.schemas },
};
const types = await openapiTS(schemas, { rootTypes: true, rootTypesNoSchemaPrefix: true });
const header = "// Generated from the OpenAPI document by generate.js; do not edit.\n\n";
await writeFile(output, header + astToString(types));
