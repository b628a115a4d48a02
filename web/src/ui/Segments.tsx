/** A few choices side by side, of which one is taken; an option is its name, or its name and a title. */

interface Props<Name extends string> {
  label: string;
  options: readonly (Name | readonly [name: Name, title: string])[];
  chosen: string;
  onChoose: (name: Name) => void;
}

export function Segments<Name extends string>({ label, options, chosen, onChoose }: Props<Name>) {
  return (
    <div className="segments" role="group" aria-label={label}>
      {options.map((option) => {
        const [name, title] = typeof option === "string" ? [option, option] : option;
        return (
          <button type="button" key={name} aria-pressed={name === chosen} onClick={() => onChoose(name)}>
            {title}
          </button>
        );
      })}
    </div>
  );
}
