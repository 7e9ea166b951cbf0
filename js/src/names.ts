// Names that nobody chose: the relay numbers them where they are taken ("root", "root 2").

/** Whether `name` is this default, with or without a number of the relay's. No default: no. */
export function isNumberOf(base: string, name: string): boolean {
  if (base === "") return false;
  return name === base || (name.startsWith(`${base} `) && /^\d+$/.test(name.slice(base.length + 1)));
}
