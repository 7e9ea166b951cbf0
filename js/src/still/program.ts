// The card alone, without the widget that was there. Built on its own, because it is written into notebooks; a
// closed widget's kernel gives it to pages that load later.
import { kept } from "./kept.js";

export default kept(null);
