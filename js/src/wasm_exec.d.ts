// scripts/build.mjs copies wasm_exec.js from the Go distribution. Importing it defines globalThis.Go.
declare global {
  /** One run of a Go program compiled for js/wasm. */
  class Go {
    importObject: WebAssembly.Imports;
    exit: (code: number) => void;
    run(instance: WebAssembly.Instance): Promise<void>;

    // What it keeps of a running program, and restore.ts has to put back: of each JavaScript value that the program holds, by
    // the number that it knows it by, the value and how many references it has, and the numbers of the values.
    _values: unknown[];
    _goRefCounts: number[];
    _ids: Map<unknown, number>;
    /** A function that calls one of the program's. */
    _makeFuncWrapper(id: number): () => unknown;
  }
}

export {};
