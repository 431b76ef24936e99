// scripts/build.mjs copies wasm_exec.js from the Go distribution. Importing it defines globalThis.Go.
declare global {
  /** One run of a Go program compiled for js/wasm. */
  class Go {
    importObject: WebAssembly.Imports;
    exit: (code: number) => void;
    run(instance: WebAssembly.Instance): Promise<void>;
  }
}

export {};
