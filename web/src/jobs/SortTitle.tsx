/** The title of a column; where the server can sort by it, a button. */

interface Props {
  title: string;
  sortKey: string | null;
  sort: string;
  isNumber: boolean;
  className?: string;
  onSort: (key: string) => void;
}

export function SortTitle({ title, sortKey, sort, isNumber, className, onSort }: Props) {
  const isDescending = sort === `-${sortKey}`;
  const isSorted = sortKey !== null && (isDescending || sort === sortKey);
  return (
    <th scope="col" className={isNumber ? "number" : className} aria-sort={isSorted ? (isDescending ? "descending" : "ascending") : undefined}>
      {sortKey === null ? (
        <span title={title}>{title}</span>
      ) : (
        <button type="button" className="sort" title={`Sort by ${title}`} onClick={() => onSort(sortKey)}>
          <span>{title}</span>
          {isSorted && (
            <span aria-hidden="true" className="sort-mark">
              {isDescending ? "▼" : "▲"}
            </span>
          )}
        </button>
      )}
    </th>
  );
}
