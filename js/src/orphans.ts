// The calls of this page, across widgets: each widget's program is a module of its own, so they meet on the window.
//
// A call whose kernel has gone goes on without it, and a call that no view shows any more goes on for a moment: orphans. A new
// call of the same room, in the same notebook, takes their place; both of them in the room would be one person twice. Of the
// shown ones it is that of the same person: two calls with names of their own are two participants on purpose.

export interface Member {
  /** Whose calls can replace each other: those of one widget manager, that is one notebook. */
  readonly home: unknown;
  readonly room: string;
  /** As which participant: a name that somebody chose, or the one that all calls of this user have. */
  readonly person: string;
  /** Whether any view shows it. */
  readonly shown: boolean;
  /** In the room, or on the way into it, without a kernel or without a view. */
  readonly orphaned: boolean;
  leave(): Promise<void>;
}

/** A relay that does not answer must not keep the newcomer out. */
export const LEAVE_PATIENCE_MS = 2000;

const KEY = Symbol.for("relay-widget.calls");

function members(): Set<Member> {
  const page = globalThis as { [KEY]?: Set<Member> };
  page[KEY] ??= new Set();
  return page[KEY];
}

/** Be known to the others; returns how to be forgotten. */
export function register(member: Member): () => void {
  members().add(member);
  return () => {
    members().delete(member);
  };
}

/** Have the orphans leave whose place this call takes. Resolves when they have left, or cannot. */
export async function replaceOrphans(newcomer: Member): Promise<void> {
  const left = [...members()]
    .filter(
      (one) =>
        one !== newcomer &&
        one.orphaned &&
        one.home === newcomer.home &&
        one.room === newcomer.room &&
        (!one.shown || one.person === newcomer.person),
    )
    .map((orphan) => orphan.leave());
  if (left.length === 0) return;
  await Promise.race([
    Promise.allSettled(left),
    new Promise((resolve) => setTimeout(resolve, LEAVE_PATIENCE_MS)),
  ]);
}
