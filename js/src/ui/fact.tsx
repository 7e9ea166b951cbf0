import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { rove } from "./rove.js";
import { tip } from "./tips.js";

interface Props {
  /** What it means. */
  words: string;
  class?: string;
  children: ComponentChildren;
}

/** A figure or a word that says what it means, to a pointer, a finger, the keyboard and a screen reader. */
export function Fact({ words, class: look = "rw-fact", children }: Props) {
  return (
    <button type="button" class={look} data-tip-press {...tip(words)}>
      {children}
    </button>
  );
}

/** One Tab stop for the facts in this element. */
export function useFacts<Element extends HTMLElement>() {
  const group = useRef<Element>(null);
  useLayoutEffect(() => (group.current === null ? undefined : rove(group.current)), []);
  return group;
}
