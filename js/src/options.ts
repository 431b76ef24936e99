import type { OpenProgress, Settings } from "./messages.js";
import { type TrustOptions, trustOf } from "./trust.js";

/** The options of `Matcher.open`. URLs are relative to the page. */
export interface OpenOptions {
  /** The folder of manifest and snapshot. */
  snapshot: string | URL;
  trust: TrustOptions;
  /**
   * `"auto"`, the default: the worker looks for updates by itself, as often as the manifest's cache lifetime says (between a
   * minute and twelve hours, an hour without one), and when the confirmation server has a newer list.
   * `"manual"`: only `matcher.update()` does.
   */
  update?: "auto" | "manual";
  /** The confirmation server's base. Without one, a candidate is `unavailable` with the reason `no-confirmation`. */
  confirm?: string | URL;
  /**
   * How candidates are asked about. `"private"`, the default: the server learns that somebody asks, and nothing of the file; a
   * snapshot without a key for that makes candidates `unavailable` with the reason `no-confirmation`. `"plain"`: the server sees
   * the candidates' keys. That is for development and for lists that are public anyway.
   */
  confirmation?: "private" | "plain";
  signal?: AbortSignal;
  onProgress?: (event: OpenProgress) => void;
  /** Creates the worker; for pages that serve worker.js from elsewhere. It must be a module worker. */
  worker?: () => Worker;
  /** The engine, if it is not beside worker.js. It must be the one that belongs to this version. */
  wasm?: string | URL;
  /**
   * decoders.wasm, if it is not beside worker.js. It is loaded only in browsers whose canvas falsifies what is drawn,
   * and for lists with filters of the kind bloom.zst.
   */
  decoders?: string | URL;
  /**
   * Milliseconds without progress after which a wait for the network ends. Default 10,000. Local work (starting the engine,
   * decoding) may take three times as long. A worker from which no step is heard for ten times as long is given up.
   */
  timeout?: number;
}

/**
 * Checks the options and fills in the defaults.
 *
 * @throws TypeError, RangeError.
 */
export async function settingsOf(options: OpenOptions): Promise<Settings> {
  if (typeof options !== "object" || options === null) throw new TypeError("no options");
  const timeout = options.timeout ?? 10_000;
  if (!Number.isSafeInteger(timeout) || timeout < 1 || timeout > 600_000) {
    throw new RangeError(`timeout: ${timeout} is not an integer from 1 to 600000`);
  }
  for (const name of ["worker", "onProgress"] as const) {
    if (options[name] === undefined || typeof options[name] === "function") continue;
    throw new TypeError(`${name}: not a function`);
  }
  const update = options.update ?? "auto";
  if (update !== "auto" && update !== "manual")
    throw new TypeError(`update: ${JSON.stringify(update)} is no way to update`);
  const confirmation = options.confirmation ?? "private";
  if (confirmation !== "private" && confirmation !== "plain")
    throw new TypeError(`confirmation: ${JSON.stringify(confirmation)} is no way to confirm`);
  const settings: Settings = {
    snapshot: folderUrl("snapshot", options.snapshot),
    trust: await trustOf(options.trust),
    confirmation,
    update,
    timeout,
  };
  if (options.confirm !== undefined) settings.confirm = folderUrl("confirm", options.confirm);
  for (const name of ["wasm", "decoders"] as const) {
    const url = options[name];
    if (url !== undefined) settings[name] = absoluteUrl(name, url).href;
  }
  return settings;
}

/** A base that relative names can be resolved against: it ends with a slash. */
function folderUrl(name: string, value: string | URL): string {
  const url = absoluteUrl(name, value);
  if (/[?#]/.test(url.href)) throw new TypeError(`${name}: a folder has no query and no fragment`);
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url.href;
}

function absoluteUrl(name: string, value: string | URL): URL {
  if (typeof value !== "string" && Object.prototype.toString.call(value) !== "[object URL]") {
    throw new TypeError(`${name}: neither a string nor a URL`);
  }
  const url = parseUrl(value);
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password) return url;
  throw new TypeError(`${name}: ${JSON.stringify(String(value))} is not an http or https URL without credentials`);
}

function parseUrl(value: string | URL): URL | undefined {
  try {
    return new URL(value, globalThis.document?.baseURI);
  } catch {
    return undefined;
  }
}
