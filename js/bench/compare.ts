import { launchChromium } from "../test/browser.js";
import { type Ground, labOf, urlOf } from "./ground.js";
import type { Sample } from "./lab.js";
import { median, spread, table } from "./table.js";

/** In how many rounds the peers run, which take long. */
const PEER_ROUNDS = 3;

/** The verdict where nobody is asked: one picture in some two hundred hits the filter of a new list by accident. */
const CANDIDATE = "unavailable: no-confirmation";

/** What a check takes beside createImageBitmap of the same file and beside the peers, and its stages: one run of Chromium. */
export async function compare(ground: Ground): Promise<string> {
  const browser = await launchChromium();
  const samples = new Map<string, Sample[]>();
  const hits: string[] = [];
  try {
    const { call } = await labOf(browser, ground);
    for (let round = -1; round < ground.rounds; round++) {
      for (const subject of ground.subjects) {
        const { name } = subject;
        if (hits.includes(name)) continue;
        await call("load", name, urlOf(subject));
        const sample = await call("measure", name, round % 2 === 0, round >= 0 && round < PEER_ROUNDS);
        await call("unload");
        if (sample.verdict === CANDIDATE) hits.push(name);
        else if (sample.verdict !== "clear") throw new Error(`${name}: ${sample.verdict}`);
        else if (round >= 0) samples.set(name, [...(samples.get(name) ?? []), sample]); // the first round warms up
      }
    }
  } finally {
    await browser.close();
  }
  const subjects = ground.subjects.filter(({ name }) => !hits.includes(name));
  const ratios = subjects.map(({ name, bytes, target }) => {
    const its = samples.get(name) ?? [];
    const peer = (which: string) => {
      const ran = its.filter(({ peers }) => which in peers && !Number.isNaN(peers[which]));
      if (ran.length === 0) return "does not run";
      return spread(
        ran.map(({ peers, check }) => (peers[which] ?? 0) / check),
        1,
      );
    };
    return [
      name,
      (bytes / 1e6).toFixed(1),
      median(its.map(({ bitmap }) => bitmap)).toFixed(0),
      median(its.map(({ check }) => check)).toFixed(0),
      spread(
        its.map(({ check, bitmap }) => check / bitmap),
        target < 0.2 ? 3 : 2,
      ),
      target,
      peer("blockhash"),
      peer("browserImageHash"),
    ];
  });
  const stages = subjects.map(({ name }) => {
    const its = samples.get(name) ?? [];
    const { decoder, scale } = its[0] ?? { decoder: "", scale: 1 };
    const steps = ["read", "decode", "digest", "probe"] as const;
    const rest = (timings: Sample["timings"]) => steps.reduce((left, step) => left - timings[step], timings.total);
    const times = [
      ...steps.map((step) => its.map(({ timings }) => timings[step])),
      its.map((its) => rest(its.timings)),
    ];
    return [name, decoder === "jpeg" ? `jpeg, 1/${scale}` : decoder, ...times.map((ms) => median(ms).toFixed(1))];
  });
  const head = ["file", "MB", "createImageBitmap, ms", "check, ms", "check ÷ createImageBitmap", "target"];
  const peers = ["blockhash-core ÷ check", "browser-image-hash ÷ check"];
  const first = table([...head, ...peers.map((peer) => `${peer}, ${PEER_ROUNDS} rounds`)], ratios);
  const second = table(
    ["file", "decoded by", "read, ms", "decode", "waiting for the digest", "hash and probe", "messages"],
    stages,
  );
  const leftOut = hits.map((name) => `\n\nLeft out: ${name}, which hits the list's filter by accident.`).join("");
  return `${first}\n\n${second}${leftOut}`;
}
