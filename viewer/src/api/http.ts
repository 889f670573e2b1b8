import { noteServerDate } from "../platform/clock";
import type { Problem } from "./types";

const DEFAULT_TIMEOUT_MS = 15_000;

/** The server answered with a refusal. `code` is stable; `problem` is the whole document. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly problem: Problem,
  ) {
    super(problem.detail ?? problem.title ?? code);
    this.name = "ApiError";
  }
}

/** No usable answer arrived: the line is down, the server is away, or it took too long. */
export class Unreachable extends Error {
  constructor(cause: string) {
    super(cause);
    this.name = "Unreachable";
  }
}

export interface RequestOptions {
  body?: unknown;
  headers?: Record<string, string>;
  timeoutMs?: number;
  keepalive?: boolean;
}

/** The extra field `name` of a problem document, where it is a text. */
export function problemText(error: ApiError, name: string): string | null {
  const value = error.problem[name];
  return typeof value === "string" ? value : null;
}

async function readProblem(response: Response): Promise<Problem> {
  try {
    const parsed: unknown = await response.json();
    return typeof parsed === "object" && parsed !== null ? (parsed as Problem) : {};
  } catch {
    return {};
  }
}

function initFor(method: string, options: RequestOptions, signal: AbortSignal): RequestInit {
  const headers: Record<string, string> = { Accept: "application/json", ...options.headers };
  const init: RequestInit = { method, headers, signal, credentials: "same-origin", cache: "no-store" };
  // The server takes a change only with this type: a form of another site cannot send it.
  if (method !== "GET") headers["Content-Type"] = "application/json";
  if (options.body !== undefined) init.body = JSON.stringify(options.body);
  if (options.keepalive === true) init.keepalive = true;
  return init;
}

async function bodyOf<T>(response: Response): Promise<T> {
  noteServerDate(response.headers.get("Date"));
  if (response.ok) return (response.status === 204 ? undefined : await response.json()) as T;
  const problem = await readProblem(response);
  // A proxy's own error page carries no code: nobody behind it has answered.
  if (response.status >= 500 && problem.code === undefined) {
    throw new Unreachable(`status ${String(response.status)}`);
  }
  throw new ApiError(response.status, problem.code ?? "unknown", problem);
}

/** One exchange with the API. Raises ApiError for a refusal and Unreachable where no answer came. */
export async function request<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort();
  }, options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  try {
    return await bodyOf<T>(await fetch(path, initFor(method, options, controller.signal)));
  } catch (error) {
    if (error instanceof ApiError || error instanceof Unreachable) throw error;
    throw new Unreachable(error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(timer);
  }
}
