// The vectors of RFC 9497, appendix A.1.2, as circl's module has them, against the bundle that browsers load.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { blind, finalize } from "../ristretto.js";
import { root } from "./browser.js";
import { hexOf, scripted, unhex } from "./vectors.js";

interface Suite {
  identifier: string;
  mode: number;
  pkSm: string;
  vectors: {
    Blind: string;
    BlindedElement: string;
    EvaluationElement: string;
    Input: string;
    Output: string;
    Proof: { proof: string };
  }[];
}

const CIRCL = "github.com/cloudflare/circl";

/** Where Go keeps circl's module, of the version in go.mod. */
function folderOfCircl(): string {
  const go = (...args: string[]) => execFileSync("go", args, { cwd: root, encoding: "utf8" }).trim();
  go("mod", "download", CIRCL); // a module that is not in the cache has no folder
  return go("list", "-m", "-f", "{{.Dir}}", CIRCL);
}

test("the vectors of RFC 9497", () => {
  const file = join(folderOfCircl(), "oprf", "testdata", "rfc9497.json.gz");
  const suites: Suite[] = JSON.parse(gunzipSync(readFileSync(file)).toString());
  const suite = suites.find(({ identifier, mode }) => identifier === "ristretto255-SHA512" && mode === 1);
  assert.equal(suite?.vectors.length, 3);
  for (const vector of suite?.vectors ?? []) {
    const list = (name: "Blind" | "BlindedElement" | "EvaluationElement" | "Input" | "Output") =>
      vector[name].split(",");
    const random = scripted({ ranks: "", fillers: [], blinds: list("Blind") });
    const blinded = list("Input").map((input) => blind(unhex(input), random));
    assert.deepEqual(
      blinded.map((one) => hexOf(one.blinded)),
      list("BlindedElement"),
    );
    const evaluated = list("EvaluationElement").map(unhex);
    const outputs = finalize(unhex(suite?.pkSm ?? ""), blinded, evaluated, unhex(vector.Proof.proof));
    assert.deepEqual(outputs?.map(hexOf), list("Output"));
  }
});
