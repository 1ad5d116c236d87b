/** The choice to keep a share at the relay, where the relay lets this page. */
import type { JSX } from "preact";
import { useEffect, useId, useState } from "preact/hooks";

import type { StoreWish } from "../../protocol/wire/control.ts";
import type { StoreOffer } from "../job/store-messages.ts";
import { mayStore } from "./app-state.ts";
import { count, size } from "./words.ts";

const DAY_S = 24 * 60 * 60;
const LIVES_DAYS = [1, 7];
/** As many as a person has in mind; the relay allows more. */
const MOST_DOWNLOADS = 10_000;

/** The terms on which the relay lets this page store; undefined: it does not, or it has not said so yet. */
export function useStoreOffer(isWanted: boolean): StoreOffer | undefined {
  const [offer, setOffer] = useState<StoreOffer>();
  useEffect(() => {
    if (!isWanted) return;
    let isGone = false;
    void mayStore().then((store) => {
      if (!isGone) setOffer(store);
    });
    return () => {
      isGone = true;
    };
  }, [isWanted]);
  return offer;
}

interface StoreFieldsProps {
  readonly offer: StoreOffer;
  /** Of what is chosen. bytes */
  readonly bytes: number;
  readonly wish: StoreWish | undefined;
  readonly onWish: (wish: StoreWish | undefined) => void;
}

export function StoreFields({ offer, bytes, wish, onWish }: StoreFieldsProps): JSX.Element {
  const id = useId();
  const isTooLarge = bytes > offer.bytes;
  const set = (life: number, downloads: number | undefined): void => {
    onWish(life === 0 ? undefined : { life, ...(downloads !== undefined && { downloads }) });
  };
  return (
    <>
      <div class="field number">
        <label for={`${id}life`}>Keep on the relay</label>
        <select
          id={`${id}life`}
          disabled={isTooLarge}
          aria-describedby={`${id}help`}
          value={wish?.life ?? 0}
          onChange={(event) => set(Number(event.currentTarget.value), wish?.downloads)}
        >
          <option value={0}>No</option>
          {livesOf(offer.life).map((life) => (
            <option key={life} value={life}>
              {lifeText(life)}
            </option>
          ))}
        </select>
        <p id={`${id}help`} class="hint">
          {isTooLarge
            ? `The relay keeps at most ${size(offer.bytes)} of one share.`
            : "Receivers can come when this page is closed. The relay cannot read it."}
        </p>
      </div>
      {wish !== undefined && (
        <div class="field number">
          <label for={`${id}downloads`}>Delete it after this many receivers have everything</label>
          <input
            id={`${id}downloads`}
            type="number"
            inputMode="numeric"
            min={1}
            max={MOST_DOWNLOADS}
            placeholder="any number"
            value={wish.downloads ?? ""}
            onInput={(event) => {
              const typed = Math.floor(event.currentTarget.valueAsNumber);
              set(wish.life, typed >= 1 ? Math.min(typed, MOST_DOWNLOADS) : undefined);
            }}
          />
        </div>
      )}
    </>
  );
}

/** A day, a week, and the longest that the relay allows. Seconds. */
export function livesOf(most: number): readonly number[] {
  const usual = LIVES_DAYS.map((days) => days * DAY_S).filter((life) => life < most);
  return [...usual, most];
}

function lifeText(life: number): string {
  if (life % DAY_S === 0) return count(life / DAY_S, "day", "days");
  const hours = Math.floor(life / 3600);
  return hours > 0
    ? count(hours, "hour", "hours")
    : count(Math.floor(life / 60), "minute", "minutes");
}
