/** Which host's log is shown, of a job on several. */

interface Props {
  count: number;
  chosen: number;
  onChoose: (node: number) => void;
}

export function NodeChoice({ count, chosen, onChoose }: Props) {
  return (
    <label className="choice">
      Node
      <select value={chosen} onChange={(event) => onChoose(Number(event.target.value))}>
        {Array.from({ length: count }, (_, index) => (
          <option key={index}>{index}</option>
        ))}
      </select>
    </label>
  );
}
