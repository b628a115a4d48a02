/** The title of a column; where the server can sort by it, a button. */

interface Props {
  title: string;
  sortKey: string | null;
  sort: string;
  isNumber: boolean;
  onSort: (key: string) => void;
}

export function SortTitle({ title, sortKey, sort, isNumber, onSort }: Props) {
  const isDescending = sort === `-${sortKey}`;
  const isSorted = sortKey !== null && (isDescending || sort === sortKey);
  return (
    <th scope="col" className={isNumber ? "number" : undefined} aria-sort={isSorted ? (isDescending ? "descending" : "ascending") : undefined}>
      {sortKey === null ? (
        <span title={title}>{title}</span>
      ) : (
        <button type="button" className="sort" title={`Sort by ${title}`} onClick={() => onSort(sortKey)}>
          <span>{title}</span>
          <span aria-hidden="true" className="sort-mark">
            {isSorted ? (isDescending ? "▼" : "▲") : ""}
          </span>
        </button>
      )}
    </th>
  );
}
