/** A new job, or a sweep of many: a form and an editor of one and the same text, what is wrong with it, what it would take. */

import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";

import { ApiError } from "../api/client";
import { componentsQuery, schemaQuery } from "../components/queries";
import { useParam } from "../router";
import { useMay } from "../session/useMay";
import { Failure, Loading } from "../ui/Notice";
import { NeedsScope } from "../ui/NeedsScope";
import { Segments } from "../ui/Segments";
import { useTitle } from "../ui/useTitle";
import { applyRecipe } from "./applyRecipe";
import type { EditorHandle } from "./CodeEditor";
import { DryRunPanel } from "./DryRunPanel";
import { makeControl } from "./makeControl";
import { ProblemList } from "./ProblemList";
import { RecipeForm } from "./RecipeForm";
import { SpecEditor } from "./SpecEditor";
import { SpecContext } from "./specContext";
import type { Known } from "./specPlaces";
import { changeSpec, readSpec, writeSpec } from "./specText";
import { SweepCard } from "./SweepCard";
import { Refusal, SweepPlanPanel } from "./SweepPlanPanel";
import { writeSweep } from "./sweepDraft";
import { useDraft } from "./useDraft";
import { useSubmission } from "./useSubmission";
import { useSweepDraft } from "./useSweepDraft";
import { useSweepSubmission } from "./useSweepSubmission";
import { useValidation } from "./useValidation";

const VIEWS = [
  ["both", "Form and YAML"],
  ["form", "Form"],
  ["yaml", "YAML"],
] as const;

export function NewJobPage() {
  useTitle("New job");
  const [view, setView] = useParam<string>("view", "both");
  const [withControl, setWithControl] = useState(false);
  const draft = useDraft();
  const { text } = draft;
  const editor = useRef<EditorHandle>(null);
  const { known, error: unknown } = useKnown();
  useWishedRecipe(known, text, draft.setText);
  const check = useValidation(text, known?.schema);
  const sweep = useSweep(text);
  const job = useSubmission(text, withControl);
  const { submit, error, isSubmitting } = sweep.isOn ? sweep.submission : job;
  const refused = !sweep.isOn && error instanceof ApiError && error.problem.errors?.length ? error.problem.errors : null;
  const problems = check.problems.length > 0 ? check.problems : (refused ?? []);
  const mayWrite = useMay("jobs:write");

  return (
    <form
      className={`new-job new-job-${view}`}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <div className="page-head">
        <h1>New job</h1>
        <Segments label="How to write it" options={VIEWS} chosen={view} onChoose={setView} />
        <span className="spacer" />
        <button type="button" className="button" onClick={draft.reset}>
          Back to the example
        </button>
        <SweepTick isTicked={sweep.isOn} onTick={sweep.turn} />
        {!sweep.isOn && <ControlTick text={text} isTicked={withControl} onTick={setWithControl} />}
        <button type="submit" className="button button-primary" data-testid="spec-submit" disabled={isSubmitting || !mayWrite || (sweep.isOn && sweep.body === null)}>
          {isSubmitting ? "Submitting…" : sweep.isOn ? "Submit the sweep" : "Submit"}
        </button>
      </div>
      {!mayWrite && <NeedsScope scope="jobs:write" what="submit jobs" />}
      {draft.origin && (
        <p className="notice">
          <span dir="auto">A copy of the spec of “{draft.origin}”: change what should differ, and submit.</span>
        </p>
      )}
      {draft.error && <Failure error={draft.error} />}
      {error && !refused && (sweep.isOn ? <Refusal error={error} /> : <Failure error={error} />)}
      {sweep.isOn && (
        <SweepCard spec={sweep.spec} known={known} draft={sweep.draft} onDraft={sweep.setDraft}>
          {mayWrite && <SweepPlanPanel body={sweep.body} missing={sweep.missing} />}
        </SweepCard>
      )}
      <div className="new-job-columns">
        {view !== "yaml" && <Form text={text} onText={draft.setText} known={known} error={unknown} problems={problems} />}
        <div className="new-job-side">
          {view !== "form" && <SpecEditor ref={editor} text={text} onText={draft.setText} onSubmit={submit} problems={problems} known={known} />}
          <ProblemList check={check} problems={problems} onPick={(problem) => editor.current?.show(problem.pointer)} />
          {check.verdict === "valid" && mayWrite && !sweep.isOn && <DryRunPanel text={check.judged} />}
        </div>
      </div>
    </form>
  );
}

