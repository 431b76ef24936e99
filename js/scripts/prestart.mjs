// Starts Go programs for js/wasm and stores each as it is when it has handed out its functions, in place:
//
//     node prestart.mjs wasm_exec.js program.wasm …
//
// Chromium compiles a function when it is called first, and Go's runtime calls hundreds at its start (`make bench-browser
// BENCH=cold` shows what that takes). Stored with its memory and its globals as they are afterwards, a program goes on from there,
// as with Wizer, the WebAssembly pre-initializer. The JavaScript values that it then holds are described in the section
// "preseal.values", of which src/restore.ts makes them again.
//
// Clock and random numbers are the same for every start here, so that the result is, too. So Go's own random numbers are public,
// whenever they are drawn: the seeds of maps, math/rand, hash/maphash. Only crypto/rand asks the browser.

import { readFileSync, writeFileSync } from "node:fs";
import vm from "node:vm";

/** How many zeros between two pieces of memory are stored with them. A segment takes more room than some zeros, compressed. */
const GAP = 128;
const PAGE = 65536;
/** References of Go to JavaScript below that are the same in every program: NaN, 0, null, true, false, globalThis, Go. */
const FIRST_REF = 7;

// The binary format: WebAssembly Core Specification 2.0, chapter 5.
const HEADER = Buffer.from("\0asm\x01\0\0\0", "latin1");
const CUSTOM = 0;
const MEMORY = 5;
const GLOBAL = 6;
const EXPORT = 7;
const DATA = 11;
const KIND_GLOBAL = 3;
const I32 = 0x7f;
const I64 = 0x7e;
const CONST = { [I32]: 0x41, [I64]: 0x42 };
const END = 0x0b;

const [runtime, ...paths] = process.argv.slice(2);
if (paths.length === 0) {
  console.error("usage: node prestart.mjs wasm_exec.js program.wasm …");
  process.exit(2);
}
for (const path of paths) {
  try {
    writeFileSync(path, await prestart(readFileSync(path), readFileSync(runtime, "utf8")));
  } catch (error) {
    console.error(`prestart: ${path}: ${error}`);
    process.exit(1);
  }
}

/** Returns the program as it is after its start. */
async function prestart(program, runtime) {
  const sections = sectionsOf(program);
  const content = (id) => sections.find((section) => section.id === id)?.content ?? fail(`there is no section ${id}`);
  const types = globalsOf(content(GLOBAL));
  const exported = exportsOf(content(EXPORT));

  // While it runs here, its globals are exported as well.
  const globals = types.map((_, i) => ({ name: `global ${i}`, kind: KIND_GLOBAL, index: i }));
  const watched = replaced(sections, new Map([[EXPORT, exportSection([...exported, ...globals])]]));
  const { exports, values } = await started(watched, runtime);

  const memory = Buffer.from(exports.mem.buffer);
  const state = types.map((type, i) => ({ type, value: exports[`global ${i}`].value }));
  const after = replaced(
    sections,
    new Map([
      [MEMORY, Buffer.concat([number(1), number(0), number(memory.length / PAGE)])],
      [GLOBAL, vector(state, ({ type, value }) => [[type, 1], constant(type, value)])],
      [EXPORT, exportSection(exported.filter(({ name }) => name !== "run"))], // to be run once only
      [DATA, vector(pieces(memory), ([from, to]) => [[0], constant(I32, from), bytes(memory.subarray(from, to))])],
    ]),
  );
  const described = Buffer.concat([bytes(Buffer.from("preseal.values")), Buffer.from(JSON.stringify(values))]);
  return Buffer.concat([after, Buffer.from([CUSTOM]), bytes(described)]);
}

