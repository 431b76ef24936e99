/**
 * Begins a worker's script so that `code` can change the functions that a program hands out, `api`, before the worker has
 * them: those of every program, or of the first so many.
 */
export function tamper(code: string, times = Number.POSITIVE_INFINITY): string {
  return `
    let Tampered;
    let started = 0;
    Object.defineProperty(globalThis, "Go", {
      configurable: true,
      get: () => Tampered,
      set: (Go) => {
        Tampered = class extends Go {
          run(instance) {
            const ran = super.run(instance);
            const api = this._values.find((value) => value?.version);
            if (started++ < ${times}) { ${code} }
            return ran;
          }
        };
      },
    });`;
}
