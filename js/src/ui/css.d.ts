// The bundler takes stylesheets out of the imports and writes them to a file of their own; tests read them as text.
declare module "*.css" {
  const text: string;
  export default text;
}
