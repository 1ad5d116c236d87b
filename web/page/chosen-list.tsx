/** The files and folders that will be sent. */
import type { JSX } from "preact";

import type { ChosenItem } from "./chosen-items.ts";
import { Icon } from "./icons.tsx";
import { LongList } from "./long-list.tsx";
import { Name } from "./parts.tsx";
import { count, shown, size } from "./words.ts";

interface ChosenListProps {
  readonly items: readonly ChosenItem[];
  readonly onRemove: (name: string) => void;
}

export function ChosenList({ items, onRemove }: ChosenListProps): JSX.Element {
  return (
    <LongList
      label="Chosen files"
      length={items.length}
      row={(i) => {
        const item = items[i];
        return item === undefined ? null : <Item key={item.name} item={item} onRemove={onRemove} />;
      }}
    />
  );
}

function Item({
  item: { name, isFolder, files, bytes },
  onRemove,
}: {
  readonly item: ChosenItem;
  readonly onRemove: (name: string) => void;
}): JSX.Element {
  return (
    <li class="item">
      <Icon name={isFolder ? "folder" : "file"} />
      <span class="item-name">
        <Name text={name} />
        <span class="item-size">
          {isFolder ? `${count(files.length, "file", "files")}, ${size(bytes)}` : size(bytes)}
        </span>
      </span>
      <button
        type="button"
        class="icon-button"
        aria-label={`Remove ${shown(name)}`}
        onClick={() => onRemove(name)}
      >
        <Icon name="cross" />
      </button>
    </li>
  );
}
