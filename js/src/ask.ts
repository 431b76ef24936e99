// How a finding's candidates are asked about, privately or plainly.

import { type Answer, MAX_KEYS, type Output, plain } from "./confirm.js";
import type { Engine, Finding } from "./engine.js";
import { PresealError } from "./errors.js";
import type { ManifestInfo } from "./messages.js";
import { mustBeOnline, Server, type Terms } from "./server.js";
import { timed, within } from "./wait.js";

/**
 * The error of entries that are not there or do not open, of an output that the snapshot lists: one of the two is out of date, or
 * somebody tampers with them.
 */
export class NoEntry extends PresealError {
  constructor(cause: unknown) {
    super("bad-answer", `confirmation: a candidate is listed, and its entries are not to be had: ${String(cause)}`, {
      cause,
    });
  }
}

/**
 * Gives the answer about one candidate, which may take a request for its entries.
 *
 * @throws PresealError or EngineError if there is none; the signal's reason.
 */
export type Asked = () => Promise<Answer>;

type Candidates = Finding["candidates"];

/**
 * Asks privately. All questions are sent at once: what one answer says must not show in whether there is another question. The
 * answers are made in turn, so that no entries are fetched of candidates that come after a match.
 *
 * @throws PresealError if nothing could be asked; the signal's reason.
 */
export async function askPrivately(
  candidates: Candidates,
  engine: Engine,
  { keyId, publicKey }: NonNullable<ManifestInfo["oprf"]>,
  terms: Terms,
): Promise<Asked[]> {
  const { report, signal } = terms;
  const { timings } = report;
  mustBeOnline(); // before the scripts are asked for
  const { scripts, questions } = await timed(timings, "ask", async () => {
    const scripts = await within(terms.timeout, "confirmation's scripts", signal, load);
    if ((await scripts.keyIdOf(publicKey)) !== keyId) {
      throw new PresealError("corrupt", "confirmation: the manifest's public key has another id");
    }
    const { ask } = scripts.voprf(publicKey);
    return { scripts, questions: await Promise.all(batchesOf(candidates).map(ask)) };
  });
  report.asked = { keyId, slots: questions.map(({ slots }) => slots) };
  const server = new Server(terms);
  const sent = Promise.allSettled(questions.map((question) => server.ask(question)));
  const responses = await timed(timings, "wait", () => sent);
  signal.throwIfAborted();
  const outputs = await timed(timings, "open", () =>
    responses.map((response, i) =>
      attempted(() => {
        if (response.status === "rejected") throw response.reason;
        return questions[i]?.answers(response.value);
      }),
    ),
  );
  const buckets = new Buckets((bucket) =>
    timed(timings, "wait", () => server.entries(keyId, bucket, scripts.MAX_BUCKET)),
  );
  const answer = async (output: Output): Promise<Answer> => {
    const { listed, bucket } = engine.call("lookUp", output);
    if (!listed) return { listed, hashes: [] };
    const records = await buckets.get(bucket);
    const entries = await timed(timings, "open", () => scripts.openEntries(output, records)).catch((error: unknown) => {
      throw buckets.end(new NoEntry(error));
    });
    const [hashed, bare] = [entries.filter(({ pdq }) => pdq), entries.filter(({ pdq }) => !pdq)];
    return {
      listed,
      hashes: hashed.flatMap(({ pdq }) => pdq ?? []),
      labels: [...hashed, ...bare].map(({ label }) => label),
    };
  };
  return candidates.map((_, i) => async () => {
    const batch = outputs[Math.floor(i / MAX_KEYS)]?.();
    return answer(batch?.[i % MAX_KEYS] as Output);
  });
}

/** Asks plainly, about as many candidates as one question holds. */
export async function askPlainly(candidates: Candidates, terms: Terms): Promise<Asked[]> {
  const [keys = []] = batchesOf(candidates);
  const question = plain.ask(keys);
  const response = await timed(terms.report.timings, "wait", () => new Server(terms).ask(question));
  return question.answers(response).map((answer) => async () => answer);
}

function batchesOf(candidates: Candidates) {
  const keys = candidates.map(({ lane, key }) => ({ lane, bytes: key }));
  return Array.from({ length: Math.ceil(keys.length / MAX_KEYS) }, (_, i) =>
    keys.slice(i * MAX_KEYS, (i + 1) * MAX_KEYS),
  );
}

/** Whether a script could not be loaded. Firefox remembers that for as long as the worker lives, and does not ask for it again. */
export let lacksScripts = false;

/**
 * Loads what only candidates need, from where the package is served. All of it at once: who serves the scripts must not learn
 * from one that comes later how the question was answered.
 */
async function load() {
  try {
    const [scripts] = await Promise.all([import("./private.js"), import("./ristretto.js")]);
    return scripts;
  } catch (cause) {
    lacksScripts = true;
    throw new PresealError("network", "confirmation: its scripts could not be loaded", { cause });
  }
}

/** Does the work now, and lets whoever asks have its result or its error. */
function attempted<T>(work: () => T): () => T {
  try {
    const result = work();
    return () => result;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

/**
 * Buckets, each fetched once. After a failure none is: the next would hardly fare better, and whoever answers with empty buckets
 * would learn those of the other candidates, too.
 */
class Buckets {
  readonly #fetch: (bucket: string) => Promise<Uint8Array>;
  readonly #fetched = new Map<string, Uint8Array>();
  #failure: { error: unknown } | undefined;

  constructor(fetch: (bucket: string) => Promise<Uint8Array>) {
    this.#fetch = fetch;
  }

  async get(bucket: string): Promise<Uint8Array> {
    const known = this.#fetched.get(bucket);
    if (known) return known;
    if (this.#failure) throw this.#failure.error;
    try {
      const content = await this.#fetch(bucket);
      this.#fetched.set(bucket, content);
      return content;
    } catch (error) {
      throw this.end(error);
    }
  }

  /** Lets no further bucket be fetched; returns the error, with which those that are not there fail. */
  end<E>(error: E): E {
    this.#failure ??= { error };
    return error;
  }
}
