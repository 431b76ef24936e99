import "./wasm_exec.js";

/** A JavaScript value that a program holds, as scripts/prestart.mjs describes it. */
type Described =
  | { text: string }
  /** What is at that place of the global object. */
  | { path: string }
  /** A function of the program, by its number. */
  | { function: number }
  /** What the program handed out. */
  | { api: Record<string, Described> };

/**
 * Goes on with a program where scripts/prestart.mjs stopped it, which is when it had handed out its functions. Returns them and
 * the module's exports; `stopped` is called if the program ends.
 *
 * @throws Error if the module is not of such a program.
 */
export async function restore(
  module: WebAssembly.Module,
  stopped: () => void,
): Promise<{ api: object; exports: WebAssembly.Exports }> {
  const [section] = WebAssembly.Module.customSections(module, "preseal.values");
  if (!section) throw new Error("it was not started before");
  const described: (Described & { references: number })[] = JSON.parse(new TextDecoder().decode(section));

  const go = new Go();
  go.exit = stopped;
  let handedOut: object | undefined;
  const make = (one: Described): unknown => {
    if ("text" in one) return one.text;
    if ("function" in one) return go._makeFuncWrapper(one.function);
    if ("path" in one)
      return one.path.split(".").reduce((at: unknown, name) => (at as Record<string, unknown>)[name], globalThis);
    handedOut = Object.fromEntries(Object.entries(one.api).map(([name, value]) => [name, make(value)]));
    return handedOut;
  };
  // In place of the program's start. What goes before it in Go.run is as it was when the program was started.
  const run = () => {
    for (const { references, ...one } of described) {
      const value = make(one);
      go._ids.set(value, go._values.push(value) - 1);
      go._goRefCounts.push(references);
    }
  };
  const instance = await WebAssembly.instantiate(module, go.importObject);
  const exports = { value: { ...instance.exports, run } };
  const running = go.run(Object.create(WebAssembly.Instance.prototype, { exports }));
  running.then(stopped, stopped);
  await Promise.race([running, undefined]); // it waits for calls for ever, unless it fails at once
  if (!handedOut) throw new Error("it handed out nothing");
  return { api: handedOut, exports: instance.exports };
}