/** The sweep over the text, where the person wants one. */
function useSweep(text: string) {
  const sweep = useSweepDraft();
  const spec = useMemo(() => readSpec(text).data, [text]);
  const { body, missing } = useMemo(() => writeSweep(sweep.draft, spec), [sweep.draft, spec]);
  const submission = useSweepSubmission(body);
  return { ...sweep, spec, body, missing, submission };
}

function useKnown(): { known: Known | null; error: Error | null } {
  const catalog = useQuery(componentsQuery());
  const schema = useQuery(schemaQuery());
  const known = useMemo(() => (catalog.data && schema.data ? { catalog: catalog.data, schema: schema.data } : null), [catalog.data, schema.data]);
  return { known, error: catalog.error ?? schema.error };
}

/** An address that names a recipe puts it into the spec, once. */
function useWishedRecipe(known: Known | null, text: string, onText: (text: string) => void): void {
  const [recipe, setRecipe] = useParam<string>("recipe", "");
  useEffect(() => {
    if (!known || recipe === "") return;
    if (known.catalog.recipes[recipe]) onText(writeSpec(applyRecipe(readSpec(text).data ?? {}, recipe, known.catalog)));
    setRecipe("");
  }, [known, recipe, setRecipe, text, onText]);
}

interface FormProps {
  text: string;
  onText: (text: string) => void;
  known: Known | null;
  error: Error | null;
  problems: ReturnType<typeof useValidation>["problems"];
}

function Form({ text, onText, known, error, problems }: FormProps) {
  const read = useMemo(() => readSpec(text), [text]);
  const readable = useRef(read.data);
  useEffect(() => {
    readable.current = read.data ?? readable.current;
  }, [read.data]);
  const data = read.data ?? readable.current;
  const form = useMemo(
    () =>
      known &&
      data && {
        data,
        known,
        problems,
        change: (path: readonly (string | number)[], value: unknown) => onText(changeSpec(text, path, value)),
        write: (data: Record<string, unknown>) => onText(writeSpec(data)),
      },
    [known, data, problems, text, onText],
  );
  if (error) return <Failure error={error} />;
  if (!known) return <Loading what="the form" />;
  return (
    <div>
      {read.error && (
        <div className="notice notice-warn" role="status">
          <strong>The form waits for the text</strong>
          <p>It cannot be read at the moment: {read.error.message.replace(/:$/, "")}. Mend it in the editor, or go back to the example.</p>
        </div>
      )}
      {form && (
        <SpecContext value={form}>
          <div inert={read.error !== null} className={read.error ? "is-waiting" : undefined}>
            <RecipeForm />
          </div>
        </SpecContext>
      )}
    </div>
  );
}

function SweepTick({ isTicked, onTick }: { isTicked: boolean; onTick: (isTicked: boolean) => void }) {
  return (
    <label className="tick" title="The spec under many settings: a job for each">
      <input type="checkbox" data-testid="as-sweep" checked={isTicked} onChange={(event) => onTick(event.target.checked)} />
      Sweep
    </label>
  );
}

/** Offered where the spec has a teacher: only then is there something to compare with. */
function ControlTick({ text, isTicked, onTick }: { text: string; isTicked: boolean; onTick: (isTicked: boolean) => void }) {
  const isTaught = useMemo(() => hasTeacher(readSpec(text).data), [text]);
  if (!isTaught) return null;
  return (
    <label className="tick" title="The same student, data and seed without a teacher, as a second job: what distillation gains shows against it">
      <input type="checkbox" data-testid="with-control" checked={isTicked} onChange={(event) => onTick(event.target.checked)} />
      Train a control too
    </label>
  );
}

function hasTeacher(data: Record<string, unknown> | null): boolean {
  if (!data) return false;
  return Boolean(data["recipe"]) || makeControl(data, "") !== null;
}
