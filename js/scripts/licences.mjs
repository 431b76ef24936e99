// The licences of what dist contains: Go itself and the modules whose packages are linked into the engine or the decoders, and the packages
// that are bundled into scripts.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const LICENCE = /^(LICEN[CS]E|COPYING|NOTICE|PATENTS)(\.(txt|md))?$/i;

/** The text of dist/LICENSE-THIRD-PARTY. Bundled are the paths of modules, seen from js. */
export function thirdParty(root, bundled) {
  const texts = new Map();
  const goroot = go(root, "env", "GOROOT").trim();
  const version = go(root, "env", "GOVERSION").trim();
  for (const [name, text] of licencesIn(goroot)) texts.set(`Go ${version}, ${name}`, text);
  for (const { module, top, folder, files } of linkedPackages(root)) {
    const add = (path, text) => texts.set(`${module}, ${relative(top, path)}`, text);
    for (let up = folder; up.length >= top.length; up = dirname(up)) {
      for (const [name, text] of licencesIn(up)) add(join(up, name), text);
    }
    for (const path of files.map((name) => join(folder, name))) {
      // Code that was taken over has its licence in a comment.
      const comments = readFileSync(path, "utf8").match(/\/\*.*?\*\//gs) ?? [];
      const notices = comments.filter((comment) => comment.includes("Redistributions in binary form"));
      if (notices.length > 0) add(path, notices.join("\n\n"));
    }
  }
  for (const folder of packagesOf(bundled)) {
    const path = join(root, "js", folder);
    const { name, version } = JSON.parse(readFileSync(join(path, "package.json"), "utf8"));
    for (const [file, text] of licencesIn(path)) texts.set(`${name} ${version}, ${file}`, text);
  }
  const rule = "=".repeat(80);
  const parts = [...texts].sort().map(([title, text]) => `${rule}\n${title}\n${rule}\n\n${text.trim()}\n`);
  return `preseal.wasm, decoders.wasm, wasm_exec.js and ristretto.js contain code under these licences.\n\n${parts.join("\n")}`;
}

/** The packages of other modules that the engine and the decoders are linked from. */
function linkedPackages(root) {
  const fields = "{{.Path}} {{.Version}}\t{{.Dir}}\t{{$.Dir}}\t{{join $.GoFiles `/`}}";
  const format = `{{with .Module}}{{if not .Main}}${fields}{{end}}{{end}}`;
  const lines = go(root, "list", "-deps", `-f=${format}`, "./wasm", "./wasm/decoders").split("\n").filter(Boolean);
  return lines.map((line) => {
    const [module, top, folder, files] = line.split("\t");
    return { module, top, folder, files: files.split("/") };
  });
}

/** The folders of the packages that modules come from. */
function packagesOf(modules) {
  return new Set(modules.flatMap((path) => path.match(/^node_modules\/(@[^/]+\/)?[^/]+/)?.[0] ?? []));
}

function licencesIn(folder) {
  const names = readdirSync(folder).filter((name) => LICENCE.test(name));
  return names.map((name) => [name, readFileSync(join(folder, name), "utf8")]);
}

function go(root, ...args) {
  const env = { ...process.env, GOOS: "js", GOARCH: "wasm" };
  return execFileSync("go", args, { cwd: root, env, encoding: "utf8", maxBuffer: 1 << 26 });
}
