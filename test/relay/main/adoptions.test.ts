import { expect, test } from "bun:test";

import { Adoptions } from "../../../relay/main/adoptions.ts";
import type { AdoptedShare, Ledger } from "../../../relay/store/ledger.ts";

const GONE: AdoptedShare = { share: undefined, over: undefined };

test("a share that is lost and comes again while it is read is read anew, one time after the other", async () => {
  const did: string[] = [];
  const answers = [Promise.withResolvers<AdoptedShare>(), Promise.withResolvers<AdoptedShare>()];
  const began = answers.values();
  const [again, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const ledger: Ledger = {
    load: () => Promise.resolve({ shares: [], tombstones: [] }),
    save: () => Promise.resolve(),
    removeRecords: () => Promise.resolve(),
    close: () => Promise.resolve(),
    adopt: (place, epoch) => {
      did.push(`reads ${place} in ${epoch}`);
      if (epoch === 9) again.resolve();
      return began.next().value!.promise;
    },
    disown: (place) => void did.push(`leaves ${place}`),
  };
  const adoptions = new Adoptions(ledger, {
    isWanted: () => true,
    read: ({ epoch }) => {
      did.push(`takes over in ${epoch}`);
      end.resolve();
    },
    trouble: () => undefined,
  });
  for (const epoch of [5, 9]) adoptions.add({ name: "one", place: "there", epoch }, 0);
  expect(did).toEqual(["reads there in 5"]);
  answers[0]!.resolve(GONE);
  await again.promise;
  expect(did).toEqual(["reads there in 5", "leaves there", "reads there in 9"]);
  answers[1]!.resolve(GONE);
  await end.promise;
  expect(did.at(-1)).toBe("takes over in 9");
});
