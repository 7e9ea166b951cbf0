// What anywidget loads for a doctor: it looks once per model, and any number of views show what it found.
import type { AnyModel } from "@anywidget/types";
import { kept } from "../still/kept.js";
import type { StillTraits } from "../still/words.js";
import { Doctor, type DoctorTraits } from "./doctor.js";
import { mountDoctor } from "./view.js";
import "../ui/style.css";
import "./doctor.css";

export default kept<DoctorTraits & StillTraits>((model) => {
  const doctor = new Doctor(model as unknown as AnyModel<DoctorTraits>);
  return {
    show(el) {
      doctor.viewOpened();
      return mountDoctor(el, doctor);
    },
    close: () => doctor.close(),
  };
});
