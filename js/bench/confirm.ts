import { ConfirmLab } from "../test/confirmlab.js";
import type { Ground } from "./ground.js";
import { spread, table } from "./table.js";

/** A question of four slots, and a bucket with the match: in Chromium, beside bare requests of the same sizes to the same server. */
export async function confirm({ rounds }: Ground): Promise<string> {
  const lab = await ConfirmLab.open();
  const samples: Record<"first" | "later", { ms: number; bare: number; parts: number[] }[]> = { first: [], later: [] };
  lab.page.stage.routes.set("/bare/", ({ url }, response) => {
    response.end(Buffer.alloc(Number(url?.split("/").at(-1))));
  });
  try {
    for (let round = -1; round < rounds; round++) {
      const error = await lab.openList(); // a worker of its own, which has loaded nothing yet
      if (error !== "") throw new Error(error);
      for (const when of ["first", "later"] as const) {
        const { outcome, requests } = await lab.check("1");
        if (outcome.kind !== "match" || `${outcome.asked?.slots}` !== "4") throw new Error(`a ${outcome.kind}`);
        const bare = await lab.page.call(
          "replay",
          requests.map(({ method, body, answer }) => ({
            method,
            path: `/bare/${answer?.body.length}`,
            body: [...body],
          })),
        );
        const { confirm = 0, ask = 0, wait = 0, open = 0 } = outcome.timings ?? {};
        if (round >= 0) samples[when].push({ ms: confirm, bare, parts: [ask, wait, open] }); // the first round warms up
      }
    }
  } finally {
    await lab.close();
  }
  const rows = Object.entries(samples).map(([when, its]) => [
    when === "first" ? "the first, with its scripts" : "a later one",
    spread(
      its.map(({ ms }) => ms),
      0,
    ),
    spread(
      its.map(({ bare }) => bare),
      0,
    ),
    spread(
      its.map(({ ms, bare }) => ms / bare),
      1,
    ),
    ...[0, 1, 2].map((i) =>
      spread(
        its.map(({ parts }) => parts[i] ?? 0),
        0,
      ),
    ),
  ]);
  const head = ["confirmation, 4 slots", "ms", "bare requests of the same sizes, ms", "÷", "ask", "wait", "open"];
  return table(head, rows);
}
