// What anywidget loads for a doctor: it looks once per model, and any number of views show what it found.
import type { AnyModel } from "@anywidget/types";
import { Doctor, type DoctorTraits } from "./doctor.js";
import { mountDoctor } from "./view.js";
import "../ui/style.css";
import "./doctor.css";

export default function widget() {
  let doctor: Doctor | null = null;
  return {
    initialize({ model }: { model: AnyModel<DoctorTraits> }): () => void {
      const looking = new Doctor(model);
      doctor = looking;
      return () => looking.close();
    },
    render({ el }: { el: HTMLElement }): () => void {
      if (doctor === null) throw new Error("relay-widget: a view was rendered before its model was ready");
      doctor.viewOpened();
      return mountDoctor(el, doctor);
    },
  };
}
