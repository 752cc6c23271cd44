// Prints what the official parser says about an AsyncAPI document, as JSON; exits 1 for errors and warnings.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { Parser } from "@asyncapi/parser";

const file = resolve(process.argv[2]);
const { document, diagnostics } = await new Parser().parse(readFileSync(file, "utf8"), { source: file });
const found = diagnostics.map(({ severity, code, message, path }) => ({
  severity: ["error", "warning", "information", "hint"][severity],
  code,
  message,
  path: path.join("."),
}));
const seen = document && {
  channels: document.channels().all().map((channel) => channel.address()),
  operations: document.operations().all().map((operation) => operation.id()),
  messages: document.components().messages().all().map((message) => message.id()),
};
console.log(JSON.stringify({ diagnostics: found, document: seen ?? null }, null, 2));
process.exitCode = found.some(({ severity }) => ["error", "warning"].includes(severity)) || !document ? 1 : 0;
