/** Which attempt's log is shown. */

interface Props {
  count: number;
  chosen: number;
  onChoose: (attempt: number) => void;
}

export function AttemptChoice({ count, chosen, onChoose }: Props) {
  return (
    <label className="choice">
      Attempt
      <select value={chosen} onChange={(event) => onChoose(Number(event.target.value))}>
        {Array.from({ length: count }, (_, index) => (
          <option key={index + 1}>{index + 1}</option>
        ))}
      </select>
    </label>
  );
}
