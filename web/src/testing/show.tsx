/** Shows the whole dashboard at an address, as a browser would. */

import { QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import { vi } from "vitest";

import { createQueryClient } from "../api/queryClient";
import { App } from "../App";
import { LiveProvider } from "../live/LiveProvider";
import { FakeEventSource } from "./FakeEventSource";

export function show(address: string): void {
  history.replaceState(null, "", address);
  FakeEventSource.opened = [];
  vi.stubGlobal("EventSource", FakeEventSource);
  render(
    <QueryClientProvider client={createQueryClient()}>
      <LiveProvider>
        <App />
      </LiveProvider>
    </QueryClientProvider>,
  );
}
