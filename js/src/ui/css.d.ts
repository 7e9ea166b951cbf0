// The bundler takes stylesheets out of the imports and writes them to a file of their own.
declare module "*.css";
