// The module worker. It is started by the package itself; an application only has to serve it.

import { lacksScripts } from "./ask.js";
import { asPresealError, PresealError } from "./errors.js";
import { parseRequest, type Reply, type Request } from "./messages.js";
import { version } from "./release.js";
import { Session } from "./session.js";

const scope = globalThis as unknown as {
  postMessage(reply: Reply): void;
  addEventListener(type: "message", listener: (event: MessageEvent<unknown>) => void): void;
};

/**
 * How long the page hears nothing of a check that it does not listen to, in milliseconds, if its timeout is not shorter: messages
 * hold up a short check. Of every request it hears at once, to report it should the worker be lost.
 */
const SILENCE = 1000;

const calls = new Map<number, AbortController>();
let session: Session | undefined;
let silence = SILENCE;

scope.addEventListener("message", ({ data }) => {
  try {
    receive(parseRequest(data));
  } catch (error) {
    fail(typeof data === "object" ? (data as { id?: unknown } | null)?.id : undefined, error);
  }
});

function receive(request: Request): void {
  switch (request.type) {
    case "open":
      run(request.id, (signal) => open(request, signal));
      break;
    case "check":
      run(request.id, (signal) => check(request, signal));
      break;
    case "update":
      run(request.id, (signal) => update(request, signal));
      break;
    case "abort":
      calls.get(request.id)?.abort();
      break;
    case "ping":
      scope.postMessage({ type: "pong" });
  }
}

/** Every call ends in one reply, unless it was aborted: then nobody waits for one. */
function run(id: number, work: (signal: AbortSignal) => Promise<Reply>): void {
  const controller = new AbortController();
  calls.set(id, controller);
  work(controller.signal)
    .then((reply) => scope.postMessage(reply))
    .catch((error: unknown) => {
      if (!controller.signal.aborted) fail(id, error);
    })
    .finally(() => calls.delete(id));
}

async function open(request: Extract<Request, { type: "open" }>, signal: AbortSignal): Promise<Reply> {
  const { id, settings, kept } = request;
  if (request.version !== version) {
    throw new PresealError("version-mismatch", `worker ${version}, page ${request.version}`);
  }
  silence = Math.min(SILENCE, settings.timeout);
  const wasm = settings.wasm ?? new URL("./preseal.wasm", import.meta.url).href;
  const decoders = settings.decoders ?? new URL("./decoders.wasm", import.meta.url).href;
  const start = { wasm, decoders, digester: request.digester, kept, tell: (news: Reply) => scope.postMessage(news) };
  session = await Session.open(settings, start, signal, (event) => scope.postMessage({ type: "progress", id, event }));
  const { serving } = session;
  return { type: "opened", id, info: serving.info, kept: serving.kept };
}

async function update({ id }: Extract<Request, { type: "update" }>, signal: AbortSignal): Promise<Reply> {
  const info = await opened().update(signal, (event) => scope.postMessage({ type: "progress", id, event }));
  return { type: "updated", id, info };
}

async function check(request: Extract<Request, { type: "check" }>, signal: AbortSignal): Promise<Reply> {
  const { id, blob, listens } = request;
  let told = performance.now();
  const verdict = await opened().check(blob, signal, (event) => {
    const now = performance.now();
    if (!listens && event.phase !== "confirm" && now - told < silence) return;
    told = now;
    scope.postMessage({ type: "progress", id, event });
  });
  return { type: "checked", id, verdict, ...(lacksScripts && { lacksScripts }) };
}

function opened(): Session {
  if (session) return session;
  throw new PresealError("bad-message", "a call before a snapshot is open");
}

function fail(id: unknown, thrown: unknown): void {
  if (typeof id !== "number") return;
  const { code, message } = asPresealError(thrown, "engine-failed");
  scope.postMessage({ type: "failed", id, code, message });
}
