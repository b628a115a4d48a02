/** Projects, with what each may take and what it takes now. */

import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";

import { Link } from "../router";
import { useMay } from "../session/useMay";
import { LoadMore } from "../ui/LoadMore";
import { NeedsScope } from "../ui/NeedsScope";
import { Empty, Failure, Loading } from "../ui/Notice";
import { TableFrame } from "../ui/TableFrame";
import { FormProblems } from "./FormProblems";
import { limitProject, makeProject, pagesQuery, SETTINGS, type Project } from "./queries";

export function ProjectsSection() {
  const mayAdmin = useMay("admin");
  const list = useInfiniteQuery(pagesQuery<Project>("/v1/projects"));
  const projects = list.data?.pages.flatMap((page) => page.data) ?? [];
  return (
    <section>
      <h2 className="section-title">Projects</h2>
      {mayAdmin ? <ProjectForm /> : <NeedsScope scope="admin" what="make projects or change their limits" />}
      {list.isError && <Failure error={list.error} onRetry={() => void list.refetch()} />}
      {list.isPending && <Loading what="the projects" />}
      {list.data && projects.length === 0 && <Empty>There is no project yet: one is made above, or with the first job that names it.</Empty>}
      {projects.length > 0 && (
        <TableFrame label="Projects">
          <table className="plain-table">
            <thead>
              <tr>
                <th scope="col">Project</th>
                <th scope="col">Devices now</th>
                <th scope="col">Jobs that wait</th>
                <th scope="col">Limits</th>
              </tr>
            </thead>
            <tbody>
              {projects.map((project) => (
                <tr key={project.id} data-testid="project-row">
                  <td>
                    <Link href={`/queue?q=${encodeURIComponent(project.id)}`}>{project.id}</Link>
                  </td>
                  <td className="number">{project.num_devices}</td>
                  <td className="number">{project.num_queued}</td>
                  <td>{mayAdmin ? <LimitsForm key={`${project.max_devices} ${project.max_queued}`} project={project} /> : <Limits project={project} />}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </TableFrame>
      )}
      <LoadMore list={list} />
    </section>
  );
}

function Limits({ project: { max_devices: devices, max_queued: queued } }: { project: Project }) {
  return (
    <>
      {devices ?? "any number of"} devices, {queued ?? "any number of"} waiting
    </>
  );
}

/** A limit as typed: nothing is no limit. */
function readLimit(typed: string): number | null {
  return typed.trim() === "" ? null : Number(typed);
}

function LimitsForm({ project }: { project: Project }) {
  const client = useQueryClient();
  const [devices, setDevices] = useState(String(project.max_devices ?? ""));
  const [queued, setQueued] = useState(String(project.max_queued ?? ""));
  const limit = useMutation({
    mutationFn: () => limitProject(project.id, { max_devices: readLimit(devices), max_queued: readLimit(queued) }),
    onSettled: () => client.invalidateQueries({ queryKey: SETTINGS }),
  });
  const isChanged = devices !== String(project.max_devices ?? "") || queued !== String(project.max_queued ?? "");
  return (
    <form
      className="limits"
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        limit.mutate();
      }}
    >
      <LimitInput name="devices" about={project.id} typed={devices} onType={setDevices} />
      <LimitInput name="waiting" about={project.id} typed={queued} onType={setQueued} />
      {isChanged && (
        <button type="submit" className="button" disabled={limit.isPending}>
          Set
        </button>
      )}
      <FormProblems error={limit.error} />
    </form>
  );
}

function LimitInput({ name, about, typed, onType }: { name: string; about: string; typed: string; onType: (typed: string) => void }) {
  return (
    <label>
      <input type="number" min={0} max={2 ** 31 - 1} step={1} placeholder="any" aria-label={`${name} of ${about}, at most`} value={typed} onChange={(event) => onType(event.target.value)} />{" "}
      {name}
    </label>
  );
}

function ProjectForm() {
  const client = useQueryClient();
  const [id, setId] = useState("");
  const make = useMutation({
    mutationFn: () => makeProject({ id: id.trim() }),
    onSuccess: () => setId(""),
    onSettled: () => client.invalidateQueries({ queryKey: SETTINGS }),
  });
  return (
    <form
      className="card settings-form"
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        make.mutate();
      }}
    >
      <h3>Make a project</h3>
      <div className="field">
        <label htmlFor="project-id">name</label>
        <input id="project-id" required pattern="[a-z0-9][a-z0-9._\-]*" maxLength={63} value={id} onChange={(event) => setId(event.target.value)} />
        <p className="field-about">Lower-case letters, digits, ., _ and -. Limits are set in the list below.</p>
      </div>
      <FormProblems error={make.error} />
      <button type="submit" className="button button-primary" disabled={make.isPending}>
        Make the project
      </button>
    </form>
  );
}
