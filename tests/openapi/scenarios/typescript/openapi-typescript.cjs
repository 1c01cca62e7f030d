// Writes the types of a document as openapi-typescript has them, with Blob for bytes, as its
// documentation advises: openapi-typescript.cjs DOCUMENT FOLDER

const { mkdirSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { pathToFileURL } = require("node:url");

async function main([document, folder]) {
  const { default: openapiTS, astToString } = await import("openapi-typescript");
  const { default: ts } = await import("typescript");
  const blob = ts.factory.createTypeReferenceNode("Blob");
  const tree = await openapiTS(pathToFileURL(document), {
    transform: (schema) => (schema.format === "binary" ? blob : undefined),
  });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "schema.ts"), astToString(tree));
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
