/** Starts the dashboard. */

import "uplot/dist/uPlot.min.css";
import "./styles/index.css";

import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { createQueryClient } from "./api/queryClient";
import { App } from "./App";
import { LiveProvider } from "./live/LiveProvider";
import { SessionGate } from "./session/SessionGate";
import { followTheme } from "./theme";

followTheme();
const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={createQueryClient()}>
      <SessionGate>
        <LiveProvider>
          <App />
        </LiveProvider>
      </SessionGate>
    </QueryClientProvider>
  </StrictMode>,
);