/** Runs a program up to the point where it waits, in a scope of its own that knows neither the time nor chance. */
async function started(program, runtime) {
  const scope = vm.createContext({
    TextDecoder,
    TextEncoder,
    console,
    setTimeout: () => fail("it waits for a time"),
    performance: { now: () => 0 },
    crypto: { getRandomValues: (array) => array.fill(1) },
  });
  vm.runInContext("Date = class extends Date { constructor() { super(1000); } static now() { return 1000; } }", scope);
  vm.runInContext(runtime, scope);
  const own = (name) => vm.runInContext(name, scope);
  const go = new (own("Go"))();
  const functions = new Map();
  const wrap = go._makeFuncWrapper;
  go._makeFuncWrapper = (id) => {
    const wrapper = wrap.call(go, id);
    functions.set(wrapper, id);
    return wrapper;
  };
  let api;
  scope.presealReady = (given) => {
    api = given;
  };
  const { Module, Instance } = own("WebAssembly");
  const instance = new Instance(new Module(program), go.importObject);
  await Promise.race([go.run(instance), undefined]); // it waits for calls for ever, unless it fails at once
  if (!api || go.exited) fail("it handed out nothing, or has ended");
  if (go._idPool.length > 0) fail("it has let go of values, whose numbers are not stored");

  const names = ["Object", "Array", "Uint8Array", "fs", "path", "process", "fs.constants"];
  const paths = new Map(names.map((name) => [own(name), name]));
  const describe = (value) => {
    if (typeof value === "string") return { text: value };
    if (paths.has(value)) return { path: paths.get(value) };
    if (functions.has(value)) return { function: functions.get(value) };
    if (value !== api) fail(`it holds a value that cannot be described: ${String(value)}`);
    return { api: Object.fromEntries(Object.entries(value).map(([name, value]) => [name, describe(value)])) };
  };
  const values = go._values.slice(FIRST_REF).map((value, i) => ({
    ...describe(value),
    references: go._goRefCounts[FIRST_REF + i],
  }));
  return { exports: instance.exports, values };
}

/** The parts of memory that are not zero, as [from, to]. */
function pieces(memory) {
  const found = [];
  for (let at = 0; at < memory.length; at += 8) {
    if (memory.readBigUInt64LE(at) === 0n) continue;
    const last = found.at(-1);
    if (last && at - last[1] <= GAP) last[1] = at + 8;
    else found.push([at, at + 8]);
  }
  return found;
}

function sectionsOf(program) {
  if (!program.subarray(0, HEADER.length).equals(HEADER)) fail("not a WebAssembly module");
  const from = reader(program.subarray(HEADER.length));
  const sections = [];
  while (from.left() > 0) sections.push({ id: from.byte(), content: from.bytes() });
  return sections;
}

/** The types of globals. Those of Go are all variable. */
function globalsOf(section) {
  const from = reader(section);
  return Array.from({ length: from.number() }, () => {
    const type = from.byte();
    const isVariable = from.byte() === 1;
    const isConstant = from.byte() === CONST[type] && from.number() >= 0 && from.byte() === END; // what it begins with
    if (!isVariable || !isConstant) fail("a global that Go does not have");
    return type;
  });
}

function exportsOf(section) {
  const from = reader(section);
  const one = () => ({ name: from.bytes().toString(), kind: from.byte(), index: from.number() });
  return Array.from({ length: from.number() }, one);
}

function exportSection(exported) {
  return vector(exported, ({ name, kind, index }) => [bytes(Buffer.from(name)), [kind], number(index)]);
}

/** The program with other contents of some sections. */
function replaced(sections, contents) {
  const all = sections.map(({ id, content }) => [Buffer.from([id]), bytes(contents.get(id) ?? content)]);
  return Buffer.concat([HEADER, ...all.flat()]);
}

function reader(buffer) {
  let at = 0;
  const self = {
    left: () => buffer.length - at,
    byte() {
      if (at >= buffer.length) fail("it is cut off");
      return buffer[at++];
    },
    number() {
      for (let value = 0, shift = 0; ; shift += 7) {
        const byte = self.byte();
        value += (byte & 127) * 2 ** shift;
        if (byte < 128) return value;
      }
    },
    bytes() {
      const length = self.number();
      if (length > self.left()) fail("it is cut off");
      at += length;
      return buffer.subarray(at - length, at);
    },
  };
  return self;
}

/** Unsigned LEB128. */
function number(value) {
  const out = [];
  for (; value > 127; value = Math.floor(value / 128)) out.push((value % 128) | 128);
  return Buffer.from([...out, value]);
}

/** An expression: signed LEB128 behind its instruction. */
function constant(type, value) {
  const out = [CONST[type]];
  let rest = BigInt(value);
  for (; rest < -64n || rest > 63n; rest >>= 7n) out.push(Number(rest & 127n) | 128);
  return Buffer.from([...out, Number(rest & 127n), END]);
}

function bytes(buffer) {
  return Buffer.concat([number(buffer.length), buffer]);
}

function vector(items, parts) {
  return Buffer.concat([number(items.length), ...items.flatMap(parts).map((part) => Buffer.from(part))]);
}

function fail(message) {
  throw new Error(message);
}
