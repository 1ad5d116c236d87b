/** The receivers of a simulation, each through all its processes. */
import type { Copy } from "./copies.ts";
import type { ReceiverHome, ShareEnd, SimReceiver } from "./receiver.ts";
import { isAble, type ReceiverPlan } from "./scenario.ts";

export interface Party {
  readonly plan: ReceiverPlan;
  readonly home: ReceiverHome;
  process: SimReceiver | undefined;
}

/** The differences between worlds. */
type Given = Pick<
  ReceiverHome,
  "name" | "signer" | "connections" | "shares" | "strange" | "copies" | "confirmed"
>;

/** A receiver without a process. */
export function newParty(plan: ReceiverPlan, given: Given): Party {
  const { ways, habits } = plan;
  const home = {
    ...given,
    ways,
    habits,
    disk: new Map<string, Copy>(),
    ids: new Map<string, Uint8Array>(),
    ends: new Map<string, ShareEnd>(),
    openedAt: new Map<string, number>(),
    wholeAt: new Map<string, number>(),
    takenAt: new Map<string, number>(),
    starts: 0,
    windowAsked: 0,
    wires: [],
  };
  return { plan, home, process: undefined };
}

/** For who reads a failure. */
export function standingOf({ home, process, plan }: Party, isDone: boolean): string {
  const having = [...home.disk.values()].map(({ records }) => records.length).join("+");
  const faults = [...home.ends.values()].map(({ fault }) => fault ?? "whole").join("+");
  const able = isAble(plan) ? "" : ", not able";
  const done = isDone ? "" : ", NOT DONE";
  return `${process?.standing ?? home.name}; has ${having}, ended ${faults}${able}${done}`;
}
