// The doctor's face: a table of what was looked at, what was found, and what to do.
import { signal } from "@preact/signals";
import { render } from "preact";
import { Icon, type IconName } from "../ui/icons.js";
import { keepFocus } from "../ui/keep-focus.js";
import { keepKeys } from "../ui/own-keys.js";
import { showTips, tip } from "../ui/tips.js";
import type { Doctor } from "./doctor.js";
import { asText, type Row, type State, verdict } from "./rows.js";

const SIGNS: Record<State, { icon: IconName; word: string }> = {
  good: { icon: "check", word: "good" },
  warning: { icon: "warning", word: "warning" },
  bad: { icon: "close", word: "in the way" },
  unknown: { icon: "info", word: "not known" },
};
const COPIED_SHOWN_MS = 2000;

/** Show the doctor inside `el`. Returns how to take this view away. */
export function mountDoctor(el: HTMLElement, doctor: Doctor): () => void {
  const root = document.createElement("div");
  root.className = "rw rw-doctor";
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", "Doctor");
  el.append(root);
  render(<DoctorView doctor={doctor} />, root);
  const undo = [keepKeys(root), keepFocus(root), showTips(root)];
  return () => {
    for (const end of undo) end();
    render(null, root);
    root.remove();
  };
}

function DoctorView({ doctor }: { doctor: Doctor }) {
  const rows = doctor.rows.value;
  const looking = doctor.looking.value;
  return (
    <>
      <div class="rw-head">
        <b class="rw-room">Doctor</b>
        <span class={`rw-chip rw-doctor-${worst(rows)}`} role="status">
          <span class="rw-dot" />
          {looking ? "looking…" : verdict(rows)}
        </span>
        <span class="rw-space" />
        <CopyButton doctor={doctor} />
      </div>
      <table class="rw-rows">
        <Section title="In this page" rows={doctor.pageRows.value} />
        <Section title="In the kernel" rows={doctor.kernelRows.value} />
      </table>
      <div class="rw-doctor-foot">
        <button
          type="button"
          class="rw-button"
          aria-disabled={looking}
          onClick={() => looking || void doctor.tryDevices()}
          {...tip("Opens them for a moment; the browser may ask")}
        >
          Try camera and microphone
        </button>
        <button
          type="button"
          class="rw-button"
          aria-disabled={looking}
          onClick={() => looking || void doctor.look()}
        >
          Try again
        </button>
      </div>
    </>
  );
}

function Section({ title, rows }: { title: string; rows: readonly Row[] }) {
  if (rows.length === 0) return null;
  return (
    <tbody>
      <tr class="rw-section">
        <th colSpan={3} scope="rowgroup">
          {title}
        </th>
      </tr>
      {rows.map((row) => (
        <RowView key={row.check} row={row} />
      ))}
    </tbody>
  );
}

function RowView({ row }: { row: Row }) {
  const { icon, word } = SIGNS[row.state];
  return (
    <tr class={`rw-row rw-doctor-${row.state}`} data-check={row.check} data-code={row.code}>
      <td class="rw-sign" {...tip(word)}>
        <Icon name={icon} />
        <span class="rw-unseen">{word}</span>
      </td>
      <th class="rw-check" scope="row">
        {row.check}
      </th>
      <td class="rw-found">
        <span>{row.message}</span> {row.code !== "ok" && <span class="rw-code">{row.code}</span>}
        {row.advice !== "" && <p class="rw-advice">{row.advice}</p>}
      </td>
    </tr>
  );
}

const copied = signal(false);

function CopyButton({ doctor }: { doctor: Doctor }) {
  return (
    <button
      type="button"
      class="rw-chip rw-doctor-copy"
      aria-label="Copy as text"
      {...tip("The table as text, for a report. There is no token in it.")}
      onClick={(event) => void copy(event.currentTarget, asText(doctor.rows.value))}
    >
      <Icon name={copied.value ? "check" : "copy"} />
      <span class="rw-doctor-label">{copied.value ? "Copied" : "Copy as text"}</span>
    </button>
  );
}

async function copy(button: HTMLElement, text: string): Promise<void> {
  if (!(await written(button, text))) return;
  copied.value = true;
  setTimeout(() => {
    copied.value = false;
  }, COPIED_SHOWN_MS);
}

/** An insecure page, which is one of those a doctor is called to, has no clipboard: there the old way still goes. */
async function written(button: HTMLElement, text: string): Promise<boolean> {
  if (window.isSecureContext) {
    const did = await navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
    if (did) return true;
  }
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "rw-unseen";
  button.after(field);
  field.select();
  const did = document.execCommand("copy");
  field.remove();
  button.focus();
  return did;
}

function worst(rows: readonly Row[]): State {
  const order: readonly State[] = ["bad", "warning", "good"];
  return order.find((state) => rows.some((row) => row.state === state)) ?? "unknown";
}
