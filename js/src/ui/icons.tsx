// Icons as inline SVG, drawn on a 24 px grid. They are decoration: the label is on the button around them.
import type { JSX } from "preact";

const SHAPES = {
  microphone: (
    <>
      <rect x="9" y="3" width="6" height="11" rx="3" />
      <path d="M5 11a7 7 0 0 0 14 0M12 18v3" />
    </>
  ),
  camera: (
    <>
      <rect x="3" y="6" width="12" height="12" rx="2" />
      <path d="M15 10.5l6-3.5v10l-6-3.5" />
    </>
  ),
  screen: (
    <>
      <rect x="3" y="4" width="18" height="13" rx="2" />
      <path d="M8 21h8M12 13.5V8m-2.5 2.2L12 7.7l2.5 2.5" />
    </>
  ),
  pattern: <path d="M4 5h16v14H4zM9.3 5v9M14.7 5v9M4 14h16" />,
  devices: (
    <>
      <path d="M4 7h9M19 7h1M4 17h1M11 17h9" />
      <circle cx="16" cy="7" r="2.6" />
      <circle cx="8" cy="17" r="2.6" />
    </>
  ),
  figures: <path d="M4 20h16M5.5 15.5l4.5-6 3.5 3.5 5-7.5" />,
  leave: (
    <path d="M3.5 14.2c5.2-5.2 11.8-5.2 17 0l-2.7 2.7-3.2-1.6v-2.5a10.5 10.5 0 0 0-5.2 0v2.5l-3.2 1.6z" />
  ),
  warning: <path d="M12 4l9.3 16.2H2.7zM12 10v4.5m0 2.8v.2" />,
  lock: (
    <>
      <rect x="5.5" y="11" width="13" height="9" rx="2" />
      <path d="M8.5 11V8a3.5 3.5 0 0 1 7 0v3" />
    </>
  ),
  pencil: <path d="M5 19l1-4L16.5 4.5l3 3L9 18zM14 7l3 3" />,
  enlarge: <path d="M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5" />,
  reduce: <path d="M9 4v5H4M20 9h-5V4M15 20v-5h5M4 15h5v5" />,
  info: (
    <>
      <circle cx="12" cy="12" r="9" />
      <path d="M12 11v5.5m0-9v.2" />
    </>
  ),
  sound: <path d="M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4 4 0 0 1 0 6M18 6.3a8 8 0 0 1 0 11.4" />,
  eye: (
    <>
      <path d="M2.5 12C5 7.5 8.2 5.5 12 5.5s7 2 9.5 6.5c-2.5 4.5-5.7 6.5-9.5 6.5S5 16.5 2.5 12z" />
      <circle cx="12" cy="12" r="2.8" />
    </>
  ),
  person: (
    <>
      <circle cx="12" cy="8" r="4" />
      <path d="M4.5 20.5c.8-4 3.8-6 7.5-6s6.7 2 7.5 6" />
    </>
  ),
  invite: (
    <>
      <circle cx="10" cy="8" r="3.6" />
      <path d="M3.5 19.5c.7-3.6 3.2-5.4 6.5-5.4 1.6 0 3 .4 4.1 1.2M18 14v7m-3.5-3.5h7" />
    </>
  ),
  copy: (
    <>
      <rect x="9" y="9" width="11" height="11" rx="2" />
      <path d="M5.5 15H5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1h9a1 1 0 0 1 1 1v.5" />
    </>
  ),
  check: <path d="M5 12.5l4.5 4.5L19 7.5" />,
  close: <path d="M6 6l12 12M18 6L6 18" />,
  more: <path d="M7 10l5 5 5-5" />,
} satisfies Record<string, JSX.Element>;

export type IconName = keyof typeof SHAPES;

export function Icon({ name, off = false }: { name: IconName; off?: boolean }) {
  return (
    <svg class="rw-icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {SHAPES[name]}
      {off ? <path class="rw-icon-off" d="M4 4l16 16" /> : null}
    </svg>
  );
}
