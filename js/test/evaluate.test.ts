// The private question in a browser's page under the strict policy. Chromium always; Firefox and WebKitGTK with
// PRESEAL_ALL_BROWSERS set.

import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluate, publicKey } from "./evaluator.js";
import { LabPage } from "./labpage.js";

const all = process.env.PRESEAL_ALL_BROWSERS !== undefined;

for (const engine of all ? (["Chromium", "Firefox", "WebKitGTK"] as const) : (["Chromium"] as const)) {
  test(`${engine}: the arithmetic comes with the first question, and questions of a size look alike`, async (t) => {
    const page = await LabPage.open(engine);
    t.after(() => page.close());
    page.stage.routes.set("/private/evaluate", (_, response) => {
      response.end(evaluate(page.stage.requests.at(-1)?.body ?? Buffer.alloc(0)));
    });
    const bodies: Buffer[] = [];
    const outputs: number[][][] = [];
    const times: number[] = [];
    for (const [i, count] of [1, 1, 3, 4, 4, 4].entries()) {
      const requests = await page.stage.during(async () => {
        const answer = await page.call("evaluate", "/private/", [...publicKey], count);
        outputs.push(answer.outputs);
        times.push(answer.ms);
      });
      const expected = ["POST /private/evaluate"];
      if (i === 0) expected.unshift("GET /js/dist/ristretto.js");
      assert.deepEqual(
        requests.map(({ method, path }) => `${method} ${path}`),
        expected,
      );
      bodies.push(requests.at(-1)?.body as Buffer);
    }
    t.diagnostic(`milliseconds besides the server's, the arithmetic's loading in the first: ${times.map(Math.round)}`);
    assert.deepEqual([...new Set(bodies.map(({ length }) => length))], [140]);
    assert.equal(new Set(bodies.map((body) => body.toString("hex", 12, 44))).size, bodies.length);
    assert.deepEqual(outputs[0], outputs[1]);
    assert.deepEqual(outputs[2], outputs[3]?.slice(0, 3));
  });
}
