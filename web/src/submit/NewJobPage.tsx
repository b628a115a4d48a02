/** Write a spec, see what is wrong with it while typing, submit it. */

import { useMutation } from "@tanstack/react-query";
import { useRef, useState } from "react";

import { submitSpec } from "../api/queries";
import { ApiError } from "../api/client";
import { navigate } from "../router";
import { Failure } from "../ui/Notice";
import { useTitle } from "../ui/useTitle";
import { drawKey } from "./drawKey";
import { locatePointer } from "./locatePointer";
import { ProblemList } from "./ProblemList";
import { SpecEditor, type EditorHandle } from "./SpecEditor";
import { useDraft } from "./useDraft";
import { useValidation } from "./useValidation";

export function NewJobPage() {
  useTitle("New job");
  const { text, setText, reset } = useDraft();
  const editor = useRef<EditorHandle>(null);
  const check = useValidation(text);
  const { submit, error, isSubmitting } = useSubmission(text);
  const refused = error instanceof ApiError && error.problem.errors?.length ? error.problem.errors : null;
  const problems = check.problems.length > 0 ? check.problems : (refused ?? []);
  const marked = new Set(problems.map((problem) => locatePointer(text, problem.pointer)));

  return (
    <form
      className="new-job"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <div className="page-head">
        <h1>New job</h1>
        <button type="button" className="button" onClick={reset}>
          Back to the example
        </button>
        <button type="submit" className="button button-primary" data-testid="spec-submit" disabled={isSubmitting}>
          {isSubmitting ? "Submitting…" : "Submit"}
        </button>
      </div>
      {error && !refused && <Failure error={error} />}
      <div className="new-job-columns">
        <SpecEditor ref={editor} text={text} onText={setText} onSubmit={submit} marked={marked} />
        <ProblemList
          check={check}
          problems={problems}
          onPick={(problem) => editor.current?.showLine(locatePointer(text, problem.pointer))}
        />
      </div>
    </form>
  );
}

/** Submitting the same text twice makes one job: the key changes with the text only. */
function useSubmission(text: string) {
  const sent = useRef({ text: "", key: "" });
  const [isGone, setGone] = useState(false);
  const mutation = useMutation({
    mutationFn: () => {
      if (sent.current.text !== text) sent.current = { text, key: drawKey() };
      return submitSpec(text, sent.current.key);
    },
    onSuccess: (job) => {
      setGone(true);
      navigate(`/jobs/${job.id}`);
    },
  });
  const isSubmitting = mutation.isPending || isGone;
  return { submit: () => !isSubmitting && mutation.mutate(), error: mutation.error, isSubmitting };
}
