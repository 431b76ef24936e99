// make bench-browser: how long a check takes beside createImageBitmap of the same file, and what it costs the page. Further
// arguments choose parts; ROUNDS is how often each file is measured, but for what says that it is otherwise; FILES a regular
// expression of the files' names.

import { access, readFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { launchChromium, openStage, root } from "../test/browser.js";
import { Lists } from "../test/lists.js";
import { cold } from "./cold.js";
import { compare } from "./compare.js";
import { confirm } from "./confirm.js";
import { memory, stalls } from "./costs.js";
import { makeFiles } from "./files.js";
import { type Ground, LISTS, urlOf } from "./ground.js";

const parts: Record<string, (ground: Ground) => Promise<string>> = { compare, memory, stalls, cold, confirm };
const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(parts);
const rounds = Number(process.env.ROUNDS ?? 15);

const folder = join(root, "js", "bench");
const { subjects: all, said } = await makeFiles(root, join(folder, "files"));
const subjects = all.filter(({ name }) => new RegExp(process.env.FILES ?? "").test(name));
const bundle = { bundle: true, format: "esm", logLevel: "error" } as const;
await build({
  ...bundle,
  entryPoints: [join(folder, "peers.mjs")],
  outfile: join(root, "js", "dist", "bench", "peers.js"),
});
const stage = await openStage();
const lists = await Lists.build(stage.tool, true);
try {
  lists.serve("big1");
  stage.routes.set(LISTS, lists.handle);
  for (const subject of subjects) {
    const file = await readFile(subject.path);
    stage.routes.set(urlOf(subject), (_, response) => response.end(file));
  }
  const browser = await launchChromium();
  const version = await browser.version();
  await browser.close();
  const date = new Date().toISOString().slice(0, 10);
  const machine = `${cpus().length} × ${cpus()[0]?.model}`;
  console.log(`${date}, ${version}, ${machine}, ${rounds} interleaved rounds: median (lowest–highest).`);
  console.log(`A list of 980,000 entries, of which no file hits one.\n`);
  for (const line of said) console.log(`- ${line}`);
  const hasCorpus = await access(join(root, "corpus")).then(
    () => true,
    () => false,
  );
  if (!hasCorpus)
    console.log(
      "- There is no corpus: files that are not there yet are of drawings. `make corpus` fetches photographs.",
    );
  for (const part of wanted) console.log(`\n${await parts[part]?.({ stage, lists, subjects, rounds })}`);
} finally {
  await lists.remove();
  await stage.close();
}
