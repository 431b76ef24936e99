/** The digest of the bytes as lower-case hexadecimal digits. */
export async function digest(algorithm: "SHA-256" | "SHA-384", bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const value = new Uint8Array(await crypto.subtle.digest(algorithm, bytes));
  return [...value].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
