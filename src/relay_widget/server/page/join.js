import { mountPage } from "./index.js";

mountPage(document.querySelector("#call"));
