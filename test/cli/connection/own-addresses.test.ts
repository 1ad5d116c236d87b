/** The order of this machine's addresses, as they are printed for others. */
import { expect, test } from "bun:test";

import { inOrder, type OwnAddress } from "../../../cli/connection/own-addresses.ts";

const MAC = "02:00:00:00:00:01";
const NONE = "00:00:00:00:00:00";

function at(name: string, address: string, mac = MAC): OwnAddress {
  return { name, address, mac, internal: false };
}

const LOOPBACK = { ...at("lo", "127.0.0.1", NONE), internal: true };
const DOCKER = at("docker0", "172.17.0.1");
const WIRED = at("eth0", "192.168.1.5");
const WIRED_6 = at("eth0", "fd00::5");
const LINK_LOCAL = at("eth0", "fe80::1");
const WIRELESS = at("wlan0", "192.168.1.6");
const TUNNEL = at("tun0", "10.8.0.2", NONE);

test("that of the default route comes first, and IPv6 after IPv4", () => {
  const all = [LOOPBACK, WIRED, WIRED_6, LINK_LOCAL, WIRELESS];
  expect(inOrder(all, ["192.168.1.6", "fd00::5"])).toEqual([
    "192.168.1.6",
    "192.168.1.5",
    "fd00::5",
  ]);
});

test("a network without a way out comes before the containers of this machine", () => {
  expect(inOrder([DOCKER, WIRED], [undefined, undefined])).toEqual(["192.168.1.5", "172.17.0.1"]);
  expect(inOrder([DOCKER, WIRED_6], [undefined, undefined])).toEqual(["fd00::5", "172.17.0.1"]);
});

test("a VPN with the default route comes behind the network of the room", () => {
  const all = [DOCKER, TUNNEL, WIRELESS];
  expect(inOrder(all, ["10.8.0.2"])).toEqual(["192.168.1.6", "10.8.0.2", "172.17.0.1"]);
  expect(inOrder([DOCKER, TUNNEL], ["10.8.0.2"])).toEqual(["10.8.0.2", "172.17.0.1"]);
});
