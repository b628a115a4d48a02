/** Views of the list that this key keeps on the server: open, save, rename, delete. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { Link } from "../router";
import { Menu } from "../ui/Menu";
import { Failure } from "../ui/Notice";
import { changeView, deleteView, saveView, VIEWS_KEY, viewsQuery, type SavedView } from "./queries";

export function ViewsMenu({ query }: { query: string }) {
  return (
    <Menu label="Views" title="Saved views">
      {(close) => <ViewsPanel query={query} onOpen={close} />}
    </Menu>
  );
}

function ViewsPanel({ query, onOpen }: { query: string; onOpen: () => void }) {
  const views = useQuery(viewsQuery());
  const [renamed, setRenamed] = useState<string | null>(null);
  const change = useChange(() => setRenamed(null));
  const here = views.data?.find((view) => view.query === query);
  return (
    <>
      {views.isError && <Failure error={views.error} onRetry={() => void views.refetch()} />}
      {views.data?.length === 0 && <p className="muted">Save what the table shows now, filters, order and columns, under a name.</p>}
      <ul className="view-list">
        {views.data?.map((view) =>
          view.id === renamed ? (
            <li key={view.id}>
              <NameForm label="New name" action="Rename" start={view.name} onName={(name) => change.mutate(() => changeView(view.id, name, view.query))} />
            </li>
          ) : (
            <ViewLine
              key={view.id}
              view={view}
              isHere={view.id === here?.id}
              onOpen={onOpen}
              onUpdate={() => change.mutate(() => changeView(view.id, view.name, query))}
              onRename={() => setRenamed(view.id)}
              onDelete={() => change.mutate(() => deleteView(view.id))}
            />
          ),
        )}
      </ul>
      {change.isError && <Failure error={change.error} />}
      <NameForm label="Save this view as" action="Save" start="" onName={(name) => change.mutate(() => saveView(name, query))} />
    </>
  );
}

/** A write, after which the list is asked for again. */
function useChange(onDone: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (act: () => Promise<void>) => act(),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: VIEWS_KEY });
      onDone();
    },
  });
}

interface LineProps {
  view: SavedView;
  isHere: boolean;
  onOpen: () => void;
  onUpdate: () => void;
  onRename: () => void;
  onDelete: () => void;
}

function ViewLine({ view, isHere, onOpen, onUpdate, onRename, onDelete }: LineProps) {
  const [isArmed, setArmed] = useState(false);
  return (
    <li>
      <Link className="cut" href={view.query ? `/?${view.query}` : "/"} title={view.name} aria-current={isHere ? "true" : undefined} onClick={onOpen}>
        <bdi>{view.name}</bdi>
      </Link>
      {!isHere && (
        <button type="button" className="text-button" title="Let it show what the table shows now" onClick={onUpdate}>
          update
        </button>
      )}
      <button type="button" className="text-button" onClick={onRename}>
        rename
      </button>
      <button type="button" className="text-button bad" onBlur={() => setArmed(false)} onClick={() => (isArmed ? onDelete() : setArmed(true))}>
        {isArmed ? "really?" : "delete"}
      </button>
    </li>
  );
}

interface FormProps {
  label: string;
  action: string;
  start: string;
  onName: (name: string) => void;
}

function NameForm({ label, action, start, onName }: FormProps) {
  const [name, setName] = useState(start);
  return (
    <form
      className="name-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (name.trim()) onName(name.trim());
      }}
    >
      <label>
        <span>{label}</span>
        <input value={name} maxLength={120} required onChange={(event) => setName(event.target.value)} />
      </label>
      <button type="submit" className="button" disabled={!name.trim()}>
        {action}
      </button>
    </form>
  );
}
