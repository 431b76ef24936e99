// What a confirmation server, and whoever watches the network, can see of files that are checked. Chromium always; Firefox and
// WebKitGTK with PRESEAL_ALL_BROWSERS set.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import type { Recorded } from "./browser.js";
import { ConfirmLab, picture } from "./confirmlab.js";

const QUESTION = "POST /old/v1/evaluate";
const ENTRIES = "GET /old/v1/entries/*/0"; // a list this small has one bucket

const all = process.env.PRESEAL_ALL_BROWSERS !== undefined;

for (const engine of all ? (["Chromium", "Firefox", "WebKitGTK"] as const) : (["Chromium"] as const)) {
  describe(engine, () => {
    let lab: ConfirmLab;
    const scripts = (requests: Recorded[]) =>
      requests.flatMap(({ path }) => /\/(private|ristretto)\.js$/.exec(path)?.[1] ?? []).sort();

    before(async () => {
      lab = await ConfirmLab.open(engine);
    });

    after(() => lab?.close());

    test("a clear file makes no request, and until the first candidate no script of the confirmation is loaded", async () => {
      const opening = await lab.page.stage.during(async () => assert.equal(await lab.openList(), ""));
      assert.ok(opening.some(({ path }) => path.endsWith("/worker.js")));
      assert.deepEqual(scripts(opening), []);
      const clear = await lab.check("10");
      assert.deepEqual([clear.outcome.kind, clear.outcome.requests, clear.requests], ["clear", 0, []]);
      const first = await lab.check("missed");
      assert.equal(first.outcome.kind, "cleared");
      assert.deepEqual(scripts(first.requests), ["private", "ristretto"]);
      assert.equal(first.requests.length, 3); // so that no script comes later, when it would tell of the answer
    });

    const files: [name: string, kind: string, slots: number[]][] = [
      ["missed", "cleared", [4]],
      ["1", "match", [4]],
      ["3", "cleared", [4]],
      ["2", "match", [4]],
      ["4", "cleared", [4]],
      ["5", "cleared", [8]],
      ["6", "cleared", [8]],
      ["7", "cleared", [16]],
      ["8", "cleared", [16, 4]],
      ["9", "unavailable", [16, 16]],
    ];

    test("questions have the same size for all numbers of candidates that fit, and answers whatever they say", async (t) => {
      const times: string[] = [];
      const counts = new Map<string, Set<number>>(); // of candidates, by slots
      for (const [name, kind, slots] of files) {
        const { outcome, requests, asked } = await lab.check(name);
        assert.deepEqual([outcome.kind, outcome.asked?.slots], [kind, slots], name);
        const count = outcome.candidates?.length ?? 0;
        counts.set(`${slots}`, (counts.get(`${slots}`) ?? new Set()).add(count));
        const questions = requests.filter(({ method }) => method === "POST");
        assert.deepEqual(
          questions.map(({ body, answer }) => [body[3], body.length, answer?.status, answer?.body.length]).sort(),
          slots.map((m) => [m, 12 + 32 * m, 200, 12 + 32 * m + 64]).sort(),
          name,
        );
        // After the answer there is nothing more to see, unless a candidate is listed.
        assert.deepEqual(asked, [...slots.map(() => QUESTION), ...(name === "missed" ? [] : [ENTRIES])], name);
        const sizes = requests.map(({ answer }) => answer?.body.length ?? 0);
        assert.equal(
          outcome.received,
          sizes.reduce((sum, size) => sum + size, 0),
        );
        times.push(`${slots.join("+")}: ${Math.round(outcome.timings?.confirm ?? 0)} ms`);
      }
      const seen = [...counts].map(([slots, counts]) => `${slots}: ${[...counts]}`).join("; ");
      assert.ok((counts.get("4")?.size ?? 0) >= 3 && (counts.get("8")?.size ?? 0) >= 2, seen);
      t.diagnostic(`candidates by slots: ${seen}`);
      t.diagnostic(`confirmation by slots: ${times.join(", ")}`);
    });

    test("more candidates than two questions hold are an overflow, whatever the answers say", async () => {
      const { outcome } = await lab.check("9");
      assert.deepEqual([outcome.kind, outcome.reason], ["unavailable", "overflow"]);
    });

    test("scripts that are not to be had are an outage, nothing is asked, and the next check tries again", async (t) => {
      for (const script of ["ristretto", "private"]) {
        const path = `/js/dist/${script}.js`;
        lab.page.stage.routes.set(path, (_, response) => response.writeHead(404).end());
        t.after(() => lab.page.stage.routes.delete(path));
        assert.equal(await lab.openList(), "");
        const { outcome, asked } = await lab.check("1");
        assert.deepEqual([outcome.kind, outcome.reason, outcome.requests], ["unavailable", "network", 0], script);
        assert.deepEqual(asked, []);
        lab.page.stage.routes.delete(path);
        assert.equal((await lab.check("1")).outcome.kind, "match", script);
      }
    });

    test("the same file twice gives different bytes in every slot", async () => {
      const slots = new Set<string>();
      for (let i = 0; i < 3; i++) {
        const { requests } = await lab.check("1");
        const { body } = requests[0] as Recorded;
        assert.equal(body.subarray(0, 12).toString("hex"), `01010104${outcomeKey(requests)}`);
        for (let at = 12; at < body.length; at += 32) slots.add(body.toString("hex", at, at + 32));
      }
      assert.equal(slots.size, 12);
    });

    test("the request for entries carries the key's id and the bucket, and nothing else", async () => {
      const { requests } = await lab.check("2");
      const entries = requests.at(-1) as Recorded;
      assert.match(entries.path, /^\/old\/v1\/entries\/[0-9a-f]{16}\/[0-9a-f]+$/);
      assert.equal(entries.body.length, 0);
    });

    test("no request says anything of the file, of the visitor or of the page", async () => {
      const file = picture(1);
      await lab.page.call("load", "holiday at home.png", "/1.png");
      const { outcome, requests } = await lab.check("holiday at home.png");
      assert.deepEqual([outcome.kind, outcome.label, requests.length], ["match", "picture 1", 2]);
      const digest = createHash("sha256").update(file).digest();
      const [pdq, phash] = [Buffer.from(outcome.pdq ?? "", "hex"), Buffer.from(outcome.phash ?? "", "hex")];
      for (const { path, headers, body } of requests) {
        const head = `${path}\n${JSON.stringify(headers)}`;
        for (const word of ["holiday", "image/png", String(file.length), "visitor", "blank.html"]) {
          assert.ok(!head.includes(word) && !body.includes(word), word);
        }
        assert.deepEqual([headers.cookie, headers.referer], [undefined, undefined]);
        for (const secret of [digest, pdq, phash].flatMap((hash) => [hash.subarray(0, 8), hash.subarray(-8)])) {
          assert.ok(!body.includes(secret) && !head.includes(secret.toString("hex")), secret.toString("hex"));
        }
      }
      // The head of a question is the same for any other file.
      const other = (await lab.check("missed")).requests[0] as Recorded;
      assert.deepEqual(requests[0]?.headers, other.headers);
    });
  });
}

/** The id of the key by which entries were asked for. */
function outcomeKey(requests: Recorded[]): string | undefined {
  return /entries\/([0-9a-f]{16})\//.exec(requests.at(-1)?.path ?? "")?.[1];
}
