// The files that are measured: photographs stitched together, encoded by Debian's tools.

import { execFile } from "node:child_process";
import { access, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A file of the bench. */
export interface Subject {
  name: string;
  path: string;
  bytes: number;
  /** How many times as long as createImageBitmap a check may take. */
  target: number;
}

const YCC = { "4:2:0": "2x2", "4:4:4": "1x1" };

/** Makes the files that are not there yet in the folder, and says what of. */
export async function makeFiles(root: string, folder: string): Promise<{ subjects: Subject[]; said: string[] }> {
  await mkdir(folder, { recursive: true });
  const said: string[] = [];
  const subjects: Subject[] = [];
  const stitched = async (file: string, width: number, height: number) => {
    const path = join(folder, file);
    if (await exists(path)) return path;
    const args = ["run", "./tools/internal/corpus/stitch", "corpus", String(width), String(height), path];
    const { stdout } = await run("go", args, { cwd: root });
    await writeFile(`${path}.txt`, stdout);
    return path;
  };
  const add = async (name: string, file: string, target: number, make: (path: string) => Promise<unknown>) => {
    const path = join(folder, file);
    try {
      if (!(await exists(path))) await make(path);
      subjects.push({ name, path, target, bytes: (await stat(path)).size });
    } catch (error) {
      said.push(`left out ${name}: ${String(error).slice(0, 200)}`);
    }
  };
  for (const [megapixels, width, height, baseline, progressive] of [
    [12, 4000, 3000, 0.75, 0.1],
    [50, 8160, 6144, 0.6, 0.06],
  ] as const) {
    const source = () => stitched(`${megapixels}.ppm`, width, height);
    for (const [sampling, factors] of Object.entries(YCC)) {
      const options = ["-quality", "85", "-sample", factors];
      const suffix = `${megapixels}-${factors}`;
      await add(`${megapixels} MP baseline ${sampling}`, `baseline-${suffix}.jpg`, baseline, async (path) =>
        run("cjpeg", [...options, "-baseline", "-outfile", path, await source()]),
      );
      await add(`${megapixels} MP progressive ${sampling}`, `progressive-${suffix}.jpg`, progressive, async (path) =>
        run("cjpeg", [...options, "-progressive", "-outfile", path, await source()]),
      );
    }
  }
  const small = () => stitched("4.png", 2304, 1728);
  await add("4 MP PNG", "4.png", 1.25, small);
  await add("4 MP WebP", "4.webp", 1.25, async (path) => run("cwebp", ["-q", "80", await small(), "-o", path]));
  await add("4 MP AVIF", "4.avif", 1.25, async (path) => run("avifenc", ["-s", "8", await small(), path]));
  for (const file of await readdir(folder)) {
    if (file.endsWith(".txt"))
      said.unshift(`${file.slice(0, -4)}: ${(await readFile(join(folder, file), "utf8")).trim()}`);
  }
  return { subjects, said };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
