import { expect, test } from "bun:test";
import { TcpMemory } from "../../../relay/system/tcp-memory.ts";

const LIMITS = "287898\t383866\t575796\n";

function usedWith(pages: number): string {
  return `sockets: used 107\nTCP: inuse 14 orphan 17 tw 768 alloc 31 mem ${pages}\nUDP: inuse 0 mem 7\n`;
}

test("the use of TCP is a part of the memory that the kernel gives without care, and is read now and then", () => {
  let [now, pages, reads] = [0, 143_949, 0];
  const memory = new TcpMemory(
    () => now,
    (path) => {
      reads++;
      return path.endsWith("tcp_mem") ? LIMITS : usedWith(pages);
    },
  );
  expect(memory.used).toBe(0.5);
  pages = 575_796;
  expect([memory.used, reads]).toEqual([0.5, 2]);
  now += 5;
  expect([memory.used, reads]).toEqual([2, 3]);
});

test("nothing is short where the kernel does not tell", () => {
  const missing = (): string => {
    throw new Error("ENOENT");
  };
  expect(new TcpMemory(() => 0, missing).used).toBe(0);
  expect(
    new TcpMemory(
      () => 0,
      () => "",
    ).used,
  ).toBe(0);
  expect(
    new TcpMemory(
      () => 0,
      (path) => (path.endsWith("tcp_mem") ? LIMITS : ""),
    ).used,
  ).toBe(0);
});
