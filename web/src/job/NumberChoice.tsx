/** Which of some numbered things is shown: attempts, hosts. */

interface Props {
  title: string;
  first: number;
  count: number;
  chosen: number;
  onChoose: (number: number) => void;
}

export function NumberChoice({ title, first, count, chosen, onChoose }: Props) {
  return (
    <label className="choice">
      {title}
      <select value={chosen} onChange={(event) => onChoose(Number(event.target.value))}>
        {Array.from({ length: count }, (_, index) => (
          <option key={index}>{first + index}</option>
        ))}
      </select>
    </label>
  );
}
